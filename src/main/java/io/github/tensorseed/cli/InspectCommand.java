package io.github.tensorseed.cli;

import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.Inspection;
import io.github.tensorseed.checkpoint.Printable;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.checkpoint.Summary;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `tensorseed inspect`.
@Command(
    name = "inspect",
    description = "Shows what is in a checkpoint: moments, extremes, a histogram of each tensor, and what looks wrong.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "Skewness and excess kurtosis are in the reports of --html and --json only.",
      "",
      "Flagged are NaN and infinite values, long runs of one value (memory that nobody filled), tensors with the same values, and",
      "moments or extremes that the recorded law would hardly give. Exit code 1 if anything is flagged.",
    })
final class InspectCommand implements Callable<Integer> {
  private static final String SPARKS = "▁▂▃▄▅▆▇█";

  @Spec CommandSpec spec = CommandSpec.create();

  @Parameters(paramLabel = "DIR|FILE", description = "A folder or a .safetensors file, whoever wrote it.")
  Path path = Path.of("");

  @Option(names = "--html", paramLabel = "FILE", description = "Also writes a page with the histograms.")
  @Nullable Path html;

  @Mixin ThreadOptions threads = new ThreadOptions();

  @Option(names = "--json", description = "Prints JSON.")
  boolean json;

  /// One tensor, for machines.
  record Row(String name, String file, String dtype, List<Long> shape, @Nullable String law, @Nullable Summary summary, List<String> flags) {
    static Row of(Inspection.Finding finding) {
      StoredTensor tensor = finding.tensor();
      return new Row(tensor.name(), String.valueOf(tensor.file().getFileName()), tensor.type().name(),
          Shapes.list(tensor.shape()), finding.expression(), finding.summary().orElse(null), finding.flags());
    }
  }

  @Override
  public Integer call() throws IOException {
    int count = threads.count();
    if (html != null) {
      HtmlPage.requireReplaceable(html);
    }
    Inspection inspection;
    try (Checkpoint checkpoint = Checkpoint.open(path);
        Progress progress = new Progress("inspect", checkpoint.tensors().stream().mapToLong(StoredTensor::bytes).sum())) {
      inspection = Inspection.of(checkpoint, count, progress);
    }
    if (html != null) {
      InspectionPage.write(html, path.toString(), inspection);
    }
    PrintWriter out = spec.commandLine().getOut();
    long flagged = inspection.tensors().stream().filter(finding -> !finding.flags().isEmpty()).count();
    if (json) {
      out.println(Json.text(inspection.tensors().stream().map(Row::of).toList()));
    } else {
      print(inspection, out);
      out.println();
      out.println(Units.count(inspection.tensors().size(), "tensor") + ", " + flagged + " flagged");
    }
    return flagged == 0 ? 0 : Main.FAILED_CHECK;
  }

  private static void print(Inspection inspection, PrintWriter out) {
    Table table = new Table("name", "dtype", "shape", "mean", "std", "min", "max", "zeros", "nan/inf", "histogram", "law")
        .right(3, 4, 5, 6, 7, 8);
    for (Inspection.Finding finding : inspection.tensors()) {
      StoredTensor tensor = finding.tensor();
      String law = finding.expression() == null ? "" : finding.expression();
      if (finding.summary().isEmpty()) {
        table.row(tensor.name(), tensor.type().name(), tensor.shape().toString(), "", "", "", "", "", "", "", law);
      } else {
        Summary summary = finding.summary().get();
        table.row(tensor.name(), tensor.type().name(), tensor.shape().toString(), Units.number(summary.mean()),
            Units.number(summary.std()), Units.number(summary.min()), Units.number(summary.max()), Units.count(summary.zeros()),
            Units.count(summary.nans()) + "/" + Units.count(summary.infinities()), spark(summary), law);
      }
    }
    table.print(out);
    for (Inspection.Finding finding : inspection.tensors()) {
      for (String flag : finding.flags()) {
        out.println("! " + Printable.of(finding.tensor().name()) + ": " + Printable.of(flag));
      }
    }
  }

  /// The histogram as a line of blocks, three intervals to a block.
  private static String spark(Summary summary) {
    if (summary.isConstant() || summary.count() == 0) {
      return "";
    }
    int wide = 3;
    long[] counts = new long[Summary.BINS / wide];
    long most = 1;
    for (int i = 0; i < Summary.BINS; i++) {
      counts[i / wide] += summary.histogram().get(i);
      most = Math.max(most, counts[i / wide]);
    }
    StringBuilder line = new StringBuilder();
    for (long count : counts) {
      line.append(count == 0 ? ' ' : SPARKS.charAt((int) ((count - 1) * 8 / most)));
    }
    return line.toString();
  }
}
