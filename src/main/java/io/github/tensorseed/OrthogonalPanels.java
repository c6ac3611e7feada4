package io.github.tensorseed;

import io.github.tensorseed.LinearAlgebra.Op;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// A large [Orthogonal] matrix in panels, for one that no memory holds or that several machines make together.
///
/// The Gaussian matrix behind it, taken as rows that are longer than they are many, is cut across the rows. Each panel has a triangle, L of
/// `panel = L Q`. Triangles of neighbours are merged, L of `[L1 L2] = L Q`, until there is one for all panels, with which each panel becomes
/// its part of the orthogonal matrix by itself: `L^-1 panel`. Panels are made twice, and never kept.
///
/// ```java
/// OrthogonalPanels panels = new OrthogonalPanels(new Orthogonal(1, Layout.OIHW), DType.BF16, Shape.of(1_000_000, 4096), stream);
/// // Each of four machines, its quarter; the triangles then go to all of them.
/// List<Triangle> triangles = panels.triangles(device, panels.count() * part / 4, panels.count() * (part + 1) / 4);
/// // Each its own rows of the weight.
/// panels.fill(shard, panels.merge(all));
/// ```
///
/// - Values: those that [Orthogonal] would have in one piece, as a Gaussian matrix has only one such Q whose R has a positive diagonal;
///   within 1e-12 of the largest value before they are rounded to the tensor's dtype.
/// - Parts: neighbours are merged at the same places however panels are spread, so the same panels give the same bits on the same device,
///   library and number of threads.
/// - Precision: in F64. `L^-1 panel` loses as many digits as the condition of L has, and with two panels or more, each at least as long as
///   the rows are many, that of a Gaussian matrix is less than 10.
/// - Memory: two panels in F64 and one in F32, or log2(panels) + 6 triangles in F64, whichever is more.
/// - Source: J. Demmel, L. Grigori, M. Hoemmen and J. Langou, SIAM J. Sci. Comput. 34 (2012), A206-A239; the condition by K. Davidson and
///   S. Szarek, Handbook of the Geometry of Banach Spaces 1 (2001), Theorem II.13.
public final class OrthogonalPanels {
  /// Elements of a panel whose size nobody asked for: 128 MiB of F64.
  private static final long ELEMENTS = 1 << 24;

  private final Orthogonal law;
  private final DType dtype;
  private final Shape whole;
  private final RandomStream stream;
  /// Whether the tensor's rows are the longer side, so that what is orthonormal are its columns.
  private final boolean tall;
  private final long vectors;
  private final long length;
  private final long panel;

  /// The triangle of panels `from` to `to`, `to` not among them.
  ///
  /// @param lower \[vectors, vectors\], F64; what is above its diagonal means nothing
  public record Triangle(int from, int to, Tensor lower) implements AutoCloseable {
    /// Whether the two are halves of a node of the binary tree over all panels, and so are merged before the others are there.
    private boolean pairsWith(Triangle next) {
      int panels = to - from;
      return next.to - next.from == panels && from % (2 * panels) == 0;
    }

    @Override
    public void close() {
      lower.close();
    }
  }

  /// In panels of 16 Mi elements, or of as many as they need.
  ///
  /// @param dtype of the tensor, see [Orthogonal]
  /// @param whole the shape of the tensor
  /// @param stream the tensor's own
  public OrthogonalPanels(Orthogonal law, DType dtype, Shape whole, RandomStream stream) {
    this(law, dtype, whole, stream, panel(law.matrix(whole)));
  }

  private static long panel(Shape matrix) {
    long vectors = Math.max(1, Math.min(matrix.extent(0), matrix.extent(1)));
    return Math.max(vectors, ELEMENTS / vectors);
  }

  /// In panels of `panel` of the longer side; the last takes what is left over. Another size gives other last bits.
  ///
  /// @throws IllegalArgumentException if a panel is shorter than the matrix's shorter side
  public OrthogonalPanels(Orthogonal law, DType dtype, Shape whole, RandomStream stream, long panel) {
    Shape matrix = law.matrix(whole);
    this.law = law;
    this.dtype = dtype;
    this.whole = whole;
    this.stream = stream;
    tall = matrix.extent(0) > matrix.extent(1);
    vectors = matrix.extent(tall ? 1 : 0);
    length = matrix.extent(tall ? 0 : 1);
    this.panel = panel;
    if (panel < Math.max(1, vectors)) {
      throw new IllegalArgumentException("panels of " + panel + " of the longer side of " + matrix + ": each needs at least "
          + Math.max(1, vectors));
    }
  }

  /// How many there are.
  public int count() {
    return Math.toIntExact(Math.max(1, length / panel));
  }

  private long begin(int panel) {
    return panel == count() ? length : panel * this.panel;
  }

  /// The axis of the tensor along which it is cut; -1 if that is none, as the longer side is several axes taken together.
  private int axis() {
    boolean first = law.layout() == Fans.Layout.OIHW;
    if (whole.rank() == 2) {
      return tall ? 0 : 1;
    }
    return tall && first ? 0 : !tall && !first ? whole.rank() - 1 : -1;
  }

  /// Whether panels are whole rows of the tensor.
  public boolean alongRows() {
    return axis() == 0;
  }

  /// The smallest slice of the tensor that has all of a panel.
  public Slice slice(int panel) {
    Slice all = Slice.of(whole);
    return axis() < 0 ? all : all.along(axis(), begin(panel), begin(panel + 1) - begin(panel));
  }

  private boolean touches(int panel, Slice slice) {
    int axis = axis();
    return axis < 0 || slice.offset(axis) < begin(panel + 1) && begin(panel) < slice.offset(axis) + slice.shape().extent(axis);
  }

  /// The triangle of all panels, where they are all of one device.
  ///
  /// @return the caller's to close
  public Triangle triangle(Device device) {
    return merge(triangles(device, 0, count()));
  }

  /// The triangles of panels `from` to `to`, `to` not among them, as far merged as they can be without others: at most 2 log2(count).
  ///
  /// @return the caller's to close, or to give to [#merge]
  public List<Triangle> triangles(Device device, int from, int to) {
    List<Triangle> triangles = new ArrayList<>();
    for (int i = from; i < to; i++) {
      triangles.add(triangle(device, i));
      mergeHalves(triangles);
    }
    return triangles;
  }

  /// The triangle of all panels, from those of all parts.
  ///
  /// @param triangles of one device, in any order; closed
  /// @return the caller's to close
  /// @throws IllegalArgumentException if one is missing or there twice; none is closed then
  public Triangle merge(List<Triangle> triangles) {
    List<Triangle> left = triangles.stream().sorted(Comparator.comparingInt(Triangle::from)).toList();
    int end = 0;
    for (Triangle triangle : left) {
      if (triangle.from != end) {
        throw new IllegalArgumentException("triangles of panels " + end + " to " + triangle.from + " are missing or there twice");
      }
      end = triangle.to;
    }
    if (end != count()) {
      throw new IllegalArgumentException("triangles of panels " + end + " to " + count() + " are missing or there twice");
    }
    List<Triangle> merged = new ArrayList<>();
    for (Triangle triangle : left) {
      merged.add(triangle);
      mergeHalves(merged);
    }
    while (merged.size() > 1) {
      mergeLast(merged);
    }
    return merged.getFirst();
  }

  private void mergeHalves(List<Triangle> triangles) {
    while (triangles.size() > 1 && triangles.get(triangles.size() - 2).pairsWith(triangles.getLast())) {
      mergeLast(triangles);
    }
  }

  private void mergeLast(List<Triangle> triangles) {
    try (Triangle second = triangles.removeLast(); Triangle first = triangles.removeLast()) {
      Device device = first.lower.device();
      try (Tensor both = device.allocate(DType.F64, Shape.of(vectors, 2 * vectors))) {
        copy(first.lower, both, 0);
        copy(second.lower, both, vectors);
        triangles.add(new Triangle(first.from, second.to, lower(both)));
      }
    }
  }

  private void copy(Tensor triangle, Tensor both, long column) {
    Shape row = Shape.of(vectors);
    for (long i = 0; i < vectors; i++) {
      triangle.device().convert(triangle.view(i * vectors * Double.BYTES, row), 1,
          both.view((2 * i * vectors + column) * Double.BYTES, row));
    }
  }

  private Triangle triangle(Device device, int panel) {
    try (Tensor rows = gaussian(device, panel)) {
      return new Triangle(panel, panel + 1, lower(rows));
    }
  }

  private Tensor gaussian(Device device, int panel) {
    Slice all = Slice.of(Shape.of(vectors, length));
    return Orthogonal.gaussian(device, dtype, all.along(1, begin(panel), begin(panel + 1) - begin(panel)), stream);
  }

  /// L of `given = L Q`.
  private Tensor lower(Tensor given) {
    Device device = given.device();
    LinearAlgebra algebra = device.linearAlgebra();
    try (Tensor q = device.allocate(DType.F64, given.shape())) {
      device.convert(given, 1, q);
      algebra.qr(q);
      Tensor lower = device.allocate(DType.F64, Shape.of(vectors, vectors));
      algebra.gemm(Op.N, Op.T, 1, given, q, 0, lower);
      return lower;
    }
  }

  /// Fills a tensor, which has the whole matrix or any slice of it, with what is there. Only panels that it has something of are made.
  ///
  /// @param all the triangle of all panels, on the same device
  public void fill(Tensor tensor, Triangle all) {
    Device device = tensor.device();
    LinearAlgebra algebra = device.linearAlgebra();
    for (int i = 0; i < count(); i++) {
      if (touches(i, tensor.slice())) {
        try (Tensor rows = gaussian(device, i)) {
          algebra.trsm(all.lower, rows);
          if (tall) {
            try (Tensor columns = device.allocate(DType.F64, Shape.of(rows.shape().extent(1), vectors))) {
              algebra.transpose(rows, columns);
              tensor.copyFrom(columns, begin(i) * vectors, law.gain());
            }
          } else {
            Shape row = Shape.of(rows.shape().extent(1));
            for (long j = 0; j < vectors; j++) {
              tensor.copyFrom(rows.view(j * row.elements() * Double.BYTES, row), j * length + begin(i), law.gain());
            }
          }
        }
      }
    }
  }
}
