package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.tensorseed.DType;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.Philox;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasFillMode;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcurand.JCurand;
import jcuda.jcurand.curandGenerator;
import jcuda.jcurand.curandOrdering;
import jcuda.jcurand.curandRngType;
import jcuda.jcusolver.JCusolverDn;
import jcuda.jcusolver.cusolverDnHandle;
import jcuda.jcusolver.cusolverEigMode;
import jcuda.runtime.cudaStream_t;

/// A small computation of each of NVIDIA's libraries on a GPU, whose result is known.
final class Trial {
  private static final int WORDS = 16;
  private static final int N = 4;
  private static final long SEED = 1234;
  private static final double TOLERANCE = 1e-12;

  private final CudaDevice device;
  private final cudaStream_t stream;
  private final Arena arena;

  private Trial(CudaDevice device, Arena arena) {
    this.device = device;
    this.arena = arena;
    stream = new cudaStream_t(device.context().stream());
  }

  /// @return what came out as it should
  /// @throws DeviceException if something else did, or nothing
  static String of(Library library, CudaDevice device) {
    try (Context.Entered _ = device.context().enter(); Arena arena = Arena.ofConfined()) {
      Trial trial = new Trial(device, arena);
      return switch (library) {
        case CURAND -> trial.words();
        case CUBLAS -> trial.product();
        case CUSOLVER -> trial.eigenvalues();
      };
    }
  }

  private String words() {
    curandGenerator generator = new curandGenerator();
    check(JCurand.curandCreateGenerator(generator, curandRngType.CURAND_RNG_PSEUDO_PHILOX4_32_10), "curandCreateGenerator");
    try (Tensor words = device.allocate(DType.F32, Shape.of(WORDS))) {
      check(JCurand.curandSetStream(generator, stream), "curandSetStream");
      check(JCurand.curandSetGeneratorOrdering(generator, curandOrdering.CURAND_ORDERING_PSEUDO_LEGACY), "curandSetGeneratorOrdering");
      check(JCurand.curandSetPseudoRandomGeneratorSeed(generator, SEED), "curandSetPseudoRandomGeneratorSeed");
      check(JCurand.curandGenerate(generator, pointer(words), WORDS), "curandGenerate");
      MemorySegment host = read(words);
      int[] block = new int[4];
      for (int i = 0; i < WORDS; i++) {
        Philox.block(SEED, i / 4, block);
        require(host.getAtIndex(JAVA_INT, i) == block[i % 4], "the words of cuRAND");
      }
    } finally {
      JCurand.curandDestroyGenerator(generator);
    }
    return WORDS + " words are Philox's";
  }

  /// Small integers, whose products and sums are exact.
  private String product() {
    cublasHandle handle = new cublasHandle();
    check(JCublas2.cublasCreate(handle), "cublasCreate");
    try (Tensor a = device.allocate(DType.F32, Shape.of(N, N)); Tensor b = device.allocate(DType.F32, Shape.of(N, N));
        Tensor c = device.allocate(DType.F32, Shape.of(N, N))) {
      MemorySegment left = arena.allocate(JAVA_FLOAT, N * N);
      MemorySegment right = arena.allocate(JAVA_FLOAT, N * N);
      for (int i = 0; i < N * N; i++) {
        left.setAtIndex(JAVA_FLOAT, i, i - 5);
        right.setAtIndex(JAVA_FLOAT, i, i * i % 7);
      }
      device.write(a, 0, left);
      device.write(b, 0, right);
      Pointer one = Context.pointer(arena.allocateFrom(JAVA_FLOAT, 1));
      Pointer zero = Context.pointer(arena.allocateFrom(JAVA_FLOAT, 0));
      check(JCublas2.cublasSetStream(handle, stream), "cublasSetStream");
      check(JCublas2.cublasSgemm(handle, cublasOperation.CUBLAS_OP_N, cublasOperation.CUBLAS_OP_N, N, N, N,
          one, pointer(a), N, pointer(b), N, zero, pointer(c), N), "cublasSgemm");
      MemorySegment host = read(c);
      for (int i = 0; i < N * N; i++) {
        float sum = 0;
        for (int k = 0; k < N; k++) {
          sum += left.getAtIndex(JAVA_FLOAT, i % N + k * N) * right.getAtIndex(JAVA_FLOAT, k + i / N * N);
        }
        require(host.getAtIndex(JAVA_FLOAT, i) == sum, "the products of cuBLAS");
      }
    } finally {
      JCublas2.cublasDestroy(handle);
    }
    return "a " + N + " x " + N + " gemm is exact";
  }

  /// The matrix with 2 on the diagonal and -1 beside it has the eigenvalues 2 - 2 cos(k pi / 5).
  private String eigenvalues() {
    cusolverDnHandle handle = new cusolverDnHandle();
    check(JCusolverDn.cusolverDnCreate(handle), "cusolverDnCreate");
    try (Tensor a = device.allocate(DType.F64, Shape.of(N, N)); Tensor values = device.allocate(DType.F64, Shape.of(N));
        Tensor info = device.allocate(DType.F32, Shape.of(1))) {
      MemorySegment matrix = arena.allocate(JAVA_DOUBLE, N * N);
      for (int i = 0; i < N; i++) {
        matrix.setAtIndex(JAVA_DOUBLE, i * N + i, 2);
        if (i > 0) {
          matrix.setAtIndex(JAVA_DOUBLE, i * N + i - 1, -1);
          matrix.setAtIndex(JAVA_DOUBLE, (i - 1) * N + i, -1);
        }
      }
      device.write(a, 0, matrix);
      check(JCusolverDn.cusolverDnSetStream(handle, stream), "cusolverDnSetStream");
      int mode = cusolverEigMode.CUSOLVER_EIG_MODE_VECTOR;
      int triangle = cublasFillMode.CUBLAS_FILL_MODE_LOWER;
      int[] size = new int[1];
      check(JCusolverDn.cusolverDnDsyevd_bufferSize(handle, mode, triangle, N, pointer(a), N, pointer(values), size),
          "cusolverDnDsyevd_bufferSize");
      try (Tensor work = device.allocate(DType.F64, Shape.of(Math.max(1, size[0])))) {
        check(JCusolverDn.cusolverDnDsyevd(
            handle, mode, triangle, N, pointer(a), N, pointer(values), pointer(work), size[0], pointer(info)), "cusolverDnDsyevd");
        require(read(info).get(JAVA_INT, 0) == 0, "the eigenvalues of cuSOLVER");
      }
      MemorySegment host = read(values);
      for (int k = 1; k <= N; k++) {
        double expected = 2 - 2 * Math.cos(k * Math.PI / (N + 1));
        require(Math.abs(host.getAtIndex(JAVA_DOUBLE, k - 1) - expected) < TOLERANCE, "the eigenvalues of cuSOLVER");
      }
    } finally {
      JCusolverDn.cusolverDnDestroy(handle);
    }
    return "a " + N + " x " + N + " syevd has its eigenvalues";
  }

  private static void check(int code, String call) {
    if (code != Codes.SUCCESS) {
      throw new DeviceException(Codes.text(call, code));
    }
  }

  private static void require(boolean right, String what) {
    if (!right) {
      throw new DeviceException(what + " are wrong on this GPU; do not use the library here, and please report it");
    }
  }

  private static Pointer pointer(Tensor tensor) {
    return Context.devicePointer(tensor.memory().address());
  }

  private MemorySegment read(Tensor tensor) {
    MemorySegment host = arena.allocate(tensor.bytes(), Long.BYTES);
    device.read(tensor, 0, host);
    return host;
  }
}
