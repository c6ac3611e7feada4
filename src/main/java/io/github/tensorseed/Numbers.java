package io.github.tensorseed;

/// The text of numbers in expressions.
final class Numbers {
  private Numbers() {}

  /// The shortest decimal that reads back as `value`, without a needless `.0`.
  static String text(double value) {
    String text = Double.toString(value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text.replace(".0E", "E");
  }
}
