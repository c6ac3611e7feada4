package io.github.tensorseed.cli;

import io.github.tensorseed.Shape;
import java.util.Arrays;
import java.util.List;

/// Shapes in reports for machines.
final class Shapes {
  private Shapes() {}

  static List<Long> list(Shape shape) {
    return Arrays.stream(shape.extents()).boxed().toList();
  }
}
