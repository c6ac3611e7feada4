package io.github.tensorseed.cpu;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

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
/// Words are made in pieces that stay in the first cache, turned into values there in passes and rounded into the caller's memory. What is
/// not a whole number of vectors is made aside and copied, so that nothing outside is touched.
final class VectorKernels implements Kernels {
  /// All memory, as a segment of which C2 knows everything: its class, its bounds, and that nobody closes it. A caller's segment is checked
  /// once, before its address is used with this one. Checked at every access, it costs a fifth of the speed.
  ///
  /// The passes compute their places in 32 bits, `i * VECTOR`, for the same reason: C2 takes a loop whose places it can prove not to
  /// overflow apart into loops with and without checks, and a vector loop is slower by an eighth after that.
  @SuppressWarnings("restricted")
  static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

  private static final int VECTOR = LongVector.SPECIES_PREFERRED.vectorByteSize();

  /// Bytes of words in a piece.
  private static final int PIECE = 1 << 12;

  /// Elements that are made at a time.
  private static final int STEP = 4 * VectorPhilox.BLOCKS;

  /// Elements of one counter: 65536 subsequences of four.
  private static final long COUNTER_ELEMENTS = 1 << 18;

  /// The width of this JVM's vectors.
  static int bits() {
    return 8 * VECTOR;
  }

  @Override
  public void fill(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    if (law instanceof Constant(double value)) {
      Kernels.constant(dtype, value, count, out);
      return;
    }
    if (count == 0) {
      return;
    }
    out.get(JAVA_BYTE, count * dtype.bytes() - 1); // it is long enough and open, or this throws
    try (Arena arena = Arena.ofConfined()) {
      new Fill(law, dtype, key, arena, out.address()).run(start, count);
    }
  }

  /// Turns a piece of words into elements.
  private interface Pass {
    void run(int vectors, long to);
  }

  /// One call's state.
  private static final class Fill {
    private final DType dtype;
    private final long out;
    private final VectorPhilox philox;
    /// Of the second counter, where elements take two words, from two counters in turn.
    private final @Nullable VectorPhilox second;
    private final boolean inOrder;
    /// Elements in a piece.
    private final int most;
    // Vectors that straddle cache lines cost twice: the 16 bytes of malloc are not enough.
    private final long words;
    private final long probabilities;
    private final long aside;
    private final Pass pass;

    Fill(Distribution law, DType dtype, long key, Arena arena, long out) {
      this.dtype = dtype;
      this.out = out;
      boolean wide = dtype == DType.F64 && !(law instanceof Signs);
      boolean pairs = law instanceof Normal || law instanceof LogNormal;
      philox = new VectorPhilox(key);
      second = wide ? new VectorPhilox(key) : null;
      inOrder = !wide && !pairs && (dtype == DType.F32 || dtype == DType.F64);
      most = PIECE / (wide ? Long.BYTES : Integer.BYTES);
      words = arena.allocate(PIECE, VECTOR).address();
      probabilities = law instanceof TruncatedNormal ? arena.allocate(PIECE, VECTOR).address() : 0;
      aside = arena.allocate((long) STEP * Long.BYTES, VECTOR).address();
      Pass values = wide ? values64(law) : values(law);
      if (inOrder) {
        pass = values;
      } else {
        pass = (vectors, to) -> {
          values.run(vectors, words);
          if (wide) {
            VectorLaws64.store(words, vectors, to);
          } else {
            VectorStore.store(dtype, words, vectors, to);
          }
        };
      }
    }

    private Pass values(Distribution law) {
      return switch (law) {
        case Uniform(double low, double high) -> {
          float range = (float) (high - low);
          // fma(range, U, low) grows with U, so none is too great if that of U = 1 is not.
          if (Math.fma(range, 1, (float) low) <= (float) high) {
            yield (vectors, to) -> VectorLaws.uniforms(words, vectors, 1, range, (float) low, to);
          }
          yield (vectors, to) -> {
            VectorLaws.uniforms(words, vectors, 1, range, (float) low, words);
            VectorLaws.atMost((float) high, words, vectors, to);
          };
        }
        case Normal(double mean, double std) -> (vectors, _) -> normals(vectors, mean, std);
        case LogNormal(double mean, double std) -> (vectors, _) -> {
          normals(vectors, mean, std);
          VectorLaws.exponentials(words, vectors);
        };
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(false);
          yield (vectors, to) -> {
            VectorLaws.tails(words, vectors, tails, probabilities);
            VectorLaws.logarithms(probabilities, vectors, 1, Laws.ROOT_HALF_BITS + (24 << Laws.EXPONENT_SHIFT));
            VectorLaws.quantiles(words, probabilities, vectors, truncated, tails, to);
          };
        }
        case Signs(double value) -> dtype == DType.F64
            ? (vectors, to) -> VectorLaws64.signs(words, vectors, value, to)
            : (vectors, to) -> VectorLaws.signs(words, vectors, (float) value, to);
        case Constant _ -> throw new IllegalArgumentException(law + " needs no words");
      };
    }

    private void normals(int vectors, double mean, double std) {
      VectorLaws.uniforms(words, vectors, 2, 1, 0, words);
      VectorLaws.logarithms(words, vectors, 2, Laws.ROOT_HALF_BITS);
      VectorLaws.normals(words, vectors, (float) mean, (float) std);
    }

    private Pass values64(Distribution law) {
      return switch (law) {
        case Uniform(double low, double high) -> (vectors, _) -> {
          uniforms64(vectors);
          VectorLaws64.scale(words, vectors, high - low, low, high);
        };
        case Normal(double mean, double std) -> (vectors, _) -> normals64(vectors, mean, std);
        case LogNormal(double mean, double std) -> (vectors, _) -> {
          normals64(vectors, mean, std);
          VectorLaws64.exponentials(words, vectors);
        };
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(true);
          yield (vectors, _) -> {
            VectorLaws64.integers(words, vectors);
            VectorLaws64.tails(words, vectors, tails, probabilities);
            VectorLaws64.logarithms(probabilities, vectors, 1, Laws.ROOT_HALF_BITS_64 + (53L << Laws.EXPONENT_SHIFT_64));
            VectorLaws64.quantiles(words, probabilities, vectors, truncated, tails);
          };
        }
        case Signs _, Constant _ -> throw new IllegalArgumentException(law + " is not computed in binary64");
      };
    }

    private void uniforms64(int vectors) {
      VectorLaws64.integers(words, vectors);
      VectorLaws64.uniforms(words, vectors);
    }

    private void normals64(int vectors, double mean, double std) {
      uniforms64(vectors);
      VectorLaws64.logarithms(words, vectors, 2, Laws.ROOT_HALF_BITS_64);
      VectorLaws64.normals(words, vectors, mean, std);
    }

    void run(long start, long count) {
      for (long done = 0; done < count; ) {
        long element = start + done;
        long ctr = element / COUNTER_ELEMENTS;
        int first = (int) (element % COUNTER_ELEMENTS);
        int run = (int) Math.min(count - done, COUNTER_ELEMENTS - first);
        philox.counter(second == null ? ctr : 2 * ctr);
        if (second != null) {
          second.counter(2 * ctr + 1);
        }
        ofCounter(first, run, out + done * dtype.bytes());
        done += run;
      }
    }

    /// Elements `first` to `first + count` of the counter.
    private void ofCounter(int first, int count, long to) {
      int lead = first % 4;
      int head = lead == 0 ? 0 : Math.min(count, STEP - lead);
      if (head > 0) {
        aside(first - lead, lead, head, to);
      }
      int body = head + (count - head) / STEP * STEP;
      for (int done = head, some; done < body; done += some) {
        some = Math.min(most, body - done);
        piece(first + done, some, to + (long) done * dtype.bytes());
      }
      if (body < count) {
        aside(first + body, 0, count - body, to + (long) body * dtype.bytes());
      }
    }

    /// Elements `lead` to `lead + count` of the step at `first`.
    private void aside(int first, int lead, int count, long to) {
      piece(first, STEP, aside);
      MemorySegment.copy(MEMORY, aside + (long) lead * dtype.bytes(), MEMORY, to, (long) count * dtype.bytes());
    }

    /// Whole steps, at most a piece of them.
    private void piece(int first, int count, long to) {
      int bytes = count * Integer.BYTES;
      philox.words(inOrder, first / 4, count / 4, words);
      if (second != null) {
        second.words(inOrder, first / 4, count / 4, words + bytes);
        bytes *= 2;
      }
      pass.run(bytes / VECTOR, to);
    }
  }
}
