package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.OpenBlas.COLUMN_MAJOR;
import static io.github.tensorseed.cpu.OpenBlas.LEFT;
import static io.github.tensorseed.cpu.OpenBlas.LOWER;
import static io.github.tensorseed.cpu.OpenBlas.NON_UNIT;
import static io.github.tensorseed.cpu.OpenBlas.NO_TRANSPOSE;
import static io.github.tensorseed.cpu.OpenBlas.ROW_MAJOR;
import static io.github.tensorseed.cpu.OpenBlas.TRANSPOSE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.github.tensorseed.DType;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/// OpenBLAS on the host's memory. Row-major matrices are taken as what they are, or as column-major transposes.
final class CpuLinearAlgebra extends LinearAlgebra {
  /// Rows are centered in at most so many parts.
  private static final int PARTS = 64;
  /// Rows and columns of a block that fits the innermost cache twice.
  private static final int BLOCK = 32;
  /// OpenBLAS takes long sums apart and halves what is left, and one thread rounds the halves to other lengths than several do. Those of a
  /// multiple of this need no rounding: what is over is added by a second call, and threads change no bit of a product in binary32.
  private static final int DEPTH = 64;
  /// Numbers that are added up in binary32.
  private static final int AT_ONCE = 32;

  private final OpenBlas library = OpenBlas.require();
  private final CpuDevice device;
  private final int threads;
  private final Workspace workspace = new Workspace();

  CpuLinearAlgebra(CpuDevice device) {
    super(device);
    this.device = device;
    threads = device.threads();
  }

  /// Frees what it works in.
  void close() {
    workspace.close();
  }

  @Override
  public String library() {
    return library.version + ", " + threads + (threads == 1 ? " thread" : " threads");
  }

  private OpenBlas.Functions functions(Tensor operand) {
    library.setThreads(threads);
    return operand.dtype() == DType.F64 ? library.wide : library.single;
  }

  static MemorySegment memory(Tensor operand) {
    if (!operand.memory().isNative()) {
      throw new IllegalArgumentException(operand + " lies on Java's heap, where BLAS cannot reach it; allocate it on the device");
    }
    return operand.memory();
  }

  /// All of 0 to `total`, on all threads if they may use the operands.
  private void inGrains(List<Tensor> operands, long total, long grain, CpuDevice.Part part) {
    if (operands.stream().allMatch(operand -> device.reachable(operand.memory()))) {
      device.inGrains(total, grain, part);
      return;
    }
    for (long from = 0; from < total; from += grain) {
      part.run(from, Math.min(from + grain, total));
    }
  }

  private static int extent(Tensor a, int axis) {
    return Math.toIntExact(a.shape().extent(axis));
  }

  /// The distance of rows, which BLAS wants to be positive.
  private static int stride(Tensor a) {
    return Math.max(1, extent(a, 1));
  }

  private static int number(Op op) {
    return op == Op.N ? NO_TRANSPOSE : TRANSPOSE;
  }

  @Override
  protected void callGemm(Op opA, Op opB, double alpha, Tensor a, Tensor b, double beta, Tensor c) {
    int depth = extent(a, opA == Op.N ? 1 : 0);
    int main = depth <= 2 * DEPTH ? depth : depth - depth % DEPTH;
    gemm(opA, opB, alpha, a, b, beta, c, 0, main);
    if (main < depth) {
      gemm(opA, opB, alpha, a, b, 1, c, main, depth - main);
    }
  }

  /// Adds the products of `depth` columns of `op(a)` with rows of `op(b)`, from `from` on.
  private void gemm(Op opA, Op opB, double alpha, Tensor a, Tensor b, double beta, Tensor c, int from, int depth) {
    OpenBlas.Functions functions = functions(c);
    long size = functions.real.byteSize();
    MemorySegment left = memory(a).asSlice(size * from * (opA == Op.N ? 1 : stride(a)));
    MemorySegment right = memory(b).asSlice(size * from * (opB == Op.N ? stride(b) : 1));
    OpenBlas.call(functions.gemm, ROW_MAJOR, number(opA), number(opB), extent(c, 0), extent(c, 1), depth,
        functions.number(alpha), left, stride(a), right, stride(b), functions.number(beta), memory(c), stride(c));
  }

  @Override
  protected void callGemv(Op op, double alpha, Tensor a, Tensor x, double beta, Tensor y) {
    OpenBlas.Functions functions = functions(a);
    OpenBlas.call(functions.gemv, ROW_MAJOR, number(op), extent(a, 0), extent(a, 1), functions.number(alpha), memory(a), stride(a), memory(x), 1,
        functions.number(beta), memory(y), 1);
  }

  @Override
  protected void callGer(double alpha, Tensor x, Tensor y, Tensor a) {
    OpenBlas.Functions functions = functions(a);
    OpenBlas.call(functions.ger, ROW_MAJOR, extent(a, 0), extent(a, 1), functions.number(alpha), memory(x), 1, memory(y), 1, memory(a), stride(a));
  }

  @Override
  protected void callSyrk(Op op, double alpha, Tensor a, double beta, Tensor c) {
    OpenBlas.Functions functions = functions(c);
    OpenBlas.call(functions.syrk, ROW_MAJOR, LOWER, number(op), extent(c, 0), extent(a, op == Op.N ? 1 : 0), functions.number(alpha), memory(a),
        stride(a), functions.number(beta), memory(c), stride(c));
  }

  @Override
  protected void callSymmetrize(Tensor c) {
    int n = extent(c, 0);
    boolean wide = c.dtype() == DType.F64;
    inGrains(List.of(c), n, BLOCK, (from, to) -> {
      for (int block = 0; block < to; block += BLOCK) {
        for (int i = (int) from; i < to; i++) {
          for (int j = block; j < Math.min(block + BLOCK, i); j++) {
            if (wide) {
              c.memory().setAtIndex(JAVA_DOUBLE_UNALIGNED, (long) j * n + i, c.memory().getAtIndex(JAVA_DOUBLE_UNALIGNED, (long) i * n + j));
            } else {
              c.memory().setAtIndex(JAVA_FLOAT_UNALIGNED, (long) j * n + i, c.memory().getAtIndex(JAVA_FLOAT_UNALIGNED, (long) i * n + j));
            }
          }
        }
      }
    });
  }

  @Override
  protected void callTrsm(Tensor a, Tensor b) {
    OpenBlas.Functions functions = functions(b);
    OpenBlas.call(functions.trsm, ROW_MAJOR, LEFT, LOWER, NO_TRANSPOSE, NON_UNIT, extent(b, 0), extent(b, 1), functions.number(1), memory(a),
        stride(a), memory(b), stride(b));
  }

  @Override
  protected void callDgmm(Tensor x, Tensor a) {
    OpenBlas.Functions functions = functions(a);
    for (int i = 0; i < extent(a, 0); i++) {
      OpenBlas.call(functions.scal, extent(a, 1), functions.number(a.dtype().get(x.memory(), i)),
          memory(a).asSlice(functions.real.byteSize() * extent(a, 1) * i), 1);
    }
  }

  @Override
  protected void callAxpy(double alpha, Tensor x, Tensor y) {
    if (x.dtype() != y.dtype()) {
      MemorySegment from = x.memory();
      MemorySegment to = y.memory();
      inGrains(List.of(x, y), x.elements(), CpuDevice.GRAIN, (start, end) -> {
        for (long i = start; i < end; i++) {
          to.setAtIndex(JAVA_DOUBLE_UNALIGNED, i, Math.fma(alpha, from.getAtIndex(JAVA_FLOAT_UNALIGNED, i), to.getAtIndex(JAVA_DOUBLE_UNALIGNED, i)));
        }
      });
      return;
    }
    OpenBlas.Functions functions = functions(y);
    long size = functions.real.byteSize();
    for (long i = 0; i < x.elements(); i += Integer.MAX_VALUE) {
      int count = (int) Math.min(x.elements() - i, Integer.MAX_VALUE);
      OpenBlas.call(functions.axpy, count, functions.number(alpha), memory(x).asSlice(size * i), 1, memory(y).asSlice(size * i), 1);
    }
  }

  /// Each part of the rows has sums of its own, which are added in the order of the rows: threads change no bit.
  @Override
  protected void callCenter(Tensor a, Tensor shift, Tensor out, Tensor sums) {
    int width = extent(a, 1);
    int rows = extent(a, 0);
    int grain = Math.ceilDiv(Math.ceilDiv(rows, PARTS), AT_ONCE) * AT_ONCE;
    double[] less = doubles(shift, width);
    double[][] parts = new double[PARTS][];
    inGrains(List.of(a, out), rows, Math.max(1, grain), (from, to) -> parts[(int) from / grain] = out.dtype() == DType.F32
        ? centerSingles(a, less, out, (int) from, (int) to)
        : centerDoubles(a, less, out, (int) from, (int) to));
    double[] total = doubles(sums, width);
    for (double[] part : parts) {
      for (int j = 0; part != null && j < width; j++) {
        total[j] += part[j];
      }
    }
    MemorySegment.copy(total, 0, sums.memory(), JAVA_DOUBLE_UNALIGNED, 0, width);
  }

  // Rows go through arrays, for which C2 has vectors.

  /// Adds up few numbers in binary32 before it goes on in binary64.
  private static double[] centerSingles(Tensor a, double[] less, Tensor out, int from, int to) {
    int width = less.length;
    float[] row = new float[width];
    float[] some = new float[width];
    double[] total = new double[width];
    for (int i = from; i < to; i++) {
      long at = (long) i * width * Float.BYTES;
      MemorySegment.copy(a.memory(), JAVA_FLOAT_UNALIGNED, at, row, 0, width);
      for (int j = 0; j < width; j++) {
        row[j] = (float) (row[j] - less[j]);
      }
      for (int j = 0; j < width; j++) {
        some[j] += row[j];
      }
      if (i % AT_ONCE == AT_ONCE - 1 || i == to - 1) {
        for (int j = 0; j < width; j++) {
          total[j] += some[j];
        }
        Arrays.fill(some, 0);
      }
      MemorySegment.copy(row, 0, out.memory(), JAVA_FLOAT_UNALIGNED, at, width);
    }
    return total;
  }

  private static double[] centerDoubles(Tensor a, double[] less, Tensor out, int from, int to) {
    int width = less.length;
    double[] row = new double[width];
    float[] singles = new float[width];
    double[] total = new double[width];
    for (int i = from; i < to; i++) {
      long at = (long) i * width;
      if (a.dtype() == DType.F32) {
        MemorySegment.copy(a.memory(), JAVA_FLOAT_UNALIGNED, at * Float.BYTES, singles, 0, width);
        for (int j = 0; j < width; j++) {
          row[j] = singles[j];
        }
      } else {
        MemorySegment.copy(a.memory(), JAVA_DOUBLE_UNALIGNED, at * Double.BYTES, row, 0, width);
      }
      for (int j = 0; j < width; j++) {
        row[j] -= less[j];
      }
      for (int j = 0; j < width; j++) {
        total[j] += row[j];
      }
      MemorySegment.copy(row, 0, out.memory(), JAVA_DOUBLE_UNALIGNED, at * Double.BYTES, width);
    }
    return total;
  }

  private static double[] doubles(Tensor vector, int count) {
    double[] values = new double[count];
    MemorySegment.copy(vector.memory(), JAVA_DOUBLE_UNALIGNED, 0, values, 0, count);
    return values;
  }

  @Override
  protected void callTranspose(Tensor a, Tensor b) {
    if (a.elements() > 0) {
      OpenBlas.Functions functions = functions(a);
      OpenBlas.call(functions.omatcopy, ROW_MAJOR, TRANSPOSE, extent(a, 0), extent(a, 1), functions.number(1), memory(a), stride(a), memory(b), stride(b));
    }
  }

  @Override
  protected void callSyevd(Tensor a, Tensor values) {
    SymmetricEigen eigen = new SymmetricEigen(functions(a), a);
    workspace.lend(eigen.workspace(), memory -> eigen.solve(values, memory));
  }

  @Override
  protected void callQr(Tensor a) {
    OpenBlas.Functions functions = functions(a);
    int rows = extent(a, 0);
    int length = extent(a, 1);
    long size = functions.real.byteSize();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment tau = arena.allocate(size * rows, size);
      OpenBlas.decompose("geqrf", functions.geqrf, COLUMN_MAJOR, length, rows, memory(a), length, tau);
      boolean[] negative = new boolean[rows];
      for (int i = 0; i < rows; i++) {
        negative[i] = a.dtype().get(a.memory(), (long) i * length + i) < 0;
      }
      OpenBlas.decompose("orgqr", functions.orgqr, COLUMN_MAJOR, length, rows, rows, memory(a), length, tau);
      for (int i = 0; i < rows; i++) {
        if (negative[i]) {
          OpenBlas.call(functions.scal, length, functions.number(-1), memory(a).asSlice(size * length * i), 1);
        }
      }
    }
  }
}
