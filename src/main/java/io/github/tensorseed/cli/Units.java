package io.github.tensorseed.cli;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Numbers as a person writes and reads them.
public final class Units {
  private static final Pattern SIZE = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([kmgt]?i?b?)", Pattern.CASE_INSENSITIVE);
  private static final Map<String, Double> FACTORS = Map.of(
      "", 1.0, "k", 1e3, "m", 1e6, "g", 1e9, "t", 1e12, "ki", 0x1p10, "mi", 0x1p20, "gi", 0x1p30, "ti", 0x1p40);

  private Units() {}

  /// Elements of a text such as `1000000`, `64Ki` or `16M`.
  ///
  /// @param option for messages
  static long elements(String option, String text) {
    long count = text.toLowerCase(Locale.ROOT).contains("b") ? 0 : amount(text);
    if (count < 1) {
      throw new IllegalArgumentException(option + " " + text + ": give a number of elements from 1 on, as in 1000000 or 16Mi");
    }
    return count;
  }

  /// Bytes of a text such as `5GB`, `500 MB`, `2GiB` or `1000`.
  public static long size(String text) {
    long bytes = amount(text);
    if (bytes < 1) {
      throw new IllegalArgumentException("'" + text + "' is no size; write a number of bytes with a unit, as in 5GB, 500MB or 2GiB");
    }
    return bytes;
  }

  /// What a text such as `5GB` means; 0 for none that is from 1 to 2^63 - 1.
  private static long amount(String text) {
    Matcher matcher = SIZE.matcher(text.strip());
    if (matcher.matches()) {
      Double factor = FACTORS.get(matcher.group(2).toLowerCase(Locale.ROOT).replace("b", ""));
      if (factor != null) {
        double amount = Double.parseDouble(matcher.group(1)) * factor;
        if (amount >= 1 && amount < 0x1p63) {
          return (long) amount;
        }
      }
    }
    return 0;
  }

  /// So many 10^9, with three significant digits.
  static String giga(double value) {
    return new BigDecimal(value * 1e-9).round(new MathContext(3)).toPlainString();
  }

  /// A 64-bit seed: decimal from -2^63 to 2^64 - 1, or 0x and hexadecimal digits.
  static long seed(String text) {
    try {
      if (!text.chars().allMatch(c -> c < 128)) {
        throw new NumberFormatException("digits of another script");
      }
      if (text.regionMatches(true, 0, "0x", 0, 2)) {
        return Long.parseUnsignedLong(text, 2, text.length(), 16);
      }
      return text.startsWith("-") ? Long.parseLong(text) : Long.parseUnsignedLong(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "seed '" + text + "' is not a 64-bit number; give a decimal from -2^63 to 2^64 - 1, or hexadecimal digits behind 0x", e);
    }
  }

  /// Bytes with three or four digits and a decimal unit.
  public static String bytes(long bytes) {
    String[] units = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    int unit = 0;
    double value = (double) bytes;
    while (value >= 1000 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : value < 10 ? "%.2f %s" : "%.1f %s", value, units[unit]);
  }

  /// An integer in groups of three.
  static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /// `1 tensor`, `2 tensors`.
  public static String count(long value, String noun) {
    return count(value) + " " + noun + (value == 1 ? "" : "s");
  }

  /// Three significant digits, without needless zeros.
  static String rough(double value) {
    return number(Double.isFinite(value) ? new BigDecimal(value).round(new MathContext(3)).doubleValue() : value);
  }

  /// Six significant digits, without needless zeros.
  static String number(double value) {
    if (value == 0 || Double.isNaN(value) || Double.isInfinite(value)) {
      return value == 0 ? "0" : Double.toString(value);
    }
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(6)).stripTrailingZeros();
    int exponent = rounded.precision() - rounded.scale() - 1;
    return exponent < -5 || exponent > 8 ? rounded.toString() : rounded.toPlainString();
  }
}
