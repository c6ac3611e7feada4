package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.signal.Propagation;
import io.github.tensorseed.signal.Signal;
import io.github.tensorseed.whitening.FromData;
import io.github.tensorseed.whitening.RowFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed compare`.
@Command(
    name = "compare",
    description = "Shows how a signal goes through a deep network of fresh weights, and a gradient back, by initializer; and which one keeps"
        + " them best.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "The network is x_l = f(W_l x_{l-1}), without biases. Of each layer it shows mean and variance of the x; the share of dead units, through",
      "which no gradient comes in any row; the variance of the gradient with respect to the x, which begins as N(0, 1) behind the last layer; and",
      "the norm of the gradient of the weight. Memory: depth x rows x width values of 4 bytes. Values are in F32 and come by linear algebra, so",
      "that the last digits depend on library, machine and threads.",
      "",
      "Examples:",
      "  tensorseed compare --depth 50 --width 512 --activation relu --init he_normal --init xavier_normal --init 'normal(0, 0.01)'",
      "  tensorseed compare --activation gelu --auto --html compare.html",
      "  tensorseed compare --activation tanh --init 'orthogonal(1.1)' --data train-images-idx3-ubyte.gz",
    })
final class CompareCommand implements Callable<Integer> {
  /// By how much a variance may grow or fall over all layers and still count as kept. That of 50 layers of 512 units of relu scatters by a
  /// factor of 2 from seed to seed.
  private static final double KEPT = 10;

  @Spec CommandSpec spec = CommandSpec.create();

  @Option(names = "--init", paramLabel = "EXPRESSION",
      description = "An initializer, as a recipe has it. May be repeated. Default: he_normal, xavier_normal and 'normal(0, 0.02)'.")
  List<String> inits = List.of("he_normal", "xavier_normal", "normal(0, 0.02)");

  @Option(names = "--auto", description = "Searches the scale of a variance_scaling that keeps the signal, and prints it as a recipe's rule.")
  boolean auto;

  @Option(names = "--depth", paramLabel = "N", description = "Layers. Default: ${DEFAULT-VALUE}.")
  int depth = 50;

  @Option(names = "--width", paramLabel = "N", description = "Units of a layer. Default: ${DEFAULT-VALUE}.")
  int width = 512;

  @Option(names = "--activation", paramLabel = "NAME", description = "${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
  Nonlinearity activation = Nonlinearity.RELU;

  @Option(names = "--rows", paramLabel = "N", description = "How many rows go in. Default: ${DEFAULT-VALUE}, or all there are.")
  long rows = 1024;

  @Option(names = "--data", paramLabel = "FILE[:NAME]",
      description = "The rows, the first ones of a file as 'zca fit' takes it, as they are: standardise them before if training does."
          + " Default: N(0, 1), as many features as units.")
  @Nullable String data;

  @Mixin SeedOption seed = new SeedOption();

  @Mixin DeviceOptions device = new DeviceOptions();

  @Option(names = "--html", paramLabel = "FILE", description = "Writes a page with charts over all layers.")
  @Nullable Path html;

  @Option(names = "--json", description = "Reports in JSON, with all layers.")
  boolean json;

  /// What an initializer does to a signal.
  ///
  /// @param forward the variance behind the last layer over that behind the first
  /// @param backward that of the gradient behind the first layer over that behind the last
  /// @param drift the largest factor, up or down, by which a variance is away from where its way begins
  record Measured(String init, double forward, double backward, double drift, List<Signal.Layer> layers) {
    static Measured of(String init, Signal signal) {
      return new Measured(init, signal.forward(), signal.backward(), signal.drift(), signal.layers());
    }

    /// As in `the variance of layer 50 is 0.97 of layer 1's, the gradient's of layer 1 1.02 of layer 50's`.
    String text() {
      for (int i = 0; i < layers.size(); i++) {
        double variance = layers.get(i).variance();
        if (variance == 0 || !Double.isFinite(variance)) {
          return (variance == 0 ? "no signal is left in layer " : "the signal overflows F32 in layer ") + (i + 1);
        }
      }
      return "the variance of layer %1$d is %2$s of layer 1's, the gradient's of layer 1 is %3$s of layer %1$d's%4$s".formatted(layers.size(),
          Units.rough(forward), Units.rough(backward),
          drift > KEPT && isKept(forward) && isKept(backward) ? ", in between one is a factor of " + Units.rough(drift) + " away" : "");
    }

    private static boolean isKept(double ratio) {
      return ratio <= KEPT && ratio >= 1 / KEPT;
    }
  }

  /// All of them.
  ///
  /// @param recommended the one of least drift; null if none keeps the signal
  /// @param recipe what was searched, as a recipe's rule
  record Report(int depth, int width, String activation, long rows, long features, @Nullable String data, long seed, String device,
      String library, List<Measured> inits, @Nullable String recommended, @Nullable String recipe) {
    String title() {
      return Units.count(depth, "layer") + " of " + Units.count(width, "unit") + " with " + activation;
    }

    String input() {
      return Units.count(rows, "row") + " of " + Units.count(features, "feature") + (data == null ? ", N(0, 1)" : " of " + data) + ", seed "
          + seed + ", on " + device + " by " + library;
    }

    /// The recommendation, and a line for each initializer that says why.
    List<String> verdict() {
      List<String> lines = new ArrayList<>();
      lines.add(recommended != null ? recommended + " keeps the signal best:"
          : "none keeps the signal within a factor of " + (int) KEPT + (recipe == null ? "; --auto searches a scale:" : ":"));
      inits.forEach(measured -> lines.add(measured.init + ": " + measured.text()));
      return lines;
    }
  }

  @Override
  public Integer call() throws IOException {
    Propagation network = new Propagation(depth, width, activation);
    RandomStream stream = RandomStream.of(seed.key());
    if (rows < 1) {
      throw new IllegalArgumentException("--rows " + rows + ": give at least 1 row");
    }
    if (html != null) {
      HtmlPage.requireReplaceable(html);
    }
    List<Initializer> initializers = inits.stream().<Initializer>map(text -> Expression.parse(text, FromData.DEFINITIONS)).toList();
    Report report;
    try (Device opened = device.open(); Tensor input = data == null ? normal(opened, stream) : rows(opened, data)) {
      long features = input.shape().extent(1);
      for (int i = 0; i < inits.size(); i++) {
        requireWeights(network, initializers.get(i), inits.get(i), features);
      }
      List<Measured> measured = new ArrayList<>();
      for (Initializer initializer : initializers) {
        measured.add(measure(network, initializer, input, stream));
      }
      Initializer found = null;
      if (auto) {
        found = found(network, input, stream);
        measured.add(measure(network, found, input, stream));
      }
      Measured nearest = measured.stream().min(Comparator.comparingDouble(Measured::drift)).orElseThrow();
      report = new Report(depth, width, activation.toString(), input.shape().extent(0), features, data, stream.key(), opened.name(),
          opened.linearAlgebra().library(), measured, nearest.drift <= KEPT ? nearest.init : null,
          found == null ? null : "*.weight = " + found);
    }
    if (html != null) {
      ComparePage.write(html, report);
    }
    PrintWriter stdout = spec.commandLine().getOut();
    if (json) {
      stdout.println(Json.text(report));
    } else {
      print(report, stdout);
    }
    return 0;
  }

  private static void requireWeights(Propagation network, Initializer initializer, String text, long features) {
    try {
      network.requireWeights(initializer, features);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("--init '" + text + "': " + e.getMessage(), e);
    }
  }

  private static Measured measure(Propagation network, Initializer initializer, Tensor input, RandomStream stream) {
    try (Progress progress = new Progress(initializer.toString(), bytes(network, input.shape().extent(0)))) {
      return Measured.of(initializer.toString(), network.measure(input, initializer, stream, progress));
    }
  }

  /// What the progress of one measurement is told in all.
  private static long bytes(Propagation network, long rows) {
    return 2L * network.depth() * rows * network.width() * Float.BYTES;
  }

  /// What --auto searches, with as many digits as are printed.
  private static Initializer found(Propagation network, Tensor input, RandomStream stream) {
    long rows = Math.min(input.shape().extent(0), Propagation.TRIAL_ROWS);
    try (Progress progress = new Progress("auto", Propagation.TRIALS * bytes(network, rows))) {
      return Expression.parse("variance_scaling(" + Units.number(network.scale(input, stream, progress)) + ", in, normal)");
    }
  }

  private Tensor normal(Device device, RandomStream stream) {
    Tensor input = device.allocate(DType.F32, Shape.of(rows, width));
    device.fill(input, new Distribution.Normal(0, 1), stream.named("rows"));
    return input;
  }

  /// The first rows of a file.
  private Tensor rows(Device device, String source) throws IOException {
    try (RowFile file = RowFile.open(source); Arena arena = Arena.ofShared()) {
      Shape shape = Shape.of(Math.min(rows, file.rows()), file.features());
      if (shape.elements() == 0) {
        throw new IOException(source + " has no rows");
      }
      MemorySegment host = arena.allocate(shape.bytes(file.dtype()), Double.BYTES);
      file.read(host);
      for (long i = 0; i < shape.elements(); i++) {
        double value = file.dtype().get(host, i);
        if (!Double.isFinite(value)) {
          throw new IOException(source + ": row " + i / file.features() + " has " + value + " as feature " + i % file.features()
              + "; give rows that are finite");
        }
      }
      Tensor input = device.allocate(DType.F32, shape);
      try (Tensor read = device.allocate(file.dtype(), shape)) {
        device.write(read, 0, host);
        device.convert(read, 1, input);
      }
      return input;
    }
  }

  private static void print(Report report, PrintWriter stdout) {
    stdout.println(report.title() + "; " + report.input());
    stdout.println();
    Table table = new Table("initializer", "layer", "mean", "variance", "dead", "gradient's variance", "weight gradient's norm")
        .right(1, 2, 3, 4, 5, 6);
    for (Measured measured : report.inits) {
      int last = report.depth - 1;
      int[] some = IntStream.rangeClosed(0, 4).map(quarter -> (int) Math.rint(last * quarter / 4.)).distinct().toArray();
      for (int i : some) {
        Signal.Layer layer = measured.layers.get(i);
        table.row(i == 0 ? measured.init : "", Units.count(i + 1), Units.rough(layer.mean()), Units.rough(layer.variance()),
            Units.rough(100 * layer.dead()) + " %", Units.rough(layer.gradientVariance()), Units.rough(layer.gradientNorm()));
      }
    }
    table.print(stdout);
    stdout.println();
    report.verdict().forEach(stdout::println);
    if (report.recipe != null) {
      stdout.println();
      stdout.println(report.recipe);
    }
  }
}
