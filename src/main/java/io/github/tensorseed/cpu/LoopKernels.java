package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.Laws.*;

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
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Kernels for a JVM that was started without the incubating vectors: loops over short arrays that C2 turns into vectors by itself, with
/// the bits of [ScalarKernels], which do what is not worth a loop: binary64 and laws other than uniform and normal.
///
/// C2 wants one operation after another on whole arrays, no branch, one array at constant distances rather than several that might overlap.
final class LoopKernels implements Kernels {
  /// Blocks in a piece.
  private static final int BLOCKS = 256;
  private static final int WORDS = 4 * BLOCKS;
  private static final long LOW_HALF = 0xffffffffL;
  private static final int SIGN = 0x80000000;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Kernels scalar = new ScalarKernels();

  @Override
  public void fill(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    if (law instanceof Constant(double value)) {
      Kernels.constant(dtype, value, count, out);
    } else if (dtype != DType.F64 && count > 4 && (law instanceof Uniform || law instanceof Normal)) {
      new Fill(law, dtype, key, out).elements(start, count);
    } else {
      scalar.fill(law, dtype, key, start, count, out);
    }
  }

  /// One call's state: words and values of a piece, those of lane 0 of all blocks first, then of lane 1 and so on.
  private static final class Fill {
    private final Distribution law;
    private final DType dtype;
    private final long key;
    private final MemorySegment out;
    private final long[] state = new long[WORDS];
    private final float[] values = new float[WORDS];
    private final float[] ordered = new float[WORDS];
    private final short[] narrow = new short[WORDS];

    Fill(Distribution law, DType dtype, long key, MemorySegment out) {
      this.law = law;
      this.dtype = dtype;
      this.key = key;
      this.out = out;
    }

    void elements(long start, long count) {
      for (long done = 0; done < count; ) {
        long element = start + done;
        int lead = (int) element & 3;
        long block = element >>> 2;
        int some = (int) Math.min(WORDS - lead, count - done);
        counters(state, block);
        rounds(state, key);
        uniforms(state, values);
        switch (law) {
          case Uniform(double low, double high) -> scale(values, (float) (high - low), (float) low, (float) high);
          case Normal(double mean, double std) -> {
            for (int lane = 0; lane < WORDS; lane += 2 * BLOCKS) {
              angles(state, lane + BLOCKS, values);
              radii(values, lane);
              normals(values, lane, (float) mean, (float) std);
            }
          }
          default -> throw new IllegalStateException(law + " has no loops");
        }
        order(values, ordered);
        store(lead, some, done);
        done += some;
      }
    }

    private void store(int lead, int count, long position) {
      long at = position * dtype.bytes();
      switch (dtype) {
        case F32 -> MemorySegment.copy(ordered, lead, out, FLOAT, at, count);
        case BF16 -> {
          bfloat16(ordered, narrow);
          MemorySegment.copy(narrow, lead, out, SHORT, at, count);
        }
        case F16 -> {
          float16(ordered, narrow);
          MemorySegment.copy(narrow, lead, out, SHORT, at, count);
        }
        default -> {
          for (int i = 0; i < count; i++) {
            dtype.set(out, position + i, ordered[lead + i]);
          }
        }
      }
    }
  }

  private static void counters(long[] state, long block) {
    for (int i = 0; i < BLOCKS; i++) {
      long ctr = block + i >>> 16;
      state[i] = ctr & LOW_HALF;
      state[i + BLOCKS] = ctr >>> 32;
      state[i + 2 * BLOCKS] = block + i & 0xffff;
      state[i + 3 * BLOCKS] = 0;
    }
  }

  private static void rounds(long[] state, long key) {
    int k0 = (int) key;
    int k1 = (int) (key >>> 32);
    for (int round = 0; round < 10; round++) {
      round(state, k0 & LOW_HALF, k1 & LOW_HALF);
      k0 += Philox.W0;
      k1 += Philox.W1;
    }
  }

  /// The upper halves hold what is left of products: nobody looks at them.
  private static void round(long[] state, long k0, long k1) {
    for (int i = 0; i < BLOCKS; i++) {
      long p0 = (state[i] & LOW_HALF) * Philox.M0;
      long p1 = (state[i + 2 * BLOCKS] & LOW_HALF) * Philox.M1;
      state[i] = p1 >>> 32 ^ state[i + BLOCKS] ^ k0;
      state[i + BLOCKS] = p1;
      state[i + 2 * BLOCKS] = p0 >>> 32 ^ state[i + 3 * BLOCKS] ^ k1;
      state[i + 3 * BLOCKS] = p0;
    }
  }

  private static void uniforms(long[] state, float[] values) {
    for (int i = 0; i < WORDS; i++) {
      values[i] = (float) (state[i] & LOW_HALF) * 0x1p-32f + 0x1p-33f;
    }
  }

  private static void scale(float[] values, float range, float low, float high) {
    for (int i = 0; i < WORDS; i++) {
      values[i] = Math.fma(range, values[i], low);
    }
    if (Math.fma(range, 1, low) > high) { // grows with U, so the greatest U decides whether any value may be too great
      for (int i = 0; i < WORDS; i++) {
        values[i] = values[i] > high ? high : values[i];
      }
    }
  }

  /// Angles of lanes 1 and 3.
  private static void angles(long[] state, int from, float[] values) {
    for (int i = from; i < from + BLOCKS; i++) {
      values[i] = (float) (state[i] & LOW_HALF) * ANGLE_STEP + ANGLE_START;
    }
  }

  private static void radii(float[] values, int from) {
    for (int i = from; i < from + BLOCKS; i++) {
      values[i] = radius(values[i]);
    }
  }

  /// Radii and angles, a lane behind, to pairs of normals.
  private static void normals(float[] values, int from, float mean, float std) {
    for (int i = from; i < from + BLOCKS; i++) {
      float v = values[i + BLOCKS];
      float turns = Math.fma(v, TWO_OVER_PI, ROUNDER);
      float n = turns - ROUNDER;
      float r = Math.fma(n, -HALF_PI_LOW, Math.fma(n, -HALF_PI_HIGH, v));
      float w = r * r;
      int sine = Float.floatToRawIntBits(Math.fma(Math.fma(Math.fma(SIN_2, w, SIN_1), w, SIN_0), r * w, r));
      int cosine = Float.floatToRawIntBits(Math.fma(Math.fma(Math.fma(Math.fma(COS_3, w, COS_2), w, COS_1), w, COS_0), w, 1));
      int quarter = Float.floatToRawIntBits(turns);
      int swap = (sine ^ cosine) & -(quarter & 1);
      float even = Float.intBitsToFloat(sine ^ swap ^ quarter << 30 & SIGN);
      float odd = Float.intBitsToFloat(cosine ^ swap ^ quarter + 1 << 30 & SIGN);
      float radius = values[i];
      values[i] = Math.fma(std, radius * even, mean);
      values[i + BLOCKS] = Math.fma(std, radius * odd, mean);
    }
  }

  private static void order(float[] values, float[] ordered) {
    for (int i = 0; i < BLOCKS; i++) {
      ordered[4 * i] = values[i];
      ordered[4 * i + 1] = values[i + BLOCKS];
      ordered[4 * i + 2] = values[i + 2 * BLOCKS];
      ordered[4 * i + 3] = values[i + 3 * BLOCKS];
    }
  }

  private static void bfloat16(float[] values, short[] narrow) {
    for (int i = 0; i < WORDS; i++) {
      int bits = Float.floatToRawIntBits(values[i]);
      narrow[i] = (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }
  }

  private static void float16(float[] values, short[] narrow) {
    for (int i = 0; i < WORDS; i++) {
      narrow[i] = Float.floatToFloat16(values[i]);
    }
  }
}
