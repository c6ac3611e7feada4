// What the routines have in common.
#pragma once
#include "cublas.h"

namespace cublas {

using emulator::COLUMN_MAJOR;
using emulator::blas;
using emulator::blasResult;
using emulator::cblasDiagonal;
using emulator::cblasFill;
using emulator::cblasOperation;
using emulator::cblasSide;

// One of count matrices that are a stride apart.
struct Batch {
  Address address;
  int leading;
  long long stride;

  template <class T>
  Span<T> span(const Routine& routine, long rows, long columns, int count) const {
    Span<T> one = routine.matrix<T>(address, rows, columns, leading);
    return routine.span<T>(address, one.count == 0 || count == 0 ? 0 : one.count + (count - 1) * stride);
  }
};

// C = alpha op(A) op(B) + beta C, for each of a batch. C must not overlap A or B, nor one C another.
template <class T>
void gemm(const Routine& routine, int transa, int transb, int m, int n, int k, const T* alpha, Batch a, Batch b, const T* beta, Batch c,
    int count) {
  routine.requireOperation(transa);
  routine.requireOperation(transb);
  routine.requireSizes(m, n, k);
  routine.require(count >= 0 && a.stride >= 0 && b.stride >= 0 && c.stride >= 0, "a negative count or stride");
  auto factor = routine.scalar(alpha);
  auto kept = routine.scalar(beta);
  auto left = a.span<T>(routine, transa == 0 ? m : k, transa == 0 ? k : m, count);
  auto right = b.span<T>(routine, transb == 0 ? k : n, transb == 0 ? n : k, count);
  auto out = c.span<T>(routine, m, n, count);
  routine.require(!out.overlaps(left) && !out.overlaps(right), "C overlaps A or B, which leaves it undefined");
  routine.require(count <= 1 || c.stride >= static_cast<long long>(c.leading) * n || m == 0, "one C overlaps another");
  routine.submit([=] {
    for (long long i = 0; i < count; i++) {
      blas<T>("gemm", COLUMN_MAJOR, cblasOperation(transa), cblasOperation(transb), m, n, k, factor.get(), left.get() + i * a.stride,
          a.leading, right.get() + i * b.stride, b.leading, kept.get(), out.get() + i * c.stride, c.leading);
    }
  });
}

// The triangular matrix of trsm and trmm.
template <class T>
Span<T> triangular(const Routine& routine, int side, int uplo, int trans, int diagonal, int m, int n, Address a, int lda) {
  routine.requireBinary(side);
  routine.requireBinary(uplo);
  routine.requireOperation(trans);
  routine.requireBinary(diagonal);
  routine.requireSizes(m, n);
  int order = side == 0 ? m : n;
  return routine.matrix<T>(a, order, order, lda);
}

// A matrix of geam: nothing if its factor is 0, as far as the host can know.
template <class T>
Span<T> operand(const Routine& routine, const Scalar<T>& factor, int trans, int m, int n, Address address, int leading) {
  bool unread = factor.onDevice.count == 0 && factor.value == 0;
  return unread ? routine.span<T>(0, 0) : routine.matrix<T>(address, trans == 0 ? m : n, trans == 0 ? n : m, leading);
}

template <class T>
void copyMatrix(long m, long n, const T* from, long leading, T* to, long leadingTo) {
  for (long j = 0; j < n && from != to; j++) {
    memcpy(to + j * leadingTo, from + j * leading, m * sizeof(T));
  }
}

}  // namespace cublas

#define NAME_OF(symbol) #symbol
#define NAME_OF_EXPANDED(symbol) NAME_OF(symbol)
#define NAME(routine) NAME_OF_EXPANDED(ROUTINE(routine))

using namespace cublas;
