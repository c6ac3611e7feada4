package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class MatrixTest {
  private static final CpuDevice CPU = CpuDevice.open(1);
  private static final RandomStream STREAM = RandomStream.of(7).named("weight");

  private static double[] fill(String text, DType dtype, Slice slice) {
    try (Tensor tensor = CPU.allocate(dtype, slice)) {
      Expression.parse(text).fill(tensor, STREAM);
      return tensor.toDoubles();
    }
  }

  private static double[] fill(String text, long... extents) {
    return fill(text, DType.F64, Slice.of(Shape.of(extents)));
  }

  @Test
  void identity() {
    assertThat(fill("identity", 2, 3)).containsExactly(1, 0, 0, 0, 1, 0);
    assertThat(fill("eye(gain=-0.5)", 3, 2)).containsExactly(-0.5, 0, 0, -0.5, 0, 0);
    assertThat(fill("identity", 0, 3)).isEmpty();
  }

  /// torch.nn.init.dirac_: for d < min(size0 / groups, size1), tensor[g * size0 / groups + d, d, size2 // 2, ...] = 1.
  @Test
  void dirac() {
    double[] expected = new double[4 * 3 * 2 * 3];
    for (int d = 0; d < 3; d++) {
      expected[(d * 3 + d) * 6 + 1 * 3 + 1] = 1;
    }
    assertThat(fill("dirac", 4, 3, 2, 3)).isEqualTo(expected);
    double[] grouped = new double[6 * 2 * 4];
    for (int group = 0; group < 3; group++) {
      for (int d = 0; d < 2; d++) {
        grouped[((group * 2 + d) * 2 + d) * 4 + 2] = 1;
      }
    }
    assertThat(fill("dirac(groups=3)", 6, 2, 4)).isEqualTo(grouped);
    // The same, its axes in Keras's order.
    double[] turned = new double[4 * 2 * 6];
    for (int group = 0; group < 3; group++) {
      for (int d = 0; d < 2; d++) {
        turned[(2 * 2 + d) * 6 + group * 2 + d] = 1;
      }
    }
    assertThat(fill("dirac(3, hwio)", 4, 2, 6)).isEqualTo(turned);
  }

  /// scipy.linalg.hadamard(8)[:5, :3] * 2 ** (-(3 - 1) / 2), as algorithm 1 of arXiv 2110.12661 has it.
  @Test
  void zeroInit() {
    double[] hadamard = {.5, .5, .5, .5, -.5, .5, .5, .5, -.5, .5, -.5, -.5, .5, .5, .5};
    assertThat(fill("zero_init", 5, 3)).isEqualTo(hadamard);
    assertThat(fill("zero_init", 3, 3)).isEqualTo(fill("identity", 3, 3));
    assertThat(fill("zero_init", 2, 3)).isEqualTo(fill("identity", 2, 3));
    assertThat(fill("zero_init", 1, 1)).containsExactly(1);
    // m = 2 for four outputs, c = 2^-(1/2).
    assertThat(fill("zero_init", 4, 1)).containsExactly(Math.sqrt(.5), Math.sqrt(.5), Math.sqrt(.5), Math.sqrt(.5));
    double[] convolution = new double[5 * 3 * 3];
    double[] turned = new double[3 * 3 * 5];
    for (int o = 0; o < 5; o++) {
      for (int i = 0; i < 3; i++) {
        convolution[(o * 3 + i) * 3 + 1] = hadamard[o * 3 + i];
        turned[(3 + i) * 5 + o] = hadamard[o * 3 + i];
      }
    }
    assertThat(fill("zero_init", 5, 3, 3)).isEqualTo(convolution);
    assertThat(fill("zero_init(layout=hwio)", 3, 3, 5)).isEqualTo(turned);
  }

  /// python/mxnet/initializer.py, Bilinear: f = ceil(4 / 2) = 2, c = (2 f - 1 - f % 2) / (2 f) = 0.75; f = 3, c = 2/3 for 5.
  @Test
  void bilinear() {
    double[] four = {.25, .75, .75, .25};
    double[] five = {1 / 3., 2 / 3., 1, 2 / 3., 1 / 3.};
    double[] expected = new double[2 * 20];
    for (int i = 0; i < expected.length; i++) {
      expected[i] = four[i / 5 % 4] * five[i % 5];
    }
    assertThat(fill("bilinear", 2, 1, 4, 5)).usingComparatorWithPrecision(1e-15).containsExactly(expected);
    assertThat(fill("bilinear(hwio)", 4, 1, 2)).containsExactly(.25, .25, .75, .75, .75, .75, .25, .25);
  }

  /// python/mxnet/initializer.py, LSTMBias.
  @Test
  void lstmBias() {
    assertThat(fill("lstm_bias", 8)).containsExactly(0, 0, 1, 1, 0, 0, 0, 0);
    assertThat(fill("lstm_bias(-2)", 4)).containsExactly(0, -2, 0, 0);
    assertThat(fill("lstm_bias", 0)).isEmpty();
  }

  /// mamba_ssm: A_log = log(arange(1, d_state + 1)), repeated; dt + log(-expm1(-dt)) is the inverse of softplus.
  @Test
  void mamba() {
    assertThat(fill("mamba_a_log", 2, 3)).usingComparatorWithPrecision(1e-15)
        .containsExactly(0, Math.log(2), Math.log(3), 0, Math.log(2), Math.log(3));
    double[] bias = fill("mamba_dt", 1 << 14);
    double[] logs = Arrays.stream(bias).map(x -> Math.log(Math.log1p(Math.exp(x)))).toArray();
    assertThat(Arrays.stream(logs).min().orElseThrow()).isGreaterThan(Math.log(0.001) - 1e-12);
    assertThat(Arrays.stream(logs).max().orElseThrow()).isLessThan(Math.log(0.1) + 1e-12);
    // Uniform in the logarithm: mean at the middle, sigma of the mean log(100) / sqrt(12 * 2^14) = 0.0104; five of them.
    assertThat(Arrays.stream(logs).average().orElseThrow()).isCloseTo(Math.log(0.01), offset(0.052));
    int[] words = new int[4];
    Philox.block(STREAM.key(), 1, words);
    double dt = Math.exp(Math.log(0.001) + Math.log(100) * ((Integer.toUnsignedLong(words[1]) + 0.5) / 0x1p32));
    assertThat(logs[5]).isCloseTo(Math.log(dt), offset(1e-12));
  }

  /// Keras's STFTInitializer, evaluated with numpy 2.4 and scipy.signal.get_window 1.17 in binary64.
  @Test
  void stft() {
    double third = 0.5773502691896258;
    double sixth = 0.4082482904638631;
    assertThat(fill("stft(real)", 5, 1, 4)).usingComparatorWithPrecision(1e-15).containsExactly(
        0, 0, 0, 0, sixth, sixth / 2, -sixth / 2, -sixth, 2 * sixth, -sixth, -sixth, 2 * sixth, sixth, -sixth, sixth, -sixth, 0, 0, 0, 0);
    assertThat(fill("stft(imag, hamming, spectrum, true)", 4, 1, 3)).usingComparatorWithPrecision(1e-15)
        .containsExactly(0, 0, 0, 0, -.25, 0, 0, 0, 0, 0, .25, 0);
    assertThat(fill("stft(real, blackman, none)", 4, 1, 3)).usingComparatorWithPrecision(1e-15)
        .containsExactly(0, 0, 0, .63, 0, -.63, .63, -.63, .63, 0, 0, 0);
    assertThat(fill("stft(imag, boxcar)", 3, 1, 3)).usingComparatorWithPrecision(1e-15).containsExactly(0, 0, 0, 0, -third, 0, 0, 0, 0);
    assertThat(fill("stft(imag, none)", 3, 1, 3)).usingComparatorWithPrecision(1e-15).containsExactly(0, 0, 0, 0, -1, 0, 0, 0, 0);
    assertThat(fill("stft(real)", 1, 1, 2)).containsExactly(1, 1);
  }

  /// Were the window summed for each of the chunks, that would be 2^36 terms, half an hour.
  @Test
  @Timeout(60)
  void chunksShareTheSumOfTheWindow() {
    int samples = 1 << 18;
    Shape shape = Shape.of(samples, 1, 2);
    Initializer resolved = Expression.parse("stft(real)").resolve(shape);
    double[] whole = fill("stft(real)", DType.F32, Slice.of(shape));
    int position = 0;
    for (Slice chunk : Slice.of(shape).chunks(2)) {
      try (Tensor tensor = CPU.allocate(DType.F32, chunk)) {
        resolved.fill(tensor, STREAM);
        assertThat(tensor.toDoubles()).containsExactly(whole[position], whole[position + 1]);
      }
      position += 2;
    }
    // The sum belongs to one length.
    try (Tensor tensor = CPU.allocate(DType.F64, Shape.of(5, 1, 4))) {
      resolved.fill(tensor, STREAM);
      assertThat(tensor.toDoubles()).isEqualTo(fill("stft(real)", 5, 1, 4));
    }
    assertThat(resolved).hasToString("stft(real, hann, density, false)");
  }

  @Test
  void withRow() {
    assertThat(fill("ones with row(1) = -3", 3, 2)).containsExactly(1, 1, -3, -3, 1, 1);
    assertThat(fill("ones() with row(0) = 2 with row(2) = 3", 3, 1)).containsExactly(2, 1, 3);
    assertThat(fill("zeros with row(rank) = 5", 3)).containsExactly(0, 5, 0);
  }

  /// One tensor of several buffers, and runs that end within them.
  @Test
  void longerThanOneBuffer() {
    double[] values = fill("mamba_a_log", 90, 1001);
    for (int i = 0; i < values.length; i++) {
      assertThat(values[i]).isEqualTo(StrictMath.log(i % 1001 + 1.0));
    }
    double[] row = fill("zeros with row(2) = 1", 3, 100_000);
    assertThat(Arrays.stream(row).sum()).isEqualTo(100_000);
    assertThat(row[200_000]).isEqualTo(1);
  }

  @Test
  void beyondThirtyTwoBits() {
    long row = (1L << 33) + 5;
    Slice corner = Slice.of(Shape.of(1L << 34, 1L << 34 >> 6)).along(0, (1 << 27) + 5, 2).along(1, (1 << 27) + 4, 3);
    assertThat(fill("identity", DType.F32, corner)).containsExactly(0, 1, 0, 0, 0, 1);
    Slice centre = Slice.of(Shape.of(1L << 34, 1L << 20, 3)).along(0, row, 1).along(1, 5, 1);
    assertThat(fill("dirac(groups=16384)", DType.F32, centre)).containsExactly(0, 1, 0);
    assertThat(fill("mamba_a_log", DType.F64, Slice.of(Shape.of(1L << 40)).along(0, 1L << 39, 1)))
        .containsExactly(StrictMath.log(0x1p39 + 1));
  }

  @ParameterizedTest
  @EnumSource
  void everyDtypeRoundsOnce(DType dtype) {
    Slice slice = Slice.of(Shape.of(1, 40));
    double[] exact = fill("mamba_a_log", DType.F64, slice);
    double[] rounded = fill("mamba_a_log", dtype, slice);
    for (int i = 0; i < exact.length; i++) {
      assertThat(rounded[i]).isEqualTo(dtype == DType.F64 ? exact[i] : dtype.widen(dtype.round((float) exact[i])));
    }
    assertThat(fill("identity(0.3)", dtype, Slice.of(Shape.of(2, 2)))[3]).isCloseTo(0.3, offset(0.02));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      identity           | 4         | identity(1) is for matrices, and [4] has rank 1
      dirac              | 4,4       | of rank 3 to 5, and [4, 4] has rank 2
      dirac              | 1,1,1,1,1,1 | has rank 6
      dirac(0)           | 2,2,2     | at least 1 group
      dirac(1.5)         | 2,2,2     | must be an integer
      dirac(3)           | 4,2,2     | the 4 outputs of [4, 2, 2] do not divide into 3 groups
      dirac(layout=article) | 4,2,2  | use oihw or hwio
      zero_init          | 4         | rank 2 to 5
      bilinear           | 4,4       | rank 3 to 5
      lstm_bias          | 6         | none that divides by 4
      lstm_bias          | 2,4       | vectors of four gates
      mamba_a_log        | -         | a scalar has none
      mamba_dt(0)        | 4         | 0 < min <= max
      stft(real)         | 4,2,3     | not for [4, 2, 3]
      stft(real)         | 4,1,1     | not for [4, 1, 1]
      sparse(0.5)        | 4         | for matrices
      sparse(0.5)        | 1,2097153 | at most 2097152 columns
      sparse(1.5)        | 4,4       | must be 0 to 1
      ones with row(3)=0 | 3,2       | rows 0 to 2
      ones with row(-1)=0 | 3,2      | must not be negative
      ones with row(0)=0 | -         | has no rows
      """)
  void shapesThatHaveNoValues(String text, String extents, String fault) {
    Shape shape = extents.equals("-") ? Shape.of() : Shape.of(Arrays.stream(extents.split(",")).mapToLong(Long::parseLong).toArray());
    assertThatThrownBy(() -> Expression.parse(text).resolve(shape)).isInstanceOf(ExpressionException.class).hasMessageContaining(fault);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      identity(1e5)                        | F16     | gain = 100000.0 is not finite in F16, whose largest value is 65504
      identity(465)                        | F8_E4M3 | gain = 465.0 is not finite
      zeros with row(0) = 70000 with row(1) = 1 | F16 | the row's value = 70000.0 is not finite in F16
      ones with row(0) = 1e39              | BF16    | the row's value = 1.0E39 is not finite in BF16
      sparse(0.5, 1e39)                    | F32     | std = 1.0E39 is not finite
      """)
  void nothingIsWrittenThatTheTypeCannotHold(String text, DType dtype, String fault) {
    try (Tensor tensor = CPU.allocate(dtype, Shape.of(2, 2))) {
      tensor.copyFrom(5, 5, 5, 5);
      assertThatThrownBy(() -> Expression.parse(text).fill(tensor, STREAM)).isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(fault);
      assertThat(tensor.toDoubles()).containsOnly(5);
    }
  }

  /// Memory of a Java array cannot be handed to a kernel as it is; the values are the same.
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {"dirac(2)", "mamba_dt with row(1) = 2", "zero_init", "bilinear"})
  void arraysOfTheCaller(String text) {
    Slice slice = Slice.of(Shape.of(6, 3, 5)).along(0, 1, 4).along(2, 1, 3);
    float[] values = new float[(int) slice.elements()];
    Expression.parse(text).fill(CPU.wrap(MemorySegment.ofArray(values), DType.F32, slice), STREAM);
    double[] expected = fill(text, DType.F32, slice);
    for (int i = 0; i < values.length; i++) {
      assertThat((double) values[i]).isEqualTo(expected[i]);
    }
  }

  /// An initializer, a shape for it and a box of that.
  record Case(String text, Slice box) {}

  @Property(tries = 2000, edgeCases = EdgeCasesMode.NONE)
  void slicesAreCutFromTheWhole(@ForAll("cases") Case example, @ForAll DType dtype) {
    Shape whole = example.box.whole();
    double[] all = fill(example.text, dtype, Slice.of(whole));
    double[] part = fill(example.text, dtype, example.box);
    double[] expected = new double[part.length];
    example.box.forEachRun(run ->
        System.arraycopy(all, (int) run.start(), expected, (int) run.position(), (int) run.count()));
    assertThat(part).isEqualTo(expected);
  }

  @Provide
  Arbitrary<Case> cases() {
    Arbitrary<Long> extent = Arbitraries.longs().between(0, 9);
    Arbitrary<Integer> even = Arbitraries.integers().between(0, 5).map(n -> 2 * n);
    return Arbitraries.of(List.of("identity(2)", "zero_init", "zero_init(hwio)", "dirac(2)", "dirac(2, hwio)", "bilinear", "bilinear(hwio)",
        "lstm_bias", "mamba_a_log", "mamba_dt", "stft(real)", "stft(imag, hamming, spectrum, true)", "sparse(0.3)", "sparse(1)",
        "he_normal with row(2) = 3", "uniform(-1, 1)")).flatMap(text -> {
          Arbitrary<long[]> shape = switch (text.substring(0, 4)) {
            case "dira", "bili" -> extent.array(long[].class).ofMinSize(3).ofMaxSize(5).flatMap(e -> even.map(out -> {
              e[text.contains("hwio") ? e.length - 1 : 0] = out;
              return e;
            }));
            case "zero" -> extent.array(long[].class).ofMinSize(2).ofMaxSize(4);
            case "lstm" -> extent.map(hidden -> new long[] {4 * hidden});
            case "stft" -> Combinators.combine(extent, extent).as((samples, frequencies) -> new long[] {samples, 1, frequencies + 2});
            case "iden", "spar" -> extent.array(long[].class).ofSize(2);
            case "he_n" -> extent.map(e -> e + 3).array(long[].class).ofSize(2);
            default -> extent.array(long[].class).ofMinSize(1).ofMaxSize(4);
          };
          return shape.flatMap(extents -> box(Slice.of(Shape.of(extents)), 0)).map(box -> new Case(text, box));
        });
  }

  private static Arbitrary<Slice> box(Slice slice, int axis) {
    if (axis == slice.whole().rank()) {
      return Arbitraries.just(slice);
    }
    long extent = slice.whole().extent(axis);
    return Arbitraries.longs().between(0, extent).flatMap(start -> Arbitraries.longs().between(0, extent - start)
        .flatMap(length -> box(slice.along(axis, start, length), axis + 1)));
  }
}
