package io.github.tensorseed.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/// What the command did in this process, for the tests of others.
///
/// @param out what it printed
/// @param err what it printed as errors
public record CommandRun(int code, String out, String err) {
  public static CommandRun of(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Main.run(arguments, new PrintWriter(out, true), new PrintWriter(err, true));
    return new CommandRun(code, out.toString(), err.toString());
  }
}
