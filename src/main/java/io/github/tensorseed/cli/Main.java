package io.github.tensorseed.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.tensorseed.DeviceException;
import io.github.tensorseed.checkpoint.Provenance;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.ParameterException;

/// The command `tensorseed`. Exit codes: 0, 1 where a check failed, 2 for wrong usage or input, 3 for a fault of ours.
@Command(
    name = "tensorseed",
    description = "Creates the first weights of neural networks: one seed, the same bits everywhere.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      InitCommand.class, PlanCommand.class, VerifyCommand.class, DiffCommand.class, InspectCommand.class, AdaptCommand.class,
      ZcaCommand.class, CompareCommand.class, BenchCommand.class, DevicesCommand.class, HelpCommand.class
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
      "  tensorseed adapt gpt2 --method pissa --rank 16 --out gpt2-pissa   a low-rank adapter",
      "  tensorseed zca fit --data x.npy --out zca.safetensors   what makes data white",
      "",
      "Exit codes:",
      "  0  done, and every check passed",
      "  1  a check failed: something differs, or is flagged",
      "  2  wrong usage or input, a file that cannot be read or written, or too little memory",
      "  3  an internal error",
    })
public final class Main {
  static final int FAILED_CHECK = 1;
  static final int WRONG_INPUT = 2;
  static final int INTERNAL_ERROR = 3;

  private Main() {}

  /// Runs the command and leaves with its exit code.
  public static void main(String[] args) {
    System.exit(run(args, new PrintWriter(System.out, true, UTF_8), new PrintWriter(System.err, true, UTF_8)));
  }

  /// Runs the command.
  ///
  /// @return its exit code
  static int run(String[] args, PrintWriter out, PrintWriter err) {
    return run(new Main(), args, out, err);
  }

  /// Runs a command of its own, with the same words and exit codes for what goes wrong.
  ///
  /// @param main annotated as picocli wants it
  public static int run(Object main, String[] args, PrintWriter out, PrintWriter err) {
    try {
      CommandLine command = new CommandLine(main)
          .setOut(out)
          .setErr(err)
          .setCaseInsensitiveEnumValuesAllowed(true)
          .setUsageHelpAutoWidth(true)
          .setExpandAtFiles(false) // names and paths may begin with @
          .setParameterExceptionHandler((e, _) -> answer(err, e, e.getCommandLine()))
          .setExecutionExceptionHandler((e, line, _) -> answer(err, e, line));
      if (args.length == 0) {
        command.usage(err);
        return WRONG_INPUT;
      }
      for (String argument : args) {
        if (argument.indexOf('\ufffd') >= 0) {
          throw new IllegalArgumentException("'" + argument + "' has characters that the locale's encoding lacks, and would be another name;"
              + " set LC_ALL=C.UTF-8");
        }
      }
      int code = command.execute(args);
      if (out.checkError()) {
        throw new IOException("cannot write to standard output");
      }
      return code;
    } catch (Throwable e) {
      return answer(err, e, null);
    }
  }

  /// Says what went wrong.
  ///
  /// @return the exit code
  private static int answer(PrintWriter err, Throwable fault, @Nullable CommandLine line) {
    return switch (fault) {
      case ParameterException _ -> {
        complain(err, fault);
        if (line != null) {
          err.println("Try '" + line.getCommandSpec().qualifiedName() + " --help'.");
        }
        yield WRONG_INPUT;
      }
      // So picocli hands on an error, and a thread of ours.
      case ExecutionException e when e.getCause() instanceof Error error -> answer(err, error, line);
      case IllegalStateException e when e.getCause() instanceof Error error -> answer(err, error, line);
      case UncheckedIOException e when e.getCause() != null -> answer(err, e.getCause(), line);
      case IllegalArgumentException _, IllegalStateException _, IOException _, DeviceException _ -> complain(err, fault);
      case OutOfMemoryError e -> {
        err.println("tensorseed: out of memory (" + printable(e.getMessage()) + "): this takes more than the heap of "
            + Units.bytes(Runtime.getRuntime().maxMemory()) + "; use fewer --threads, or start Java with a larger one (-Xmx)");
        yield WRONG_INPUT;
      }
      default -> {
        StringWriter trace = new StringWriter();
        fault.printStackTrace(new PrintWriter(trace));
        err.println("tensorseed: internal error; please report it, with what follows and the command");
        err.println(printable(trace.toString().replace("\t", "  ")));
        yield INTERNAL_ERROR;
      }
    };
  }

  private static int complain(PrintWriter err, Throwable fault) {
    String message = fault.getMessage() == null ? fault.toString() : fault.getMessage();
    // Java's own messages of these are but the path.
    String reason = switch (fault) {
      case FileSystemException e when e.getReason() != null -> "";
      case NoSuchFileException _ -> ": no such file or directory";
      case AccessDeniedException _ -> ": permission denied";
      case NotDirectoryException _ -> ": not a directory";
      case FileAlreadyExistsException _ -> ": it is there already";
      case DirectoryNotEmptyException _ -> ": the directory is not empty";
      case FileSystemLoopException _ -> ": its links lead in a circle";
      case FileSystemException _ -> ": the system cannot access it";
      default -> "";
    };
    err.println("tensorseed: " + printable(message + reason));
    return WRONG_INPUT;
  }

  /// `text`, which may quote a file, without what would steer a terminal. Its lines stay.
  private static String printable(@Nullable String text) {
    return String.valueOf(text).replaceAll("[\\p{Cc}&&[^\n]]", "?");
  }

  /// Prints the version of this library.
  public static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"tensorseed " + Provenance.VERSION};
    }
  }
}
