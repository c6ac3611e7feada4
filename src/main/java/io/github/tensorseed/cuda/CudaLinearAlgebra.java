package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.tensorseed.DType;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasDiagType;
import jcuda.jcublas.cublasFillMode;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasSideMode;
import jcuda.jcusolver.JCusolverDn;
import jcuda.jcusolver.cusolverDnHandle;
import jcuda.jcusolver.cusolverEigMode;
import jcuda.runtime.cudaStream_t;

/// cuBLAS and cuSOLVER on a GPU's memory, on its stream. They take matrices by columns: one of rows is to them its own transpose.
///
/// Products of F32 are computed in F32: TF32 has to be asked for, and is not.
final class CudaLinearAlgebra extends LinearAlgebra {
  private final CudaDevice device;
  private final Context context;
  private final cublasHandle blas = new cublasHandle();
  private final cusolverDnHandle solver = new cusolverDnHandle();
  /// Where scalars lie that a call reads before it returns.
  private final MemorySegment scalars = Arena.ofAuto().allocate(2 * Double.BYTES, Double.BYTES);

  CudaLinearAlgebra(CudaDevice device, Context context) {
    super(device);
    this.device = device;
    this.context = context;
    Library.CUBLAS.require();
    Library.CUSOLVER.require();
    try (Context.Entered _ = context.enter()) {
      cudaStream_t stream = new cudaStream_t(context.stream());
      context.made(JCublas2.cublasCreate(blas), "cublasCreate", "cublasDestroy", () -> JCublas2.cublasDestroy(blas));
      context.check(JCublas2.cublasSetStream(blas, stream), "cublasSetStream");
      context.made(JCusolverDn.cusolverDnCreate(solver), "cusolverDnCreate", "cusolverDnDestroy", () -> JCusolverDn.cusolverDnDestroy(solver));
      context.check(JCusolverDn.cusolverDnSetStream(solver, stream), "cusolverDnSetStream");
    }
  }

  @Override
  public String library() {
    return "cuBLAS " + Library.CUBLAS.found().version() + ", cuSOLVER " + Library.CUSOLVER.found().version();
  }

  private static boolean wide(Tensor operand) {
    return operand.dtype() == DType.F64;
  }

  private static CUdeviceptr pointer(Tensor operand) {
    return Context.devicePointer(operand.memory().address());
  }

  /// The element `index` of an operand.
  private static CUdeviceptr pointer(Tensor operand, long index) {
    return Context.devicePointer(operand.memory().address() + index * operand.dtype().bytes());
  }

  /// A scalar of the operands' type; `place` 0 or 1.
  private Pointer scalar(Tensor operand, int place, double value) {
    MemorySegment memory = scalars.asSlice((long) place * Double.BYTES, Double.BYTES);
    if (wide(operand)) {
      memory.set(JAVA_DOUBLE, 0, value);
    } else {
      memory.set(JAVA_FLOAT, 0, (float) value);
    }
    return Context.pointer(memory);
  }

  private static int extent(Tensor a, int axis) {
    return Math.toIntExact(a.shape().extent(axis));
  }

  private static int stride(Tensor a) {
    return Math.max(1, extent(a, 1));
  }

  private static int number(Op op) {
    return op == Op.N ? cublasOperation.CUBLAS_OP_N : cublasOperation.CUBLAS_OP_T;
  }

  private static int transposed(Op op) {
    return op == Op.N ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
  }

  /// As in `cublasSgemm`.
  private static String name(String library, Tensor operand, String operation) {
    return library + (wide(operand) ? "D" : "S") + operation;
  }

  private interface Call {
    int code();
  }

  private synchronized void call(String name, Call call) {
    try (Context.Entered _ = context.enter()) {
      context.check(call.code(), name);
    }
  }

  @Override
  protected void callGemm(Op opA, Op opB, double alpha, Tensor a, Tensor b, double beta, Tensor c) {
    int m = extent(c, 0);
    int n = extent(c, 1);
    int k = extent(a, opA == Op.N ? 1 : 0);
    if (m == 0 || n == 0) {
      return;
    }
    call(name("cublas", c, "gemm"), () -> wide(c)
        ? JCublas2.cublasDgemm(blas, number(opB), number(opA), n, m, k, scalar(c, 0, alpha), pointer(b), stride(b), pointer(a), stride(a),
            scalar(c, 1, beta), pointer(c), stride(c))
        : JCublas2.cublasSgemm(blas, number(opB), number(opA), n, m, k, scalar(c, 0, alpha), pointer(b), stride(b), pointer(a), stride(a),
            scalar(c, 1, beta), pointer(c), stride(c)));
  }

  @Override
  protected void callGemv(Op op, double alpha, Tensor a, Tensor x, double beta, Tensor y) {
    call(name("cublas", a, "gemv"), () -> wide(a)
        ? JCublas2.cublasDgemv(blas, transposed(op), extent(a, 1), extent(a, 0), scalar(a, 0, alpha), pointer(a), stride(a), pointer(x), 1,
            scalar(a, 1, beta), pointer(y), 1)
        : JCublas2.cublasSgemv(blas, transposed(op), extent(a, 1), extent(a, 0), scalar(a, 0, alpha), pointer(a), stride(a), pointer(x), 1,
            scalar(a, 1, beta), pointer(y), 1));
  }

  @Override
  protected void callGer(double alpha, Tensor x, Tensor y, Tensor a) {
    call(name("cublas", a, "ger"), () -> wide(a)
        ? JCublas2.cublasDger(blas, extent(a, 1), extent(a, 0), scalar(a, 0, alpha), pointer(y), 1, pointer(x), 1, pointer(a), stride(a))
        : JCublas2.cublasSger(blas, extent(a, 1), extent(a, 0), scalar(a, 0, alpha), pointer(y), 1, pointer(x), 1, pointer(a), stride(a)));
  }

  @Override
  protected void callSyrk(Op op, double alpha, Tensor a, double beta, Tensor c) {
    int upper = cublasFillMode.CUBLAS_FILL_MODE_UPPER;
    int k = extent(a, op == Op.N ? 1 : 0);
    call(name("cublas", c, "syrk"), () -> wide(c)
        ? JCublas2.cublasDsyrk(blas, upper, transposed(op), extent(c, 0), k, scalar(c, 0, alpha), pointer(a), stride(a), scalar(c, 1, beta),
            pointer(c), stride(c))
        : JCublas2.cublasSsyrk(blas, upper, transposed(op), extent(c, 0), k, scalar(c, 0, alpha), pointer(a), stride(a), scalar(c, 1, beta),
            pointer(c), stride(c)));
  }

  @Override
  protected void callSymmetrize(Tensor c) {
    int n = extent(c, 0);
    call(name("cublas", c, "copy"), () -> {
      int code = 0;
      for (int i = 1; i < n && code == 0; i++) {
        code = wide(c)
            ? JCublas2.cublasDcopy(blas, i, pointer(c, (long) i * n), 1, pointer(c, i), n)
            : JCublas2.cublasScopy(blas, i, pointer(c, (long) i * n), 1, pointer(c, i), n);
      }
      return code;
    });
  }

  @Override
  protected void callTrsm(Tensor a, Tensor b) {
    int right = cublasSideMode.CUBLAS_SIDE_RIGHT;
    int upper = cublasFillMode.CUBLAS_FILL_MODE_UPPER;
    int same = cublasOperation.CUBLAS_OP_N;
    int general = cublasDiagType.CUBLAS_DIAG_NON_UNIT;
    call(name("cublas", b, "trsm"), () -> wide(b)
        ? JCublas2.cublasDtrsm(blas, right, upper, same, general, extent(b, 1), extent(b, 0), scalar(b, 0, 1), pointer(a), stride(a),
            pointer(b), stride(b))
        : JCublas2.cublasStrsm(blas, right, upper, same, general, extent(b, 1), extent(b, 0), scalar(b, 0, 1), pointer(a), stride(a),
            pointer(b), stride(b)));
  }

  @Override
  protected void callDgmm(Tensor x, Tensor a) {
    int right = cublasSideMode.CUBLAS_SIDE_RIGHT;
    call(name("cublas", a, "dgmm"), () -> wide(a)
        ? JCublas2.cublasDdgmm(blas, right, extent(a, 1), extent(a, 0), pointer(a), stride(a), pointer(x), 1, pointer(a), stride(a))
        : JCublas2.cublasSdgmm(blas, right, extent(a, 1), extent(a, 0), pointer(a), stride(a), pointer(x), 1, pointer(a), stride(a)));
  }

  @Override
  protected void callAxpy(double alpha, Tensor x, Tensor y) {
    if (x.dtype() != y.dtype()) {
      try (Tensor widened = device.allocate(y.dtype(), x.shape())) {
        device.convert(x, 1, widened);
        callAxpy(alpha, widened, y);
      }
      return;
    }
    call(name("cublas", y, "axpy"), () -> {
      int code = 0;
      for (long at = 0; at < x.elements() && code == 0; at += Integer.MAX_VALUE) {
        int count = (int) Math.min(x.elements() - at, Integer.MAX_VALUE);
        code = wide(y)
            ? JCublas2.cublasDaxpy(blas, count, scalar(y, 0, alpha), pointer(x, at), 1, pointer(y, at), 1)
            : JCublas2.cublasSaxpy(blas, count, scalar(y, 0, alpha), pointer(x, at), 1, pointer(y, at), 1);
      }
      return code;
    });
  }

  @Override
  protected void callCenter(Tensor a, Tensor shift, Tensor out, Tensor sums) {
    DType dtype = out.dtype();
    device.convert(a, 1, out);
    try (Tensor ones = device.full(dtype, Shape.of(a.shape().extent(0)), 1);
         Tensor less = device.allocate(dtype, shift.shape()); Tensor total = device.allocate(dtype, sums.shape())) {
      device.convert(shift, 1, less);
      callGer(-1, ones, less, out);
      if (dtype == DType.F32) {
        // And what rounding left of the shift.
        try (Tensor left = device.allocate(DType.F64, shift.shape())) {
          device.convert(less, -1, left);
          callAxpy(1, shift, left);
          device.convert(left, 1, less);
          callGer(-1, ones, less, out);
        }
      }
      callGemv(Op.T, 1, out, ones, 0, total);
      callAxpy(1, total, sums);
    }
  }

  @Override
  protected void callTranspose(Tensor a, Tensor b) {
    if (a.elements() == 0) {
      return;
    }
    int turned = cublasOperation.CUBLAS_OP_T;
    int same = cublasOperation.CUBLAS_OP_N;
    call(name("cublas", a, "geam"), () -> wide(a)
        ? JCublas2.cublasDgeam(blas, turned, same, extent(a, 0), extent(a, 1), scalar(a, 0, 1), pointer(a), stride(a), scalar(a, 1, 0),
            pointer(b), stride(b), pointer(b), stride(b))
        : JCublas2.cublasSgeam(blas, turned, same, extent(a, 0), extent(a, 1), scalar(a, 0, 1), pointer(a), stride(a), scalar(a, 1, 0),
            pointer(b), stride(b), pointer(b), stride(b)));
  }

  @Override
  protected void callSyevd(Tensor a, Tensor values) {
    int n = extent(a, 0);
    int vectors = cusolverEigMode.CUSOLVER_EIG_MODE_VECTOR;
    int upper = cublasFillMode.CUBLAS_FILL_MODE_UPPER;
    int[] size = new int[1];
    call(name("cusolverDn", a, "syevd_bufferSize"), () -> wide(a)
        ? JCusolverDn.cusolverDnDsyevd_bufferSize(solver, vectors, upper, n, pointer(a), n, pointer(values), size)
        : JCusolverDn.cusolverDnSsyevd_bufferSize(solver, vectors, upper, n, pointer(a), n, pointer(values), size));
    decompose(name("cusolverDn", a, "syevd"), a.dtype(), size[0], (work, info) -> wide(a)
        ? JCusolverDn.cusolverDnDsyevd(solver, vectors, upper, n, pointer(a), n, pointer(values), pointer(work), size[0], pointer(info))
        : JCusolverDn.cusolverDnSsyevd(solver, vectors, upper, n, pointer(a), n, pointer(values), pointer(work), size[0], pointer(info)));
  }

  @Override
  protected void callQr(Tensor a) {
    int rows = extent(a, 0);
    int length = extent(a, 1);
    int[] size = new int[1];
    try (Tensor tau = device.allocate(a.dtype(), Shape.of(rows)); Tensor diagonal = device.allocate(a.dtype(), Shape.of(rows))) {
      call(name("cusolverDn", a, "geqrf_bufferSize"), () -> wide(a)
          ? JCusolverDn.cusolverDnDgeqrf_bufferSize(solver, length, rows, pointer(a), length, size)
          : JCusolverDn.cusolverDnSgeqrf_bufferSize(solver, length, rows, pointer(a), length, size));
      decompose(name("cusolverDn", a, "geqrf"), a.dtype(), size[0], (work, info) -> wide(a)
          ? JCusolverDn.cusolverDnDgeqrf(solver, length, rows, pointer(a), length, pointer(tau), pointer(work), size[0], pointer(info))
          : JCusolverDn.cusolverDnSgeqrf(solver, length, rows, pointer(a), length, pointer(tau), pointer(work), size[0], pointer(info)));
      call(name("cublas", a, "copy"), () -> wide(a)
          ? JCublas2.cublasDcopy(blas, rows, pointer(a), length + 1, pointer(diagonal), 1)
          : JCublas2.cublasScopy(blas, rows, pointer(a), length + 1, pointer(diagonal), 1));
      call(name("cusolverDn", a, "orgqr_bufferSize"), () -> wide(a)
          ? JCusolverDn.cusolverDnDorgqr_bufferSize(solver, length, rows, rows, pointer(a), length, pointer(tau), size)
          : JCusolverDn.cusolverDnSorgqr_bufferSize(solver, length, rows, rows, pointer(a), length, pointer(tau), size));
      decompose(name("cusolverDn", a, "orgqr"), a.dtype(), size[0], (work, info) -> wide(a)
          ? JCusolverDn.cusolverDnDorgqr(solver, length, rows, rows, pointer(a), length, pointer(tau), pointer(work), size[0], pointer(info))
          : JCusolverDn.cusolverDnSorgqr(solver, length, rows, rows, pointer(a), length, pointer(tau), pointer(work), size[0], pointer(info)));
      double[] signs = diagonal.toDoubles();
      for (int i = 0; i < rows; i++) {
        signs[i] = signs[i] < 0 ? -1 : 1;
      }
      diagonal.copyFrom(signs);
      callDgmm(diagonal, a);
    }
  }

  private interface Decomposition {
    int code(Tensor work, Tensor info);
  }

  /// Gives a decomposition its workspace and asks how it went.
  private void decompose(String name, DType dtype, int size, Decomposition decomposition) {
    try (Tensor work = device.allocate(dtype, Shape.of(Math.max(1, size))); Tensor info = device.allocate(DType.F32, Shape.of(1));
         Arena arena = Arena.ofConfined()) {
      call(name, () -> decomposition.code(work, info));
      MemorySegment host = arena.allocate(JAVA_INT);
      device.read(info, 0, host);
      int result = host.get(JAVA_INT, 0);
      if (result != 0) {
        throw new DeviceException(device.name() + ": " + name + " failed with info = " + result + (result > 0
            ? "; the method did not converge: is the matrix finite?" : ", which means that argument " + -result + " is not a number"));
      }
    }
  }
}
