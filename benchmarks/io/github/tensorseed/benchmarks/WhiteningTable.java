package io.github.tensorseed.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;

/// Runs [WhiteningBenchmark] and prints a table in Markdown: seconds of a row beside those of the bare calls of OpenBLAS that take turns with
/// it, the fork of the median ratio. Behind it, where there is a python3 with numpy, come the seconds of `benchmarks/whitening.py`, then
/// [CovarianceDrift].
///
/// Arguments: `--forks=3`, `--iterations=3`, `--only=TEXT` for the rows whose name has it; all others are flags of the forked JVMs.
public final class WhiteningTable {
  private record Row(String name, String method, long rows, long features, String precision) {}

  private static final List<Row> ROWS = List.of(
      new Row("fit 50,000 x 3072", "fit", 50_000, 3072, "MIXED"),
      new Row("fit 50,000 x 3072, precision f32", "fit", 50_000, 3072, "F32"),
      new Row("apply to 50,000 x 3072", "apply", 50_000, 3072, "MIXED"),
      new Row("covariance of 10^4 x 512", "stream", 10_000, 512, "MIXED"),
      new Row("covariance of 10^5 x 512", "stream", 100_000, 512, "MIXED"),
      new Row("covariance of 10^6 x 512", "stream", 1_000_000, 512, "MIXED"),
      new Row("covariance of 10^7 x 512", "stream", 10_000_000, 512, "MIXED"));

  private record Seconds(double row, double floor) {
    double ratio() {
      return row / floor;
    }
  }

  private int forks = 3;
  private int iterations = 3;
  private String only = "";
  private final int threads = Runtime.getRuntime().availableProcessors();
  private final List<String> flags = new ArrayList<>();

  private WhiteningTable(String[] arguments) {
    for (String argument : arguments) {
      String value = argument.substring(argument.indexOf('=') + 1);
      switch (argument.substring(0, Math.max(0, argument.indexOf('=')))) {
        case "--forks" -> forks = Integer.parseInt(value);
        case "--iterations" -> iterations = Integer.parseInt(value);
        case "--only" -> only = value;
        default -> flags.add(argument);
      }
    }
  }

  public static void main(String[] arguments) throws RunnerException, IOException, InterruptedException {
    new WhiteningTable(arguments).run();
  }

  private void run() throws RunnerException, IOException, InterruptedException {
    System.out.println("| F32 rows, " + threads + " threads | seconds | bare calls | ratio | a row, us |\n|---|---|---|---|---|");
    for (Row row : ROWS) {
      if (row.name.contains(only)) {
        List<Seconds> measured = new ArrayList<>();
        for (int i = 0; i < forks; i++) {
          measured.add(fork(row));
        }
        measured.sort(Comparator.comparingDouble(Seconds::ratio));
        Seconds median = measured.get(forks / 2);
        System.out.printf(Locale.ROOT, "| %s | %.2f | %.2f | %.2f | %.2f |%n", row.name, median.row, median.floor, median.ratio(),
            median.row / row.rows * 1e6);
      }
    }
    if ("numpy, fit 50,000 x 3072".contains(only)) {
      Process numpy = new ProcessBuilder("python3", Path.of("benchmarks", "whitening.py").toString(), "50000", "3072", String.valueOf(threads))
          .redirectError(ProcessBuilder.Redirect.INHERIT).start();
      String out = new String(numpy.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (numpy.waitFor() == 0) {
        out.lines().map(line -> line.split(" ", 2)).forEach(line ->
            System.out.printf(Locale.ROOT, "| numpy, fit %s 50,000 x 3072 | %.2f | | | |%n", line[0], Double.parseDouble(line[1])));
      }
    }
    if ("drift".contains(only)) {
      CovarianceDrift.print(100_000_000);
    }
  }

  private Seconds fork(Row row) throws RunnerException {
    BenchmarkResult result = new Runner(new OptionsBuilder()
        .include(WhiteningBenchmark.class.getName() + "\\." + row.method + "$")
        .param("rows", String.valueOf(row.rows)).param("features", String.valueOf(row.features)).param("precision", row.precision)
        .param("threads", String.valueOf(threads))
        .forks(1).warmupIterations(row.rows * row.features < 100_000_000 ? 20 : 1).measurementIterations(iterations)
        .jvmArgs(flags.toArray(String[]::new)).jvmArgsAppend("--sun-misc-unsafe-memory-access=allow")
        .verbosity(VerboseMode.SILENT).build()).runSingle().getBenchmarkResults().iterator().next();
    return new Seconds(FillTable.median(result, "row") * 1e-9, FillTable.median(result, "floor") * 1e-9);
  }
}
