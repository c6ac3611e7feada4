package io.github.tensorseed;

import java.util.Locale;

/// How many inputs and outputs a unit of a weight has.
///
/// @param in inputs of one output unit
/// @param out outputs of one input unit
public record Fans(double in, double out) {

  public Fans {
    if (!(in > 0 && out > 0)) {
      throw new IllegalArgumentException("fan_in = " + Numbers.text(in) + " and fan_out = " + Numbers.text(out)
          + ": both must be positive");
    }
  }

  /// Where the axes of inputs and outputs are in a weight.
  public enum Layout {
    /// \[out, in, kernel...\]: PyTorch, DJL.
    OIHW,
    /// \[kernel..., in, out\]: Keras, TensorFlow, JAX.
    HWIO,
    /// As HWIO, and a vector of n has fans n and n, a scalar 1 and 1: Keras.
    KERAS,
    /// fan-in = product of all extents but the last, fan-out = of all but the first: the code of some articles.
    ARTICLE;

    /// The fans of a weight of this shape: its extents of inputs and outputs, each times the product of the kernel's extents.
    ///
    /// @throws IllegalArgumentException for a rank below 2, where only Keras gives fans a meaning
    public Fans of(Shape shape) {
      int rank = shape.rank();
      if (rank < 2) {
        if (this == KERAS) {
          double extent = Math.max(1, shape.elements());
          return new Fans(extent, extent);
        }
        throw new IllegalArgumentException("fans need a tensor of rank 2 or more, and " + shape + " has rank " + rank
            + "; state its fans, or use normal, uniform or a constant");
      }
      double first = shape.extent(0);
      double last = shape.extent(rank - 1);
      double all = 1;
      for (long extent : shape.extents()) {
        all *= extent;
      }
      if (all == 0) {
        return new Fans(1, 1); // there are no values to scale
      }
      return switch (this) {
        case OIHW -> new Fans(all / first, all / shape.extent(1));
        case HWIO, KERAS -> new Fans(all / last, all / shape.extent(rank - 2));
        case ARTICLE -> new Fans(all / last, all / first);
      };
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }
}
