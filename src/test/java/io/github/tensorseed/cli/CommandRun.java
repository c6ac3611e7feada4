package io.github.tensorseed.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/// What the command did in this process, for the tests of others.
///
/// @param err what it printed as errors
public record CommandRun(int code, String err) {
  public static CommandRun of(String... arguments) {
    StringWriter err = new StringWriter();
    int code = Main.run(arguments, new PrintWriter(new StringWriter()), new PrintWriter(err, true));
    return new CommandRun(code, err.toString());
  }
}
