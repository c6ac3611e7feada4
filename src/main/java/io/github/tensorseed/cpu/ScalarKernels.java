package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Signs;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.Philox;
import java.lang.foreign.MemorySegment;

/// The definition of every value, one element at a time. Other kernels are faster and have these bits.
final class ScalarKernels implements Kernels {

  /// The value of one element of a block of four words: lanes 0 to 3, or 0 and 1 for laws that are computed in binary64.
  private interface Law {
    double value(int[] words, int lane);
  }

  @Override
  public void fill(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    if (law instanceof Constant(double value)) {
      for (long i = 0; i < count; i++) {
        dtype.set(out, i, value);
      }
    } else if (dtype == DType.F64 && !(law instanceof Signs)) {
      fill64(law64(law), key, start, count, out);
    } else {
      fill32(law32(law), dtype, key, start, count, out);
    }
  }

  private static void fill32(Law law, DType dtype, long key, long start, long count, MemorySegment out) {
    int[] words = new int[4];
    for (long i = 0; i < count; i++) {
      long element = start + i;
      if (i == 0 || (element & 3) == 0) {
        Philox.block(key, element >>> 2, words);
      }
      dtype.set(out, i, law.value(words, (int) element & 3));
    }
  }

  private static void fill64(Law law, long key, long start, long count, MemorySegment out) {
    int[] words = new int[4];
    for (long i = 0; i < count; i++) {
      long element = start + i;
      if (i == 0 || (element & 1) == 0) {
        block64(key, element, words);
      }
      DType.F64.set(out, i, law.value(words, (int) element & 1));
    }
  }

  /// The block of F64 element `element`: cuRAND draws four doubles, which are two counters, per subsequence at a time.
  static void block64(long key, long element, int[] words) {
    long group = element >>> 2;
    Philox.block(key, (int) group & 0xffff, 2 * (group >>> 16) + (element >>> 1 & 1), words);
  }

  private static Law law32(Distribution law) {
    return switch (law) {
      case Uniform(double low, double high) -> {
        float lowest = (float) low;
        float highest = (float) high;
        float range = (float) (high - low);
        yield (words, lane) -> atMost(highest, Math.fma(range, Laws.uniform(words[lane]), lowest));
      }
      case Normal(double mean, double std) -> {
        float m = (float) mean;
        float s = (float) std;
        yield (words, lane) -> Math.fma(s, normal(words, lane), m);
      }
      case LogNormal(double mean, double std) -> {
        float m = (float) mean;
        float s = (float) std;
        yield (words, lane) -> Laws.exp(Math.fma(s, normal(words, lane), m));
      }
      case TruncatedNormal truncated -> {
        TruncatedNormal.Tails tails = truncated.tails(false);
        float mean = (float) truncated.mean();
        float std = (float) truncated.std();
        float low = (float) truncated.low();
        float high = (float) truncated.high();
        float below = (float) tails.below();
        float above = (float) tails.above();
        float inside = (float) tails.inside();
        yield (words, lane) -> {
          int word = words[lane];
          boolean lower = Integer.toUnsignedLong(word) < tails.split();
          float p = Math.fma(inside, Laws.uniform(lower ? word : ~word), lower ? below : above);
          float quantile = Laws.upperQuantile(atMost(0.5f, p));
          return atMost(high, atLeast(low, Math.fma(std, lower ? -quantile : quantile, mean)));
        };
      }
      case Signs(double value) -> (words, lane) -> words[lane] >= 0 ? value : -value;
      case Constant _ -> throw new IllegalArgumentException(law + " needs no words");
    };
  }

  private static Law law64(Distribution law) {
    return switch (law) {
      case Uniform(double low, double high) -> {
        double range = high - low;
        yield (words, odd) -> atMost(high, Math.fma(range, uniform64(words, odd), low));
      }
      case Normal(double mean, double std) -> (words, odd) -> Math.fma(std, normal64(words, odd), mean);
      case LogNormal(double mean, double std) -> (words, odd) -> Laws.exp64(Math.fma(std, normal64(words, odd), mean));
      case TruncatedNormal(double mean, double std, double low, double high) -> {
        TruncatedNormal.Tails tails = ((TruncatedNormal) law).tails(true);
        yield (words, odd) -> {
          long word = Laws.word64(words[2 * odd], words[2 * odd + 1]);
          boolean lower = word < tails.split();
          double u = Laws.uniform64(lower ? word : ~word & (1L << 53) - 1);
          double p = Math.fma(tails.inside(), u, lower ? tails.below() : tails.above());
          double quantile = Laws.upperQuantile64(atMost(0.5, p));
          return atMost(high, atLeast(low, Math.fma(std, lower ? -quantile : quantile, mean)));
        };
      }
      case Signs _, Constant _ -> throw new IllegalArgumentException(law + " is not computed in binary64");
    };
  }

  // Selections rather than Math.min and Math.max, which also order zeros by their sign.
  private static float atMost(float high, float value) {
    return value > high ? high : value;
  }

  private static float atLeast(float low, float value) {
    return value < low ? low : value;
  }

  private static double atMost(double high, double value) {
    return value > high ? high : value;
  }

  private static double atLeast(double low, double value) {
    return value < low ? low : value;
  }

  private static float normal(int[] words, int lane) {
    float radius = Laws.radius(Laws.uniform(words[lane & 2]));
    float angle = Laws.angle(words[lane | 1]);
    return radius * ((lane & 1) == 0 ? Laws.sin(angle) : Laws.cos(angle));
  }

  private static double uniform64(int[] words, int odd) {
    return Laws.uniform64(words[2 * odd], words[2 * odd + 1]);
  }

  private static double normal64(int[] words, int odd) {
    double radius = Laws.radius64(uniform64(words, 0));
    double angle = Laws.angle64(uniform64(words, 1));
    return radius * (odd == 0 ? Laws.sin64(angle) : Laws.cos64(angle));
  }
}
