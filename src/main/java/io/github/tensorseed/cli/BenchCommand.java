package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed bench`.
@Command(
    name = "bench",
    description = "Measures how fast this machine makes values: the CPU with one thread and with all, and each GPU, there by"
        + " tensorseed's kernels and, where NVIDIA's libraries are found, by cuRAND.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "Fills take turns with the best that a fill can be: zeros to the same memory, on the CPU MemorySegment.fill by as many threads, on a",
      "GPU a memset, which is as fast as its memory. The share is that of their rate. All numbers are medians.",
      "",
      "Examples:",
      "  tensorseed bench                                         three laws as f32 and bf16, in less than a minute",
      "  tensorseed bench --law normal --dtype f64,f32,f16,f8_e4m3",
      "  tensorseed bench --elements 64Ki --seconds 20            small tensors, which stay in the caches",
      "  tensorseed bench --seconds 300 --html speed.html         steadier numbers, and a page with bars",
    })
final class BenchCommand implements Callable<Integer> {
  private static final double MOST_SECONDS = 86_400;

  /// With parameters as in models.
  private static final Map<String, Distribution> LAWS = new LinkedHashMap<>();

  private static final Map<String, DType> DTYPES = new LinkedHashMap<>();

  static {
    LAWS.put("uniform", new Distribution.Uniform(-0.05, 0.05));
    LAWS.put("normal", new Distribution.Normal(0, 0.02));
    LAWS.put("truncated_normal", new Distribution.TruncatedNormal(0, 0.02, -0.04, 0.04));
    LAWS.put("log_normal", new Distribution.LogNormal(0, 1));
    LAWS.put("signs", new Distribution.Signs(0.02));
    for (DType dtype : DType.values()) {
      DTYPES.put(dtype.name().toLowerCase(Locale.ROOT), dtype);
    }
  }

  @Spec CommandSpec spec = CommandSpec.create();

  @Option(names = "--law", split = ",", paramLabel = "LAW", defaultValue = "uniform,normal,truncated_normal",
      description = "Of uniform, normal, truncated_normal, log_normal and signs. Default: ${DEFAULT-VALUE}.")
  List<String> laws = List.of();

  @Option(names = "--dtype", split = ",", paramLabel = "DTYPE", defaultValue = "f32,bf16",
      description = "Of f64, f32, bf16, f16, f8_e4m3 and f8_e5m2. Default: ${DEFAULT-VALUE}.")
  List<String> dtypes = List.of();

  @Option(names = "--elements", paramLabel = "N",
      description = "Elements of a tensor, as in 1000000 or 16Mi. Default: 64Mi, or what there is room and time for.")
  @Nullable String elements;

  @Option(names = "--seconds", paramLabel = "S", defaultValue = "45",
      description = "Time for all rows together; more makes them steadier. Default: ${DEFAULT-VALUE}.")
  double seconds = 45;

  @Option(names = "--html", paramLabel = "FILE", description = "Also writes a page with bars.")
  @Nullable Path html;

  @Option(names = "--json", description = "Prints JSON.")
  boolean json;

  @Override
  public Integer call() throws IOException {
    Map<String, Distribution> chosen = chosen("law", laws, LAWS);
    List<DType> types = List.copyOf(chosen("dtype", dtypes, DTYPES).values());
    if (!(seconds > 0 && seconds <= MOST_SECONDS)) {
      throw new IllegalArgumentException("--seconds " + seconds + ": give more than 0 and at most " + (long) MOST_SECONDS);
    }
    OptionalLong count = elements == null ? OptionalLong.empty() : OptionalLong.of(Units.elements("--elements", elements));
    count.ifPresent(each -> types.forEach(dtype -> requireRoom(each, dtype)));
    if (html != null) {
      HtmlPage.requireReplaceable(html);
    }
    Bench.Report report;
    try (Bench bench = new Bench(chosen, types, count); Progress progress = new Progress("bench", bench.size(), " rows", 1)) {
      report = bench.run(seconds, progress);
    }
    if (html != null) {
      BenchPage.write(html, report);
    }
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.text(report));
    } else {
      print(report, out);
    }
    return 0;
  }

  /// What was named, in that order.
  private static <T> Map<String, T> chosen(String what, List<String> names, Map<String, T> known) {
    Map<String, T> chosen = new LinkedHashMap<>();
    for (String text : names) {
      String name = text.strip().toLowerCase(Locale.ROOT);
      T value = known.get(name);
      if (value == null) {
        throw new IllegalArgumentException("unknown " + what + " '" + text + "'; known: " + String.join(", ", known.keySet()));
      }
      chosen.put(name, value);
    }
    return chosen;
  }

  private static void requireRoom(long count, DType dtype) {
    long bytes = Shape.of(count).bytes(dtype);
    long room = Bench.room();
    if (bytes > room) {
      throw new IllegalArgumentException("--elements " + count + ": as " + dtype + " that is " + Units.bytes(bytes) + ", and "
          + Units.bytes(room) + " of memory are free; give fewer");
    }
  }

  private static void print(Bench.Report report, PrintWriter out) {
    out.println(Printable.of(report.machine().toString()));
    report.devices().stream().skip(1).forEach(device ->
        out.println(Printable.of(device.device() + (device.usable() ? ": " : " cannot be used: ") + device.details())));
    out.println();
    Table table = new Table("law", "dtype", "device", "elements", "G elements/s", "GB/s", "zeros, GB/s", "share").right(3, 4, 5, 6);
    for (Bench.Row row : report.rows()) {
      table.row(row.law(), row.dtype(), row.what(), Units.count(row.elements()), Units.giga(row.elementsPerSecond()),
          Units.giga(row.bytesPerSecond()), Units.giga(row.zerosPerSecond()),
          String.format(Locale.ROOT, "%.2f of %s", row.share(), row.whole()));
    }
    table.print(out);
    out.println();
    report.notes().forEach(note -> out.println("note: " + Printable.of(note)));
  }
}
