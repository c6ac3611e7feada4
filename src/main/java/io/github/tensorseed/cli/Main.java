package io.github.tensorseed.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.tensorseed.DeviceException;
import io.github.tensorseed.checkpoint.Provenance;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.ParameterException;

/// The command `tensorseed`. Exit codes: 0, 1 where a check failed, 2 for wrong usage or input.
@Command(
    name = "tensorseed",
    description = "Creates the first weights of neural networks: one seed, the same bits everywhere.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      InitCommand.class, PlanCommand.class, VerifyCommand.class, DiffCommand.class, InspectCommand.class, DevicesCommand.class,
      HelpCommand.class
    },
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    footer = {
      "",
      "Examples:",
      "  tensorseed init gpt2 --seed 42 --out gpt2          a model's weights, by a built-in name",
      "  tensorseed plan llama-3-8b                         what would be written",
      "  tensorseed init path/to/config.json --out weights  by a configuration",
      "  tensorseed verify gpt2                             whether all bits are as the seed makes them",
    })
public final class Main {
  static final int FAILED_CHECK = 1;
  static final int WRONG_INPUT = 2;

  private Main() {}

  /// Runs the command and leaves with its exit code.
  public static void main(String[] args) {
    System.exit(run(args, new PrintWriter(System.out, true, UTF_8), new PrintWriter(System.err, true, UTF_8)));
  }

  /// Runs the command.
  ///
  /// @return its exit code
  static int run(String[] args, PrintWriter out, PrintWriter err) {
    CommandLine command = new CommandLine(new Main())
        .setOut(out)
        .setErr(err)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setUsageHelpAutoWidth(true)
        .setParameterExceptionHandler((e, _) -> complain(err, e, e.getCommandLine()))
        .setExecutionExceptionHandler((e, line, _) -> switch (e) {
          case ParameterException wrong -> complain(err, wrong, line);
          case IllegalArgumentException _, IllegalStateException _, IOException _, UncheckedIOException _, DeviceException _ ->
              complain(err, e, null);
          default -> throw e; // a fault of ours, which should be seen whole
        });
    if (args.length == 0) {
      command.usage(err);
      return WRONG_INPUT;
    }
    return command.execute(args);
  }

  private static int complain(PrintWriter err, Exception fault, @Nullable CommandLine usage) {
    err.println("tensorseed: " + fault.getMessage());
    if (usage != null) {
      err.println("Try '" + usage.getCommandSpec().qualifiedName() + " --help'.");
    }
    return WRONG_INPUT;
  }

  /// Prints the version of this library.
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"tensorseed " + Provenance.VERSION};
    }
  }
}
