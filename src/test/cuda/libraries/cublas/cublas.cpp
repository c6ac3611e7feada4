// libcublas.so.11 over the emulated driver: handles and what they hold.
#include "cublas.h"

using namespace emulator;
using cublas::Routine;
using cublas::State;

namespace {

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

const Library CUBLAS = {1, 3, 7, 14, 13, 15, statusName};
const char* const KIND = "cublas handles";

State& live(Driver& driver, Handle handle) { return *emulator::live<State>(driver, KIND, handle, CUBLAS.notInitialized); }

// Sets or asks something of a handle.
int with(const char* name, Handle handle, const std::function<void(State&)>& body) {
  return call(CUBLAS, name, Rule::ANYTIME, [&](Driver& driver) { body(live(driver, handle)); });
}

}  // namespace

namespace cublas {

int run(const char* name, Handle handle, const std::function<void(Routine&)>& body) {
  return call(CUBLAS, name, Rule::CONTEXT, [&](Driver& driver) {
    Routine routine(driver, name, live(driver, handle), CUBLAS);
    body(routine);
  });
}

}  // namespace cublas

ENTRY cublasCreate_v2(Handle* handle) { return create<State>(CUBLAS, "cublasCreate_v2", KIND, handle); }

ENTRY cublasDestroy_v2(Handle handle) { return destroy(CUBLAS, "cublasDestroy_v2", KIND, handle, CUBLAS.notInitialized); }

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
      refuse(CUBLAS.invalidValue, "a workspace that is not aligned to 256 bytes");
    }
    state.workspace = workspace;
    state.workspaceBytes = bytes;
  });
}

ENTRY cublasSetPointerMode_v2(Handle handle, int mode) {
  return with("cublasSetPointerMode_v2", handle, [&](State& state) {
    if (mode != 0 && mode != 1) {
      refuse(CUBLAS.invalidValue, format("the pointer mode %d", mode));
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
      refuse(CUBLAS.invalidValue, format("the math mode %d", mode));
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
      refuse(CUBLAS.invalidValue, format("property %d", property));
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
