// Functions of two straight lines, as relu is one: slope 1 above 0, and another one from 0 on down.
#pragma once
#include "memory.cuh"

/// What Nonlinearity.apply gives: computed in binary64 and rounded once. A slope of 0 makes 0 of everything, and x that is no number stays.
struct Activation {
  template <typename D>
  static __device__ __forceinline__ typename D::Float::Real of(typename D::Float::Real x, typename D::Float::Real, double slope) {
    using Real = typename D::Float::Real;
    Real below = slope == 0 ? static_cast<Real>(0) : static_cast<Real>(mul(static_cast<double>(x), slope));
    return x <= 0 ? below : x;
  }
};

/// The gradient y times Nonlinearity.derivative.
struct Backward {
  template <typename D>
  static __device__ __forceinline__ typename D::Float::Real of(typename D::Float::Real x, typename D::Float::Real y, double slope) {
    using Real = typename D::Float::Real;
    return x > 0 ? y : static_cast<Real>(mul(static_cast<double>(y), slope));
  }
};

/// Element i of `out` becomes what `Function` makes of those of `in` and `out`. The two may be one.
template <typename Function, typename D>
__device__ __forceinline__ void piecewise(u8* out, const u8* in, u64 count, double slope) {
  constexpr u64 BYTES = sizeof(typename D::Stored);
  u64 fours = aligned(in, 4 * BYTES) && aligned(out, 4 * BYTES) ? count / 4 : 0;
  for (u64 i = firstItem(); i < fours; i += items()) {
    typename D::Four x = reinterpret_cast<const typename D::Four*>(in)[i];
    typename D::Four y = reinterpret_cast<const typename D::Four*>(out)[i];
    typename D::Float::Real values[4];
#pragma unroll
    for (u32 k = 0; k < 4; k++) {
      values[k] = Function::template of<D>(D::widen(D::part(x, k)), D::widen(D::part(y, k)), slope);
    }
    reinterpret_cast<typename D::Four*>(out)[i] = codesOf<D>(values);
  }
  for (u64 i = fours * 4 + firstItem(); i < count; i += items()) {
    store<D>(out + i * BYTES,
             D::code(Function::template of<D>(D::widen(load<D>(in + i * BYTES)), D::widen(load<D>(out + i * BYTES)), slope)));
  }
}
