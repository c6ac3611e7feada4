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
import java.util.ArrayList;
import java.util.List;
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

  /// One step from a subsequence of words to elements, through a piece of memory.
  private interface Pass {
    void run(int subsequence, int vectors, long to);
  }

  /// One call's state.
  private static final class Fill {
    private final DType dtype;
    private final long out;
    private final VectorPhilox philox;
    /// Of the second counter, where elements take two words, from two counters in turn.
    private final @Nullable VectorPhilox second;
    /// Whether the last pass of a law writes elements; else it leaves pairs of vectors, the values of even and of odd elements.
    private final boolean inOrder;
    /// Bytes of an element while it is computed.
    private final int width;
    // Vectors that straddle cache lines cost twice: the 16 bytes of malloc are not enough.
    private final long words;
    private final long probabilities;
    private final long aside;
    /// Called in turn from one place, where three of them are too many for C2 to inline: together in one method they are slower by a sixth.
    private final List<Pass> passes = new ArrayList<>();

    Fill(Distribution law, DType dtype, long key, Arena arena, long out) {
      this.dtype = dtype;
      this.out = out;
      boolean wide = dtype == DType.F64 && !(law instanceof Signs);
      boolean pairs = law instanceof Normal || law instanceof LogNormal;
      philox = new VectorPhilox(key);
      second = wide ? new VectorPhilox(key) : null;
      inOrder = !wide && !pairs && (dtype == DType.F32 || dtype == DType.F64);
      width = wide ? Long.BYTES : Integer.BYTES;
      words = arena.allocate(PIECE, VECTOR).address();
      probabilities = law instanceof TruncatedNormal ? arena.allocate(PIECE, VECTOR).address() : 0;
      aside = arena.allocate((long) STEP * Long.BYTES, VECTOR).address();
      if (second == null) {
        passes.add((subsequence, vectors, _) -> philox.words(inOrder, subsequence, vectors, words));
        addPasses(law);
        if (!inOrder) {
          passes.add((_, vectors, to) -> VectorStore.store(dtype, words, vectors, to));
        }
      } else {
        passes.add((subsequence, vectors, _) -> philox.words(inOrder, subsequence, vectors / 2, words));
        passes.add((subsequence, vectors, _) -> second.words(inOrder, subsequence, vectors / 2, words + (long) vectors / 2 * VECTOR));
        passes.add((_, vectors, _) -> VectorLaws64.integers(words, vectors));
        addPasses64(law);
        passes.add((_, vectors, to) -> VectorLaws64.store(words, vectors, to));
      }
    }

    /// Where the last pass of a law writes.
    private long values(long to) {
      return inOrder ? to : words;
    }

    private void addPasses(Distribution law) {
      switch (law) {
        case Uniform(double low, double high) -> {
          float range = (float) (high - low);
          // fma(range, U, low) grows with U, so none is too great if that of U = 1 is not.
          if (Math.fma(range, 1, (float) low) <= (float) high) {
            passes.add((_, vectors, to) -> VectorLaws.uniforms(words, vectors, 1, range, (float) low, values(to)));
          } else {
            passes.add((_, vectors, _) -> VectorLaws.uniforms(words, vectors, 1, range, (float) low, words));
            passes.add((_, vectors, to) -> VectorLaws.atMost((float) high, words, vectors, values(to)));
          }
        }
        case Normal(double mean, double std) -> addNormals(mean, std);
        case LogNormal(double mean, double std) -> {
          addNormals(mean, std);
          passes.add((_, vectors, _) -> VectorLaws.exponentials(words, vectors));
        }
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(false);
          int origin = Laws.ROOT_HALF_BITS + (24 << Laws.EXPONENT_SHIFT);
          passes.add((_, vectors, _) -> VectorLaws.tails(words, vectors, tails, probabilities));
          passes.add((_, vectors, _) -> VectorLaws.logarithms(probabilities, vectors, 1, origin));
          passes.add((_, vectors, to) -> VectorLaws.quantiles(words, probabilities, vectors, truncated, tails, values(to)));
        }
        case Signs(double value) -> passes.add(dtype == DType.F64
            ? (_, vectors, to) -> VectorLaws64.signs(words, vectors, value, to)
            : (_, vectors, to) -> VectorLaws.signs(words, vectors, (float) value, values(to)));
        case Constant _ -> throw new IllegalArgumentException(law + " needs no words");
      }
    }

    private void addNormals(double mean, double std) {
      passes.add((_, vectors, _) -> VectorLaws.uniforms(words, vectors, 2, 1, 0, words));
      passes.add((_, vectors, _) -> VectorLaws.logarithms(words, vectors, 2, Laws.ROOT_HALF_BITS));
      passes.add((_, vectors, _) -> VectorLaws.normals(words, vectors, (float) mean, (float) std));
    }

    private void addPasses64(Distribution law) {
      switch (law) {
        case Uniform(double low, double high) -> {
          passes.add((_, vectors, _) -> VectorLaws64.uniforms(words, vectors));
          passes.add((_, vectors, _) -> VectorLaws64.scale(words, vectors, high - low, low, high));
        }
        case Normal(double mean, double std) -> addNormals64(mean, std);
        case LogNormal(double mean, double std) -> {
          addNormals64(mean, std);
          passes.add((_, vectors, _) -> VectorLaws64.exponentials(words, vectors));
        }
        case TruncatedNormal truncated -> {
          TruncatedNormal.Tails tails = truncated.tails(true);
          long origin = Laws.ROOT_HALF_BITS_64 + (53L << Laws.EXPONENT_SHIFT_64);
          passes.add((_, vectors, _) -> VectorLaws64.tails(words, vectors, tails, probabilities));
          passes.add((_, vectors, _) -> VectorLaws64.logarithms(probabilities, vectors, 1, origin));
          passes.add((_, vectors, _) -> VectorLaws64.quantiles(words, probabilities, vectors, truncated, tails));
        }
        case Signs _, Constant _ -> throw new IllegalArgumentException(law + " is not computed in binary64");
      }
    }

    private void addNormals64(double mean, double std) {
      passes.add((_, vectors, _) -> VectorLaws64.uniforms(words, vectors));
      passes.add((_, vectors, _) -> VectorLaws64.logarithms(words, vectors, 2, Laws.ROOT_HALF_BITS_64));
      passes.add((_, vectors, _) -> VectorLaws64.normals(words, vectors, mean, std));
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
        some = Math.min(PIECE / width, body - done);
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
      for (Pass pass : passes) {
        pass.run(first / 4, count * width / VECTOR, to);
      }
    }
  }
}
