package io.github.tensorseed;

/// Numbers as parameters of initializers: their text, and what they must be.
final class Numbers {
  private Numbers() {}

  /// The shortest decimal that reads back as `value`, without a needless `.0`.
  static String text(double value) {
    String text = Double.toString(value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text.replace(".0E", "E");
  }

  /// @throws IllegalArgumentException unless an initializer's parameter is finite
  static void requireFinite(String initializer, String parameter, double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException(initializer + "(" + parameter + "=" + value + "): it must be finite");
    }
  }
}
