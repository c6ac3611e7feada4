package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class RowsTest {
  /// The logical index of every element, in order, as the kernels work it out.
  private static List<Long> elements(Slice slice) {
    List<Long> elements = new ArrayList<>();
    Rows.forEach(slice, rows -> {
      assertThat(rows.position()).isEqualTo(elements.size());
      for (long p = 0; p < rows.count(); p++) {
        elements.add(rows.start() + p / rows.run() * rows.stride() + p % rows.run());
      }
    });
    return elements;
  }

  private static List<Rows> rows(Slice slice) {
    List<Rows> all = new ArrayList<>();
    Rows.forEach(slice, all::add);
    return all;
  }

  /// Expected: the runs of [Slice#forEachRun], which the host fills.
  @Property(tries = 500)
  void coversWhatTheRunsCover(@ForAll @Size(max = 5) List<@IntRange(max = 15) Integer> cuts) {
    long[] extents = cuts.stream().mapToLong(cut -> 1 + cut % 4).toArray();
    Slice slice = Slice.of(Shape.of(extents));
    for (int axis = 0; axis < extents.length; axis++) {
      long from = Math.min(cuts.get(axis) / 4, extents[axis] - 1);
      slice = slice.along(axis, from, extents[axis] - from);
    }
    List<Long> expected = new ArrayList<>();
    slice.forEachRun(run -> {
      for (long i = 0; i < run.count(); i++) {
        expected.add(run.start() + i);
      }
    });
    assertThat(elements(slice)).isEqualTo(expected);
  }

  @Test
  void takesAsFewAsCanBe() {
    Slice whole = Slice.of(Shape.of(6, 5, 4, 3));
    assertThat(rows(whole)).containsExactly(new Rows(0, 360, 0, 360, 360));
    assertThat(rows(whole.along(0, 2, 3))).containsExactly(new Rows(0, 180, 120, 180, 360));
    // Columns 1 and 2 of the last axis: 120 rows of 2 at a distance of 3.
    assertThat(rows(whole.along(3, 1, 2))).containsExactly(new Rows(0, 240, 1, 2, 3));
    assertThat(rows(whole.along(3, 1, 2).along(2, 1, 2))).hasSize(30).contains(new Rows(0, 4, 4, 2, 3), new Rows(4, 4, 16, 2, 3));
    assertThat(rows(Slice.of(Shape.of()))).containsExactly(new Rows(0, 1, 0, 1, 1));
    assertThat(rows(whole.along(1, 2, 0))).isEmpty();
  }
}
