package io.github.tensorseed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.SoftReference;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/// A normal matrix with zeros: in each column those k = ceil(sparsity * rows) rows are 0 whose words of `named("sparse")` at index
/// column * rows + row are the smallest, the upper of two equal ones first; the rest is N(0, std) from the tensor's own stream.
///
/// - Shape: rank 2; \[rows, columns\], at most 2^21 columns.
/// - Precision: as the normal law; 12 bytes per column say where its zeros are, and are kept for the last stream while there is room.
/// - Source: J. Martens, ICML 2010; PyTorch's `sparse_`.
public final class Sparse implements Initializer {
  /// Bits of a word that one pass over a column settles.
  private static final int[] SHIFTS = {21, 10, 0};

  /// Tables for more columns would have more than 24 MB, for shapes that perhaps are only claimed.
  private static final int MAX_COLUMNS = 1 << 21;

  private static final int WORDS = 1 << 15;
  private static final int BYTES = 1 << 18;

  private final double sparsity;
  private final Distribution.Normal rest;
  /// Hundreds of tensors of a plan, filled one after the other, need not keep theirs: who fills a tensor holds it.
  private @Nullable SoftReference<Zeros> last;

  /// @throws IllegalArgumentException unless 0 <= sparsity <= 1 and std is finite and not negative
  public Sparse(double sparsity, double std) {
    if (!(sparsity >= 0 && sparsity <= 1)) {
      throw new IllegalArgumentException("sparse(sparsity=" + sparsity + "): the sparsity must be 0 to 1");
    }
    this.sparsity = sparsity;
    rest = new Distribution.Normal(0, std);
  }

  /// A copy, which keeps what it works out for this shape.
  @Override
  public Sparse resolve(Shape whole) {
    check(whole);
    return new Sparse(sparsity, rest.std());
  }

  @Override
  public void check(DType dtype) {
    rest.check(dtype);
  }

  private static void check(Shape whole) {
    if (whole.rank() != 2 || whole.extent(1) > MAX_COLUMNS) {
      throw new IllegalArgumentException("sparse is for matrices of at most " + MAX_COLUMNS + " columns, not for " + whole);
    }
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    Slice slice = tensor.slice();
    Shape whole = slice.whole();
    check(whole);
    rest.fill(tensor, stream);
    if (slice.elements() == 0 || sparsity == 0) {
      return;
    }
    Zeros zeros = zeros(stream.named("sparse").key(), whole);
    zeros.work((int) slice.offset(1), (int) slice.shape().extent(1));
    DType dtype = tensor.dtype();
    int piece = (int) Math.min(BYTES / dtype.bytes(), slice.elements());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate((long) piece * dtype.bytes(), dtype.bytes());
      slice.forEachRun(run -> {
        for (long from = 0; from < run.count(); from += piece) {
          MemorySegment values = host.asSlice(0, Math.min(piece, run.count() - from) * dtype.bytes());
          long offset = (run.position() + from) * dtype.bytes();
          tensor.device().read(tensor, offset, values);
          zeros.clear(dtype, values, run.start() + from);
          tensor.device().write(tensor, offset, values);
        }
      });
    }
  }

  private synchronized Zeros zeros(long key, Shape whole) {
    Zeros zeros = last == null ? null : last.get();
    if (zeros == null || zeros.key != key || !zeros.whole.equals(whole)) {
      zeros = new Zeros(key, whole, (long) Math.ceil(sparsity * whole.extent(0)));
      last = new SoftReference<>(zeros);
    }
    return zeros;
  }

  /// Where the zeros of the columns are: from the smallest (word, row) up to and with the one that is kept here.
  private static final class Zeros {
    private final long key;
    private final Shape whole;
    private final long rows;
    private final int columns;
    private final long count;
    private final int[] lastWord;
    private final long[] lastRow;
    private final BitSet known = new BitSet();

    Zeros(long key, Shape whole, long count) {
      this.key = key;
      this.whole = whole;
      this.count = count;
      rows = whole.extent(0);
      columns = (int) whole.extent(1);
      lastWord = new int[columns];
      lastRow = new long[columns];
    }

    /// Finds the zeros of columns `first` to `first + length`.
    synchronized void work(int first, int length) {
      int[] words = new int[(int) Math.min(rows, WORDS)];
      for (int column = known.nextClearBit(first); column < first + length; column = known.nextClearBit(column)) {
        select(column, words);
        known.set(column);
      }
    }

    /// The word of rank `count` in the column, three counting passes over the digits of the words, and its row, one more.
    private void select(int column, int[] words) {
      long start = column * rows;
      long left = count;
      int prefix = 0;
      int settled = 0;
      boolean whole = rows == words.length;
      if (whole) {
        read(start, words, words.length);
      }
      for (int shift : SHIFTS) {
        long[] counts = new long[1 << (shift == 0 ? 10 : 11)];
        int mask = settled;
        int wanted = prefix;
        for (long from = 0; from < rows; from += words.length) {
          int length = (int) Math.min(words.length, rows - from);
          if (!whole) {
            read(start + from, words, length);
          }
          for (int i = 0; i < length; i++) {
            if ((words[i] & mask) == wanted) {
              counts[words[i] >>> shift & counts.length - 1]++;
            }
          }
        }
        int digit = 0;
        while (counts[digit] < left) {
          left -= counts[digit++];
        }
        prefix |= digit << shift;
        settled = -1 << shift;
      }
      lastWord[column] = prefix;
      lastRow[column] = row(start, prefix, left, words, whole);
    }

    /// The row of the `n`-th word, from 1, that equals `word`.
    private long row(long start, int word, long n, int[] words, boolean whole) {
      for (long from = 0; from < rows; from += words.length) {
        int length = (int) Math.min(words.length, rows - from);
        if (!whole) {
          read(start + from, words, length);
        }
        for (int i = 0; i < length; i++) {
          if (words[i] == word && --n == 0) {
            return from + i;
          }
        }
      }
      throw new AssertionError("the word has been counted");
    }

    private void read(long start, int[] words, int length) {
      int[] block = new int[4];
      for (int i = 0; i < length; i++) {
        long index = start + i;
        if (i == 0 || (index & 3) == 0) {
          Philox.block(key, index >>> 2, block);
        }
        words[i] = block[(int) index & 3];
      }
    }

    /// Puts the zeros into `values`, which are the elements from `start` on.
    void clear(DType dtype, MemorySegment values, long start) {
      long elements = values.byteSize() / dtype.bytes();
      int[] block = new int[4];
      long row = start / columns;
      int column = (int) (start % columns);
      for (long i = 0; i < elements; i++) {
        long index = column * rows + row;
        Philox.block(key, index >>> 2, block);
        int order = Integer.compareUnsigned(block[(int) index & 3], lastWord[column]);
        if (order < 0 || order == 0 && row <= lastRow[column]) {
          dtype.set(values, i, 0);
        }
        if (++column == columns) {
          column = 0;
          row++;
        }
      }
    }
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Sparse sparse && Double.compare(sparsity, sparse.sparsity) == 0 && rest.equals(sparse.rest);
  }

  @Override
  public int hashCode() {
    return 31 * Double.hashCode(sparsity) + rest.hashCode();
  }

  /// As in `sparse(0.9, 0.01)`.
  @Override
  public String toString() {
    return "sparse(" + Numbers.text(sparsity) + ", " + Numbers.text(rest.std()) + ")";
  }
}
