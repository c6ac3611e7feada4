package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Signs;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.LongVector;
import org.jspecify.annotations.Nullable;

/// Kernels in the widest vectors that the processor has, 128 to 512 bits (jdk.incubator.vector), with the bits of [ScalarKernels].
///
/// Words are made in pieces that stay in the first cache, turned into values there and rounded into the caller's memory. Memory that is
/// not a whole number of steps is made aside and copied, so that nothing outside is touched.
final class VectorKernels implements Kernels {
  /// Bytes of words in a piece.
  private static final int PIECE = 1 << 12;

  /// Elements of one counter: 65536 subsequences of four.
  private static final long COUNTER_ELEMENTS = 1 << 18;

  /// The width of this JVM's vectors.
  static int bits() {
    return LongVector.SPECIES_PREFERRED.vectorBitSize();
  }

  @Override
  public void fill(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    if (law instanceof Constant(double value)) {
      Kernels.constant(dtype, value, count, out);
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      new Fill(law, dtype, key, arena, out).run(start, count);
    }
  }

  /// Turns a piece of words into values at `at` in `out`.
  private interface Pass {
    void run(int bytes, MemorySegment out, long at);
  }

  /// One call's state.
  private static final class Fill {
    private final DType dtype;
    private final MemorySegment out;
    private final VectorPhilox philox;
    /// F64 elements take two words each, from two counters in turn.
    private final boolean wide;
    /// Elements that one step makes.
    private final int step;
    private final VectorPhilox.Form form;
    private final boolean inOrder;
    /// Of uniforms in binary32, which are made together with their words.
    private final float range;
    private final float low;
    private final MemorySegment words;
    private final MemorySegment probabilities;
    private final MemorySegment aside;
    /// Turns a piece of words into elements; null if they are made together with the words.
    private final @Nullable Pass pass;

    Fill(Distribution law, DType dtype, long key, Arena arena, MemorySegment out) {
      this.dtype = dtype;
      this.out = out;
      philox = new VectorPhilox(key);
      wide = dtype == DType.F64 && !(law instanceof Signs);
      step = VectorPhilox.WORDS / (wide ? 2 : 1);
      boolean pairs = law instanceof Normal || law instanceof LogNormal;
      inOrder = !pairs && (dtype == DType.F32 || dtype == DType.F64 && !wide);
      // Vectors that straddle cache lines cost twice: the 16 bytes of malloc are not enough.
      words = arena.allocate(PIECE, 64);
      probabilities = law instanceof TruncatedNormal ? arena.allocate(PIECE, 64) : MemorySegment.NULL;
      aside = arena.allocate((long) VectorPhilox.WORDS * Long.BYTES, 64);
      if (law instanceof Uniform(double lowest, double highest) && !wide) {
        range = (float) (highest - lowest);
        low = (float) lowest;
        // fma(range, U, low) grows with U, so none is too great if that of U = 1 is not.
        boolean bounded = Math.fma(range, 1, low) <= (float) highest;
        form = bounded && dtype == DType.BF16 ? VectorPhilox.Form.UNIFORM_BF16 : VectorPhilox.Form.UNIFORM;
        pass = bounded && (dtype == DType.BF16 || dtype == DType.F32) ? null : elements(values(law));
      } else {
        range = 0;
        low = 0;
        form = pairs && !wide ? VectorPhilox.Form.UNIFORM_EVEN : VectorPhilox.Form.WORDS;
        pass = elements(wide ? values64(law) : values(law));
      }
    }

    private Pass elements(Pass values) {
      if (inOrder) {
        return values;
      }
      return (bytes, to, at) -> {
        values.run(bytes, words, 0);
        if (wide) {
          VectorLaws64.store(words, bytes, to, at);
        } else {
          VectorStore.store(dtype, words, bytes, to, at);
        }
      };
    }

    private Pass values(Distribution law) {
      return switch (law) {
        case Uniform(_, double high) -> (bytes, to, at) -> VectorLaws.atMost((float) high, words, bytes, to, at);
        case Normal(double mean, double std) -> (bytes, _, _) -> normals(bytes, mean, std);
        case LogNormal(double mean, double std) -> (bytes, _, _) -> {
          normals(bytes, mean, std);
          VectorLaws.exponentials(words, bytes);
        };
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(false);
          yield (bytes, to, at) -> {
            VectorLaws.tails(words, bytes, tails, probabilities);
            VectorLaws.logarithms(probabilities, bytes, 1, Laws.ROOT_HALF_BITS + (24 << Laws.EXPONENT_SHIFT));
            VectorLaws.quantiles(words, probabilities, bytes, truncated, tails, to, at);
          };
        }
        case Signs(double value) -> dtype == DType.F64
            ? (bytes, to, at) -> VectorLaws64.signs(words, bytes, value, to, at)
            : (bytes, to, at) -> VectorLaws.signs(words, bytes, (float) value, to, at);
        case Constant _ -> throw new IllegalArgumentException(law + " needs no words");
      };
    }

    private void normals(int bytes, double mean, double std) {
      VectorLaws.logarithms(words, bytes, 2, Laws.ROOT_HALF_BITS);
      VectorLaws.normals(words, bytes, (float) mean, (float) std);
    }

    private Pass values64(Distribution law) {
      return switch (law) {
        case Uniform(double low, double high) -> (bytes, _, _) -> {
          uniforms64(bytes);
          VectorLaws64.scale(words, bytes, high - low, low, high);
        };
        case Normal(double mean, double std) -> (bytes, _, _) -> normals64(bytes, mean, std);
        case LogNormal(double mean, double std) -> (bytes, _, _) -> {
          normals64(bytes, mean, std);
          VectorLaws64.exponentials(words, bytes);
        };
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(true);
          yield (bytes, _, _) -> {
            VectorLaws64.integers(words, bytes);
            VectorLaws64.tails(words, bytes, tails, probabilities);
            VectorLaws64.logarithms(probabilities, bytes, 1, Laws.ROOT_HALF_BITS_64 + (53L << Laws.EXPONENT_SHIFT_64));
            VectorLaws64.quantiles(words, probabilities, bytes, truncated, tails);
          };
        }
        case Signs _, Constant _ -> throw new IllegalArgumentException(law + " is not computed in binary64");
      };
    }

    private void uniforms64(int bytes) {
      VectorLaws64.integers(words, bytes);
      VectorLaws64.uniforms(words, bytes);
    }

    private void normals64(int bytes, double mean, double std) {
      uniforms64(bytes);
      VectorLaws64.logarithms(words, bytes, 2, Laws.ROOT_HALF_BITS_64);
      VectorLaws64.normals(words, bytes, mean, std);
    }

    void run(long start, long count) {
      for (long done = 0; done < count; ) {
        long element = start + done;
        long run = Math.min(count - done, COUNTER_ELEMENTS - (element & COUNTER_ELEMENTS - 1));
        long ctr = element >>> 18;
        philox.counters(wide ? 2 * ctr : ctr, wide ? 2 * ctr + 1 : ctr);
        ofCounter((int) (element & COUNTER_ELEMENTS - 1), (int) run, done);
        done += run;
      }
    }

    /// Elements `first` to `first + count` of the counter, to place `position`.
    private void ofCounter(int first, int count, long position) {
      int lead = first & 3;
      int head = lead == 0 ? 0 : Math.min(count, step - lead);
      if (head > 0) {
        aside(first / 4, lead, head, position);
      }
      int steps = (count - head) / step;
      steps((first + head) / 4, steps, out, (position + head) * dtype.bytes());
      int body = head + steps * step;
      if (body < count) {
        aside((first + body) / 4, 0, count - body, position + body);
      }
    }

    private void aside(int sub, int lead, int count, long position) {
      steps(sub, 1, aside, 0);
      MemorySegment.copy(aside, (long) lead * dtype.bytes(), out, position * dtype.bytes(), (long) count * dtype.bytes());
    }

    private void steps(int sub, int steps, MemorySegment to, long at) {
      int stride = step / 4;
      if (pass == null) {
        philox.make(form, inOrder, sub, sub + stride / 2, stride, steps, range, low, to, at);
        return;
      }
      int bytesPerStep = VectorPhilox.WORDS * Integer.BYTES;
      int most = PIECE / bytesPerStep;
      for (int from = 0; from < steps; from += most) {
        int some = Math.min(most, steps - from);
        int first = sub + from * stride;
        philox.make(form, inOrder, first, wide ? first : first + stride / 2, stride, some, range, low, words, 0);
        pass.run(some * bytesPerStep, to, at + (long) from * step * dtype.bytes());
      }
    }
  }
}
