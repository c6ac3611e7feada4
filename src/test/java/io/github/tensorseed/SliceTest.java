package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.LongRange;

class SliceTest {

  @Property
  void runsAreTheSliceInOrder(@ForAll("slices") Slice slice) {
    List<Long> covered = new ArrayList<>();
    slice.forEachRun(run -> {
      assertThat(run.position()).isEqualTo(covered.size());
      assertThat(run.count()).isPositive();
      for (long i = 0; i < run.count(); i++) {
        covered.add(run.start() + i);
      }
    });
    assertThat(covered).isEqualTo(indices(slice));
  }

  @Property
  void rangesOfRuns(@ForAll("slices") Slice slice, @ForAll @LongRange(min = 0, max = 130) long one,
      @ForAll @LongRange(min = 0, max = 130) long other) {
    long from = Math.min(Math.min(one, other), slice.elements());
    long to = Math.min(Math.max(one, other), slice.elements());
    List<Long> covered = new ArrayList<>();
    slice.forEachRun(from, to, run -> {
      assertThat(run.position()).isEqualTo(from + covered.size());
      for (long i = 0; i < run.count(); i++) {
        covered.add(run.start() + i);
      }
    });
    assertThat(covered).isEqualTo(indices(slice).subList((int) from, (int) to));
  }

  /// Two runs that follow one another would have been one, unless an axis of the slice ends between them.
  @Property
  void runsAreAsLongAsWholeAxesAllow(@ForAll("slices") Slice slice) {
    long block = 1;
    int axis = slice.shape().rank() - 1;
    while (axis >= 0 && slice.shape().extent(axis) == slice.whole().extent(axis)) {
      block *= slice.whole().extent(axis--);
    }
    long longest = axis < 0 ? block : block * slice.shape().extent(axis);
    slice.forEachRun(run -> assertThat(run.count()).isEqualTo(longest));
  }

  @Property
  void chunksAreContiguousAndSmallEnough(@ForAll("slices") Slice slice, @ForAll @LongRange(min = 1, max = 40) long most) {
    List<Long> covered = new ArrayList<>();
    for (Slice chunk : slice.chunks(most)) {
      assertThat(chunk.elements()).isBetween(1L, most);
      assertThat(chunk.whole()).isEqualTo(slice.whole());
      assertThat(chunk.start()).isEqualTo(indices(chunk).getFirst());
      covered.addAll(indices(chunk));
    }
    assertThat(covered).isEqualTo(indices(slice));
  }

  /// A chunk has more than half of `most`, or it is all that its row or the slice had left.
  @Property
  void chunksFillTheirRows(@ForAll("slices") Slice slice, @ForAll @LongRange(min = 1, max = 40) long most) {
    for (Slice chunk : slice.chunks(most)) {
      int axis = 0;
      while (axis < chunk.shape().rank() && chunk.shape().extent(axis) == 1) {
        axis++;
      }
      boolean last = axis == chunk.shape().rank()
          || chunk.offset(axis) + chunk.shape().extent(axis) == slice.offset(axis) + slice.shape().extent(axis);
      assertThat(last || 2 * chunk.elements() > most || chunk.elements() == 1).as("%s of %s", chunk, slice).isTrue();
    }
  }

  @Provide
  Arbitrary<Slice> slices() {
    Arbitrary<List<long[]>> axes = Combinators.combine(
            Arbitraries.longs().between(0, 5), Arbitraries.longs().between(0, 5), Arbitraries.longs().between(0, 5), Arbitraries.of(true, false))
        .as((extent, start, length, whole) -> {
          long from = whole ? 0 : Math.min(start, extent);
          return new long[] {extent, from, whole ? extent : Math.min(length, extent - from)};
        })
        .list().ofMaxSize(4);
    return axes.map(list -> {
      Slice slice = Slice.of(Shape.of(list.stream().mapToLong(axis -> axis[0]).toArray()));
      for (int axis = 0; axis < list.size(); axis++) {
        slice = slice.along(axis, list.get(axis)[1], list.get(axis)[2]);
      }
      return slice;
    });
  }

  /// The row-major indices of a slice's elements in the whole, the naive way: which elements of the whole lie in the box?
  private static List<Long> indices(Slice slice) {
    List<Long> indices = new ArrayList<>();
    for (long index = 0; index < slice.whole().elements(); index++) {
      long rest = index;
      boolean inside = true;
      for (int axis = slice.whole().rank() - 1; axis >= 0; axis--) {
        long at = rest % slice.whole().extent(axis) - slice.offset(axis);
        rest /= slice.whole().extent(axis);
        inside &= at >= 0 && at < slice.shape().extent(axis);
      }
      if (inside) {
        indices.add(index);
      }
    }
    return indices;
  }

  @Example
  void rankZeroHasOneElement() {
    List<Slice.Run> runs = new ArrayList<>();
    Slice.of(Shape.of()).forEachRun(runs::add);
    assertThat(runs).containsExactly(new Slice.Run(0, 0, 1));
    assertThat(Slice.of(Shape.of()).chunks(1)).containsExactly(Slice.of(Shape.of()));
  }

  @Example
  void hugeExtents() {
    List<Slice.Run> runs = new ArrayList<>();
    Slice.of(Shape.of(1L << 31, 1L << 31)).along(0, (1L << 31) - 2, 2).along(1, (1L << 31) - 3, 3).forEachRun(runs::add);
    long row = 1L << 31;
    assertThat(runs).containsExactly(
        new Slice.Run((row - 1) * row - 3, 0, 3),
        new Slice.Run(row * row - 3, 3, 3));

    runs.clear();
    Slice.of(Shape.of(Long.MAX_VALUE)).along(0, Long.MAX_VALUE - 1, 1).forEachRun(runs::add);
    Slice.of(Shape.of(Long.MAX_VALUE)).forEachRun(runs::add);
    assertThat(runs).containsExactly(new Slice.Run(Long.MAX_VALUE - 1, 0, 1), new Slice.Run(0, 0, Long.MAX_VALUE));
  }

  @Example
  void hugeChunks() {
    assertThat(Slice.of(Shape.of(Long.MAX_VALUE)).chunks(1L << 62)).extracting(Slice::elements).containsExactly(1L << 62, (1L << 62) - 1);
    assertThat(Slice.of(Shape.of(3, 1L << 40)).chunks(1L << 39)).extracting(Slice::start)
        .containsExactly(0L, 1L << 39, 2L << 39, 3L << 39, 4L << 39, 5L << 39);
  }

  @Example
  void nestedSlicesCountFromTheirOwnBeginning() {
    Slice once = Slice.of(Shape.of(10, 4)).along(0, 3, 5);
    assertThat(once.along(0, 2, 1)).isEqualTo(Slice.of(Shape.of(10, 4)).along(0, 5, 1)).hasToString("[1, 4] at [5, 0] of [10, 4]");
    assertThat(once.along(1, 4, 0).elements()).isZero();
    assertThat(Slice.of(Shape.of(10, 4))).hasToString("[10, 4]");
  }

  @Example
  void slicesOutsideAreErrors() {
    Slice slice = Slice.of(Shape.of(10, 4)).along(0, 3, 5);
    assertError(() -> slice.along(0, 3, 3), "slice of 3 from 3 along axis 0 does not lie inside [5, 4]");
    assertError(() -> slice.along(0, -1, 1), "slice of 1 from -1 along axis 0 does not lie inside [5, 4]");
    assertError(() -> slice.along(1, 1, -1), "slice of -1 from 1 along axis 1 does not lie inside [5, 4]");
    assertError(() -> slice.along(0, Long.MAX_VALUE, Long.MAX_VALUE),
        "slice of 9223372036854775807 from 9223372036854775807 along axis 0 does not lie inside [5, 4]");
    assertError(() -> slice.along(2, 0, 1), "axis 2 of a slice of shape [5, 4]: the axes are 0 to 1");
    assertError(() -> slice.along(-1, 0, 1), "axis -1 of a slice of shape [5, 4]: the axes are 0 to 1");
  }

  private static void assertError(Runnable call, String message) {
    assertThatThrownBy(call::run).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
  }
}
