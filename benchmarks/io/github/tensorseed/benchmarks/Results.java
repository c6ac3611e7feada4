package io.github.tensorseed.benchmarks;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.cuda.Gpu;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What a run of the suite measured, and on what.
public record Results(Machine machine, List<Row> rows, List<GpuRow> gpuRows) {
  static final String OURS = "tensorseed";

  private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES);

  /// Files of before there were such rows have none.
  public Results {
    gpuRows = Objects.requireNonNullElse(gpuRows, List.of());
  }

  /// What was measured on.
  ///
  /// @param vectors what our kernels are run by
  /// @param gpus what their driver says of those that have rows
  public record Machine(String cpu, int cores, String caches, String memory, String kernel, String jdk, String vectors, String date,
      List<Gpu> gpus) {

    public Machine {
      gpus = Objects.requireNonNullElse(gpus, List.of());
    }

    static Machine here(List<Gpu> gpus) throws IOException {
      var caches = new TreeMap<String, String>();
      Path folder = Path.of("/sys/devices/system/cpu/cpu0/cache");
      if (Files.isDirectory(folder)) {
        try (Stream<Path> indices = Files.list(folder)) {
          for (Path index : indices.filter(path -> Files.exists(path.resolve("size"))).toList()) {
            String type = Files.readString(index.resolve("type")).strip();
            caches.put("L" + Files.readString(index.resolve("level")).strip()
                + (type.equals("Unified") ? "" : " " + type.toLowerCase(Locale.ROOT)),
                Files.readString(index.resolve("size")).strip());
          }
        }
      }
      return new Machine(
          line("/proc/cpuinfo", "model name") + ", family " + line("/proc/cpuinfo", "cpu family") + ", model "
               + line("/proc/cpuinfo", "model\t"),
          Runtime.getRuntime().availableProcessors(),
          String.join(", ", caches.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).toList()),
          line("/proc/meminfo", "MemTotal"), System.getProperty("os.name") + " " + System.getProperty("os.version"),
          System.getProperty("java.vm.name") + " " + Runtime.version(), CpuDevice.engine(),
          Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(), List.copyOf(gpus));
    }

    private static String line(String file, String key) throws IOException {
      return Files.exists(Path.of(file))
          ? Files.readAllLines(Path.of(file)).stream().filter(line -> line.startsWith(key)).findFirst()
              .map(line -> line.substring(line.indexOf(':') + 1).strip()).orElse("?")
          : "?";
    }
  }

  /// One thing that was measured.
  ///
  /// @param what `fill`, or a row of whitening or of `init` by its name
  /// @param by our name or that of a rival
  /// @param elements of the tensor, of the rows or of the model
  /// @param seconds the median of what was measured, of one fill
  /// @param floor what takes turns with it
  /// @param floorSeconds of the floor for as much; of a fill, for as many elements in binary32
  /// @param oursSeconds of ours that took turns with the rival
  /// @param allocates inside the timing
  /// @param busy whether the floor was too slow in all forks: others used the machine
  public record Row(String what, String by, String version, String setting, String law, String dtype, long elements, int threads,
      double seconds, double elementsPerSecond, String floor, @Nullable Double floorSeconds, @Nullable Double share,
      @Nullable Double oursSeconds, String allocates, int forks, boolean busy) {

    String who() {
      return setting.isEmpty() ? by : by + ", " + setting;
    }

    /// How many times as fast as the rival we are.
    double ratio() {
      return oursSeconds == null ? Double.NaN : seconds / oursSeconds;
    }

    boolean isFill() {
      return what.equals("fill");
    }

    boolean isOurs() {
      return by.equals(OURS);
    }

    private String mark() {
      return busy ? " (busy)" : "";
    }
  }

  /// A fill of a GPU's memory, or a row of whitening there.
  ///
  /// @param what `fill`, `covariance`, `eigenvectors`, `fit` or `apply`
  /// @param emulated whether the driver only plays a GPU; then the values have been looked at, and nothing else
  /// @param speed null where it is emulated
  public record GpuRow(String what, String device, boolean emulated, String by, String version, String setting, String law, String dtype, long elements,
      @Nullable GpuSpeed speed) {

    String who() {
      return setting.isEmpty() ? by : by + ", " + setting;
    }

    boolean isFill() {
      return what.equals("fill");
    }
  }

  /// Medians of samples; of a fill, each of many fills and one wait.
  ///
  /// @param seconds of one
  /// @param floor what takes turns with it: the driver's `memset` of the same memory, or the `bare calls` of the libraries
  /// @param share the floor's seconds by the row's; of a memset, the share of the rate of the GPU's memory
  public record GpuSpeed(double seconds, double elementsPerSecond, double bytesPerSecond, String floor, @Nullable Double floorSeconds,
      @Nullable Double share, int samples) {
    static GpuSpeed of(long elements, long bytes, double seconds, String floor, @Nullable Double floorSeconds, int samples) {
      return new GpuSpeed(seconds, elements / seconds, bytes / seconds, floor, floorSeconds,
          floorSeconds == null ? null : floorSeconds / seconds, samples);
    }
  }

  static Results read(Path file) throws IOException {
    return JSON.readValue(file.toFile(), Results.class);
  }

  void write(Path file) throws IOException {
    whole(file, JSON.writerWithDefaultPrettyPrinter().writeValueAsString(this) + "\n");
  }

  /// A file that appears whole or not at all.
  static void whole(Path file, String text) throws IOException {
    Path folder = file.toAbsolutePath().getParent();
    Files.createDirectories(folder);
    Path temporary = Files.createTempFile(folder, ".", ".part");
    Files.writeString(temporary, text);
    Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
  }

  String markdown() {
    var text = new StringBuilder();
    text.append("%s; %d cores; %s; %s; %s; %s; %s; %s\n".formatted(machine.cpu, machine.cores, machine.caches, machine.memory,
        machine.kernel, machine.jdk, machine.vectors, machine.date));
    machine.gpus.forEach(gpu -> text.append("%n%s: %s, %.1f GB, compute capability %s, driver for CUDA %s%n".formatted(gpu.device(),
        gpu.name(), gpu.memory() * 1e-9, gpu.computeCapability(), gpu.driver())));
    table(text, "Fills beside other libraries: how many times as fast ours are, in turn in one process",
        "ours : rival | law | dtype | elements | threads | rival | version | rival, G/s | ours, G/s | share of a fill | allocates",
        row -> row.isFill() && !row.isOurs(),
        row -> "**%.2f**%s | %s | %s | %s | %d | %s | %s | %.3f | %.3f | %.2f | %s".formatted(row.ratio(), row.mark(), row.law,
            row.dtype, count(row.elements), row.threads, row.who(), row.version, row.elementsPerSecond / 1e9,
            row.elementsPerSecond * row.ratio() / 1e9, row.share, row.allocates));
    gpuTables(text);
    table(text, "Our fills: share of the elements per second of a fill of memory with one binary32",
        "share | law | dtype | elements | threads | G elements/s | GB/s | seconds", row -> row.isFill() && row.isOurs(),
        row -> "**%.2f**%s | %s | %s | %s | %d | %.3f | %.2f | %.3g".formatted(row.share, row.mark(), row.law, row.dtype,
            count(row.elements), row.threads, row.elementsPerSecond / 1e9, row.elementsPerSecond / 1e9 * bytes(row), row.seconds));
    table(text, "The rest: the floor's seconds by ours, and how many times as fast as a rival ours is, in turn in one process",
        "share | ours : rival | what | by | threads | seconds | floor | floor, seconds", row -> !row.isFill(),
        row -> "%s%s | %s | %s | %s | %d | %.3f | %s | %s".formatted(row.share == null ? "" : "**%.2f**".formatted(row.share),
            row.mark(), row.oursSeconds == null ? "" : "**%.2f**".formatted(row.ratio()), row.what, row.who(), row.threads, row.seconds,
            row.floor, row.floorSeconds == null ? "" : "%.3f".formatted(row.floorSeconds)));
    return text.toString();
  }

  private void gpuTables(StringBuilder text) {
    List<String> fills = new ArrayList<>();
    List<String> rest = new ArrayList<>();
    for (GpuRow row : gpuRows) {
      GpuSpeed speed = row.speed;
      if (speed != null) {
        String share = speed.share == null ? "" : "**%.2f**".formatted(speed.share);
        String floor = speed.floorSeconds == null ? "" : "%.3g".formatted(speed.floorSeconds);
        if (row.isFill()) {
          fills.add("%s | %s | %s | %s | %s | %s | %s | %.2f | %.1f | %.3g | %s".formatted(share, row.device, row.law, row.dtype,
              count(row.elements), row.who(), row.version, speed.elementsPerSecond / 1e9, speed.bytesPerSecond / 1e9, speed.seconds, floor));
        } else {
          rest.add("%s | %s | %s | %s | %s | %.3g | %s".formatted(share, row.device, row.what, count(row.elements), row.version,
              speed.seconds, floor));
        }
      }
    }
    table(text, "Fills on a GPU: share of the rate of its memory, which is that of a memset of the same memory",
        "share | device | law | dtype | elements | by | version | G elements/s | GB/s | seconds | memset, seconds", fills);
    table(text, "Whitening on a GPU: the seconds of the bare calls by ours",
        "share | device | what | elements | library | seconds | bare calls, seconds", rest);
    long emulated = gpuRows.stream().filter(GpuRow::emulated).count();
    if (emulated > 0) {
      text.append("\n%d rows by an emulated driver had the right values. It is no GPU, and was not timed.\n".formatted(emulated));
    }
  }

  private void table(StringBuilder text, String title, String columns, Predicate<Row> which, Function<Row, String> line) {
    table(text, title, columns, rows.stream().filter(which).map(line).toList());
  }

  private static void table(StringBuilder text, String title, String columns, List<String> lines) {
    if (!lines.isEmpty()) {
      text.append("\n## ").append(title).append("\n\n| ").append(columns).append(" |\n|")
          .append("---|".repeat(columns.split("\\|", -1).length)).append('\n');
      lines.forEach(line -> text.append("| ").append(line).append(" |\n"));
    }
  }

  static int bytes(Row row) {
    return DType.of(row.dtype).bytes();
  }

  /// In binary units where it is one.
  static String count(long elements) {
    return elements % (1 << 20) == 0 && elements < 1 << 30 ? (elements >> 20) + " Mi"
        : elements % 1024 == 0 && elements < 1 << 20 ? (elements >> 10) + " Ki" : String.format(Locale.ROOT, "%,d", elements);
  }

  /// The fastest of each library for this fill, slowest first.
  List<Row> fastest(Law law, String dtype, long elements, int threads) {
    var best = new TreeMap<String, Row>();
    rows.stream().filter(row -> row.isFill() && row.law.equals(law.toString()) && row.dtype.equals(dtype) && row.elements == elements
        && row.threads == threads).forEach(row -> best.merge(row.by, row, (a, b) -> a.seconds <= b.seconds ? a : b));
    return best.values().stream().sorted(Comparator.comparingDouble(Row::elementsPerSecond)).toList();
  }
}
