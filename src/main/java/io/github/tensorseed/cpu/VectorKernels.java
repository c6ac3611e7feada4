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
/// Words are made in pieces that stay in the first cache, turned into values there and rounded into the caller's memory. Memory that is not a
/// whole number of steps is made aside and copied, so that nothing outside is touched.
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
      new Fill(law, dtype, key, arena, out).elements(start, count);
    }
  }

  /// Turns a piece of words into values at `at` in `out`.
  private interface Pass {
    void run(int bytes, MemorySegment out, long at);
  }

  /// One call's state.
  private static final class Fill {
    private final Distribution law;
    private final DType dtype;
    private final MemorySegment out;
    private final VectorPhilox philox;
    /// F64 elements take two words each, from two counters in turn.
    private final boolean wide;
    /// Elements that one step makes.
    private final int step;
    private final MemorySegment words;
    private final MemorySegment aside;
    private final Pass pass;
    private final boolean inOrder;
    private final VectorPhilox.@Nullable Form fused;

    Fill(Distribution law, DType dtype, long key, Arena arena, MemorySegment out) {
      this.law = law;
      this.dtype = dtype;
      this.out = out;
      philox = new VectorPhilox(key);
      wide = dtype == DType.F64 && !(law instanceof Signs);
      step = VectorPhilox.WORDS / (wide ? 2 : 1);
      // Vectors that straddle cache lines cost twice: the allocator's 16 bytes of alignment are not enough.
      words = arena.allocate(PIECE, 64);
      aside = arena.allocate((long) VectorPhilox.WORDS * Long.BYTES, 64);
      inOrder = switch (law) {
        case Normal _, LogNormal _ -> false;
        default -> dtype == DType.F32 || law instanceof Signs && dtype == DType.F64;
      };
      fused = fused(law, dtype);
      Pass values = wide ? values64(law) : values(law);
      pass = inOrder ? values : (bytes, to, at) -> {
        values.run(bytes, words, 0);
        if (wide) {
          VectorLaws64.store(words, bytes, to, at);
        } else {
          VectorStore.store(dtype, words, bytes, to, at);
        }
      };
    }

    /// The uniforms that need no look at their upper bound, because fma(range, U, low) grows with U and is within the bound for U = 1.
    private static VectorPhilox.@Nullable Form fused(Distribution law, DType dtype) {
      if (!(law instanceof Uniform(double low, double high)) || Math.fma((float) (high - low), 1, (float) low) > (float) high) {
        return null;
      }
      return switch (dtype) {
        case F32 -> VectorPhilox.Form.UNIFORM_F32;
        case BF16 -> VectorPhilox.Form.UNIFORM_BF16;
        default -> null;
      };
    }

    private Pass values(Distribution law) {
      return switch (law) {
        case Uniform(double low, double high) -> {
          float range = (float) (high - low);
          yield (bytes, to, at) -> VectorLaws.uniforms(words, bytes, range, (float) low, (float) high, to, at);
        }
        case Normal(double mean, double std) -> (bytes, _, _) -> normals(bytes, mean, std);
        case LogNormal(double mean, double std) -> (bytes, _, _) -> {
          normals(bytes, mean, std);
          VectorLaws.exponentials(words, bytes);
        };
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(false);
          float mean = (float) truncated.mean();
          float std = (float) truncated.std();
          float low = (float) truncated.low();
          float high = (float) truncated.high();
          yield (bytes, to, at) -> {
            VectorLaws.tails(words, bytes, tails);
            VectorLaws.quantiles(words, bytes, mean, std, low, high, to, at);
          };
        }
        case Signs(double value) -> dtype == DType.F64
            ? (bytes, to, at) -> VectorLaws64.signs(words, bytes, value, to, at)
            : (bytes, to, at) -> VectorLaws.signs(words, bytes, (float) value, to, at);
        case Constant _ -> throw new IllegalArgumentException(law + " needs no words");
      };
    }

    private void normals(int bytes, double mean, double std) {
      VectorLaws.radii(words, bytes);
      VectorLaws.normals(words, bytes, (float) mean, (float) std);
    }

    private Pass values64(Distribution law) {
      return switch (law) {
        case Uniform(double low, double high) -> (bytes, _, _) -> uniforms64(bytes, low, high);
        case Normal(double mean, double std) -> (bytes, _, _) -> normals64(bytes, mean, std);
        case LogNormal(double mean, double std) -> (bytes, _, _) -> {
          normals64(bytes, mean, std);
          VectorLaws64.exponentials(words, bytes);
        };
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(true);
          yield (bytes, _, _) -> {
            VectorLaws64.integers(words, bytes);
            VectorLaws64.tails(words, bytes, tails);
            VectorLaws64.quantiles(words, bytes, truncated);
          };
        }
        case Signs _, Constant _ -> throw new IllegalArgumentException(law + " is not computed in binary64");
      };
    }

    private void uniforms64(int bytes, double low, double high) {
      VectorLaws64.integers(words, bytes);
      VectorLaws64.uniforms(words, bytes, high - low, low, high);
    }

    private void normals64(int bytes, double mean, double std) {
      uniforms64(bytes, 0, 1);
      VectorLaws64.radii(words, bytes);
      VectorLaws64.normals(words, bytes, mean, std);
    }

    void elements(long start, long count) {
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
      if (fused != null && law instanceof Uniform(double low, double high)) {
        philox.uniform(sub, steps, fused, (float) (high - low), (float) low, to, at);
        return;
      }
      int stride = step / 4;
      int bytesPerStep = VectorPhilox.WORDS * Integer.BYTES;
      int most = PIECE / bytesPerStep;
      for (int from = 0; from < steps; from += most) {
        int some = Math.min(most, steps - from);
        int first = sub + from * stride;
        philox.words(first, wide ? first : first + stride / 2, stride, some, inOrder, words, 0);
        pass.run(some * bytesPerStep, to, at + (long) from * step * dtype.bytes());
      }
    }
  }
}
