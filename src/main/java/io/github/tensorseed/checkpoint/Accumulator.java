package io.github.tensorseed.checkpoint;

import java.util.AbstractList;
import java.util.Arrays;
import java.util.List;
import java.util.RandomAccess;

/// Gathers a [Summary] from blocks of values, and from other accumulators, in any order.
///
/// Moments are
/// central from the start (Pébay's pairwise updates), so a large mean costs no precision. The histogram is kept by the upper 16 bits of
/// each value in binary32, which needs no range beforehand and is fine to 1 part in 128; what binary32 cannot hold counts as the extreme
/// of its sign.
///
/// - Source: P. Pébay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical moments",
///   Sandia report SAND2008-6212.
final class Accumulator {
  /// This many equal values in a row are no accident of a continuous law.
  static final int RUN = 256;

  private static final int CODES = 1 << 16;

  private final long[] codes = new long[CODES];
  private long finite;
  private long nans;
  private long infinities;
  private long zeros;
  private double min = Double.POSITIVE_INFINITY;
  private double max = Double.NEGATIVE_INFINITY;
  private double mean;
  private double m2;
  private double m3;
  private double m4;
  private long repeated;
  private long firstRepeated = -1;

  boolean isEmpty() {
    return finite + nans + infinities == 0;
  }

  /// Forgets everything.
  void clear() {
    Arrays.fill(codes, 0);
    finite = 0;
    nans = 0;
    infinities = 0;
    zeros = 0;
    min = Double.POSITIVE_INFINITY;
    max = Double.NEGATIVE_INFINITY;
    mean = 0;
    m2 = 0;
    m3 = 0;
    m4 = 0;
    repeated = 0;
    firstRepeated = -1;
  }

  /// Takes in `count` values of a tensor, whose first is element `start`.
  void add(double[] values, int count, long start) {
    double sum = 0;
    int n = 0;
    int run = 0;
    for (int i = 0; i < count; i++) {
      double value = values[i];
      run = i > 0 && Double.doubleToRawLongBits(value) == Double.doubleToRawLongBits(values[i - 1]) ? run + 1 : 1;
      if (run >= RUN) {
        repeated += run == RUN ? RUN : 1;
        if (firstRepeated < 0 || start + i - run + 1 < firstRepeated) {
          firstRepeated = start + i - run + 1;
        }
      }
      if (Math.abs(value) <= Double.MAX_VALUE) {
        n++;
        sum += value;
        min = Math.min(min, value);
        max = Math.max(max, value);
        zeros += value == 0 ? 1 : 0;
        codes[Float.floatToRawIntBits((float) value) >>> 16]++; // infinity's code is free for what is too large
      } else if (Double.isNaN(value)) {
        nans++;
      } else {
        infinities++;
      }
    }
    if (n > 0) {
      double average = sum / n;
      double c2 = 0;
      double c3 = 0;
      double c4 = 0;
      for (int i = 0; i < count; i++) {
        if (Math.abs(values[i]) <= Double.MAX_VALUE) {
          double d = values[i] - average;
          double square = d * d;
          c2 += square;
          c3 += square * d;
          c4 += square * square;
        }
      }
      merge(n, average, c2, c3, c4);
    }
  }

  /// Takes in what another accumulator has found in other blocks of the same tensor.
  void add(Accumulator other) {
    for (int i = 0; i < CODES; i++) {
      codes[i] += other.codes[i];
    }
    nans += other.nans;
    infinities += other.infinities;
    zeros += other.zeros;
    min = Math.min(min, other.min);
    max = Math.max(max, other.max);
    repeated += other.repeated;
    if (other.firstRepeated >= 0 && (firstRepeated < 0 || other.firstRepeated < firstRepeated)) {
      firstRepeated = other.firstRepeated;
    }
    if (other.finite > 0) {
      merge(other.finite, other.mean, other.m2, other.m3, other.m4);
    }
  }

  private void merge(long count, double average, double c2, double c3, double c4) {
    double na = finite;
    double nb = count;
    double n = na + nb;
    double d = average - mean;
    double dn = d / n;
    double product = d * dn * na * nb;
    m4 += c4 + product * dn * dn * (na * na - na * nb + nb * nb)
        + 6 * dn * dn * (na * na * c2 + nb * nb * m2) + 4 * dn * (na * c3 - nb * m3);
    m3 += c3 + product * dn * (na - nb) + 3 * dn * (na * c2 - nb * m2);
    m2 += c2 + product;
    mean += dn * nb;
    finite += count;
  }

  /// What has been found.
  Summary summary() {
    double std = finite == 0 ? 0 : Math.sqrt(m2 / finite);
    double skewness = m2 == 0 ? 0 : Math.sqrt((double) finite) * m3 / Math.pow(m2, 1.5);
    double excessKurtosis = m2 == 0 ? 0 : finite * m4 / (m2 * m2) - 3;
    return new Summary(finite + nans + infinities, nans, infinities, zeros, min, max, mean, std, skewness, excessKurtosis,
        repeated, firstRepeated, histogram());
  }

  /// Counts in equal intervals between the least and the greatest value.
  private List<Long> histogram() {
    int bins = Summary.BINS;
    long[] counts = new long[bins];
    double width = max / bins - min / bins;
    for (int code = 0; code < CODES; code++) {
      if (codes[code] > 0) {
        // The middle of the values that share these 16 bits.
        float middle = Float.intBitsToFloat(code << 16 | 0x8000);
        double value = Float.isNaN(middle) ? (code < CODES / 2 ? max : min) : middle;
        int bin = width > 0 ? (int) (value / width - min / width) : 0;
        counts[Math.clamp(bin, 0, bins - 1)] += codes[code];
      }
    }
    return new Counts(counts);
  }

  /// Longs as a list that takes 8 bytes for each.
  private static final class Counts extends AbstractList<Long> implements RandomAccess {
    private final long[] counts;

    Counts(long[] counts) {
      this.counts = counts;
    }

    @Override
    public Long get(int index) {
      return counts[index];
    }

    @Override
    public int size() {
      return counts.length;
    }
  }
}
