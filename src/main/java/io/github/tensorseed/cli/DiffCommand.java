package io.github.tensorseed.cli;

import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.Comparison;
import io.github.tensorseed.checkpoint.Printable;
import io.github.tensorseed.checkpoint.StoredTensor;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `tensorseed diff`.
@Command(
    name = "diff",
    description = "Compares two checkpoints, tensor by tensor, bit by bit.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {"", "Exit code 1 if anything differs."})
final class DiffCommand implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Parameters(index = "0", paramLabel = "A", description = "A folder or a .safetensors file.")
  Path first = Path.of("");

  @Parameters(index = "1", paramLabel = "B", description = "Another.")
  Path second = Path.of("");

  @Mixin ThreadOptions threads = new ThreadOptions();

  @Option(names = "--json", description = "Reports in JSON.")
  boolean json;

  @Override
  public Integer call() throws IOException {
    int count = threads.count();
    Comparison comparison;
    try (Checkpoint a = Checkpoint.open(first);
        Checkpoint b = Checkpoint.open(second);
        Progress progress = new Progress("diff", a.tensors().stream().mapToLong(StoredTensor::bytes).sum())) {
      comparison = Comparison.of(a, b, count, progress);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.text(comparison));
    } else {
      comparison.onlyFirst().forEach(name -> out.println(Printable.of(name) + ": only in " + first));
      comparison.onlySecond().forEach(name -> out.println(Printable.of(name) + ": only in " + second));
      comparison.differences().forEach(difference -> out.println(text(difference)));
      out.println(Units.count(comparison.same(), "tensor") + " the same, " + comparison.differences().size() + " different, "
          + (comparison.onlyFirst().size() + comparison.onlySecond().size()) + " in one only");
    }
    return comparison.identical() ? 0 : Main.FAILED_CHECK;
  }

  private static String text(Comparison.Difference difference) {
    StringBuilder text = new StringBuilder(Printable.of(difference.tensor())).append(':');
    if (!difference.kinds().isEmpty()) {
      text.append(' ').append(difference.kinds());
    }
    if (difference.differing() > 0) {
      text.append(' ').append(Units.count(difference.differing(), "element")).append(" from element ").append(difference.element())
          .append(" on");
      if (!Double.isNaN(difference.largest())) {
        text.append(", by at most ").append(Units.number(difference.largest()))
            .append(", root mean square ").append(Units.number(difference.rootMeanSquare()));
      }
    } else if (!Double.isNaN(difference.largest())) {
      text.append(", the values are equal");
    }
    return text.toString();
  }
}
