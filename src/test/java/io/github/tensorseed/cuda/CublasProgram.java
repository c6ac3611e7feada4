package io.github.tensorseed.cuda;

import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDaxpy;
import static jcuda.jcublas.JCublas2.cublasDdgmm;
import static jcuda.jcublas.JCublas2.cublasDdot;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasDgeam;
import static jcuda.jcublas.JCublas2.cublasDgemm;
import static jcuda.jcublas.JCublas2.cublasDgemmStridedBatched;
import static jcuda.jcublas.JCublas2.cublasDgemv;
import static jcuda.jcublas.JCublas2.cublasDger;
import static jcuda.jcublas.JCublas2.cublasDsymm;
import static jcuda.jcublas.JCublas2.cublasDsyrk;
import static jcuda.jcublas.JCublas2.cublasDtrmm;
import static jcuda.jcublas.JCublas2.cublasDtrsm;
import static jcuda.jcublas.JCublas2.cublasGetMathMode;
import static jcuda.jcublas.JCublas2.cublasGetPointerMode;
import static jcuda.jcublas.JCublas2.cublasGetProperty;
import static jcuda.jcublas.JCublas2.cublasGetStream;
import static jcuda.jcublas.JCublas2.cublasGetVersion;
import static jcuda.jcublas.JCublas2.cublasIsamax;
import static jcuda.jcublas.JCublas2.cublasScopy;
import static jcuda.jcublas.JCublas2.cublasSetMathMode;
import static jcuda.jcublas.JCublas2.cublasSetPointerMode;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;
import static jcuda.jcublas.JCublas2.cublasSgeam;
import static jcuda.jcublas.JCublas2.cublasSgemm;
import static jcuda.jcublas.JCublas2.cublasSnrm2;
import static jcuda.jcublas.JCublas2.cublasSscal;
import static jcuda.jcublas.JCublas2.cublasSsyrk;
import static jcuda.jcublas.cublasDiagType.CUBLAS_DIAG_NON_UNIT;
import static jcuda.jcublas.cublasDiagType.CUBLAS_DIAG_UNIT;
import static jcuda.jcublas.cublasFillMode.CUBLAS_FILL_MODE_LOWER;
import static jcuda.jcublas.cublasFillMode.CUBLAS_FILL_MODE_UPPER;
import static jcuda.jcublas.cublasMath.CUBLAS_TF32_TENSOR_OP_MATH;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_N;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_T;
import static jcuda.jcublas.cublasPointerMode.CUBLAS_POINTER_MODE_DEVICE;
import static jcuda.jcublas.cublasSideMode.CUBLAS_SIDE_LEFT;
import static jcuda.jcublas.cublasSideMode.CUBLAS_SIDE_RIGHT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.function.IntBinaryOperator;
import java.util.function.IntToDoubleFunction;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.cublasHandle;
import jcuda.runtime.cudaStream_t;

/// What JCublas2 gets from the stand-in for cuBLAS, as a program on the emulated driver whose argument is the driver's mode. Matrices are
/// column-major; expected values are those of plain loops over small whole numbers, which every order of adding gives exactly.
final class CublasProgram {
  private static final int NOT_INITIALIZED = 1;
  private static final int INVALID_VALUE = 7;
  private static final int EXECUTION_FAILED = 13;
  private static final int NOT_SUPPORTED = 15;
  private static final int N = CUBLAS_OP_N;
  private static final int T = CUBLAS_OP_T;

  private final String mode;
  private EmulatedGpu gpu;
  private cublasHandle handle;

  private CublasProgram(String mode) {
    this.mode = mode;
    gpu = new EmulatedGpu(mode);
    handle = new cublasHandle();
  }

  public static void main(String... arguments) {
    CublasProgram program = new CublasProgram(arguments[0]);
    program.begin();
    program.handles();
    program.products();
    program.symmetric();
    program.triangular();
    program.sums();
    program.vectors();
    program.scalarsOnTheDevice();
    program.faultsOfTheCaller();
    program.end();
    program.memory();
    program.injected();
  }

  private void begin() {
    gpu = new EmulatedGpu(mode);
    handle = new cublasHandle();
    check(cublasCreate(handle));
    check(cublasSetStream(handle, gpu.libraryStream()));
  }

  private void end() {
    assertThat(EmulatedGpu.DRIVER.report()).contains("\"cublas handles\": 1");
    check(cublasDestroy(handle));
    assertThat(cublasDestroy(handle)).isEqualTo(NOT_INITIALIZED);
    assertThat(EmulatedGpu.DRIVER.report()).doesNotContain("cublas handles\":");
    gpu.close();
  }

  private void handles() {
    int[] answer = new int[1];
    check(cublasGetVersion(handle, answer));
    assertThat(answer[0]).isEqualTo(111103);
    check(cublasGetProperty(0, answer));
    assertThat(answer[0]).isEqualTo(11);
    check(cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH));
    check(cublasGetMathMode(handle, answer));
    assertThat(answer[0]).isEqualTo(CUBLAS_TF32_TENSOR_OP_MATH);
    assertThat(cublasSetMathMode(handle, 9)).isEqualTo(INVALID_VALUE);
    check(cublasGetPointerMode(handle, answer));
    assertThat(answer[0]).isZero();
    cudaStream_t stream = new cudaStream_t();
    check(cublasGetStream(handle, stream));
    assertThat(stream).isEqualTo(gpu.libraryStream());
    assertThat(cublasGetVersion(new cublasHandle(), answer)).isEqualTo(NOT_INITIALIZED);
    assertThat(cublasIsamax(handle, 1, gpu.allocate(4), 1, Pointer.to(answer))).isEqualTo(NOT_SUPPORTED);
  }

  /// A matrix of small whole numbers; entries between the columns and the leading dimension are NaN.
  private static final class Matrix {
    private final int rows;
    private final int columns;
    private final int leading;
    private final double[] values;

    private Matrix(int rows, int columns, int leading, double[] values) {
      this.rows = rows;
      this.columns = columns;
      this.leading = leading;
      this.values = values;
    }

    static Matrix of(int rows, int columns, int leading, IntBinaryOperator entry) {
      double[] values = new double[leading * columns];
      Arrays.fill(values, Double.NaN);
      for (int j = 0; j < columns; j++) {
        for (int i = 0; i < rows; i++) {
          values[i + j * leading] = entry.applyAsInt(i, j);
        }
      }
      return new Matrix(rows, columns, leading, values);
    }

    static Matrix some(int rows, int columns, int seed) {
      return of(rows, columns, rows + seed % 3, (i, j) -> (i * 7 + j * 3 + seed) % 11 - 5);
    }

    double at(int i, int j) {
      return values[i + j * leading];
    }

    double at(int operation, int i, int j) {
      return operation == N ? at(i, j) : at(j, i);
    }

    /// The whole matrix of which one triangle counts.
    double symmetric(int fill, int i, int j) {
      return (fill == CUBLAS_FILL_MODE_LOWER) == (i >= j) ? at(i, j) : at(j, i);
    }

    double triangular(int fill, int diagonal, int i, int j) {
      if (i == j) {
        return diagonal == CUBLAS_DIAG_UNIT ? 1 : at(i, i);
      }
      return (fill == CUBLAS_FILL_MODE_LOWER) == (i > j) ? at(i, j) : 0;
    }

    float[] floats() {
      float[] floats = new float[values.length];
      for (int i = 0; i < floats.length; i++) {
        floats[i] = (float) values[i];
      }
      return floats;
    }
  }

  private interface Entry {
    double at(int i, int j);
  }

  private static double sum(int count, IntToDoubleFunction term) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += term.applyAsDouble(i);
    }
    return sum;
  }

  private static void assertMatrix(String what, Matrix before, double[] after, Entry expected) {
    for (int j = 0; j < before.columns; j++) {
      for (int i = 0; i < before.leading; i++) {
        double wanted = i < before.rows ? expected.at(i, j) : Double.NaN;
        assertThat(after[i + j * before.leading]).as(what + " " + i + ", " + j).isCloseTo(wanted, within(1e-9));
      }
    }
  }

  private static Pointer one(double value) {
    return Pointer.to(new double[] {value});
  }

  private static Pointer one(float value) {
    return Pointer.to(new float[] {value});
  }

  private void products() {
    int m = 5;
    int n = 4;
    int k = 3;
    for (int operations = 0; operations < 4; operations++) {
      int ta = operations % 2;
      int tb = operations / 2;
      Matrix a = ta == N ? Matrix.some(m, k, 1) : Matrix.some(k, m, 1);
      Matrix b = tb == N ? Matrix.some(k, n, 2) : Matrix.some(n, k, 2);
      Matrix c = Matrix.some(m, n, 4);
      Entry expected = (i, j) -> 2 * sum(k, l -> a.at(ta, i, l) * b.at(tb, l, j)) - 3 * c.at(i, j);
      CUdeviceptr out = gpu.upload(c.values);
      check(cublasDgemm(handle, ta, tb, m, n, k, one(2.0), gpu.upload(a.values), a.leading, gpu.upload(b.values), b.leading, one(-3.0), out,
          c.leading));
      assertMatrix("dgemm", c, gpu.doubles(out, c.values.length), expected);
      CUdeviceptr floats = gpu.upload(c.floats());
      check(cublasSgemm(handle, ta, tb, m, n, k, one(2f), gpu.upload(a.floats()), a.leading, gpu.upload(b.floats()), b.leading, one(-3f),
          floats, c.leading));
      assertMatrix("sgemm", c, doubles(gpu.floats(floats, c.values.length)), expected);
    }
    Matrix a = Matrix.some(2, 6, 3);
    Matrix b = Matrix.some(3, 4, 3);
    Matrix c = Matrix.of(2, 4, 2, (_, _) -> 0);
    CUdeviceptr out = gpu.upload(c.values);
    check(cublasDgemmStridedBatched(handle, N, N, 2, 2, 3, one(1.0), gpu.upload(a.values), 2, 6, gpu.upload(b.values), 3, 6, one(0.0), out,
        2, 4, 2));
    assertMatrix("batch", c, gpu.doubles(out, 8), (i, j) -> sum(3, l -> a.at(i, l + j / 2 * 3) * b.at(l, j)));
    CUdeviceptr fresh = gpu.allocate(32);
    check(cublasDgemm(handle, N, N, 2, 2, 0, one(1.0), new CUdeviceptr(), 2, new CUdeviceptr(), 1, one(0.0), fresh, 2));
    assertThat(gpu.doubles(fresh, 4)).as("no inner dimension, and a factor of 0 that reads no NaN").containsOnly(0);
  }

  private void symmetric() {
    int n = 4;
    int k = 3;
    for (int fill : new int[] {CUBLAS_FILL_MODE_LOWER, CUBLAS_FILL_MODE_UPPER}) {
      Matrix a = Matrix.some(k, n, 2);
      Matrix c = Matrix.some(n, n, 1);
      Entry product = (i, j) -> (fill == CUBLAS_FILL_MODE_LOWER) == (i >= j) || i == j
          ? sum(k, l -> a.at(l, i) * a.at(l, j)) + c.at(i, j)
          : c.at(i, j);
      CUdeviceptr out = gpu.upload(c.values);
      check(cublasDsyrk(handle, fill, T, n, k, one(1.0), gpu.upload(a.values), a.leading, one(1.0), out, c.leading));
      assertMatrix("dsyrk", c, gpu.doubles(out, c.values.length), product);
      CUdeviceptr floats = gpu.upload(c.floats());
      check(cublasSsyrk(handle, fill, T, n, k, one(1f), gpu.upload(a.floats()), a.leading, one(1f), floats, c.leading));
      assertMatrix("ssyrk", c, doubles(gpu.floats(floats, c.values.length)), product);
      for (int side : new int[] {CUBLAS_SIDE_LEFT, CUBLAS_SIDE_RIGHT}) {
        int m = 3;
        int order = side == CUBLAS_SIDE_LEFT ? m : n;
        Matrix s = Matrix.some(order, order, 5);
        Matrix b = Matrix.some(m, n, 7);
        Matrix d = Matrix.some(m, n, 8);
        CUdeviceptr result = gpu.upload(d.values);
        check(cublasDsymm(handle, side, fill, m, n, one(2.0), gpu.upload(s.values), s.leading, gpu.upload(b.values), b.leading, one(0.0),
            result, d.leading));
        assertMatrix("dsymm", d, gpu.doubles(result, d.values.length), (i, j) -> 2 * (side == CUBLAS_SIDE_LEFT
            ? sum(m, l -> s.symmetric(fill, i, l) * b.at(l, j))
            : sum(n, l -> b.at(i, l) * s.symmetric(fill, l, j))));
      }
    }
  }

  private void triangular() {
    int m = 3;
    int n = 4;
    for (int choice = 0; choice < 16; choice++) {
      int side = choice & 1;
      int fill = choice >> 1 & 1;
      int operation = choice >> 2 & 1;
      int diagonal = choice >> 3;
      int order = side == CUBLAS_SIDE_LEFT ? m : n;
      Matrix a = Matrix.of(order, order, order + 1, (i, j) -> i == j ? i + 1 : (i + 2 * j) % 3 - 1);
      Matrix b = Matrix.some(m, n, choice);
      Entry factor = (i, j) -> operation == N ? a.triangular(fill, diagonal, i, j) : a.triangular(fill, diagonal, j, i);
      Entry product = (i, j) -> 2 * (side == CUBLAS_SIDE_LEFT
          ? sum(m, l -> factor.at(i, l) * b.at(l, j))
          : sum(n, l -> b.at(i, l) * factor.at(l, j)));
      CUdeviceptr triangle = gpu.upload(a.values);
      CUdeviceptr in = gpu.upload(b.values);
      CUdeviceptr out = gpu.upload(b.values);
      check(cublasDtrmm(handle, side, fill, operation, diagonal, m, n, one(2.0), triangle, a.leading, in, b.leading, out, b.leading));
      assertMatrix("dtrmm", b, gpu.doubles(out, b.values.length), product);
      assertMatrix("dtrmm", b, gpu.doubles(in, b.values.length), b::at);
      check(cublasDtrmm(handle, side, fill, operation, diagonal, m, n, one(2.0), triangle, a.leading, in, b.leading, in, b.leading));
      assertMatrix("dtrmm in place", b, gpu.doubles(in, b.values.length), product);
      check(cublasDtrsm(handle, side, fill, operation, diagonal, m, n, one(0.5), triangle, a.leading, in, b.leading));
      assertMatrix("dtrsm", b, gpu.doubles(in, b.values.length), b::at);
    }
    assertThat(CUBLAS_DIAG_NON_UNIT).isZero();
  }

  private void sums() {
    Matrix a = Matrix.some(4, 3, 1);
    Matrix b = Matrix.some(3, 4, 2);
    Matrix c = Matrix.some(3, 4, 3);
    CUdeviceptr out = gpu.upload(c.values);
    CUdeviceptr left = gpu.upload(a.values);
    CUdeviceptr right = gpu.upload(b.values);
    check(cublasDgeam(handle, T, N, 3, 4, one(2.0), left, a.leading, one(-1.0), right, b.leading, out, c.leading));
    assertMatrix("dgeam", c, gpu.doubles(out, c.values.length), (i, j) -> 2 * a.at(j, i) - b.at(i, j));
    check(cublasDgeam(handle, T, N, 3, 4, one(1.0), left, a.leading, one(0.0), new CUdeviceptr(), 3, out, c.leading));
    assertMatrix("a transpose", c, gpu.doubles(out, c.values.length), (i, j) -> a.at(j, i));
    CUdeviceptr floats = gpu.upload(1, 2, 3, 4);
    check(cublasSgeam(handle, N, N, 2, 2, one(2f), floats, 2, one(1f), floats, 2, floats, 2));
    assertThat(gpu.floats(floats, 4)).containsExactly(3, 6, 9, 12);
    CUdeviceptr factors = gpu.upload(1.0, 0, 2.0, 0, 3.0, 0, 4.0);
    check(cublasDdgmm(handle, CUBLAS_SIDE_RIGHT, 3, 4, right, b.leading, factors, 2, out, c.leading));
    assertMatrix("columns", c, gpu.doubles(out, c.values.length), (i, j) -> (j + 1) * b.at(i, j));
    check(cublasDdgmm(handle, CUBLAS_SIDE_RIGHT, 3, 4, right, b.leading, factors, -2, out, c.leading));
    assertMatrix("columns backwards", c, gpu.doubles(out, c.values.length), (i, j) -> (4 - j) * b.at(i, j));
    check(cublasDdgmm(handle, CUBLAS_SIDE_LEFT, 3, 4, right, b.leading, factors, 2, out, c.leading));
    assertMatrix("rows", c, gpu.doubles(out, c.values.length), (i, j) -> (i + 1) * b.at(i, j));
  }

  private void vectors() {
    CUdeviceptr x = gpu.upload(1.0, 9, 2, 9, 3);
    CUdeviceptr y = gpu.upload(4.0, 5, 6);
    check(cublasDaxpy(handle, 3, one(2.0), x, 2, y, 1));
    assertThat(gpu.doubles(y, 3)).containsExactly(6, 9, 12);
    double[] dot = new double[1];
    check(cublasDdot(handle, 3, x, 2, y, -1, Pointer.to(dot)));
    assertThat(dot[0]).isEqualTo(12 + 2 * 9 + 3 * 6);
    CUdeviceptr z = gpu.upload(3f, 4f);
    float[] norm = new float[1];
    check(cublasSnrm2(handle, 2, z, 1, Pointer.to(norm)));
    assertThat(norm[0]).isEqualTo(5);
    check(cublasSscal(handle, 2, one(3f), z, 1));
    CUdeviceptr copy = gpu.allocate(8);
    check(cublasScopy(handle, 2, z, 1, copy, 1));
    assertThat(gpu.floats(copy, 2)).containsExactly(9, 12);
    Matrix a = Matrix.some(3, 2, 4);
    CUdeviceptr matrix = gpu.upload(a.values);
    CUdeviceptr out = gpu.upload(1.0, 1.0);
    check(cublasDgemv(handle, T, 3, 2, one(1.0), matrix, a.leading, x, 2, one(5.0), out, 1));
    double[] product = gpu.doubles(out, 2);
    for (int j = 0; j < 2; j++) {
      assertThat(product[j]).isEqualTo(5 + a.at(0, j) + 2 * a.at(1, j) + 3 * a.at(2, j));
    }
    check(cublasDger(handle, 3, 2, one(1.0), x, 2, gpu.upload(10.0, 100.0), 1, matrix, a.leading));
    assertMatrix("dger", a, gpu.doubles(matrix, a.values.length), (i, j) -> a.at(i, j) + (i + 1) * (j == 0 ? 10 : 100));
  }

  private void scalarsOnTheDevice() {
    check(cublasSetPointerMode(handle, CUBLAS_POINTER_MODE_DEVICE));
    CUdeviceptr scalars = gpu.upload(0.0, 0.0);
    CUdeviceptr x = gpu.upload(3.0, 4.0);
    check(cublasDdot(handle, 2, x, 1, x, 1, scalars));
    check(cublasDaxpy(handle, 2, scalars, x, 1, x, 1));
    assertThat(gpu.doubles(x, 2)).as("the scalar is read when the stream gets there").containsExactly(78, 104);
    check(cublasSetPointerMode(handle, 0));
    assertThat(cublasDaxpy(handle, 2, scalars, x, 1, x, 1)).isEqualTo(INVALID_VALUE);
    CUdeviceptr workspace = gpu.upload(new double[64]);
    check(cublasSetWorkspace(handle, workspace, 512));
    check(cublasDaxpy(handle, 2, one(0.0), x, 1, x, 1));
    assertThat(gpu.doubles(workspace, 64)).containsOnly(Double.NaN);
    assertThat(cublasSetWorkspace(handle, workspace.withByteOffset(8), 8)).isEqualTo(INVALID_VALUE);
    check(cublasSetStream(handle, gpu.libraryStream()));
  }

  private void faultsOfTheCaller() {
    CUdeviceptr a = gpu.upload(new double[16]);
    CUdeviceptr b = gpu.upload(new double[16]);
    CUdeviceptr c = gpu.upload(new double[16]);
    assertThat(cublasDgemm(new cublasHandle(), N, N, 2, 2, 2, one(1.0), a, 2, b, 2, one(0.0), c, 2)).isEqualTo(NOT_INITIALIZED);
    assertThat(cublasDgemm(handle, N, N, 2, 2, -1, one(1.0), a, 2, b, 2, one(0.0), c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(cublasDgemm(handle, N, N, 2, 2, 2, one(1.0), a, 1, b, 2, one(0.0), c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(cublasDgemm(handle, T, N, 2, 2, 3, one(1.0), a, 2, b, 3, one(0.0), c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(cublasDgemm(handle, N, 7, 2, 2, 2, one(1.0), a, 2, b, 2, one(0.0), c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(cublasDgemm(handle, N, N, 2, 2, 2, one(1.0), a, 2, b, 2, one(0.0), a, 2)).as("in place").isEqualTo(INVALID_VALUE);
    assertThat(cublasDgemm(handle, N, N, 2, 2, 2, one(1.0), new CUdeviceptr(), 2, b, 2, one(0.0), c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(cublasDsyrk(handle, 2, N, 2, 2, one(1.0), a, 2, one(0.0), c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(cublasDtrsm(handle, 0, 0, 0, 5, 2, 2, one(1.0), a, 2, c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(cublasDgeam(handle, T, N, 2, 2, one(1.0), a, 2, one(0.0), b, 2, a, 2)).as("no transpose in place").isEqualTo(INVALID_VALUE);
    assertThat(cublasDdgmm(handle, 0, 2, 2, a, 2, b, 0, c, 2)).isEqualTo(INVALID_VALUE);
    assertThat(gpu.waited()).isZero();
  }

  /// A matrix is checked to its last number, when the stream gets there: 3 rows of 4 columns that are 5 apart are 18 numbers.
  private void memory() {
    assertThat(productOf(18, 0)).isZero();
    assertThat(productOf(17, 0)).as("a number less").isEqualTo(700);
    assertThat(productOf(18, 4)).as("half a number away").isEqualTo(716);
    begin();
    CUdeviceptr out = gpu.upload(new double[4]);
    CUdeviceptr in = gpu.upload(1.0, 2, 3, 4);
    check(cublasDgemm(handle, N, N, 2, 2, 2, one(1.0), in, 2, in, 2, one(0.0), out, 2));
    gpu.free(in);
    int waited = gpu.waited();
    if (!mode.startsWith("random")) {
      assertThat(waited).as("freed before anybody waited").isEqualTo(mode.equals("eager") ? 0 : 700);
    }
  }

  private int productOf(int numbers, long offset) {
    begin();
    CUdeviceptr a = gpu.allocate(8L * numbers);
    CUdeviceptr b = gpu.allocate(8 * 4 * 2);
    CUdeviceptr c = gpu.allocate(8 * 3 * 2 + 8);
    assertThat(cublasDgemm(handle, N, N, 3, 2, 4, one(1.0), a, 5, b, 4, one(0.0), c.withByteOffset(offset), 3)).isZero();
    int code = gpu.waited();
    if (code != 0) {
      assertThat(cublasDgemm(handle, N, N, 3, 2, 4, one(1.0), a, 5, b, 4, one(0.0), c, 3)).isEqualTo(EXECUTION_FAILED);
    }
    return code;
  }

  private void injected() {
    begin();
    EmulatedGpu.DRIVER.configure("fail=cublasDgemm:1:13,fail=cublasDestroy:1:14");
    CUdeviceptr a = gpu.upload(new double[4]);
    assertThat(cublasDgemm(handle, N, N, 1, 1, 1, one(1.0), a, 1, a, 1, one(0.0), a.withByteOffset(8), 1)).isEqualTo(EXECUTION_FAILED);
    check(cublasDgemm(handle, N, N, 1, 1, 1, one(1.0), a, 1, a, 1, one(0.0), a.withByteOffset(8), 1));
    assertThat(cublasDestroy(handle)).isEqualTo(14);
    assertThat(EmulatedGpu.DRIVER.report()).doesNotContain("cublas handles\":");
    assertThat(JCudaDriver.cuCtxSetCurrent(new CUcontext())).isZero();
    assertThat(cublasCreate(new cublasHandle())).as("no context").isEqualTo(NOT_INITIALIZED);
  }

  private static double[] doubles(float[] values) {
    double[] doubles = new double[values.length];
    for (int i = 0; i < doubles.length; i++) {
      doubles[i] = values[i];
    }
    return doubles;
  }

  private static void check(int status) {
    assertThat(status).as(EmulatedGpu.DRIVER.report()).isZero();
  }
}
