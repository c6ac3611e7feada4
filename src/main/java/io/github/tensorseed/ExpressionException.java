package io.github.tensorseed;

import org.jspecify.annotations.Nullable;

/// A fault in the text of an initializer. The message shows the text with a mark below the fault.
public final class ExpressionException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  private static final int SHOWN = 100;

  private final int position;

  ExpressionException(String text, int position, String fault, @Nullable Throwable cause) {
    super(fault + " (column " + (position + 1) + ")\n" + marked(text, position), cause);
    this.position = position;
  }

  /// The index of the character at fault, counted from 0.
  public int position() {
    return position;
  }

  /// The text, or the part of a long one around the fault, and a mark below.
  private static String marked(String text, int position) {
    int from = text.length() <= SHOWN ? 0 : Math.clamp(position - SHOWN / 2, 0, text.length() - SHOWN);
    int to = Math.min(text.length(), from + SHOWN);
    StringBuilder shown = new StringBuilder(from > 0 ? "  ..." : "  ");
    int mark = shown.length() + position - from;
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      shown.append(Character.isISOControl(c) ? ' ' : c);
    }
    return shown.append(to < text.length() ? "..." : "").append('\n').append(" ".repeat(mark)).append('^').toString();
  }
}
