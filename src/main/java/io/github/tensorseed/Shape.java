package io.github.tensorseed;

import java.util.Arrays;
import java.util.stream.Collectors;

/// The extents of a tensor in row-major order. Rank 0 has one element; an extent of 0 has none.
public final class Shape {
  private final long[] extents;
  private final long elements;

  private Shape(long[] extents) {
    this.extents = extents;
    long product = 1;
    boolean empty = false;
    for (long extent : extents) {
      if (extent < 0) {
        throw new IllegalArgumentException("shape " + text(extents) + " has the negative extent " + extent);
      }
      empty |= extent == 0;
    }
    for (long extent : extents) {
      try {
        product = empty ? 0 : Math.multiplyExact(product, extent);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException("shape " + text(extents) + " has more than 2^63 - 1 elements", e);
      }
    }
    elements = product;
  }

  /// The shape of these extents.
  ///
  /// @throws IllegalArgumentException for a negative extent, or for more than 2^63 - 1 elements
  public static Shape of(long... extents) {
    return new Shape(extents.clone());
  }

  public int rank() {
    return extents.length;
  }

  /// The extent along `axis`, counted from 0.
  public long extent(int axis) {
    return extents[axis];
  }

  /// All extents, a copy.
  public long[] extents() {
    return extents.clone();
  }

  /// The product of the extents.
  public long elements() {
    return elements;
  }

  /// Bytes of a tensor of this shape.
  ///
  /// @throws IllegalArgumentException if they are more than 2^63 - 1
  public long bytes(DType dtype) {
    try {
      return Math.multiplyExact(elements, (long) dtype.bytes());
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("a " + dtype + " tensor of shape " + this + " has more than 2^63 - 1 bytes", e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(extents, shape.extents);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(extents);
  }

  /// As in `[53248, 16384]`.
  @Override
  public String toString() {
    return text(extents);
  }

  private static String text(long[] extents) {
    return Arrays.stream(extents).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
  }
}
