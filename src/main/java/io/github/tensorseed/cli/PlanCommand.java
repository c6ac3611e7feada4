package io.github.tensorseed.cli;

import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.WithRow;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.model.Plan;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed plan`.
@Command(
    name = "plan",
    description = "Shows what init would write: every tensor with its law, standard deviation and size. Writes nothing.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  tensorseed plan llama-3.1-405b --dtype bf16",
      "  tensorseed plan config.json --recipe megatron --only '*.layers.0.*'",
    })
final class PlanCommand implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Mixin PlanOptions options = new PlanOptions();

  @Option(names = "--json", description = "Prints JSON.")
  boolean json;

  /// One tensor of the plan.
  ///
  /// @param std of the law before rounding; null where it has none of its own
  record Row(String name, List<Long> shape, String dtype, String law, @Nullable Double std, long parameters, long bytes) {
    static Row of(TensorSpec tensor) {
      return new Row(tensor.name(), Shapes.list(tensor.shape()), tensor.type().name(), tensor.expression(), deviation(tensor.initializer()),
          tensor.shape().elements(), tensor.bytes());
    }
  }

  /// The whole plan.
  record Report(List<Row> tensors, long parameters, long bytes) {}

  @Override
  public Integer call() throws IOException {
    Plan plan = options.plan();
    Report report = new Report(plan.tensors().stream().map(Row::of).toList(), plan.parameters(), plan.bytes());
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.text(report));
      return 0;
    }
    Table table = new Table("name", "shape", "dtype", "law", "std", "parameters", "bytes").right(4, 5, 6);
    for (Row row : report.tensors) {
      table.row(row.name, row.shape.toString(), row.dtype, row.law, row.std == null ? "" : Units.number(row.std),
          Units.count(row.parameters), Units.count(row.bytes));
    }
    table.print(out);
    out.println();
    out.println(Units.count(report.tensors.size(), "tensor") + ", " + Units.count(report.parameters, "parameter") + ", "
        + Units.bytes(report.bytes));
    return 0;
  }

  private static @Nullable Double deviation(Initializer initializer) {
    return switch (initializer) {
      case Distribution law -> law.moments().std();
      case WithRow row -> deviation(row.initializer());
      default -> null;
    };
  }
}
