// What the dense routines have in common.
#pragma once
#include "cusolver.h"

namespace cusolver {

using emulator::lapack;
using emulator::lapackFill;
using emulator::lapackOperation;

// The length of a character, as Fortran passes it.
constexpr size_t ONE = 1;

// LAPACK's own, in blocks of 64 columns.
template <class T>
class Workspace {
 public:
  explicit Workspace(long length) : numbers(static_cast<size_t>(64 * (length + 1))), count(static_cast<int>(numbers.size())) {}

  T* data() { return numbers.data(); }
  int* size() { return &count; }

 private:
  std::vector<T> numbers;
  int count;
};

inline void requireGeneral(const Routine& routine, int m, int n, int leading) {
  routine.requireSizes(m, n);
  routine.require(leading >= std::max(1, m), "a leading dimension less than the rows");
}

inline void requireSymmetric(const Routine& routine, int uplo, int n, int leading) {
  routine.requireBinary(uplo);
  requireGeneral(routine, n, n, leading);
}

inline void requireReflectors(const Routine& routine, int side, int trans, int m, int n, int k, int leading) {
  routine.requireBinary(side);
  routine.requireOperation(trans);
  routine.requireSizes(m, n, k);
  int order = side == 0 ? m : n;
  routine.require(k <= order && leading >= std::max(1, order), "more reflectors than rows, or a leading dimension less than the rows");
}

inline void requireJobs(const Routine& routine, char jobu, char jobvt) {
  auto known = [](char job) { return job == 'A' || job == 'S' || job == 'O' || job == 'N'; };
  routine.require(known(jobu) && known(jobvt) && !(jobu == 'O' && jobvt == 'O'), "jobs that are none, or both to overwrite A");
}

}  // namespace cusolver

using namespace cusolver;
