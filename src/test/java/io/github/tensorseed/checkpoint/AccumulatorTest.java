package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class AccumulatorTest {
  /// 96 steps of one size make 48 bins of two, the greatest value in the last; the middles of codes lie in the bins of their values here.
  @Test
  void clearedItIsAsNew() {
    Accumulator accumulator = new Accumulator();
    accumulator.add(new double[] {Double.NaN, Double.POSITIVE_INFINITY, -7, 0, 1e300}, 5, 0);
    accumulator.add(new double[300], 300, 5);
    accumulator.clear();
    assertThat(accumulator.isEmpty()).isTrue();
    assertThat(accumulator.summary()).isEqualTo(Summary.EMPTY);
    accumulator.add(IntStream.range(0, 96).asDoubleStream().map(value -> value + 0.25).toArray(), 96, 0);
    Accumulator fresh = new Accumulator();
    fresh.add(IntStream.range(0, 96).asDoubleStream().map(value -> value + 0.25).toArray(), 96, 0);
    assertThat(accumulator.summary()).isEqualTo(fresh.summary());
    assertThat(Summary.EMPTY.histogram()).isEqualTo(Collections.nCopies(Summary.BINS, 0L));
  }

  @Test
  void valuesThatFloatCannotHold() {
    Accumulator accumulator = new Accumulator();
    accumulator.add(new double[] {0, 1, 2, 1e300, 1.7e308}, 5, 0);
    List<Long> histogram = accumulator.summary().histogram();
    assertThat(histogram.getFirst()).isEqualTo(3);
    assertThat(histogram.getLast()).isEqualTo(2);
    accumulator.add(new double[] {-1.7e308}, 1, 5);
    histogram = accumulator.summary().histogram();
    assertThat(histogram.getFirst()).isEqualTo(1);
    assertThat(histogram.get(Summary.BINS / 2)).isEqualTo(3);
    assertThat(histogram.getLast()).isEqualTo(2);
  }
}
