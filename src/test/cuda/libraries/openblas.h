// BLAS and LAPACK of the host, which do what the stand-ins are asked for: OpenBLAS, from the file that the environment variable
// TENSORSEED_OPENBLAS names. Matrices are column-major there too.
#pragma once
#include <dlfcn.h>

#include <cstdlib>
#include <string>

#include "library.h"

namespace emulator {

// The library; null if there is none.
inline void* openblas() {
  static void* library = [] {
    const char* text = getenv("TENSORSEED_OPENBLAS");
    std::string path = text == nullptr ? "" : text;
    // Its libgfortran does not say that this is beside it.
    dlopen((path.substr(0, path.rfind('/') + 1) + "libquadmath.so.0").c_str(), RTLD_NOW | RTLD_LOCAL);
    void* loaded = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    // One thread: the same sums in the same order each time.
    if (void* threads = loaded == nullptr ? nullptr : dlsym(loaded, "openblas_set_num_threads")) {
      reinterpret_cast<void (*)(int)>(threads)(1);
    }
    return loaded;
  }();
  return library;
}

template <class Result, class... Arguments>
Result callOpenblas(const std::string& name, Arguments... arguments) {
  void* function = dlsym(openblas(), name.c_str());
  if (function == nullptr) {
    throw Fault{LAUNCH_FAILED, "OpenBLAS has no " + name};
  }
  return reinterpret_cast<Result (*)(Arguments...)>(function)(arguments...);
}

template <class Real>
constexpr char LETTER = sizeof(Real) == sizeof(float) ? 's' : 'd';

// A routine of BLAS, such as "gemm", without a result.
template <class Real, class... Arguments>
void blas(const char* routine, Arguments... arguments) {
  callOpenblas<void>(std::string("cblas_") + LETTER<Real> + routine, arguments...);
}

// One with a result, such as "dot".
template <class Real, class... Arguments>
Real blasResult(const char* routine, Arguments... arguments) {
  return callOpenblas<Real>(std::string("cblas_") + LETTER<Real> + routine, arguments...);
}

// A routine of LAPACK, such as "potrf", whose arguments are all pointers, followed by the lengths of its characters.
template <class Real, class... Arguments>
void lapack(const char* routine, Arguments... arguments) {
  callOpenblas<void>(LETTER<Real> + std::string(routine) + "_", arguments...);
}

// --- cuBLAS's numbers for what the routines do, in the words of CBLAS and of LAPACK

constexpr int COLUMN_MAJOR = 102;

inline int cblasOperation(int operation) { return 111 + operation; }
inline int cblasFill(int fill) { return fill == 1 ? 121 : 122; }
inline int cblasDiagonal(int diagonal) { return 131 + diagonal; }
inline int cblasSide(int side) { return 141 + side; }
inline char lapackOperation(int operation) { return operation == 0 ? 'N' : 'T'; }
inline char lapackFill(int fill) { return fill == 1 ? 'U' : 'L'; }

}  // namespace emulator
