// The laws: from the words of four elements to their values. STREAM.md, sections 3 and 4.
#pragma once
#include "functions.cuh"

/// A law's parameters as the host passes them; each law below says which it takes. A double is rounded to the computing type once.
struct Law {
  double a, b, c, d, e, f, g;
  u64 split;
};

/// `a` is high - low, `b` low, `c` high. The minimum stands for a selection, and would differ only if high were -0 and the value +0: high
/// is made +0 then. No value is above a high that is zero.
template <typename F>
struct Uniform : F {
  using typename F::Real;
  Real range, low, high;

  __device__ __forceinline__ explicit Uniform(const Law& law)
      : range(static_cast<Real>(law.a)), low(static_cast<Real>(law.b)), high(add(static_cast<Real>(law.c), static_cast<Real>(0))) {}

  __device__ __forceinline__ Real value(Real unit) const { return min(high, fma(range, unit, low)); }

  __device__ __forceinline__ void four(const u32* words, Real* values) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      values[i] = value(F::unit(F::word(words, i)));
    }
  }
};

/// `a` is the mean, `b` the standard deviation.
template <typename F>
struct Normal : F {
  using typename F::Real;
  Real mean, std;

  __device__ __forceinline__ explicit Normal(const Law& law) : mean(static_cast<Real>(law.a)), std(static_cast<Real>(law.b)) {}

  __device__ __forceinline__ void four(const u32* words, Real* values) const {
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
      Real even, odd;
      normals<F>(F::word(words, i), F::word(words, i + 1), even, odd);
      values[i] = fma(std, even, mean);
      values[i + 1] = fma(std, odd, mean);
    }
  }
};

template <typename F>
struct LogNormal : Normal<F> {
  using typename F::Real;
  using Normal<F>::Normal;

  __device__ __forceinline__ void four(const u32* words, Real* values) const {
    Normal<F>::four(words, values);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      values[i] = exponential<F>(values[i]);
    }
  }
};

/// `a` is the mean, `b` the standard deviation, `c` low, `d` high, `e` the probability inside, `f` below, `g` above, `split` the number of
/// words in the lower half.
template <typename F>
struct TruncatedNormal : F {
  using typename F::Real;
  Real mean, std, low, high, inside, below, above;
  u64 split;

  __device__ __forceinline__ explicit TruncatedNormal(const Law& law)
      : mean(static_cast<Real>(law.a)), std(static_cast<Real>(law.b)), low(static_cast<Real>(law.c)), high(static_cast<Real>(law.d)),
        inside(static_cast<Real>(law.e)), below(static_cast<Real>(law.f)), above(static_cast<Real>(law.g)), split(law.split) {}

  __device__ __forceinline__ void four(const u32* words, Real* values) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      typename F::Word word = F::word(words, i);
      bool lower = word < split;
      Real p = fma(inside, F::unit(lower ? word : word ^ F::ALL), lower ? below : above);
      Real quantile = upperQuantile<F>(atMost(static_cast<Real>(0.5), p));
      values[i] = atMost(high, atLeast(low, fma(std, lower ? -quantile : quantile, mean)));
    }
  }
};

/// `a` is the value of the words whose top bit is 0. One word per element in either precision.
template <typename F>
struct Signs : F {
  using typename F::Real;
  static constexpr int BLOCKS = 1;
  Real value;

  __device__ __forceinline__ explicit Signs(const Law& law) : value(static_cast<Real>(law.a)) {}

  __device__ __forceinline__ void four(const u32* words, Real* values) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      values[i] = static_cast<s32>(words[i]) >= 0 ? value : -value;
    }
  }
};

/// `a` is the value.
template <typename F>
struct Constant : F {
  using typename F::Real;
  static constexpr int BLOCKS = 0;
  Real value;

  __device__ __forceinline__ explicit Constant(const Law& law) : value(static_cast<Real>(law.a)) {}

  __device__ __forceinline__ void four(const u32*, Real* values) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      values[i] = value;
    }
  }
};
