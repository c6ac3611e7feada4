package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Fork;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Assume;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Every kernel has the bits of the scalar ones, which are the definition.
class KernelsTest {
  private static final long KEY = 0xfedcba98_76543210L;

  static Stream<Kernels> fastKernels() {
    return Stream.of(new VectorKernels(), new LoopKernels());
  }

  private static void compare(Kernels kernels, Distribution law, DType dtype, long key, long start, int count, int misalignment) {
    if (KernelComparison.applies(law, dtype)) {
      assertThat(KernelComparison.difference(kernels, law, dtype, key, start, count, misalignment)).isEmpty();
    }
  }

  @ParameterizedTest
  @MethodSource("fastKernels")
  void everyLawAndType(Kernels kernels) {
    for (Distribution law : KernelComparison.LAWS) {
      for (DType dtype : DType.values()) {
        compare(kernels, law, dtype, KEY, 0, 4098, 0);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("fastKernels")
  void awkwardSizes(Kernels kernels) {
    for (int count : new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 25, 31, 63, 64, 65, 127, 1000, 4098}) {
      for (Distribution law : KernelComparison.LAWS) {
        for (DType dtype : DType.values()) {
          compare(kernels, law, dtype, KEY, 3L * count, count, count % 7);
        }
      }
    }
  }

  /// A last place of the least significant coefficient changes one value in some 2^18.
  @ParameterizedTest
  @MethodSource("fastKernels")
  void manyElements(Kernels kernels) {
    List<Distribution> laws = List.of(
        new Distribution.Normal(0, 1), new Distribution.LogNormal(0, 1), new Distribution.TruncatedNormal(0, 1, -3, 3));
    for (Distribution law : laws) {
      compare(kernels, law, DType.F32, KEY, 0, 1 << 23, 0);
    }
  }

  /// Element offsets whose words are next to 2^18 (the next counter), 2^32, 2^34 (the counter's high word for blocks of four), 2^50 and,
  /// for F64, elements 2^18, 2^32 and 2^49; and the last ones there are.
  @ParameterizedTest
  @MethodSource("fastKernels")
  void carries(Kernels kernels) {
    for (Distribution law : KernelComparison.LAWS) {
      for (int shift : new int[] {16, 18, 20, 32, 34, 36, 48, 49, 50, 51, 62}) {
        for (DType dtype : new DType[] {DType.F32, DType.F64, DType.BF16}) {
          compare(kernels, law, dtype, KEY, (1L << shift) - 131, 260, 4);
        }
      }
      compare(kernels, law, DType.F32, KEY, Long.MAX_VALUE - 200, 200, 0);
      compare(kernels, law, DType.F64, KEY, Long.MAX_VALUE - 200, 200, 0);
    }
  }

  @Property(tries = 400, edgeCases = EdgeCasesMode.MIXIN)
  void anything(@ForAll("laws") Distribution law, @ForAll DType dtype, @ForAll long key, @ForAll("starts") long start,
      @ForAll @IntRange(max = 3000) int count, @ForAll @IntRange(max = 63) int misalignment) {
    Assume.that(KernelComparison.applies(law, dtype));
    compare(new VectorKernels(), law, dtype, key, start, count, misalignment);
    compare(new LoopKernels(), law, dtype, key, start, count, misalignment);
  }

  @Provide
  Arbitrary<Long> starts() {
    return Arbitraries.oneOf(
        Arbitraries.longs().between(0, 1 << 20),
        Arbitraries.longs().between(0, Long.MAX_VALUE - 4000),
        Arbitraries.integers().between(10, 61).flatMap(shift -> Arbitraries.longs().between((1L << shift) - 1000, (1L << shift) + 1000)));
  }

  @Provide
  Arbitrary<Distribution> laws() {
    Arbitrary<Double> numbers = Arbitraries.doubles().between(-1e4, 1e4).ofScale(6);
    Arbitrary<Double> stds = Arbitraries.doubles().between(1e-6, 1e3).ofScale(6);
    Arbitrary<Distribution> uniform = numbers.flatMap(low -> stds.map(range -> new Distribution.Uniform(low, low + range)));
    Arbitrary<Distribution> normal = numbers.flatMap(mean -> stds.map(std -> new Distribution.Normal(mean, std)));
    Arbitrary<Distribution> logNormal = Arbitraries.doubles().between(-60, 60).flatMap(mean ->
        Arbitraries.doubles().between(0, 30).map(std -> new Distribution.LogNormal(mean, std)));
    Arbitrary<Distribution> truncated = numbers.flatMap(mean -> stds.flatMap(std -> Arbitraries.doubles().between(-7, 6.5).flatMap(low ->
        Arbitraries.doubles().between(0.25, 9).map(width ->
            new Distribution.TruncatedNormal(mean, std, mean + low * std, mean + (low + width) * std)))));
    Arbitrary<Distribution> signs = numbers.map(Distribution.Signs::new);
    return Arbitraries.oneOf(uniform, normal, logNormal, truncated, signs, Arbitraries.of(KernelComparison.LAWS));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7})
  void anyNumberOfThreads(int threads) {
    Distribution law = new Distribution.Normal(0, 1);
    long count = (3L << 18) + 12345;
    try (CpuDevice device = CpuDevice.open(threads); CpuDevice one = CpuDevice.open(1); Arena arena = Arena.ofShared()) {
      MemorySegment actual = fill(device, law, count, arena);
      assertThat(actual.mismatch(fill(one, law, count, arena))).isEqualTo(-1);
    }
  }

  private static MemorySegment fill(CpuDevice device, Distribution law, long count, Arena arena) {
    MemorySegment memory = arena.allocate(count * DType.BF16.bytes(), 64);
    Slice slice = Slice.of(Shape.of(count));
    device.fill(device.wrap(memory, DType.BF16, slice), law, RandomStream.of(7));
    return memory;
  }

  /// A processor with narrower vectors than asked for gives what it has.
  @ParameterizedTest
  @ValueSource(ints = {16, 32, 64})
  void vectorsOfEveryWidth(int bytes) throws IOException, InterruptedException {
    Result result = comparison(Stream.concat(Fork.FLAGS.stream(), Stream.of("-XX:MaxVectorSize=" + bytes)).toList());
    assertThat(result.kernels()).isEqualTo("VectorKernels");
    assertThat(result.bits()).isEqualTo(Math.min(8 * bytes, VectorKernels.bits()));
  }

  @Test
  void loopsWithoutTheModule() throws IOException, InterruptedException {
    Result result = comparison(List.of());
    assertThat(result.kernels()).isEqualTo("LoopKernels");
    assertThat(result.bits()).isZero();
    assertThat(result.log()).contains("--add-modules jdk.incubator.vector").doesNotContain("\tat ");
  }

  @Test
  void loopsWithoutNativeAccess() throws IOException, InterruptedException {
    Result result = comparison(List.of("--add-modules", "jdk.incubator.vector", "--illegal-native-access=deny"));
    assertThat(result.kernels()).isEqualTo("LoopKernels");
    assertThat(result.log()).contains("--enable-native-access=ALL-UNNAMED").doesNotContain("\tat ");
  }

  private record Result(String kernels, int bits, String log) {}

  /// Runs [KernelComparison] in a JVM of its own, with the compiler that makes vectors.
  private static Result comparison(List<String> flags) throws IOException, InterruptedException {
    Fork fork = Fork.run(Map.of(), Stream.concat(flags.stream(), Stream.of("-XX:TieredStopAtLevel=4")).toList(), KernelComparison.class);
    assertThat(fork.code()).as(fork.err()).isZero();
    Matcher matcher = Pattern.compile("(\\w+) (\\d+) (\\d+)").matcher(fork.out());
    assertThat(matcher.matches()).as(fork.out()).isTrue();
    assertThat(Integer.parseInt(matcher.group(3))).as("comparisons").isGreaterThan(100);
    return new Result(matcher.group(1), Integer.parseInt(matcher.group(2)), fork.err());
  }
}
