package io.github.tensorseed.checkpoint;

import java.util.List;

/// What one pass over the values of a tensor finds.
///
/// @param count of all values
/// @param min the least finite value; infinity where there is none
/// @param std the root of the mean square deviation (divided by n)
/// @param skewness the third standardised moment
/// @param excessKurtosis the fourth standardised moment less 3, which is 0 for a normal law
/// @param repeated how many values stand in runs of at least 256 equal ones; a run is cut where a chunk of 256 kB ends, and a piece that
///     is shorter then does not count
/// @param firstRepeated the first element of the first such run, or -1
/// @param histogram counts in [#BINS] equal intervals between the least and the greatest value
public record Summary(long count, long nans, long infinities, long zeros, double min, double max, double mean, double std,
    double skewness, double excessKurtosis, long repeated, long firstRepeated, List<Long> histogram) {
  /// Intervals of a histogram.
  public static final int BINS = 48;

  /// Of no values.
  static final Summary EMPTY = new Accumulator().summary();

  /// Whether all values are one and the same.
  public boolean isConstant() {
    return nans == 0 && infinities == 0 && min == max;
  }
}
