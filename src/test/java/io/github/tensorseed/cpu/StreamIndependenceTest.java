package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.Statistics.assertStandardNormal;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.Philox;
import io.github.tensorseed.RandomStream;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Streams know nothing of each other, and elements nothing of their neighbours. Seeds and names were fixed beforehand; 106 assertions
/// have a false-alarm rate of 1e-4 each.
class StreamIndependenceTest {
  private static final int COUNT = 1 << 18;

  /// Names alike, prefixes of each other, nested, of neighbouring seeds.
  private static final List<RandomStream> STREAMS = List.of(
      RandomStream.of(42),
      RandomStream.of(43),
      RandomStream.of(42L << 32),
      RandomStream.of(42).named("h.0.attn.c_attn.weight"),
      RandomStream.of(42).named("h.1.attn.c_attn.weight"),
      RandomStream.of(42).named("h.0.attn.c_attn.bias"),
      RandomStream.of(42).named("h.0.attn.c_attn.weigh"),
      RandomStream.of(42).named(""),
      RandomStream.of(42).named("h").named("0"),
      RandomStream.of(43).named("h.0.attn.c_attn.weight"));

  @Test
  void streamsDoNotCorrelate() {
    List<double[]> values = STREAMS.stream().map(StreamIndependenceTest::uniforms).toList();
    for (int a = 0; a < values.size(); a++) {
      for (int b = 0; b < a; b++) {
        assertUncorrelated(STREAMS.get(a) + " and " + STREAMS.get(b), values.get(a), 0, values.get(b), 0);
      }
    }
  }

  /// Two words together, since single words of 32 bits do occur twice in so many.
  @Test
  void streamsShareNoWords() {
    Set<Long> pairs = new HashSet<>();
    int[] words = new int[4];
    for (RandomStream stream : STREAMS) {
      for (int block = 0; block < 1 << 14; block++) {
        Philox.block(stream.key(), block, words);
        pairs.add((long) words[0] << 32 | Integer.toUnsignedLong(words[1]));
        pairs.add((long) words[2] << 32 | Integer.toUnsignedLong(words[3]));
      }
    }
    assertThat(pairs).hasSize(STREAMS.size() << 15);
  }

  /// Within a block, from block to block, across a subsequence and across the carry of the counter.
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 7, 8, 16, 64, 1024, 1 << 16, 1 << 17, 1 << 18})
  void elementsDoNotCorrelateWithLaterOnes(int lag) {
    double[] values = Samples.values(DType.F32, new Uniform(0, 1), RandomStream.of(42).named("lag"), COUNT + lag);
    assertUncorrelated("lag " + lag, values, 0, values, lag);
  }

  /// Sine and cosine of one pair share radius and angle; their squares, and products of neighbours, would show it.
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void normalsOfOnePairAreIndependent(int lag) {
    for (DType dtype : new DType[] {DType.F32, DType.F64}) {
      double[] values = Samples.values(dtype, new Normal(0, 1), RandomStream.of(42).named("pairs"), COUNT + lag);
      double[] squares = Arrays.stream(values).map(z -> z * z).toArray();
      assertUncorrelated("normals at lag " + lag, values, 0, values, lag);
      assertUncorrelated("squares at lag " + lag, squares, 0, squares, lag);
    }
  }

  /// Each of the 32 bits of a word is one in half of the words.
  @Test
  void bitsAreFair() {
    int[] words = new int[4];
    long[] ones = new long[32];
    for (int block = 0; block < COUNT; block++) {
      Philox.block(RandomStream.of(42).named("bits").key(), block, words);
      for (int word : words) {
        for (int bit = 0; bit < 32; bit++) {
          ones[bit] += word >>> bit & 1;
        }
      }
    }
    for (int bit = 0; bit < 32; bit++) {
      assertStandardNormal("bit " + bit, (ones[bit] - 2.0 * COUNT) / Math.sqrt(COUNT));
    }
  }

  private static double[] uniforms(RandomStream stream) {
    return Samples.values(DType.F32, new Uniform(0, 1), stream, COUNT);
  }

  private static void assertUncorrelated(String what, double[] x, int fromX, double[] y, int fromY) {
    double meanX = mean(x, fromX);
    double meanY = mean(y, fromY);
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (int i = 0; i < COUNT; i++) {
      double dx = x[fromX + i] - meanX;
      double dy = y[fromY + i] - meanY;
      xx += dx * dx;
      yy += dy * dy;
      xy += dx * dy;
    }
    assertStandardNormal(what, xy / Math.sqrt(xx * yy) * Math.sqrt(COUNT));
  }

  private static double mean(double[] values, int from) {
    return Arrays.stream(values, from, from + COUNT).average().orElseThrow();
  }
}
