// libcusolver.so.11 over the emulated driver: handles and what they hold.
#include "cusolver.h"

using namespace emulator;
using cusolver::Routine;
using cusolver::State;

namespace {

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

const Library CUSOLVER = {1, 2, 3, 7, 6, 9, statusName};
const char* const KIND = "cusolver handles";

State& live(Driver& driver, Handle handle) { return *emulator::live<State>(driver, KIND, handle, CUSOLVER.notInitialized); }

}  // namespace

namespace cusolver {

int run(const char* name, Handle handle, const std::function<void(Routine&)>& body) {
  return call(CUSOLVER, name, Rule::CONTEXT, [&](Driver& driver) {
    Routine routine(driver, name, live(driver, handle), CUSOLVER);
    body(routine);
  });
}

}  // namespace cusolver

ENTRY cusolverDnCreate(Handle* handle) { return create<State>(CUSOLVER, "cusolverDnCreate", KIND, handle); }

ENTRY cusolverDnDestroy(Handle handle) { return destroy(CUSOLVER, "cusolverDnDestroy", KIND, handle, CUSOLVER.notInitialized); }

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
      refuse(CUSOLVER.invalidValue, format("property %d", property));
    }
    wanted(value, "value") = property == 0 ? 11 : property == 1 ? 4 : 1;
  });
}

// The other functions that the natives of JCuda 11.7.0 refer to.
#define STUB(name) \
  ENTRY name() { return unsupported(CUSOLVER, #name); }
#include "unsupported.h"
