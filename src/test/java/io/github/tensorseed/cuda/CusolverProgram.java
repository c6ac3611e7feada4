package io.github.tensorseed.cuda;

import static jcuda.jcublas.cublasFillMode.CUBLAS_FILL_MODE_LOWER;
import static jcuda.jcublas.cublasFillMode.CUBLAS_FILL_MODE_UPPER;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_N;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_T;
import static jcuda.jcublas.cublasSideMode.CUBLAS_SIDE_LEFT;
import static jcuda.jcusolver.JCusolver.cusolverGetProperty;
import static jcuda.jcusolver.JCusolver.cusolverGetVersion;
import static jcuda.jcusolver.JCusolverDn.cusolverDnCreate;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDestroy;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDgeqrf;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDgeqrf_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDgesvd;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDgesvd_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDgetrf_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDorgqr;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDorgqr_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDormqr;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDormqr_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDpotrf;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDpotrf_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDpotrs;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDsyevd;
import static jcuda.jcusolver.JCusolverDn.cusolverDnDsyevd_bufferSize;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSetStream;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSsyevd;
import static jcuda.jcusolver.JCusolverDn.cusolverDnSsyevd_bufferSize;
import static jcuda.jcusolver.cusolverEigMode.CUSOLVER_EIG_MODE_VECTOR;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.jcusolver.cusolverDnHandle;

/// What JCusolverDn gets from the stand-in for cuSOLVER, as a program on the emulated driver whose argument is the driver's mode. Matrices
/// are column-major; results are multiplied out by plain loops and compared with what they were made of.
final class CusolverProgram {
  private static final int NOT_INITIALIZED = 1;
  private static final int INVALID_VALUE = 3;
  private static final int EXECUTION_FAILED = 6;
  private static final int NOT_SUPPORTED = 9;
  private static final int ROWS = 5;
  private static final int COLUMNS = 3;

  private final String mode;
  private EmulatedGpu gpu;
  private cusolverDnHandle handle;
  private CUdeviceptr info;

  private CusolverProgram(String mode) {
    this.mode = mode;
    gpu = new EmulatedGpu(mode);
    handle = new cusolverDnHandle();
    info = gpu.allocate(4);
    check(cusolverDnCreate(handle));
    check(cusolverDnSetStream(handle, gpu.libraryStream()));
  }

  public static void main(String... arguments) {
    CusolverProgram program = new CusolverProgram(arguments[0]);
    program.eigenvalues();
    program.orthogonalFactor();
    program.singularValues();
    program.cholesky();
    program.faultsOfTheCaller();
    program.end();
    new CusolverProgram(arguments[0]).memory();
  }

  private void end() {
    assertThat(EmulatedGpu.DRIVER.report()).contains("\"cusolver handles\": 1");
    check(cusolverDnDestroy(handle));
    assertThat(cusolverDnDestroy(handle)).isEqualTo(NOT_INITIALIZED);
    gpu.close();
    assertThat(EmulatedGpu.DRIVER.report()).doesNotContain("handles of libraries");
  }

  private static double[] general(int rows, int columns) {
    double[] values = new double[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i * i * 7 + i * 3) % 11 - 5 + (i % (rows + 1) == 0 ? 4 : 0);
    }
    return values;
  }

  /// A' A, which is positive definite.
  private static double[] gram(double[] a, int rows, int columns) {
    return product(transposed(a, rows, columns), columns, rows, a, columns);
  }

  private static double[] transposed(double[] a, int rows, int columns) {
    double[] result = new double[a.length];
    for (int j = 0; j < columns; j++) {
      for (int i = 0; i < rows; i++) {
        result[j + i * columns] = a[i + j * rows];
      }
    }
    return result;
  }

  private static double[] product(double[] a, int rows, int inner, double[] b, int columns) {
    double[] result = new double[rows * columns];
    for (int j = 0; j < columns; j++) {
      for (int i = 0; i < rows; i++) {
        for (int l = 0; l < inner; l++) {
          result[i + j * rows] += a[i + l * rows] * b[l + j * inner];
        }
      }
    }
    return result;
  }

  private static double[] diagonal(double[] values) {
    double[] result = new double[values.length * values.length];
    for (int i = 0; i < values.length; i++) {
      result[i + i * values.length] = values[i];
    }
    return result;
  }

  private static double[] upper(double[] a, int rows, int columns) {
    double[] result = new double[columns * columns];
    for (int j = 0; j < columns; j++) {
      for (int i = 0; i <= j; i++) {
        result[i + j * columns] = a[i + j * rows];
      }
    }
    return result;
  }

  private static void assertClose(double[] actual, double[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).as("number " + i).isCloseTo(expected[i], within(1e-10));
    }
  }

  private CUdeviceptr workspace(int[] size, int bytes) {
    assertThat(size[0]).isPositive();
    return gpu.allocate((long) size[0] * bytes);
  }

  private void assertInfo(int expected) {
    assertThat(gpu.ints(info, 1)).containsExactly(expected);
  }

  private void eigenvalues() {
    double[] whole = gram(general(ROWS, COLUMNS), ROWS, COLUMNS);
    for (int fill : new int[] {CUBLAS_FILL_MODE_LOWER, CUBLAS_FILL_MODE_UPPER}) {
      double[] half = whole.clone();
      half[fill == CUBLAS_FILL_MODE_LOWER ? COLUMNS : 1] = Double.NaN;
      CUdeviceptr a = gpu.upload(half);
      CUdeviceptr w = gpu.allocate(8 * COLUMNS);
      int[] size = new int[1];
      check(cusolverDnDsyevd_bufferSize(handle, CUSOLVER_EIG_MODE_VECTOR, fill, COLUMNS, a, COLUMNS, w, size));
      CUdeviceptr work = workspace(size, 8);
      check(cusolverDnDsyevd(handle, CUSOLVER_EIG_MODE_VECTOR, fill, COLUMNS, a, COLUMNS, w, work, size[0], info));
      double[] vectors = gpu.doubles(a, COLUMNS * COLUMNS);
      double[] values = gpu.doubles(w, COLUMNS);
      assertThat(values).isSorted();
      double[] scaled = product(vectors, COLUMNS, COLUMNS, diagonal(values), COLUMNS);
      assertClose(product(scaled, COLUMNS, COLUMNS, transposed(vectors, COLUMNS, COLUMNS), COLUMNS), whole);
      assertInfo(0);
      assertThat(gpu.doubles(work, size[0])).as("a workspace keeps nothing").containsOnly(Double.NaN);
    }
    CUdeviceptr a = gpu.upload(2f, 1, 1, 2);
    CUdeviceptr w = gpu.allocate(8);
    int[] size = new int[1];
    check(cusolverDnSsyevd_bufferSize(handle, 0, 0, 2, a, 2, w, size));
    check(cusolverDnSsyevd(handle, 0, 0, 2, a, 2, w, workspace(size, 4), size[0], info));
    float[] values = gpu.floats(w, 2);
    assertThat(values[0]).isCloseTo(1, within(1e-6f));
    assertThat(values[1]).isCloseTo(3, within(1e-6f));
  }

  private void orthogonalFactor() {
    double[] whole = general(ROWS, COLUMNS);
    CUdeviceptr a = gpu.upload(whole);
    CUdeviceptr tau = gpu.allocate(8 * COLUMNS);
    int[] size = new int[1];
    check(cusolverDnDgeqrf_bufferSize(handle, ROWS, COLUMNS, a, ROWS, size));
    check(cusolverDnDgeqrf(handle, ROWS, COLUMNS, a, ROWS, tau, workspace(size, 8), size[0], info));
    double[] r = upper(gpu.doubles(a, ROWS * COLUMNS), ROWS, COLUMNS);
    CUdeviceptr c = gpu.upload(whole);
    check(cusolverDnDormqr_bufferSize(handle, CUBLAS_SIDE_LEFT, CUBLAS_OP_T, ROWS, COLUMNS, COLUMNS, a, ROWS, tau, c, ROWS, size));
    check(cusolverDnDormqr(handle, CUBLAS_SIDE_LEFT, CUBLAS_OP_T, ROWS, COLUMNS, COLUMNS, a, ROWS, tau, c, ROWS, workspace(size, 8),
        size[0], info));
    double[] rotated = gpu.doubles(c, ROWS * COLUMNS);
    for (int j = 0; j < COLUMNS; j++) {
      for (int i = 0; i < ROWS; i++) {
        assertThat(rotated[i + j * ROWS]).isCloseTo(i < COLUMNS ? r[i + j * COLUMNS] : 0, within(1e-10));
      }
    }
    check(cusolverDnDorgqr_bufferSize(handle, ROWS, COLUMNS, COLUMNS, a, ROWS, tau, size));
    check(cusolverDnDorgqr(handle, ROWS, COLUMNS, COLUMNS, a, ROWS, tau, workspace(size, 8), size[0], info));
    double[] q = gpu.doubles(a, ROWS * COLUMNS);
    assertClose(product(q, ROWS, COLUMNS, r, COLUMNS), whole);
    assertClose(gram(q, ROWS, COLUMNS), diagonal(new double[] {1, 1, 1}));
    assertInfo(0);
  }

  private void singularValues() {
    double[] whole = general(ROWS, COLUMNS);
    CUdeviceptr a = gpu.upload(whole);
    CUdeviceptr s = gpu.allocate(8 * COLUMNS);
    CUdeviceptr u = gpu.allocate(8 * ROWS * COLUMNS);
    CUdeviceptr vt = gpu.allocate(8 * COLUMNS * COLUMNS);
    int[] size = new int[1];
    check(cusolverDnDgesvd_bufferSize(handle, ROWS, COLUMNS, size));
    check(cusolverDnDgesvd(handle, 'S', 'S', ROWS, COLUMNS, a, ROWS, s, u, ROWS, vt, COLUMNS, workspace(size, 8), size[0],
        new Pointer(), info));
    double[] values = gpu.doubles(s, COLUMNS);
    assertThat(values[0]).isGreaterThanOrEqualTo(values[1]);
    double[] scaled = product(gpu.doubles(u, ROWS * COLUMNS), ROWS, COLUMNS, diagonal(values), COLUMNS);
    assertClose(product(scaled, ROWS, COLUMNS, gpu.doubles(vt, COLUMNS * COLUMNS), COLUMNS), whole);
    assertInfo(0);
    assertThat(cusolverDnDgesvd_bufferSize(handle, COLUMNS, ROWS, size)).as("fewer rows than columns").isEqualTo(INVALID_VALUE);
  }

  private void cholesky() {
    double[] whole = gram(general(ROWS, COLUMNS), ROWS, COLUMNS);
    CUdeviceptr a = gpu.upload(whole);
    int[] size = new int[1];
    check(cusolverDnDpotrf_bufferSize(handle, CUBLAS_FILL_MODE_UPPER, COLUMNS, a, COLUMNS, size));
    check(cusolverDnDpotrf(handle, CUBLAS_FILL_MODE_UPPER, COLUMNS, a, COLUMNS, workspace(size, 8), size[0], info));
    assertClose(gram(upper(gpu.doubles(a, COLUMNS * COLUMNS), COLUMNS, COLUMNS), COLUMNS, COLUMNS), whole);
    double[] solution = {1, -2, 3, 4, 0, 1};
    CUdeviceptr b = gpu.upload(product(whole, COLUMNS, COLUMNS, solution, 2));
    check(cusolverDnDpotrs(handle, CUBLAS_FILL_MODE_UPPER, COLUMNS, 2, a, COLUMNS, b, COLUMNS, info));
    assertClose(gpu.doubles(b, solution.length), solution);
    assertInfo(0);
    CUdeviceptr indefinite = gpu.upload(1.0, 0, 0, -1.0);
    check(cusolverDnDpotrf(handle, CUBLAS_FILL_MODE_LOWER, 2, indefinite, 2, workspace(size, 8), size[0], info));
    assertInfo(2);
  }

  private void faultsOfTheCaller() {
    CUdeviceptr a = gpu.upload(general(4, 4));
    CUdeviceptr w = gpu.allocate(32);
    int[] size = new int[1];
    check(cusolverGetVersion(size));
    assertThat(size[0]).isEqualTo(11401);
    check(cusolverGetProperty(0, size));
    assertThat(size[0]).isEqualTo(11);
    check(cusolverDnDsyevd_bufferSize(handle, 1, 0, 4, a, 4, w, size));
    CUdeviceptr work = workspace(size, 8);
    assertThat(cusolverDnDsyevd(handle, 1, 0, 4, a, 4, w, work, size[0] - 1, info)).isEqualTo(INVALID_VALUE);
    assertThat(cusolverDnDsyevd(handle, 1, 0, 4, a, 3, w, work, size[0], info)).isEqualTo(INVALID_VALUE);
    assertThat(cusolverDnDsyevd(handle, 1, 2, 4, a, 4, w, work, size[0], info)).isEqualTo(INVALID_VALUE);
    assertThat(cusolverDnDsyevd(handle, 1, 0, -4, a, 4, w, work, size[0], info)).isEqualTo(INVALID_VALUE);
    assertThat(cusolverDnDsyevd(new cusolverDnHandle(), 1, 0, 4, a, 4, w, work, size[0], info)).isEqualTo(NOT_INITIALIZED);
    assertThat(cusolverDnDorgqr_bufferSize(handle, 4, 3, 4, a, 4, w, size)).isEqualTo(INVALID_VALUE);
    assertThat(cusolverDnDormqr_bufferSize(handle, 0, CUBLAS_OP_N, 4, 4, 5, a, 4, w, a, 4, size)).isEqualTo(INVALID_VALUE);
    assertThat(cusolverDnDgetrf_bufferSize(handle, 4, 4, a, 4, size)).isEqualTo(NOT_SUPPORTED);
    assertThat(gpu.waited()).isZero();
  }

  /// The workspace that was given is used to its end, and the answer is written when the stream gets there.
  private void memory() {
    double[] whole = gram(general(ROWS, COLUMNS), ROWS, COLUMNS);
    CUdeviceptr a = gpu.upload(whole);
    int[] size = new int[1];
    check(cusolverDnDpotrf_bufferSize(handle, 0, COLUMNS, a, COLUMNS, size));
    CUdeviceptr work = gpu.allocate(8L * size[0] - 8);
    check(cusolverDnDpotrf(handle, 0, COLUMNS, a, COLUMNS, work, size[0], info));
    assertThat(gpu.waited()).isEqualTo(700);
    assertThat(cusolverDnDpotrf(handle, 0, COLUMNS, a, COLUMNS, work, size[0], info)).isEqualTo(EXECUTION_FAILED);
    assertThat(EmulatedGpu.DRIVER.report()).contains("cusolverDnDpotrf").contains(mode.substring(0, 4));
  }

  private static void check(int status) {
    assertThat(status).as(EmulatedGpu.DRIVER.report()).isZero();
  }
}
