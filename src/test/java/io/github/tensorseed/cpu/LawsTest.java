package io.github.tensorseed.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// Accuracy and exact ends of [Laws]. The binary32 functions are held against `StrictMath` in binary64, the binary64 ones against
/// `laws-reference.txt`, whose header says how it was made. Samples are fixed, so nothing here can fail by chance.
class LawsTest {
  private static final int SAMPLES = 1 << 24;
  private static final float TWO_PI = 0x1.921fb6p2f;

  /// STREAM.md is the contract, down to the last coefficient.
  @Test
  void coefficientsAreThoseOfTheContract() throws IOException, ReflectiveOperationException {
    int rows = 0;
    Matcher row = Pattern.compile("(?m)^\\| ([A-Z]+(?:64)?_[A-Z]?\\d+) \\| `(\\S+)` \\|$").matcher(Files.readString(Path.of("STREAM.md")));
    for (; row.find(); rows++) {
      Object constant = Laws.class.getDeclaredField(row.group(1)).get(null);
      assertEquals(constant instanceof Float ? (Object) Float.valueOf(row.group(2)) : Double.valueOf(row.group(2)), constant, row.group(1));
    }
    assertEquals(28 + 67, rows);
  }

  @Test
  void unitsAndAnglesEndWhereTheStreamSays() {
    assertSameBits(0x1p-33f, Laws.uniform(0));
    assertSameBits(0x1.8p-32f, Laws.uniform(1));
    assertSameBits(0.5f, Laws.uniform(0x8000_0000));
    assertSameBits(1f, Laws.uniform(-1));
    assertSameBits(0x1.921fb6p-31f, Laws.angle(0));
    assertSameBits(TWO_PI, Laws.angle(-1));
    assertSameBits(0x1p-54, Laws.uniform64(0, 0));
    assertSameBits(0x1p-21 + 0x1p-54, Laws.uniform64(0, 0x800));
    assertSameBits(1.0, Laws.uniform64(0x1f_ffff, -1));
    assertSameBits(0x1.921fb54442d18p2, Laws.angle64(1));
  }

  @Test
  void twoUnsignedWordsMake53Bits() {
    assertEquals(0x8000_0000L, Laws.word64(0x8000_0000, 0));
    assertEquals(1L << 52, Laws.word64(0, 0x8000_0000));
    assertEquals(0x1f_ffff_001f_ffffL, Laws.word64(-1, -1));
  }

  @Test
  void exactArgumentsHaveExactValues() {
    assertSameBits(0f, Laws.minusTwoLog(1));
    assertSameBits(0f, Laws.radius(1));
    assertSameBits(0f, Laws.upperQuantile(0.5f));
    assertSameBits(1f, Laws.exp(0));
    assertSameBits(0f, Laws.sin(0));
    assertSameBits(1f, Laws.cos(0));
    assertSameBits(0.0, Laws.minusTwoLog64(1));
    assertSameBits(0.0, Laws.radius64(1));
    assertSameBits(0.0, Laws.upperQuantile64(0.5));
    assertSameBits(1.0, Laws.exp64(0));
    assertSameBits(0.0, Laws.sin64(0));
    assertSameBits(1.0, Laws.cos64(0));
  }

  @Test
  void logarithmAndRadius() {
    double log = 0;
    double radius = 0;
    int least = Float.floatToRawIntBits(Float.MIN_NORMAL);
    int greatest = Float.floatToRawIntBits(1);
    int dense = Float.floatToRawIntBits(0.5f);
    for (int bits = least; bits <= greatest; bits += bits < dense ? 101 : 1) {
      float u = Float.intBitsToFloat(bits);
      double exact = -2 * StrictMath.log(u);
      log = Math.max(log, ulps(Laws.minusTwoLog(u), exact));
      radius = Math.max(radius, ulps(Laws.radius(u), Math.sqrt(exact)));
    }
    assertAtMost(2, log, "-2 ln u");
    assertAtMost(1.5, radius, "radius");
  }

  @Test
  void sineAndCosine() {
    double sine = 0;
    double cosine = 0;
    double absolute = 0;
    int last = Float.floatToRawIntBits(TWO_PI);
    int dense = Float.floatToRawIntBits(0.5f);
    for (int bits = Float.floatToRawIntBits(Laws.angle(0)); bits <= last; bits += bits < dense ? 101 : 1) {
      float v = Float.intBitsToFloat(bits);
      double sin = StrictMath.sin(v);
      double cos = StrictMath.cos(v);
      sine = Math.max(sine, ulps(Laws.sin(v), sin));
      cosine = Math.max(cosine, ulps(Laws.cos(v), cos));
      absolute = Math.max(absolute, Math.max(Math.abs(Laws.sin(v) - sin), Math.abs(Laws.cos(v) - cos)));
    }
    assertAtMost(1.5, sine, "sin v");
    assertAtMost(6, cosine, "cos v");
    assertAtMost(1e-7, absolute, "sin v and cos v, absolute");
  }

  @Test
  void normalPairs() {
    SplittableRandom words = new SplittableRandom(1);
    for (int i = 0; i < SAMPLES; i++) {
      int x = words.nextInt();
      int y = words.nextInt();
      switch (i & 15) {
        case 0 -> x >>>= i >>> 4 & 31; // far out
        case 1 -> x = ~(x >>> (i >>> 4 & 31)); // near zero through u
        case 2 -> y = (y & 0xe000_0000) + (y >> (i >>> 4 & 31)); // next to multiples of pi/4
        default -> {}
      }
      float u = Laws.uniform(x);
      float v = Laws.angle(y);
      float s = Laws.radius(u);
      double exact = Math.sqrt(-2 * StrictMath.log(u));
      assertNormal(s * Laws.sin(v), exact * StrictMath.sin(v), x, y);
      assertNormal(s * Laws.cos(v), exact * StrictMath.cos(v), x, y);
    }
  }

  private static void assertNormal(float value, double exact, int x, int y) {
    if (Math.abs(value - exact) > 1e-6 && ulps(value, exact) > 8) {
      throw new AssertionError("words %x %x: %a, exactly %a".formatted(x, y, value, exact));
    }
  }

  @Test
  void exponential() {
    double greatest = 0;
    int first = Float.floatToRawIntBits(0x1p-26f);
    for (int bits = first; bits <= Float.floatToRawIntBits(104); bits += 61) {
      float x = Float.intBitsToFloat(bits);
      greatest = Math.max(greatest, ulps(Laws.exp(-x), StrictMath.exp(-x)));
      if (x < 88.7228f) {
        greatest = Math.max(greatest, ulps(Laws.exp(x), StrictMath.exp(x)));
      }
    }
    assertAtMost(1.1, greatest, "e^x");
  }

  @Test
  void exponentialOverflowsAndUnderflows() {
    assertTrue(Float.isFinite(Laws.exp(0x1.62e42ep6f)));
    for (float x : new float[] {0x1.62e43p6f, 89, 1e30f, Float.POSITIVE_INFINITY}) {
      assertSameBits(Float.POSITIVE_INFINITY, Laws.exp(x));
    }
    assertSameBits(Float.MIN_VALUE, Laws.exp(-103.97f));
    for (float x : new float[] {-103.98f, -104, -1e30f, Float.NEGATIVE_INFINITY}) {
      assertSameBits(0f, Laws.exp(x));
    }
    assertTrue(Double.isFinite(Laws.exp64(0x1.62e42fefa39efp9)));
    for (double x : new double[] {0x1.62e42fefa39fp9, 710, 1e300, Double.POSITIVE_INFINITY}) {
      assertSameBits(Double.POSITIVE_INFINITY, Laws.exp64(x));
    }
    assertSameBits(Double.MIN_VALUE, Laws.exp64(-745.13));
    for (double x : new double[] {-745.14, -746, -1e300, Double.NEGATIVE_INFINITY}) {
      assertSameBits(0.0, Laws.exp64(x));
    }
  }

  @Test
  void quantileOfEveryMagnitude() {
    double greatest = 0;
    int half = Float.floatToRawIntBits(0.5f);
    int dense = Float.floatToRawIntBits(0.25f);
    for (int bits = 1; bits <= half; bits += bits < dense ? 101 : 1) {
      float p = Float.intBitsToFloat(bits);
      greatest = Math.max(greatest, ulps(Laws.upperQuantile(p), Laws.upperQuantile64(p)));
    }
    assertAtMost(5, greatest, "T(p)");
  }

  /// Neighbours may swap by rounding; a hair further apart they may not, nor may anything jump where the exponent changes.
  @Test
  void quantileFalls() {
    int half = Float.floatToRawIntBits(0.5f);
    for (int bits = Float.floatToRawIntBits(Float.MIN_NORMAL); bits < half; bits += 1 << 10) {
      float p = Float.intBitsToFloat(bits);
      float above = Laws.upperQuantile(Float.intBitsToFloat(bits + (1 << 12)));
      assertTrue(above < Laws.upperQuantile(p), () -> "after " + p);
    }
    for (float seam = 0x1.6a09e6p-2f; seam >= Float.MIN_NORMAL; seam /= 2) {
      float previous = Laws.upperQuantile(seam - 50 * Math.ulp(seam));
      for (int i = -49; i < 50; i++) {
        float next = Laws.upperQuantile(seam + i * Math.ulp(seam));
        assertTrue(next <= previous + 3 * Math.ulp(previous), "next to " + seam);
        previous = next;
      }
    }
    assertTrue(Laws.upperQuantile(0) > Laws.upperQuantile(Float.MIN_VALUE));
    assertTrue(Float.isFinite(Laws.upperQuantile(0)));
    assertTrue(Laws.upperQuantile64(0) > Laws.upperQuantile64(Double.MIN_VALUE));
    assertTrue(Double.isFinite(Laws.upperQuantile64(0)));
  }

  @Test
  void binary64AgainstTheReference() throws IOException {
    assertReference("log", Laws::minusTwoLog64, 2);
    assertReference("sin", Laws::sin64, 2);
    assertReference("cos", Laws::cos64, 2);
    assertReference("exp", Laws::exp64, 1.1);
    assertReference("quantile", Laws::upperQuantile64, 5);
  }

  private static void assertReference(String function, DoubleUnaryOperator law, double bound) throws IOException {
    List<String[]> rows = reference(function);
    assertTrue(rows.size() >= 200, function);
    for (String[] row : rows) {
      double value = law.applyAsDouble(Double.parseDouble(row[1]));
      assertAtMost(bound, ulps(value, row[2], row[3]), function + " of " + row[1]);
    }
  }

  @Test
  void binary64NormalPairsAgainstTheReference() throws IOException {
    for (String half : List.of("even", "odd")) {
      List<String[]> rows = reference("normal-" + half);
      assertTrue(rows.size() >= 150, half);
      for (String[] row : rows) {
        double s = Laws.radius64(Double.parseDouble(row[1]));
        double v = Laws.angle64(Double.parseDouble(row[2]));
        double value = s * (half.equals("even") ? Laws.sin64(v) : Laws.cos64(v));
        assertAtMost(4, ulps(value, row[3], row[4]), String.join(" ", row));
      }
    }
  }

  private static List<String[]> reference(String function) throws IOException {
    try (var in = new BufferedReader(
        new InputStreamReader(LawsTest.class.getResourceAsStream("laws-reference.txt"), StandardCharsets.US_ASCII))) {
      return in.lines().filter(line -> line.startsWith(function + " ")).map(line -> line.split(" ")).toList();
    }
  }

  /// The error of `value` against a reference of twice its precision.
  private static double ulps(double value, String reference, String remainder) {
    double nearest = Double.parseDouble(reference);
    if (value == nearest) {
      return Double.isInfinite(nearest) ? 0 : Math.abs(Double.parseDouble(remainder)) / Math.ulp(nearest);
    }
    return Math.abs(value - nearest - Double.parseDouble(remainder)) / Math.ulp(nearest);
  }

  private static double ulps(float value, double exact) {
    return Math.abs(value - exact) / Math.ulp((float) exact);
  }

  private static void assertAtMost(double bound, double error, String what) {
    assertTrue(error <= bound, () -> what + ": off by " + error + ", bound " + bound);
  }

  private static void assertSameBits(float expected, float actual) {
    assertEquals(Float.floatToRawIntBits(expected), Float.floatToRawIntBits(actual), () -> expected + " expected, got " + actual);
  }

  private static void assertSameBits(double expected, double actual) {
    assertEquals(
        Double.doubleToRawLongBits(expected), Double.doubleToRawLongBits(actual), () -> expected + " expected, got " + actual);
  }
}
