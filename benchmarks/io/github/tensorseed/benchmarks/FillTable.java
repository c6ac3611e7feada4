package io.github.tensorseed.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/// Runs [FillBenchmark] and prints a table in Markdown: elements per second beside the floor's binary32 elements per second, medians of
/// forks. A fork whose floor is below 7 GB/s is void, for the machine was busy, and is repeated.
///
/// Arguments: `--forks=5`, `--iterations=6`, `--laws=uniform,normal`, `--dtypes=F32,BF16`, `--tensors=67108864,65536,768`,
/// `--threads=1,2`, `--json=FILE`; all others are flags of the forked JVMs.
public final class FillTable {
  private static final double LEAST_FLOOR = 7e9;
  private static final int MOST_VOID_FORKS = 10;

  private int forks = 5;
  private int iterations = 6;
  private String[] laws = {"uniform", "normal", "truncated_normal"};
  private String[] dtypes = {"F32", "BF16", "F16", "F64"};
  private String[] tensors = {String.valueOf(FillBenchmark.ELEMENTS), "65536"};
  private String[] threads = {"1", String.valueOf(Runtime.getRuntime().availableProcessors())};
  private Path json = Path.of("target", "fill-table.json");
  private final List<String> flags = new ArrayList<>();

  /// A row, or one fork of it.
  ///
  /// @param elements per second, 10^9
  /// @param floor binary32 elements per second, 10^9
  public record Row(String law, String dtype, String tensor, String threads, double elements, double floor) {
    double ratio() {
      return elements / floor;
    }
  }

  private FillTable(String[] arguments) {
    for (String argument : arguments) {
      String value = argument.substring(argument.indexOf('=') + 1);
      switch (argument.substring(0, Math.max(0, argument.indexOf('=')))) {
        case "--forks" -> forks = Integer.parseInt(value);
        case "--iterations" -> iterations = Integer.parseInt(value);
        case "--laws" -> laws = value.split(",", -1);
        case "--dtypes" -> dtypes = value.split(",", -1);
        case "--tensors" -> tensors = value.split(",", -1);
        case "--threads" -> threads = value.split(",", -1);
        case "--json" -> json = Path.of(value);
        default -> flags.add(argument);
      }
    }
  }

  public static void main(String[] arguments) throws RunnerException, IOException {
    new FillTable(arguments).run();
  }

  private void run() throws RunnerException, IOException {
    List<Row> rows = new ArrayList<>();
    System.out.println("| law | dtype | elements | threads | G elements/s | floor, G f32/s | ratio |\n|---|---|---|---|---|---|---|");
    for (String law : laws) {
      for (String dtype : dtypes) {
        for (String tensor : tensors) {
          // A small tensor is one thread's work.
          List<String> used = Long.parseLong(tensor) < FillBenchmark.ELEMENTS ? List.of(threads[0]) : List.of(threads);
          for (String thread : used.stream().distinct().toList()) {
            Row row = row(law, dtype, tensor, thread);
            rows.add(row);
            System.out.printf(Locale.ROOT, "| %s | %s | %s | %s | %.3f | %.2f | %.2f |%n",
                law, dtype.toLowerCase(Locale.ROOT), tensor, thread, row.elements, row.floor, row.ratio());
          }
        }
      }
    }
    new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), rows);
  }

  private Row row(String law, String dtype, String tensor, String threads) throws RunnerException {
    List<Row> valid = new ArrayList<>();
    for (int voided = 0; valid.size() < forks; ) {
      Row fork = fork(law, dtype, tensor, threads);
      if (fork.floor * 4e9 >= LEAST_FLOOR) {
        valid.add(fork);
      } else if (++voided > MOST_VOID_FORKS) {
        throw new IllegalStateException("the floor is " + fork.floor * 4 + " GB/s, below 7, again and again: the machine is busy");
      }
    }
    valid.sort(Comparator.comparingDouble(Row::ratio));
    return valid.get(valid.size() / 2);
  }

  private Row fork(String law, String dtype, String tensor, String threads) throws RunnerException {
    BenchmarkResult result = new Runner(new OptionsBuilder()
        .include(FillBenchmark.class.getName())
        .param("law", law).param("dtype", DType.of(dtype).name()).param("tensor", tensor).param("threads", threads)
        .forks(1).warmupIterations(iterations).measurementIterations(iterations)
        .jvmArgs(flags.toArray(String[]::new)).jvmArgsAppend("--sun-misc-unsafe-memory-access=allow")
        .verbosity(VerboseMode.SILENT).build()).runSingle().getBenchmarkResults().iterator().next();
    return new Row(law, dtype, tensor, threads,
        FillBenchmark.ELEMENTS / median(result, "row"), FillBenchmark.FLOOR_BYTES / 4 / median(result, "floor"));
  }

  static double median(BenchmarkResult result, String counter) {
    double[] nanos = result.getIterationResults().stream()
        .mapToDouble((IterationResult iteration) -> Objects.requireNonNull(iteration.getSecondaryResults().get(counter)).getScore())
        .sorted().toArray();
    return nanos[nanos.length / 2];
  }
}
