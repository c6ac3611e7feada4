// libcusolverMg.so.11, for several GPUs: JCusolver asks for it when it is loaded, and nothing here is called.
#include "../library.h"

using namespace emulator;

namespace {

const Library CUSOLVER_MG = {1, 2, 3, 7, 6, 9, [](int) { return "CUSOLVER_STATUS_NOT_SUPPORTED"; }};

}  // namespace

// The functions that the natives of JCuda 11.7.0 refer to.
#define STUB(name) \
  ENTRY name() { return unsupported(CUSOLVER_MG, #name); }
#include "unsupported.h"
