package io.github.tensorseed;

import java.util.Locale;

/// What a framework means by the names `glorot_normal`, `he_normal` and `lecun_normal`.
public enum Dialect {
  /// Not truncated; weights are \[out, in, kernel...\].
  TORCH(VarianceScaling.Law.NORMAL, Fans.Layout.OIHW),
  /// Truncated at two sigma and widened to the same variance; weights are \[kernel..., in, out\], and vectors have fans too.
  KERAS(VarianceScaling.Law.TRUNCATED, Fans.Layout.KERAS),
  /// Truncated at two sigma and widened to the same variance; weights are \[kernel..., in, out\].
  JAX(VarianceScaling.Law.TRUNCATED, Fans.Layout.HWIO);

  private final VarianceScaling.Law normal;
  private final Fans.Layout layout;

  Dialect(VarianceScaling.Law normal, Fans.Layout layout) {
    this.normal = normal;
    this.layout = layout;
  }

  /// What `normal` means in the names of initializers.
  public VarianceScaling.Law normal() {
    return normal;
  }

  /// Where the fans of a weight are.
  public Fans.Layout layout() {
    return layout;
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
