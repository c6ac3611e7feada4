package io.github.tensorseed.benchmarks;

import static jcuda.jcurand.curandRngType.CURAND_RNG_PSEUDO_PHILOX4_32_10;

import io.github.tensorseed.DType;
import io.github.tensorseed.Tensor;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.jcurand.JCurand;
import jcuda.jcurand.curandGenerator;
import jcuda.jcurand.curandStatus;
import jcuda.runtime.cudaStream_t;
import org.jspecify.annotations.Nullable;

/// NVIDIA's Philox by cuRAND's host API, into a GPU's memory, F32 or F64, on one stream of the context that is current. Each call goes on
/// where the one before ended, as it does for its users.
final class CurandOnDevice implements AutoCloseable {
  private final CUstream stream;
  private final Pointer out;
  private final int elements;
  private final boolean wide;
  private final curandGenerator generator = new curandGenerator();
  /// Made by the first pass: cuRAND alone is measured where there is no cuBLAS, too.
  private @Nullable cublasHandle blas;

  CurandOnDevice(CUstream stream, Tensor memory) {
    this.stream = stream;
    out = new CUdeviceptr().withByteOffset(memory.memory().address());
    elements = Math.toIntExact(memory.elements());
    wide = memory.dtype() == DType.F64;
    require(JCurand.curandCreateGenerator(generator, CURAND_RNG_PSEUDO_PHILOX4_32_10));
    require(JCurand.curandSetStream(generator, new cudaStream_t(stream)));
    require(JCurand.curandSetPseudoRandomGeneratorSeed(generator, 1));
  }

  /// @param std of normals; uniforms are standard
  void generate(Law law, double std) {
    require(switch (law) {
      case UNIFORM -> wide ? JCurand.curandGenerateUniformDouble(generator, out, elements)
          : JCurand.curandGenerateUniform(generator, out, elements);
      case NORMAL -> wide ? JCurand.curandGenerateNormalDouble(generator, out, elements, 0, std)
          : JCurand.curandGenerateNormal(generator, out, elements, 0, (float) std);
      case TRUNCATED_NORMAL -> throw new IllegalStateException(law.name());
    });
  }

  void scale(double factor) {
    if (blas == null) {
      blas = new cublasHandle();
      requireBlas(JCublas2.cublasCreate(blas));
      requireBlas(JCublas2.cublasSetStream(blas, new cudaStream_t(stream)));
    }
    requireBlas(wide ? JCublas2.cublasDscal(blas, elements, Pointer.to(new double[] {factor}), out, 1)
        : JCublas2.cublasSscal(blas, elements, Pointer.to(new float[] {(float) factor}), out, 1));
  }

  private static void require(int status) {
    if (status != curandStatus.CURAND_STATUS_SUCCESS) {
      throw new IllegalStateException(curandStatus.stringFor(status));
    }
  }

  private static void requireBlas(int status) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException(cublasStatus.stringFor(status));
    }
  }

  @Override
  public void close() {
    if (blas != null) {
      requireBlas(JCublas2.cublasDestroy(blas));
    }
    require(JCurand.curandDestroyGenerator(generator));
  }
}
