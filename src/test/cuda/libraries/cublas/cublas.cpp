// libcublas.so.11 over the emulated driver: handles and what they hold.
#include "cublas.h"

using namespace emulator;
using namespace cublas;

namespace {

enum Status : int {
  NOT_MADE = 1,
  ALLOC_FAILED = 3,
  EXECUTION_FAILED = 13,
  INTERNAL_ERROR = 14,
  UNSUPPORTED = 15,
};

const char* statusName(int status) {
  switch (status) {
    case 0: return "CUBLAS_STATUS_SUCCESS";
    case 1: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case 3: return "CUBLAS_STATUS_ALLOC_FAILED";
    case 7: return "CUBLAS_STATUS_INVALID_VALUE";
    case 8: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case 11: return "CUBLAS_STATUS_MAPPING_ERROR";
    case 13: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case 14: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case 15: return "CUBLAS_STATUS_NOT_SUPPORTED";
    case 16: return "CUBLAS_STATUS_LICENSE_ERROR";
    default: return nullptr;
  }
}

int ofDriver(int code) {
  switch (code) {
    case OUT_OF_MEMORY: return ALLOC_FAILED;
    case emulator::INVALID_VALUE: return cublas::INVALID_VALUE;
    case NOT_INITIALIZED:
    case NO_DEVICE:
    case INVALID_CONTEXT:
    case CONTEXT_IS_DESTROYED: return NOT_MADE;
    case NOT_SUPPORTED: return UNSUPPORTED;
    default: return isSticky(code) ? EXECUTION_FAILED : INTERNAL_ERROR;
  }
}

const Library CUBLAS = {ofDriver, statusName};
const char* const KIND = "cublas handles";

State& live(Driver& driver, Handle handle) {
  State* found = find<State>(driver, KIND, handle);
  if (found == nullptr) {
    refuse(NOT_MADE, "no live handle");
  }
  return *found;
}

// Sets or asks something of a handle.
int with(const char* name, Handle handle, const std::function<void(State&)>& body) {
  return call(CUBLAS, name, Rule::ANYTIME, [&](Driver& driver) { body(live(driver, handle)); });
}

}  // namespace

namespace cublas {

int run(const char* name, Handle handle, const std::function<void(Routine&)>& body) {
  return call(CUBLAS, name, Rule::CONTEXT, [&](Driver& driver) {
    Routine routine(driver, name, live(driver, handle));
    body(routine);
  });
}

}  // namespace cublas

ENTRY cublasCreate_v2(Handle* handle) {
  return call(CUBLAS, "cublasCreate_v2", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    if (openblas() == nullptr) {
      refuse(NOT_MADE, "TENSORSEED_OPENBLAS names no library that can be loaded");
    }
    wanted(handle, "handle") = driver.libraryHandles.add({&driver.current(), KIND, std::make_shared<State>(State{&driver.current()})});
  });
}

ENTRY cublasDestroy_v2(Handle handle) {
  return call(CUBLAS, "cublasDestroy_v2", Rule::DESTROY, [&](Driver& driver) {
    live(driver, handle);
    driver.libraryHandles.take(handle);
  });
}

// The workspace goes back to the library's own.
ENTRY cublasSetStream_v2(Handle handle, Handle stream) {
  return with("cublasSetStream_v2", handle, [&](State& state) {
    state.stream = stream;
    state.workspace = 0;
    state.workspaceBytes = 0;
  });
}

ENTRY cublasGetStream_v2(Handle handle, Handle* stream) {
  return with("cublasGetStream_v2", handle, [&](State& state) { wanted(stream, "stream") = state.stream; });
}

ENTRY cublasSetWorkspace_v2(Handle handle, Address workspace, size_t bytes) {
  return with("cublasSetWorkspace_v2", handle, [&](State& state) {
    if (workspace % 256 != 0) {
      refuse(cublas::INVALID_VALUE, "a workspace that is not aligned to 256 bytes");
    }
    state.workspace = workspace;
    state.workspaceBytes = bytes;
  });
}

ENTRY cublasSetPointerMode_v2(Handle handle, int mode) {
  return with("cublasSetPointerMode_v2", handle, [&](State& state) {
    if (mode != 0 && mode != 1) {
      refuse(cublas::INVALID_VALUE, format("the pointer mode %d", mode));
    }
    state.scalarsOnDevice = mode == 1;
  });
}

ENTRY cublasGetPointerMode_v2(Handle handle, int* mode) {
  return with("cublasGetPointerMode_v2", handle, [&](State& state) { wanted(mode, "mode") = state.scalarsOnDevice; });
}

// DEFAULT, TENSOR_OP, PEDANTIC, TF32_TENSOR_OP, each with or without DISALLOW_REDUCED_PRECISION_REDUCTION
ENTRY cublasSetMathMode(Handle handle, int mode) {
  return with("cublasSetMathMode", handle, [&](State& state) {
    if ((mode & ~16) < 0 || (mode & ~16) > 3) {
      refuse(cublas::INVALID_VALUE, format("the math mode %d", mode));
    }
    state.mathMode = mode;
  });
}

ENTRY cublasGetMathMode(Handle handle, int* mode) {
  return with("cublasGetMathMode", handle, [&](State& state) { wanted(mode, "mode") = state.mathMode; });
}

ENTRY cublasGetVersion_v2(Handle handle, int* version) {
  return with("cublasGetVersion_v2", handle, [&](State&) { wanted(version, "version") = 111103; });
}

ENTRY cublasGetProperty(int property, int* value) {
  return call(CUBLAS, "cublasGetProperty", Rule::ANYTIME, [&](Driver&) {
    if (property < 0 || property > 2) {
      refuse(cublas::INVALID_VALUE, format("property %d", property));
    }
    wanted(value, "value") = property == 2 ? 3 : 11;
  });
}

extern "C" __attribute__((visibility("default"))) const char* cublasGetStatusName(int status) {
  const char* name = statusName(status);
  return name == nullptr ? "unknown" : name;
}

extern "C" __attribute__((visibility("default"))) const char* cublasGetStatusString(int status) { return cublasGetStatusName(status); }

// The other functions that the natives of JCuda 11.7.0 refer to.
#define STUB(name) \
  ENTRY name() { return unsupported(CUBLAS, #name); }
#include "unsupported.h"
