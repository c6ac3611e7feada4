package io.github.tensorseed;

import java.util.Collection;

/// The known name that somebody who wrote an unknown one may have meant.
public final class Nearest {
  private static final int LONGEST = 64;

  private Nearest() {}

  /// As in `; did you mean 'he_normal'?`, or `; known: ...` if no known name is near.
  public static String hint(String name, Collection<String> known) {
    String best = "";
    int least = Math.max(2, name.length() / 3) + 1;
    for (String candidate : known) {
      int distance = name.length() > LONGEST ? least : distance(name, candidate);
      if (distance < least) {
        least = distance;
        best = candidate;
      }
    }
    return best.isEmpty() ? "; known: " + String.join(", ", known) : "; did you mean '" + best + "'?";
  }

  /// The least number of characters to insert, delete or replace.
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[b.length()];
  }
}
