package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/// How two checkpoints differ, tensor by tensor.
///
/// @param same tensors that have the same name, dtype, shape and bits in both
/// @param onlyFirst names of those that only the first has
/// @param onlySecond names of those that only the second has
/// @param differences of those that both have
public record Comparison(int same, List<String> onlyFirst, List<String> onlySecond, List<Difference> differences) {

  /// A tensor that both have, but not alike.
  ///
  /// @param kinds the dtypes and shapes, where those differ; else empty
  /// @param element index of the first element that differs, -1 where values could not be compared
  /// @param differing how many elements differ: in bits, or in value where the dtypes differ; bytes of types whose elements are no
  ///     whole bytes
  /// @param largest the largest absolute difference of two finite values; NaN for types without values as doubles
  /// @param rootMeanSquare over all elements whose values are finite in both
  public record Difference(String tensor, String kinds, long element, long differing, double largest, double rootMeanSquare) {}

  public boolean identical() {
    return onlyFirst.isEmpty() && onlySecond.isEmpty() && differences.isEmpty();
  }

  /// Compares all tensors.
  ///
  /// @param progress is told of bytes of the first checkpoint as they are compared
  public static Comparison of(Checkpoint first, Checkpoint second, int threads, LongConsumer progress) throws IOException {
    Map<String, StoredTensor> others = new LinkedHashMap<>();
    second.tensors().forEach(tensor -> others.put(tensor.name(), tensor));
    List<String> onlyFirst = new ArrayList<>();
    List<Difference> differences = new ArrayList<>();
    int same = 0;
    try (Workers workers = new Workers(threads)) {
      for (StoredTensor tensor : first.tensors()) {
        StoredTensor other = others.remove(tensor.name());
        if (other == null) {
          onlyFirst.add(tensor.name());
        } else {
          Optional<Difference> difference = compare(first, tensor, second, other, workers, progress);
          difference.ifPresent(differences::add);
          same += difference.isEmpty() ? 1 : 0;
        }
      }
    }
    return new Comparison(same, List.copyOf(onlyFirst), List.copyOf(others.keySet()), List.copyOf(differences));
  }

  private static Optional<Difference> compare(Checkpoint first, StoredTensor a, Checkpoint second, StoredTensor b,
      Workers workers, LongConsumer progress) throws IOException {
    boolean sameType = a.type() == b.type();
    boolean sameShape = a.shape().equals(b.shape());
    String kinds = sameType && sameShape ? "" : a.type() + " " + a.shape() + " and " + b.type() + " " + b.shape();
    boolean values = Values.known(a.type()) && Values.known(b.type());
    if (!sameShape || !sameType && !values) {
      return Optional.of(new Difference(a.name(), kinds, -1, 0, Double.NaN, Double.NaN));
    }
    // Elements that are no whole bytes are compared byte by byte.
    boolean bytes = a.type().bits() % 8 != 0;
    int widthA = bytes ? 1 : a.type().bits() / 8;
    int widthB = bytes ? 1 : b.type().bits() / 8;
    long elements = bytes ? a.bytes() : a.shape().elements();
    var sum = new Object() {
      long element = Long.MAX_VALUE;
      long differing;
      double largest;
      double squares;
      long finite;
    };
    for (Slice chunk : Slice.of(Shape.of(elements)).chunks(ChunkWriter.CHUNK / Math.max(widthA, widthB))) {
      workers.submit((_, memoryA, memoryB) -> {
        int count = (int) chunk.elements();
        MemorySegment partA = memoryA.asSlice(0, (long) count * widthA);
        MemorySegment partB = memoryB.asSlice(0, (long) count * widthB);
        first.read(a, chunk.start() * widthA, partA);
        second.read(b, chunk.start() * widthB, partB);
        progress.accept(partA.byteSize());
        if (sameType && partA.mismatch(partB) < 0) {
          synchronized (sum) {
            sum.finite += count;
          }
          return;
        }
        double[] valuesA = new double[count];
        double[] valuesB = new double[count];
        if (values) {
          Values.decode(a.type(), partA, count, valuesA);
          Values.decode(b.type(), partB, count, valuesB);
        }
        long at = Long.MAX_VALUE;
        long differing = 0;
        double largest = 0;
        double squares = 0;
        long finite = 0;
        for (int i = 0; i < count; i++) {
          // Bits decide, so that zeros of either sign differ and NaNs of one kind do not.
          boolean differs = sameType ? Values.differ(partA, partB, i, widthA) : Double.compare(valuesA[i], valuesB[i]) != 0;
          if (differs) {
            differing++;
            at = Math.min(at, chunk.start() + i);
          }
          double distance = Math.abs(valuesA[i] - valuesB[i]);
          if (distance <= Double.MAX_VALUE) {
            finite++;
            largest = Math.max(largest, distance);
            squares += distance * distance;
          }
        }
        synchronized (sum) {
          sum.element = Math.min(sum.element, at);
          sum.differing += differing;
          sum.largest = Math.max(sum.largest, largest);
          sum.squares += squares;
          sum.finite += finite;
        }
      });
    }
    workers.await();
    if (sum.differing == 0 && kinds.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(new Difference(a.name(), kinds, sum.differing == 0 ? -1 : sum.element, sum.differing,
        values ? sum.largest : Double.NaN, values ? Math.sqrt(sum.squares / Math.max(1, sum.finite)) : Double.NaN));
  }
}
