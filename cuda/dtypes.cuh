// The element types: rounding to them once, as DType.round does, and four of them as one store takes them.
#pragma once
#include "functions.cuh"

// Each has
//   Float   what it is computed in
//   Code    an element's bits in a register: code(value), not for NaN, which is NAN_CODE; widen(code), exact
//   Stored  a code in memory
//   Four    four codes in memory: join(codes), part(four, i)

struct F64 {
  using Float = Binary64;
  using Code = u64;
  using Stored = u64;
  struct Four {
    u64x2 lower, upper;
  };
  static constexpr Code NAN_CODE = 0x7ff8000000000000;

  static __device__ __forceinline__ Code code(double value) { return static_cast<Code>(bits(value)); }
  static __device__ __forceinline__ double widen(Code code) { return real(static_cast<s64>(code)); }
  static __device__ __forceinline__ Four join(Code a, Code b, Code c, Code d) { return Four{u64x2{a, b}, u64x2{c, d}}; }
  static __device__ __forceinline__ Code part(const Four& four, u32 i) { return i < 2 ? four.lower[i] : four.upper[i - 2]; }
};

struct F32 {
  using Float = Binary32;
  using Code = u32;
  using Stored = u32;
  using Four = u32x4;
  static constexpr Code NAN_CODE = 0x7fc00000;

  static __device__ __forceinline__ Code code(float value) { return static_cast<Code>(bits(value)); }
  static __device__ __forceinline__ float widen(Code code) { return real(static_cast<s32>(code)); }
  static __device__ __forceinline__ Four join(Code a, Code b, Code c, Code d) { return Four{a, b, c, d}; }
  static __device__ __forceinline__ Code part(const Four& four, u32 i) { return four[i]; }
};

/// What the two 16-bit types have in common.
struct Half {
  using Float = Binary32;
  using Code = u32;
  using Stored = u16;
  using Four = u32x2;

  static __device__ __forceinline__ Four join(Code a, Code b, Code c, Code d) { return Four{a | b << 16, c | d << 16}; }
  static __device__ __forceinline__ Code part(const Four& four, u32 i) { return four[i / 2] >> i % 2 * 16 & 0xffff; }
};

struct BF16 : Half {
  static constexpr Code NAN_CODE = 0x7fc0;

  static __device__ __forceinline__ Code code(float value) { return rounded(value) >> 16; }
  static __device__ __forceinline__ float widen(Code code) { return real(static_cast<s32>(code << 16)); }

  /// Two codes, the first one below.
  static __device__ __forceinline__ u32 pair(float first, float second) {
#if __CUDA_ARCH__ >= 800
    return bfloat16s(first, second);  // saves two to four machine instructions an element
#else
    return upperHalves(rounded(first), rounded(second));
#endif
  }

 private:
  /// The upper half is the code.
  static __device__ __forceinline__ u32 rounded(float value) {
    u32 b = static_cast<u32>(bits(value));
    return b + 0x7fff + (b >> 16 & 1);
  }
};

struct F16 : Half {
  static constexpr Code NAN_CODE = 0x7e00;

  static __device__ __forceinline__ Code code(float value) { return binary16(value); }
  static __device__ __forceinline__ float widen(Code code) { return fromBinary16(static_cast<u16>(code)); }
};

/// The 8-bit types. Adding the power of two whose last place is the value's last place in the type rounds the value and leaves its
/// significand in the low bits; the places of subnormals are those of the least normal numbers. Saturates at `GREATEST`, given by its bits.
template <int MANTISSA, int BIAS, u32 GREATEST, u32 LARGEST_CODE>
struct F8 {
  using Float = Binary32;
  using Code = u32;
  using Stored = u8;
  using Four = u32;
  static constexpr Code NAN_CODE = 0x7f;
  static constexpr int DROPPED = 23 - MANTISSA;
  static constexpr u32 LEAST_NORMAL = (128 - BIAS) << 23;

  static __device__ __forceinline__ Code code(float value) {
    u32 b = static_cast<u32>(bits(value));
    u32 magnitude = b & 0x7fffffff;
    magnitude = magnitude < GREATEST ? magnitude : GREATEST;
    u32 exponent = magnitude & 0x7f800000;
    exponent = exponent > LEAST_NORMAL ? exponent : LEAST_NORMAL;
    u32 power = exponent + (DROPPED << 23);
    u32 sum = static_cast<u32>(bits(add(real(static_cast<s32>(magnitude)), real(static_cast<s32>(power)))));
    return sum - power + ((exponent - LEAST_NORMAL) >> DROPPED) + (b >> 24 & 0x80);
  }

  static __device__ __forceinline__ Four join(Code a, Code b, Code c, Code d) { return a + (b << 8) + ((c << 16) + (d << 24)); }
  static __device__ __forceinline__ Code part(Four four, u32 i) { return four >> i * 8 & 0xff; }

  static __device__ __forceinline__ float widen(Code code) {
    u32 magnitude = code & 0x7f;
    u32 sign = (code & 0x80) << 24;
    float least = real((127 + 1 - BIAS - MANTISSA) << 23);  // the least subnormal number
    float value = magnitude < 1u << MANTISSA ? mul(static_cast<float>(magnitude), least)
                                             : real(static_cast<s32>((magnitude << DROPPED) + ((127 - BIAS) << 23)));
    u32 special = LARGEST_CODE + 1 != NAN_CODE && magnitude == LARGEST_CODE + 1 ? 0x7f800000 : 0x7fc00000;
    u32 b = magnitude > LARGEST_CODE ? special : static_cast<u32>(bits(value));
    return real(static_cast<s32>(b | sign));
  }
};

using F8_E4M3 = F8<3, 7, 0x43e00000, 0x7e>;   // 448
using F8_E5M2 = F8<2, 15, 0x47600000, 0x7b>;  // 57344

template <typename D>
__device__ __forceinline__ typename D::Four codesOf(const typename D::Float::Real* values) {
  return D::join(D::code(values[0]), D::code(values[1]), D::code(values[2]), D::code(values[3]));
}

template <>
__device__ __forceinline__ BF16::Four codesOf<BF16>(const float* values) {
  return BF16::Four{BF16::pair(values[0], values[1]), BF16::pair(values[2], values[3])};
}
