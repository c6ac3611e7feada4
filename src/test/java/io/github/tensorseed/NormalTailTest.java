package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/// [NormalTail] against `normal-tail-reference.txt`, whose header says how it was made.
class NormalTailTest {
  @Test
  void upper() throws IOException {
    for (String[] row : reference("upper")) {
      assertWithin(6, NormalTail.upper(Double.parseDouble(row[1])), row);
    }
  }

  @Test
  void between() throws IOException {
    for (String[] row : reference("between")) {
      double a = Double.parseDouble(row[1]);
      double b = Double.parseDouble(row[2]);
      assertWithin(8, NormalTail.between(a, b), row);
      assertEquals(NormalTail.between(a, b), NormalTail.between(-b, -a), String.join(" ", row));
    }
  }

  @Test
  void ends() {
    assertEquals(0.5, NormalTail.upper(0));
    assertEquals(0.5, NormalTail.upper(-0.0));
    assertEquals(0, NormalTail.upper(1e200));
    assertEquals(0, NormalTail.upper(Double.POSITIVE_INFINITY));
    assertEquals(1, NormalTail.upper(Double.NEGATIVE_INFINITY));
    assertEquals(1, NormalTail.between(Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY));
    assertEquals(0.5, NormalTail.between(0, Double.POSITIVE_INFINITY));
    assertEquals(0.5, NormalTail.between(Double.NEGATIVE_INFINITY, 0));
    assertEquals(0, NormalTail.between(1e200, 2e200));
  }

  private static void assertWithin(double bound, double value, String[] row) {
    double nearest = Double.parseDouble(row[row.length - 2]);
    double error = Math.abs(value - nearest - Double.parseDouble(row[row.length - 1])) / Math.ulp(nearest);
    assertTrue(error <= bound, () -> String.join(" ", row) + ": " + value + " is off by " + error + " ulp");
  }

  private static List<String[]> reference(String function) throws IOException {
    try (var in = new BufferedReader(
        new InputStreamReader(NormalTailTest.class.getResourceAsStream("normal-tail-reference.txt"), StandardCharsets.US_ASCII))) {
      List<String[]> rows = in.lines().filter(line -> line.startsWith(function + " ")).map(line -> line.split(" ")).toList();
      assertTrue(rows.size() >= 150, function);
      return rows;
    }
  }

  @Test
  void belowIsTheOtherTail() {
    for (double x = -37; x < 9; x += 0x1p-7 + 1e-6) {
      assertThat(NormalTail.below(x)).as("below %s", x).isCloseTo(NormalTail.upper(-x), withinPercentage(1e-12));
    }
    assertThat(NormalTail.below(0)).isEqualTo(0.5);
    assertThat(NormalTail.below(-40)).isZero();
    assertThat(NormalTail.below(Double.POSITIVE_INFINITY)).isEqualTo(1);
    assertThat(NormalTail.below(Double.NaN)).isNaN();
  }
}
