package io.github.tensorseed.cpu;

/// How far values are from cuRAND's.
public final class Agreement {
  private final double ulps;
  private final double absolute;
  private long count;
  private long equal;
  private double greatestAbsolute;
  private double greatestUlps;

  /// What a value may differ by: that many units in the last place, or that much.
  public Agreement(double ulps, double absolute) {
    this.ulps = ulps;
    this.absolute = absolute;
  }

  public void compare(String what, double value, double theirs, double ulp) {
    double difference = Math.abs(value - theirs);
    count++;
    if (difference == 0) {
      equal++;
      return;
    }
    greatestAbsolute = Math.max(greatestAbsolute, difference);
    if (Math.abs(theirs) >= 1) {
      greatestUlps = Math.max(greatestUlps, difference / ulp);
    }
    if (!(difference <= absolute || difference <= ulps * ulp)) {
      throw new AssertionError(what + ": " + value + ", cuRAND has " + theirs);
    }
  }

  public double equalShare() {
    return (double) equal / count;
  }

  public void report(String what) {
    System.out.printf("%s: %d values, %.2f %% bit-equal, at most %.3g apart, at most %.2f ulp from 1 on%n",
        what, count, 100 * equalShare(), greatestAbsolute, greatestUlps);
  }
}
