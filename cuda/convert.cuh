// From one element type to another, or to itself, times a number. In place, too, if the types are as wide.
#pragma once
#include "memory.cuh"

/// What code `code` of S becomes in D, computed in `Real`: binary64 if either type is, else binary32.
template <typename S, typename D, typename Real>
__device__ __forceinline__ typename D::Code converted(typename S::Code code, Real scale) {
  Real value = mul(static_cast<Real>(S::widen(code)), scale);
  return value == value ? D::code(static_cast<typename D::Float::Real>(value)) : D::NAN_CODE;
}

template <typename S, typename D>
__device__ __forceinline__ void convert(u8* out, const u8* in, u64 count, double factor) {
  using Real = decltype(typename S::Float::Real() + typename D::Float::Real());
  constexpr u64 FROM = sizeof(typename S::Stored);
  constexpr u64 TO = sizeof(typename D::Stored);
  Real scale = static_cast<Real>(factor);
  u64 fours = aligned(in, 4 * FROM) && aligned(out, 4 * TO) ? count / 4 : 0;
  for (u64 i = firstItem(); i < fours; i += items()) {
    typename S::Four four = reinterpret_cast<const typename S::Four*>(in)[i];
    reinterpret_cast<typename D::Four*>(out)[i] =
        D::join(converted<S, D>(S::part(four, 0), scale), converted<S, D>(S::part(four, 1), scale),
                converted<S, D>(S::part(four, 2), scale), converted<S, D>(S::part(four, 3), scale));
  }
  for (u64 i = fours * 4 + firstItem(); i < count; i += items()) {
    store<D>(out + i * TO, converted<S, D>(load<S>(in + i * FROM), scale));
  }
}
