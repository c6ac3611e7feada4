package io.github.tensorseed.checkpoint;

import java.util.regex.Pattern;

/// Text from files, which may be hostile, as a terminal may have it.
public final class Printable {
  private static final int MAX_SHOWN = 1000;

  /// What steers a terminal, hides or turns round what is beside it, or ends a line.
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]");

  private Printable() {}

  /// `text` with `?` for what cannot be shown, and not endlessly long.
  public static String of(String text) {
    String shown = text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN) + "...";
    return UNPRINTABLE.matcher(shown).replaceAll("?");
  }
}
