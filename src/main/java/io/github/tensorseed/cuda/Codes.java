package io.github.tensorseed.cuda;

import jcuda.driver.CUresult;
import jcuda.jcublas.cublasStatus;
import jcuda.jcurand.curandStatus;
import jcuda.jcusolver.cusolverStatus;

/// The error codes of the driver and of the libraries over it. They say the same thing by other numbers, so a code belongs to a call.
final class Codes {
  static final int SUCCESS = 0;
  static final int OUT_OF_MEMORY = 2;

  private static final String MEMORY_HOLDERS = "; nvidia-smi shows which programs hold the memory";

  private Codes() {}

  /// As in `cuMemAlloc failed with CUDA_ERROR_OUT_OF_MEMORY (2)`.
  static String text(String call, int code) {
    String name = call.startsWith("curand") ? curandStatus.stringFor(code)
        : call.startsWith("cublas") ? cublasStatus.stringFor(code)
        : call.startsWith("cusolver") ? cusolverStatus.stringFor(code)
        : CUresult.stringFor(code);
    return call + " failed with " + name + " (" + code + ")";
  }

  /// Whether a call is one of a library, behind whose code there may be one of the driver.
  static boolean isOfLibrary(String call) {
    return call.startsWith("curand") || call.startsWith("cublas") || call.startsWith("cusolver");
  }

  /// Whether every later call on the context gives this code of the driver again.
  static boolean losesContext(int code) {
    return switch (code) {
      case CUresult.CUDA_ERROR_ECC_UNCORRECTABLE, CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT, CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR, CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION, CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE, CUresult.CUDA_ERROR_INVALID_PC, CUresult.CUDA_ERROR_LAUNCH_FAILED -> true;
      default -> false;
    };
  }

  /// What to do about a code; empty where there is nothing better than the code's name.
  static String remedy(String call, int code) {
    if (isOfLibrary(call)) {
      boolean random = call.startsWith("curand");
      int outOfMemory = random ? curandStatus.CURAND_STATUS_ALLOCATION_FAILED
          : call.startsWith("cublas") ? cublasStatus.CUBLAS_STATUS_ALLOC_FAILED : cusolverStatus.CUSOLVER_STATUS_ALLOC_FAILED;
      return (code == outOfMemory ? MEMORY_HOLDERS : "") + (random ? "; the generator tensorseed needs no cuRAND" : "");
    }
    if (losesContext(code)) {
      return "; the CUDA context is lost, for everything in this process that uses the GPU: start the program anew";
    }
    return switch (code) {
      case OUT_OF_MEMORY -> MEMORY_HOLDERS;
      case CUresult.CUDA_ERROR_INVALID_PTX, CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
          CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND -> "; the driver does not take the kernels: install a newer one, with its JIT compiler";
      case CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE -> "; another program has the GPU for itself: nvidia-smi shows it and the compute mode";
      default -> "";
    };
  }
}
