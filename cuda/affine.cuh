// What another generator has made, in the type that D is computed in, goes on to where it belongs: scaled as a uniform law scales, rounded
// to D once. In place, too, where D is that type and the elements follow one another.
#pragma once
#include "laws.cuh"
#include "memory.cuh"

template <typename F>
struct Computed {
  using Type = F32;
};

template <>
struct Computed<Binary64> {
  using Type = F64;
};

/// Place p of `out` becomes min(high, fma(range, x, low)) of the x at place `p / run * stride + p % run` of `in`.
template <typename D>
__device__ __forceinline__ void affine(u8* out, const u8* in, u64 count, u64 run, u64 stride, const Law& parameters) {
  using S = typename Computed<typename D::Float>::Type;
  constexpr u64 FROM = sizeof(typename S::Stored);
  constexpr u64 TO = sizeof(typename D::Stored);
  Uniform<typename D::Float> law(parameters);
  u64 fours = run >= count && aligned(in, 4 * FROM) && aligned(out, 4 * TO) ? count / 4 : 0;
  for (u64 i = firstItem(); i < fours; i += items()) {
    typename S::Four four = reinterpret_cast<const typename S::Four*>(in)[i];
    typename D::Float::Real values[4];
#pragma unroll
    for (u32 k = 0; k < 4; k++) {
      values[k] = law.value(S::widen(S::part(four, k)));
    }
    reinterpret_cast<typename D::Four*>(out)[i] = codesOf<D>(values);
  }
  for (u64 i = fours * 4 + firstItem(); i < count; i += items()) {
    u64 place = run < count ? i / run * stride + i % run : i;
    store<D>(out + i * TO, D::code(law.value(S::widen(load<S>(in + place * FROM)))));
  }
}
