package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.cpu.CpuDevice;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SparseTest {

  private static int word(long key, long index) {
    int[] words = new int[4];
    Philox.block(key, index >>> 2, words);
    return words[(int) index & 3];
  }

  /// The rows of a column in the order in which they become zero, by sorting.
  private static int[] order(RandomStream stream, int rows, int column) {
    long key = stream.named("sparse").key();
    return IntStream.range(0, rows).boxed()
        .sorted(Comparator.<Integer>comparingLong(row -> Integer.toUnsignedLong(word(key, (long) column * rows + row)))
            .thenComparing(Comparator.naturalOrder()))
        .mapToInt(row -> row).toArray();
  }

  private static double[] fill(Initializer initializer, RandomStream stream, Slice slice) {
    try (CpuDevice cpu = CpuDevice.open(1); Tensor tensor = cpu.allocate(DType.F32, slice)) {
      initializer.fill(tensor, stream);
      return tensor.toDoubles();
    }
  }

  /// 40000 rows are more than one buffer of words.
  @ParameterizedTest
  @CsvSource({"10, 7, 0.3, 3", "10, 7, 0.31, 4", "10, 3, 1, 10", "10, 3, 0, 0", "1, 5, 0.5, 1", "40000, 2, 0.9, 36000", "777, 3, 0.001, 1"})
  void zerosAreTheRowsOfTheSmallestWords(int rows, int columns, double sparsity, int zeros) {
    RandomStream stream = RandomStream.of(3).named("w");
    double[] values = fill(Initializers.sparse(sparsity, 0.01), stream, Slice.of(Shape.of(rows, columns)));
    double[] expected = fill(Initializers.normal(0, 0.01), stream, Slice.of(Shape.of(rows, columns)));
    for (int column = 0; column < columns; column++) {
      for (int row : Arrays.copyOf(order(stream, rows, column), zeros)) {
        expected[row * columns + column] = 0;
      }
    }
    assertThat(values).isEqualTo(expected);
  }

  @Test
  void theUpperOfTwoEqualWordsGoesFirst() {
    int rows = 60_000;
    for (int seed = 0; seed < 20; seed++) {
      RandomStream stream = RandomStream.of(seed);
      int[] order = order(stream, rows, 0);
      long key = stream.named("sparse").key();
      for (int k = 1; k < rows; k++) {
        if (word(key, order[k - 1]) == word(key, order[k])) {
          double[] values = fill(Initializers.sparse((k - 0.5) / rows, 1), stream, Slice.of(Shape.of(rows, 1)));
          assertThat(values[order[k - 1]]).isZero();
          assertThat(values[order[k]]).isNotZero();
          assertThat(Arrays.stream(values).filter(value -> value == 0).count()).isEqualTo(k);
          return;
        }
      }
    }
    throw new AssertionError("no equal words to test with");
  }

  /// One instance, several streams and shapes: what it keeps belongs to one of them.
  @Test
  void keepsNothingOfAnotherTensor() {
    Sparse shared = Initializers.sparse(0.5, 1);
    Slice tall = Slice.of(Shape.of(8, 4));
    Slice wide = Slice.of(Shape.of(4, 8));
    for (int i = 0; i < 2; i++) {
      for (long seed = 0; seed < 3; seed++) {
        for (Slice slice : new Slice[] {tall, wide, tall.along(1, 2, 2), tall.along(0, 3, 2).along(1, 0, 3)}) {
          assertThat(fill(shared, RandomStream.of(seed), slice))
              .isEqualTo(fill(Initializers.sparse(0.5, 1), RandomStream.of(seed), slice));
        }
      }
    }
  }

  /// Filling by chunks of a row must not search every column again and again: that would be 2000 times the work, minutes.
  @Test
  void chunksShareTheSearch() {
    Shape shape = Shape.of(2000, 500);
    Initializer resolved = Initializers.sparse(0.8, 0.01).resolve(shape);
    double[] whole = fill(resolved, RandomStream.of(1), Slice.of(shape));
    try (CpuDevice cpu = CpuDevice.open(1)) {
      int row = 0;
      for (Slice chunk : Slice.of(shape).chunks(500)) {
        try (Tensor tensor = cpu.allocate(DType.F32, chunk)) {
          resolved.fill(tensor, RandomStream.of(1));
          assertThat(tensor.toDoubles()).isEqualTo(Arrays.copyOfRange(whole, row * 500, row * 500 + 500));
          row++;
        }
      }
      assertThat(row).isEqualTo(2000);
    }
  }
}
