// libcusolver.so.11 over the emulated driver: handles and what they hold.
#include "cusolver.h"

using namespace emulator;
using namespace cusolver;

namespace {

enum Status : int {
  NOT_MADE = 1,
  ALLOC_FAILED = 2,
  EXECUTION_FAILED = 6,
  INTERNAL_ERROR = 7,
  UNSUPPORTED = 9,
};

const char* statusName(int status) {
  switch (status) {
    case 0: return "CUSOLVER_STATUS_SUCCESS";
    case 1: return "CUSOLVER_STATUS_NOT_INITIALIZED";
    case 2: return "CUSOLVER_STATUS_ALLOC_FAILED";
    case 3: return "CUSOLVER_STATUS_INVALID_VALUE";
    case 4: return "CUSOLVER_STATUS_ARCH_MISMATCH";
    case 5: return "CUSOLVER_STATUS_MAPPING_ERROR";
    case 6: return "CUSOLVER_STATUS_EXECUTION_FAILED";
    case 7: return "CUSOLVER_STATUS_INTERNAL_ERROR";
    case 8: return "CUSOLVER_STATUS_MATRIX_TYPE_NOT_SUPPORTED";
    case 9: return "CUSOLVER_STATUS_NOT_SUPPORTED";
    default: return nullptr;
  }
}

int ofDriver(int code) {
  switch (code) {
    case OUT_OF_MEMORY: return ALLOC_FAILED;
    case emulator::INVALID_VALUE: return cusolver::INVALID_VALUE;
    case NOT_INITIALIZED:
    case NO_DEVICE:
    case INVALID_CONTEXT:
    case CONTEXT_IS_DESTROYED: return NOT_MADE;
    case NOT_SUPPORTED: return UNSUPPORTED;
    default: return isSticky(code) ? EXECUTION_FAILED : INTERNAL_ERROR;
  }
}

const Library CUSOLVER = {ofDriver, statusName};
const char* const KIND = "cusolver handles";

State& live(Driver& driver, Handle handle) {
  State* found = find<State>(driver, KIND, handle);
  if (found == nullptr) {
    refuse(NOT_MADE, "no live handle");
  }
  return *found;
}

}  // namespace

namespace cusolver {

int run(const char* name, Handle handle, const std::function<void(Routine&)>& body) {
  return call(CUSOLVER, name, Rule::CONTEXT, [&](Driver& driver) {
    Routine routine(driver, name, live(driver, handle));
    body(routine);
  });
}

}  // namespace cusolver

ENTRY cusolverDnCreate(Handle* handle) {
  return call(CUSOLVER, "cusolverDnCreate", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    if (openblas() == nullptr) {
      refuse(NOT_MADE, "TENSORSEED_OPENBLAS names no library that can be loaded");
    }
    wanted(handle, "handle") = driver.libraryHandles.add({&driver.current(), KIND, std::make_shared<State>(State{&driver.current()})});
  });
}

ENTRY cusolverDnDestroy(Handle handle) {
  return call(CUSOLVER, "cusolverDnDestroy", Rule::DESTROY, [&](Driver& driver) {
    live(driver, handle);
    driver.libraryHandles.take(handle);
  });
}

ENTRY cusolverDnSetStream(Handle handle, Handle stream) {
  return call(CUSOLVER, "cusolverDnSetStream", Rule::ANYTIME, [&](Driver& driver) { live(driver, handle).stream = stream; });
}

ENTRY cusolverDnGetStream(Handle handle, Handle* stream) {
  return call(CUSOLVER, "cusolverDnGetStream", Rule::ANYTIME,
      [&](Driver& driver) { wanted(stream, "stream") = live(driver, handle).stream; });
}

ENTRY cusolverGetVersion(int* version) {
  return call(CUSOLVER, "cusolverGetVersion", Rule::ANYTIME, [&](Driver&) { wanted(version, "version") = 11401; });
}

ENTRY cusolverGetProperty(int property, int* value) {
  return call(CUSOLVER, "cusolverGetProperty", Rule::ANYTIME, [&](Driver&) {
    if (property < 0 || property > 2) {
      refuse(cusolver::INVALID_VALUE, format("property %d", property));
    }
    wanted(value, "value") = property == 0 ? 11 : property == 1 ? 4 : 1;
  });
}

// The other functions that the natives of JCuda 11.7.0 refer to.
#define STUB(name) \
  ENTRY name() { return unsupported(CUSOLVER, #name); }
#include "unsupported.h"
