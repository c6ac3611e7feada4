package io.github.tensorseed.whitening;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.Orthogonal;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.checkpoint.Verification;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Initializers through linear algebra on every device: against plain loops in double, and against the host's within the stated bound.
public abstract class InitializersFromDataContract {
  private static final RandomStream SEED = RandomStream.of(42);
  private static final int ROWS = 300;
  private static final int FEATURES = 6;

  protected final Device device;
  private final Path dir;
  private final double[] rows = rows();

  protected InitializersFromDataContract(Device device) {
    this.device = device;
    try {
      dir = Files.createTempDirectory("from-data");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @AfterEach
  void close() throws IOException {
    device.close();
    try (var files = Files.list(dir)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(dir);
  }

  /// Correlated, around a mean that is not 0.
  private static double[] rows() {
    SplittableRandom random = new SplittableRandom(5);
    double[] rows = new double[ROWS * FEATURES];
    for (int i = 0; i < ROWS; i++) {
      double common = random.nextGaussian();
      for (int j = 0; j < FEATURES; j++) {
        rows[i * FEATURES + j] = (float) (3 - j + common + random.nextGaussian() * (j + 1) / 2);
      }
    }
    return rows;
  }

  /// Writes an npy file of F32.
  public static Path npy(Path file, double[] values, int... shape) throws IOException {
    String extents = Arrays.stream(shape).mapToObj(extent -> extent + ",").reduce("", String::concat);
    String header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + extents + "), }";
    header += " ".repeat(63 - (10 + header.length()) % 64) + "\n";
    ByteBuffer bytes = ByteBuffer.allocate(10 + header.length() + values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}).putShort((short) header.length())
        .put(header.getBytes(StandardCharsets.US_ASCII));
    for (double value : values) {
      bytes.putFloat((float) value);
    }
    return Files.write(file, bytes.array());
  }

  private Path data() throws IOException {
    return npy(dir.resolve("x.npy"), rows, ROWS, FEATURES);
  }

  private static Initializer law(String text, Shape whole) {
    return Expression.parse(text, FromData.DEFINITIONS).resolve(whole);
  }

  private static double[] values(Device device, String text, DType dtype, Slice slice) {
    try (Tensor tensor = device.allocate(dtype, slice)) {
      law(text, slice.whole()).fill(tensor, SEED, "w");
      return tensor.toDoubles();
    }
  }

  private double[] values(String text, long... extents) {
    return values(device, text, DType.F64, Slice.of(Shape.of(extents)));
  }

  // Matrices as plain loops.

  private static double[] mean(double[] rows, int d) {
    double[] mean = new double[d];
    for (int i = 0; i < rows.length; i++) {
      mean[i % d] += rows[i] * d / rows.length;
    }
    return mean;
  }

  private static double[] covariance(double[] rows, double[] mean, int ddof) {
    int d = mean.length;
    double[] covariance = new double[d * d];
    for (int i = 0; i < rows.length / d; i++) {
      for (int j = 0; j < d * d; j++) {
        covariance[j] += (rows[i * d + j / d] - mean[j / d]) * (rows[i * d + j % d] - mean[j % d]) / (rows.length / d - ddof);
      }
    }
    return covariance;
  }

  /// a [m, k] b [k, n].
  private static double[] multiply(double[] a, double[] b, int k) {
    int m = a.length / k;
    int n = b.length / k;
    double[] c = new double[m * n];
    for (int i = 0; i < m * n; i++) {
      for (int l = 0; l < k; l++) {
        c[i] += a[i / n * k + l] * b[l * n + i % n];
      }
    }
    return c;
  }

  private static double[] transposed(double[] a, int columns) {
    int rows = a.length / columns;
    return IntStream.range(0, a.length).mapToDouble(i -> a[i % rows * columns + i / rows]).toArray();
  }

  private static double[] identity(int n) {
    return IntStream.range(0, n * n).mapToDouble(i -> i / n == i % n ? 1 : 0).toArray();
  }

  private static double[] plus(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> a[i] + b[i]).toArray();
  }

  @Test
  void aDenseLayerWhitens() throws IOException {
    Path data = data();
    double[] mean = mean(rows, FEATURES);
    double[] c = covariance(rows, mean, 1);
    double[] w = values("zca(data=" + data + ", eps=0)", FEATURES, FEATURES);
    assertThat(w).containsExactly(transposed(w, FEATURES), within(1e-12));
    assertThat(multiply(multiply(w, c, FEATURES), transposed(w, FEATURES), FEATURES)).containsExactly(identity(FEATURES), within(1e-9));
    // W^-2 = C + eps.
    double[] soft = values("zca('" + data + "', eps=0.25)", FEATURES, FEATURES);
    double[] eps = Arrays.stream(identity(FEATURES)).map(x -> x / 4).toArray();
    assertThat(multiply(multiply(soft, plus(c, eps), FEATURES), soft, FEATURES)).containsExactly(identity(FEATURES), within(1e-9));
    // The bias takes the mean to 0.
    double[] bias = values("zca('" + data + "', eps=0.25)", FEATURES);
    assertThat(plus(multiply(soft, mean, FEATURES), bias)).containsOnly(new double[1], within(1e-9));

    // Fewer outputs are the leading components, in either layout, with a bias of their own.
    double[] leading = values("zca(data='" + data + "', ddof=0, eps=0)", 2, FEATURES);
    double[] c0 = covariance(rows, mean, 0);
    assertThat(multiply(multiply(leading, c0, FEATURES), transposed(leading, FEATURES), FEATURES)).containsExactly(identity(2), within(1e-9));
    double[] all = values("zca(data='" + data + "', ddof=0, eps=0, kind=pca)", FEATURES, FEATURES);
    assertThat(Arrays.copyOf(all, leading.length)).containsExactly(leading, within(1e-12));
    assertThat(all[0] * all[0] + all[1] * all[1]).isLessThan(all[30] * all[30] + all[31] * all[31]);
    assertThat(transposed(values("zca('" + data + "', ddof=0, eps=0, layout=hwio)", FEATURES, 2), 2)).containsExactly(leading, within(0.));
    assertThat(plus(multiply(leading, mean, FEATURES), values("zca('" + data + "', ddof=0, eps=0)", 2))).containsOnly(new double[1], within(1e-9));
  }

  /// Of fewer rows than features, by the Gram side; what is white has the identity for its covariance.
  @Test
  void componentsOfFewRows() throws IOException {
    double[] few = Arrays.copyOf(rows, 5 * 40);
    Path file = npy(dir.resolve("few.npy"), few, 5, 40);
    double[] w = values("zca('" + file + "', eps=0)", 4, 40);
    double[] c = covariance(few, mean(few, 40), 1);
    assertThat(multiply(multiply(w, c, 40), transposed(w, 40), 40)).containsExactly(identity(4), within(1e-9));
    assertThatThrownBy(() -> values("zca('" + file + "', eps=0)", 5, 40)).hasMessageContaining("only 4 directions of the data have any variance");
  }

  @Test
  void aDenseLayerColours() throws IOException {
    Path data = data();
    double[] mean = mean(rows, FEATURES);
    double[] root = values("zca_coloring(data=" + data + ")", FEATURES, FEATURES);
    assertThat(root).containsExactly(transposed(root, FEATURES), within(1e-12));
    assertThat(multiply(root, root, FEATURES)).containsExactly(covariance(rows, mean, 1), within(1e-9));
    assertThat(multiply(root, values("zca('" + data + "', eps=0)", FEATURES, FEATURES), FEATURES))
        .containsExactly(identity(FEATURES), within(1e-9));
    assertThat(values("zca_coloring('" + data + "')", FEATURES)).containsExactly(mean, within(1e-5));
  }

  @Test
  void aFirstConvolutionWhitensPatches() throws IOException {
    int count = 20;
    int c = 2;
    int side = 5;
    double[] chw = new SplittableRandom(9).doubles((long) count * c * side * side).map(x -> (float) x).toArray();
    double[] hwc = IntStream.range(0, chw.length).mapToDouble(
        i -> chw[(i / (side * side * c) * c + i % c) * side * side + i / c % (side * side)]).toArray();
    Path first = npy(dir.resolve("chw.npy"), chw, count, c, side, side);
    Path second = npy(dir.resolve("hwc.npy"), hwc, count, side, side, c);
    int high = 2;
    int wide = 3;
    int d = c * high * wide;
    int k = 4;
    int used = 17;
    int perImage = (side - high + 1) * (side - wide + 1);
    double[] patches = new double[used * perImage * d];
    for (int i = 0; i < patches.length; i++) {
      int place = i / d % perImage;
      int y = place / (side - wide + 1) + i % d / wide % high;
      int x = place % (side - wide + 1) + i % wide;
      patches[i] = chw[((i / d / perImage * c + i % d / (high * wide)) * side + y) * side + x];
    }
    for (boolean centered : new boolean[] {false, true}) {
      double[] moment = centered ? covariance(patches, mean(patches, d), 1) : covariance(patches, new double[d], 0);
      String options = "eps=0.01, centered=" + centered + ", first=" + used;
      double[] filters = values("patch_whitening(data=" + first + ", " + options + ")", 2L * k, c, high, wide);
      double[] positive = Arrays.copyOf(filters, k * d);
      assertThat(Arrays.copyOfRange(filters, k * d, 2 * k * d)).containsExactly(Arrays.stream(positive).map(x -> -x).toArray(), within(0.));
      // Of orthogonal eigenvectors v / sqrt(l + eps), by falling l: F M F^T = diag(l / (l + eps)) and F F^T = diag(1 / (l + eps)).
      double[] variances = multiply(multiply(positive, moment, d), transposed(positive, d), d);
      double[] squares = multiply(positive, transposed(positive, d), d);
      double last = Double.POSITIVE_INFINITY;
      for (int i = 0; i < k; i++) {
        double value = 1 / squares[i * (k + 1)] - 0.01;
        assertThat(value).isBetween(0.0, last);
        last = value;
        for (int j = 0; j < k; j++) {
          assertThat(variances[i * k + j]).isCloseTo(i == j ? value / (value + 0.01) : 0, within(1e-9));
          assertThat(squares[i * k + j]).isCloseTo(i == j ? 1 / (value + 0.01) : 0, within(1e-8 / (value + 0.01)));
        }
      }
      if (!centered) {
        // The largest eigenvalue is at least that of the direction of the mean.
        double[] mean = mean(patches, d);
        double length = Arrays.stream(mean).map(x -> x * x).sum();
        assertThat(1 / squares[0] - 0.01).isGreaterThan(multiply(multiply(mean, moment, d), mean, d)[0] / length * 0.999);
      }
      // In the other layout, of the same images in the other order.
      double[] keras = values("patch_whitening('" + second + "', " + options + ", images=hwc, layout=hwio)", high, wide, c, 2L * k);
      for (int i = 0; i < filters.length; i++) {
        int o = i / d;
        int channel = i % d / (high * wide);
        int place = i % (high * wide);
        assertThat(Math.abs(keras[(place * c + channel) * 2 * k + o])).isCloseTo(Math.abs(filters[i]), within(1e-7));
      }
    }
  }

  @Test
  void newRowsAreDrawnFromTheOldOnesDistribution() throws IOException {
    Path data = data();
    int more = 20_000;
    double[] all = values("mean_cov_resize(data=" + data + ")", ROWS + more, FEATURES);
    assertThat(Arrays.copyOf(all, rows.length)).containsExactly(rows, within(0.));
    double[] fresh = Arrays.copyOfRange(all, rows.length, all.length);
    double[] mean = mean(rows, FEATURES);
    double[] c = covariance(rows, mean, 0);
    double[] found = mean(fresh, FEATURES);
    double[] moment = covariance(fresh, mean, 0);
    for (int i = 0; i < FEATURES; i++) {
      // 5 standard errors each: of 6 means and 36 moments, whose variance is c_ii c_jj + c_ij^2.
      assertThat(found[i]).isCloseTo(mean[i], within(5 * Math.sqrt(c[i * 7] / more)));
      for (int j = 0; j < FEATURES; j++) {
        double error = Math.sqrt((c[i * 7] * c[j * 7] + Math.pow(c[i * 6 + j], 2)) / more);
        assertThat(moment[i * FEATURES + j]).isCloseTo(c[i * FEATURES + j], within(5 * error));
      }
    }
    // The root's scale, and rows that depend on their own place alone.
    double[] near = values("mean_cov_resize('" + data + "', 0.01)", ROWS + 5, FEATURES);
    for (int i = rows.length; i < near.length; i++) {
      double center = mean[i % FEATURES];
      assertThat(near[i] - center).isCloseTo((all[i] - center) / 10, within(1e-9));
    }
    assertThat(values(device, "mean_cov_resize('" + data + "')", DType.BF16, Slice.of(Shape.of(ROWS, FEATURES))))
        .containsExactly(Arrays.stream(rows).map(x -> DType.BF16.widen(DType.BF16.round((float) x))).toArray());
  }

  private double[] forward(double[] input, double[] weight, int in) {
    return multiply(input, transposed(weight, in), in);
  }

  private static double variance(double[] values) {
    double mean = Arrays.stream(values).average().orElseThrow();
    return Arrays.stream(values).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
  }

  /// The second and the third layer's texts make again what is below them, rounded to the dtype.
  @Test
  void layersHaveUnitVariance() throws IOException {
    Path data = data();
    for (DType dtype : new DType[] {DType.F64, DType.F32, DType.BF16}) {
      double[] input = rows;
      int in = FEATURES;
      StringBuilder below = new StringBuilder();
      double[] written = {};
      for (int layer = 0; layer < 3; layer++) {
        int out = new int[] {8, 300, 7}[layer];
        String text = "lsuv(data=" + data + ", activation=tanh, below='" + below + "')";
        double[] weight;
        try (Tensor tensor = device.allocate(dtype, Shape.of(out, in))) {
          law(text, tensor.shape()).fill(tensor, SEED, "fc" + layer);
          weight = tensor.toDoubles();
        }
        double[] output = forward(input, weight, in);
        assertThat(variance(output)).as(dtype + " layer " + layer).isCloseTo(1, within(dtype == DType.BF16 ? 1e-2 : 1e-5));
        if (layer == 1) {
          assertThat(weight).containsExactly(overWritten(dtype, written, 8, out));
        }
        written = weight;
        // Still orthogonal.
        double[] gram = out > in ? multiply(transposed(weight, in), weight, out) : multiply(weight, transposed(weight, in), in);
        int n = Math.min(out, in);
        for (int i = 0; i < n * n; i++) {
          assertThat(gram[i] / gram[0]).isCloseTo(i / n == i % n ? 1 : 0, within(dtype == DType.BF16 ? 0.02 : 1e-5));
        }
        input = Arrays.stream(output).map(Math::tanh).toArray();
        below.append(" fc").append(layer).append('[').append(out).append(", ").append(in).append(']');
        in = out;
      }
    }
    // The other layout is the transpose of another orthonormal start: of unit variance as well.
    double[] keras = values("lsuv('" + data + "', layout=hwio, first=100)", FEATURES, 4);
    double[] hundred = Arrays.copyOf(rows, 100 * FEATURES);
    assertThat(variance(multiply(hundred, keras, FEATURES))).isCloseTo(1, within(1e-9));
  }

  /// The second layer by hand, over the first as it was written.
  private double[] overWritten(DType dtype, double[] first, int width, int out) {
    try (Tensor input = device.allocate(DType.F64, Shape.of(ROWS, FEATURES)); Tensor one = device.allocate(DType.F64, Shape.of(width, FEATURES));
         Tensor two = device.allocate(DType.F64, Shape.of(out, width)); Tensor rounded = device.allocate(dtype, Shape.of(out, width))) {
      input.copyFrom(rows);
      one.copyFrom(first);
      new Orthogonal(1, Fans.Layout.OIHW).fill(two, SEED.named("fc1"));
      try (DenseStack stack = DenseStack.open(input, List.of(one, two), Fans.Layout.OIHW, Nonlinearity.TANH)) {
        Lsuv.standard().scale("fc1", two, stack, 1);
      }
      device.convert(two, 1, rounded);
      return rounded.toDoubles();
    }
  }

  @Test
  void anyForwardFunctionCanBeScaled() {
    // Two layers with a residual connection and a bias: y1 = x w1, y2 = y1 + 2 relu(y1) w2 + 0.5.
    SequencedMap<String, Tensor> weights = new LinkedHashMap<>();
    weights.put("one", device.allocate(DType.F32, Shape.of(FEATURES, FEATURES)));
    weights.put("two", device.allocate(DType.F32, Shape.of(FEATURES, FEATURES)));
    double[] last = new double[1];
    Lsuv.Forward network = layer -> {
      double[] y = multiply(rows, transposed(weights.get("one").toDoubles(), FEATURES), FEATURES);
      if (layer == 1) {
        double[] relu = Arrays.stream(y).map(x -> 2 * Math.max(x, 0)).toArray();
        double[] added = multiply(relu, transposed(weights.get("two").toDoubles(), FEATURES), FEATURES);
        y = plus(y, Arrays.stream(added).map(x -> x + 0.5).toArray());
      }
      last[0] = variance(y);
      Tensor output = device.allocate(DType.F32, Shape.of(ROWS, FEATURES));
      output.copyFrom(y);
      return output;
    };
    double[] variances = new Lsuv(0.02, 20).fill(weights, Fans.Layout.OIHW, SEED, network);
    assertThat(variances).hasSize(2);
    assertThat(variances[1]).isCloseTo(last[0], within(1e-5));
    assertThat(variances[0]).isCloseTo(1, within(0.02));
    assertThat(new Lsuv(0.02, 1).fill(weights, Fans.Layout.OIHW, SEED, network)[0]).isCloseTo(1, within(0.02));

    Tensor nothing = device.allocate(DType.F32, Shape.of(4, FEATURES));
    nothing.copyFrom(new double[24]);
    try (DenseStack stack = DenseStack.open(nothing, weights.sequencedValues(), Fans.Layout.OIHW, Nonlinearity.RELU)) {
      assertThatThrownBy(() -> Lsuv.standard().fill(weights, Fans.Layout.OIHW, SEED, stack)).isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("the output of layer 'one' has the variance 0.0 over 24 values");
    }
    assertThatThrownBy(() -> DenseStack.open(nothing, List.of(nothing, nothing), Fans.Layout.OIHW, Nonlinearity.RELU))
        .hasMessageContaining("layer 1").hasMessageContaining("does not take 4 inputs");
  }

  /// A stack gives what it would if it began anew, whichever way it is asked.
  @Test
  void aStackGoesOnAndBack() {
    try (Tensor input = device.allocate(DType.F64, Shape.of(ROWS, FEATURES)); Tensor one = device.allocate(DType.F64, Shape.of(FEATURES, FEATURES));
         Tensor two = device.allocate(DType.F64, Shape.of(FEATURES, 3))) {
      input.copyFrom(rows);
      double[] a = new SplittableRandom(1).doubles(36, -1, 1).toArray();
      double[] b = new SplittableRandom(2).doubles(18, -1, 1).toArray();
      one.copyFrom(a);
      two.copyFrom(b);
      try (DenseStack stack = DenseStack.open(input, List.of(one, two), Fans.Layout.HWIO, Nonlinearity.GELU)) {
        double[] first = multiply(rows, a, FEATURES);
        double[] second = multiply(Arrays.stream(first).map(Nonlinearity.GELU::apply).toArray(), b, FEATURES);
        assertThat(stack.output(1).toDoubles()).containsExactly(second, within(1e-10));
        assertThat(stack.output(0).toDoubles()).containsExactly(first, within(1e-10));
        one.copyFrom(Arrays.stream(a).map(x -> 2 * x).toArray());
        assertThat(stack.output(0).toDoubles()).containsExactly(Arrays.stream(first).map(x -> 2 * x).toArray(), within(1e-10));
        double[] doubled = multiply(Arrays.stream(first).map(x -> Nonlinearity.GELU.apply(2 * x)).toArray(), b, FEATURES);
        assertThat(stack.output(1).toDoubles()).containsExactly(doubled, within(1e-10));
        assertThat(stack.output(1).toDoubles()).containsExactly(doubled, within(1e-10));
      }
    }
  }

  @Test
  void aFileSaysWhatMadeItAndIsVerifiedOnTheHost() throws IOException {
    Path data = data();
    List<TensorSpec> tensors = List.of(
        new TensorSpec("o", DType.BF16, Shape.of(300, 500), law("orthogonal with row(3) = 0", Shape.of(300, 500))),
        new TensorSpec("z", DType.F32, Shape.of(FEATURES, FEATURES), law("zca('" + data + "')", Shape.of(FEATURES, FEATURES))),
        new TensorSpec("n", DType.F32, Shape.of(50), law("normal(0, 1)", Shape.of(50))));
    Path file = dir.resolve("w.safetensors");
    new CheckpointWriter(device, 2).writeSafetensors(tensors, 7, file, false);
    assertThat(device.linearAlgebra().library()).matches(".*\\d+\\.\\d+\\.\\d+.*");
    try (Checkpoint checkpoint = Checkpoint.open(file); Device host = CpuDevice.open(1)) {
      assertThat(checkpoint.shards().getFirst().header().metadata().get("tensorseed.linear_algebra"))
          .isEqualTo("{\"" + device.name() + ": " + device.linearAlgebra().library() + "\":[\"z\",\"o\"]}");
      Verification verification = Verification.of(checkpoint, FromData.DEFINITIONS, host, 2, _ -> {});
      assertThat(verification.faults()).isEmpty();
      assertThat(verification.within()).extracting(Verification.Within::tensor).containsExactly("z", "o");
      assertThat(verification.tensors()).isEqualTo(3);
    }
  }

  /// The bound that verifying goes by: 1e-5 of the largest magnitude and one step of the dtype. And slices are parts of the whole.
  @Test
  void everyDeviceIsNearTheHost() throws IOException {
    Path data = data();
    Path images = npy(dir.resolve("images.npy"), new SplittableRandom(3).doubles(12 * 36).toArray(), 12, 6, 6);
    Map<String, Shape> laws = Map.of(
        "orthogonal(1.5)", Shape.of(24, 24), "orthogonal(1, hwio)", Shape.of(3, 5, 8), "delta_orthogonal(2)", Shape.of(9, 7, 3, 4),
        "zca(data=" + data + ", eps=0.1)", Shape.of(FEATURES, FEATURES), "zca_coloring('" + data + "')", Shape.of(FEATURES, FEATURES),
        "patch_whitening('" + images + "')", Shape.of(8, 1, 3, 2), "mean_cov_resize('" + data + "')", Shape.of(ROWS + 3, FEATURES),
        "lsuv('" + data + "', below='a[4, 6] b[5, 4]')", Shape.of(7, 5));
    try (Device host = CpuDevice.open(1)) {
      for (Map.Entry<String, Shape> law : laws.entrySet()) {
        for (DType dtype : new DType[] {DType.F64, DType.F32, DType.BF16, DType.F16}) {
          Slice whole = Slice.of(law.getValue());
          double[] expected = values(host, law.getKey(), dtype, whole);
          double[] found = values(device, law.getKey(), dtype, whole);
          double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
          for (int i = 0; i < found.length; i++) {
            double step = dtype == DType.BF16 ? 0x1p-7 : dtype == DType.F16 ? 0x1p-10 : 0x1p-23;
            assertThat(found[i]).as(law.getKey() + " " + dtype).isCloseTo(expected[i], within(1e-5 * largest + step * Math.abs(expected[i])));
          }
          Slice part = whole.along(0, 1, 2).along(whole.whole().rank() - 1, 1, 1);
          double[] cut = values(device, law.getKey(), dtype, part);
          int[] at = {0};
          part.forEachRun(run -> {
            for (int i = 0; i < run.count(); i++) {
              assertThat(cut[at[0]++]).isEqualTo(found[(int) run.start() + i]);
            }
          });
        }
      }
    }
  }
}
