package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.OrthogonalPanels.Triangle;
import io.github.tensorseed.cpu.CpuDevice;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// [Orthogonal] in one piece, which LAPACK makes, is the oracle.
class OrthogonalPanelsTest {
  private static final RandomStream STREAM = RandomStream.of(42).named("w");
  private final Device device = CpuDevice.open(2);

  @AfterEach
  void close() {
    device.close();
  }

  private OrthogonalPanels panels(Fans.Layout layout, DType dtype, Shape whole, long panel) {
    return new OrthogonalPanels(new Orthogonal(2, layout), dtype, whole, STREAM, panel);
  }

  private double[] values(OrthogonalPanels panels, DType dtype, Slice slice, Device on, int... ends) {
    List<Triangle> triangles = new ArrayList<>();
    int from = 0;
    for (int end : ends) {
      triangles.addAll(panels.triangles(on, from, end));
      from = end;
    }
    try (Triangle all = panels.merge(triangles); Tensor tensor = on.allocate(dtype, slice)) {
      panels.fill(tensor, all);
      return tensor.toDoubles();
    }
  }

  private double[] inOnePiece(Fans.Layout layout, DType dtype, Shape whole) {
    try (Tensor tensor = device.allocate(dtype, whole)) {
      new Orthogonal(2, layout).fill(tensor, STREAM);
      return tensor.toDoubles();
    }
  }

  /// Tall and wide, of all ranks and in both layouts; the last panel takes what is left over.
  @ParameterizedTest
  @EnumSource(names = {"F64", "F32", "BF16"})
  void areTheOneMatrix(DType dtype) {
    double bound = switch (dtype) {
      case F64 -> 1e-14;
      case F32 -> 0x1p-24;
      default -> 0x1p-8;
    };
    for (Fans.Layout layout : new Fans.Layout[] {Fans.Layout.OIHW, Fans.Layout.HWIO}) {
      for (Shape whole : new Shape[] {Shape.of(100, 7), Shape.of(7, 100), Shape.of(12, 4, 3, 3), Shape.of(120, 2, 3, 2), Shape.of(3, 3, 5, 3)}) {
        double[] expected = inOnePiece(layout, dtype, whole);
        OrthogonalPanels panels = panels(layout, dtype, whole, 12);
        assertThat(panels.count()).isGreaterThan(1);
        assertThat(values(panels, dtype, Slice.of(whole), device, panels.count())).as(layout + " " + whole)
            .containsExactly(expected, within(bound));
      }
    }
  }

  @Test
  void partsChangeNoBit() {
    Shape whole = Shape.of(1000, 40);
    OrthogonalPanels panels = panels(Fans.Layout.OIHW, DType.F64, whole, 75);
    assertThat(panels.count()).isEqualTo(13);
    double[] alone = values(panels, DType.F64, Slice.of(whole), device, 13);
    assertThat(values(panels, DType.F64, Slice.of(whole), device, 3, 6, 9, 13)).isEqualTo(alone);
    assertThat(values(panels, DType.F64, Slice.of(whole), device, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)).isEqualTo(alone);
    assertThat(values(panels, DType.F64, Slice.of(whole), device, 8, 9, 13)).isEqualTo(alone);
    // Other panels and other threads have other last bits.
    OrthogonalPanels others = panels(Fans.Layout.OIHW, DType.F64, whole, 100);
    assertThat(values(others, DType.F64, Slice.of(whole), device, 10)).containsExactly(alone, within(1e-12)).isNotEqualTo(alone);
    try (Device one = CpuDevice.open(1)) {
      assertThat(values(panels, DType.F64, Slice.of(whole), one, 13)).containsExactly(alone, within(1e-12));
    }
  }

  @Test
  void areOrthonormal() {
    OrthogonalPanels panels = panels(Fans.Layout.OIHW, DType.F64, Shape.of(900, 300), 300);
    double[] q = values(panels, DType.F64, Slice.of(Shape.of(900, 300)), device, 1, 3);
    for (int i = 0; i < 300; i++) {
      for (int j = 0; j <= i; j++) {
        double dot = 0;
        for (int k = 0; k < 900; k++) {
          dot += q[k * 300 + i] * q[k * 300 + j];
        }
        assertThat(dot / 4).isCloseTo(i == j ? 1 : 0, within(1e-14));
      }
    }
  }

  @Test
  void aSliceHasWhatTheWholeHas() {
    for (Shape whole : new Shape[] {Shape.of(100, 7), Shape.of(7, 100)}) {
      OrthogonalPanels panels = panels(Fans.Layout.OIHW, DType.F32, whole, 12);
      double[] all = values(panels, DType.F32, Slice.of(whole), device, panels.count());
      Slice part = Slice.of(whole).along(0, 2, 4).along(1, 3, 4);
      double[] some = values(panels, DType.F32, part, device, panels.count());
      for (int i = 0; i < some.length; i++) {
        assertThat(some[i]).isEqualTo(all[(2 + i / 4) * (int) whole.extent(1) + 3 + i % 4]);
      }
    }
  }

  /// A machine that has the rows of one panel makes that panel alone, and the slices of all panels are the matrix.
  @Test
  void slicesOfPanels() {
    OrthogonalPanels panels = panels(Fans.Layout.OIHW, DType.F32, Shape.of(100, 7), 30);
    assertThat(panels.count()).isEqualTo(3);
    assertThat(panels.slice(0)).isEqualTo(Slice.of(Shape.of(100, 7)).along(0, 0, 30));
    assertThat(panels.slice(2)).isEqualTo(Slice.of(Shape.of(100, 7)).along(0, 60, 40));
    assertThat(panels(Fans.Layout.OIHW, DType.F32, Shape.of(7, 100), 30).slice(1)).isEqualTo(Slice.of(Shape.of(7, 100)).along(1, 30, 30));
    assertThat(panels(Fans.Layout.OIHW, DType.F32, Shape.of(7, 50, 2), 30).slice(1)).isEqualTo(Slice.of(Shape.of(7, 50, 2)));
  }

  @Test
  void refusals() {
    assertThatThrownBy(() -> panels(Fans.Layout.OIHW, DType.F32, Shape.of(100, 7), 6)).isInstanceOf(IllegalArgumentException.class)
        .hasMessage("panels of 6 of the longer side of [100, 7]: each needs at least 7");
    OrthogonalPanels panels = panels(Fans.Layout.OIHW, DType.F32, Shape.of(100, 7), 12);
    List<Triangle> first = panels.triangles(device, 0, 3);
    assertThatThrownBy(() -> panels.merge(first)).hasMessage("triangles of panels 3 to 8 are missing or there twice");
    assertThatThrownBy(() -> panels.merge(panels.triangles(device, 4, 8))).hasMessageContaining("0 to 4");
    assertThatThrownBy(() -> panels.merge(List.of(first.getFirst(), first.getFirst()))).hasMessageContaining("there twice");
  }

  /// Nothing is left of what it worked in.
  @Test
  void memory() {
    Shape whole = Shape.of(400, 20);
    OrthogonalPanels panels = panels(Fans.Layout.OIHW, DType.F64, whole, 20);
    long before = device.allocatedBytes();
    values(panels, DType.F64, Slice.of(whole), device, 20);
    assertThat(device.allocatedBytes()).isEqualTo(before);
  }
}
