package io.github.tensorseed.benchmarks;

import io.github.tensorseed.Distribution;
import java.util.Locale;

/// The laws that are measured.
public enum Law {
  UNIFORM, NORMAL, TRUNCATED_NORMAL;

  /// As weights have it.
  public Distribution weights() {
    return switch (this) {
      case UNIFORM -> new Distribution.Uniform(-0.05, 0.05);
      case NORMAL -> new Distribution.Normal(0, 0.02);
      case TRUNCATED_NORMAL -> new Distribution.TruncatedNormal(0, 0.02, -0.04, 0.04);
    };
  }

  /// As libraries without parameters have it.
  public Distribution standard() {
    return switch (this) {
      case UNIFORM -> new Distribution.Uniform(0, 1);
      case NORMAL -> new Distribution.Normal(0, 1);
      case TRUNCATED_NORMAL -> new Distribution.TruncatedNormal(0, 1, -2, 2);
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', ' ');
  }
}
