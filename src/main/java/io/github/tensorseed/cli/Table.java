package io.github.tensorseed.cli;

import io.github.tensorseed.checkpoint.Printable;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Rows of text in columns as wide as they need to be.
final class Table {
  private final List<String[]> rows = new ArrayList<>();
  private final boolean[] right;

  Table(String... titles) {
    right = new boolean[titles.length];
    rows.add(titles);
  }

  /// Aligns these columns, from 0, to the right.
  Table right(int... columns) {
    for (int column : columns) {
      right[column] = true;
    }
    return this;
  }

  /// @param cells may be from a file: what a terminal should not have is replaced
  void row(String... cells) {
    rows.add(Arrays.stream(cells).map(Printable::of).toArray(String[]::new));
  }

  void print(PrintWriter out) {
    int[] widths = new int[right.length];
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    for (String[] row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.length; i++) {
        String padding = " ".repeat(widths[i] - row[i].length());
        line.append(right[i] ? padding + row[i] : row[i] + padding).append("  ");
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
