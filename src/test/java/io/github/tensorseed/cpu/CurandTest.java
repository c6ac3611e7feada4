package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.Philox;
import io.github.tensorseed.RandomStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Words, uniforms and normals against NVIDIA's own host generator: `mvn -Pcurand test -Dtest=CurandTest`.
@Tag("foreign")
@Tag("curand")
class CurandTest {
  private static final int COUNT = 1 << 22;
  /// Below and beyond each carry of the counter; a multiple of 4, which is what the generator can do at offsets that are.
  private static final int AROUND = 1 << 12;
  private static final Distribution UNIFORM = new Uniform(0, 1);
  private static final Distribution NORMAL = new Normal(0, 1);

  @BeforeAll
  static void load() {
    HostGenerator.load();
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 42, 1234, 0x0123456789abcdefL, -1, Long.MIN_VALUE})
  void firstValues(long seed) {
    assertThat(words(seed, 0, COUNT)).isEqualTo(new HostGenerator(seed, 0).words(COUNT));
    assertUniforms(seed, 0, COUNT);
    assertNormals(seed, 0, COUNT);
    assertDoubles(seed, COUNT);
  }

  /// Word offsets: the subsequence's end, and the ends of a 32-bit count of words, of blocks, and of the counter's low word.
  @ParameterizedTest
  @ValueSource(longs = {1L << 18, 1L << 32, 1L << 34, 1L << 50})
  void carries(long carry) {
    for (long offset : new long[] {carry - AROUND / 2, carry, carry + (1L << 18) - AROUND / 2}) {
      assertThat(words(42, offset, AROUND)).isEqualTo(new HostGenerator(42, offset).words(AROUND));
      assertUniforms(42, offset, AROUND);
      assertNormals(42, offset, AROUND);
    }
  }

  /// Offsets that are no multiple of 4, and lengths that are none.
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 262141, 262142, 262143, (1L << 34) - 3, (1L << 50) - 1})
  void oddOffsets(long offset) {
    assertThat(words(7, offset, 1001)).isEqualTo(new HostGenerator(7, offset).words(1001));
    assertUniforms(7, offset, 1001);
  }

  /// Writes the golden values beside the library and compares them with the committed ones.
  @Test
  void goldenValues() throws IOException {
    int version = HostGenerator.version();
    StringBuilder golden = new StringBuilder("""
        # Values of NVIDIA's Philox generator on the host (curandCreateGeneratorHost, CURAND_RNG_PSEUDO_PHILOX4_32_10, legacy ordering),
        # libcurand %d.%d.%d as redistributed in org.bytedeco:cuda:11.8-8.6-1.5.8. Made, and compared with this file, by
        # mvn -Pcurand test -Dtest=CurandTest     which writes target/curand/%s
        # Each line: kind, seed in hexadecimal, index of the first element, bits of the values from there on.
        """.formatted(version / 1000, version / 100 % 10, version % 100, GoldenValuesTest.RESOURCE));
    for (long seed : new long[] {0, 42, 1234, 0x0123456789abcdefL, -1}) {
      for (long start : new long[] {0, (1L << 18) - 4, (1L << 32) - 4, (1L << 34) - 4, (1L << 50) - 4}) {
        HostGenerator generator = new HostGenerator(seed, start);
        line(golden, "word", seed, start, Arrays.stream(generator.words(8)).mapToLong(Integer::toUnsignedLong).toArray());
        line(golden, "uniform", seed, start, bits(generator.uniforms(8)));
        line(golden, "normal", seed, start, bits(generator.normals(8)));
      }
      HostGenerator generator = new HostGenerator(seed, 0);
      double[] uniforms = generator.doubleUniforms((1 << 18) + 4);
      double[] normals = generator.doubleNormals((1 << 18) + 4);
      for (int start : new int[] {0, (1 << 18) - 4}) {
        line(golden, "uniform64", seed, start, bits(Arrays.copyOfRange(uniforms, start, start + 8)));
        line(golden, "normal64", seed, start, bits(Arrays.copyOfRange(normals, start, start + 8)));
      }
    }
    Files.writeString(Path.of(System.getProperty("curand.directory"), GoldenValuesTest.RESOURCE), golden);
    assertThat(golden.toString()).isEqualTo(GoldenValuesTest.committed());
  }

  private static void line(StringBuilder golden, String kind, long seed, long start, long[] bits) {
    golden.append("%s %x %d".formatted(kind, seed, start));
    Arrays.stream(bits).forEach(value -> golden.append(' ').append(Long.toHexString(value)));
    golden.append('\n');
  }

  private static long[] bits(float[] values) {
    return IntStream.range(0, values.length).mapToLong(i -> Integer.toUnsignedLong(Float.floatToRawIntBits(values[i]))).toArray();
  }

  private static long[] bits(double[] values) {
    return Arrays.stream(values).mapToLong(Double::doubleToRawLongBits).toArray();
  }

  private static int[] words(long seed, long offset, int count) {
    int[] words = new int[count];
    int[] block = new int[4];
    for (int i = 0; i < count; i++) {
      Philox.block(seed, (offset + i) >>> 2, block);
      words[i] = block[(int) (offset + i) & 3];
    }
    return words;
  }

  private static void assertUniforms(long seed, long offset, int count) {
    double[] values = Samples.values(DType.F32, UNIFORM, RandomStream.of(seed), offset, count);
    float[] theirs = new HostGenerator(seed, offset).uniforms(count);
    for (int i = 0; i < count; i++) {
      if (values[i] != theirs[i]) {
        throw new AssertionError("uniform " + (offset + i) + " of seed " + seed + ": " + values[i] + ", cuRAND has " + theirs[i]);
      }
    }
  }

  private static void assertNormals(long seed, long offset, int count) {
    double[] values = Samples.values(DType.F32, NORMAL, RandomStream.of(seed), offset, count);
    float[] theirs = new HostGenerator(seed, offset).normals(count);
    Agreement agreement = new Agreement(8, 1e-6);
    for (int i = 0; i < count; i++) {
      agreement.compare("normal " + (offset + i) + " of seed " + seed, values[i], theirs[i], Math.ulp(theirs[i]));
    }
    if (count == COUNT) {
      agreement.report("F32 normals of seed " + seed);
      assertThat(agreement.equalShare()).isGreaterThanOrEqualTo(0.75);
    }
  }

  private static void assertDoubles(long seed, int count) {
    double[] uniforms = Samples.values(DType.F64, UNIFORM, RandomStream.of(seed), count);
    assertThat(uniforms).isEqualTo(new HostGenerator(seed, 0).doubleUniforms(count));
    double[] values = Samples.values(DType.F64, NORMAL, RandomStream.of(seed), count);
    double[] theirs = new HostGenerator(seed, 0).doubleNormals(count);
    Agreement agreement = new Agreement(4, 4e-15);
    for (int i = 0; i < count; i++) {
      agreement.compare("F64 normal " + i + " of seed " + seed, values[i], theirs[i], Math.ulp(theirs[i]));
    }
    agreement.report("F64 normals of seed " + seed);
  }
}
