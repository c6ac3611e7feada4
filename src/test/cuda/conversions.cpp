#include <cstring>
#include <limits>
#include <type_traits>

#include "operations.h"

namespace emulator {
namespace {

// Integers: the low bits of a wider source register are the source, and a narrower result is extended to its register.
template <class To, class From>
struct Resize {
  template <class Register> static auto of(Register value) { return static_cast<To>(static_cast<From>(value)); }
};

enum class Rounding { NEAREST, DOWN, UP, ZERO };

template <Rounding R> float rounded(float x) {
  switch (R) {
    case Rounding::NEAREST: return __builtin_rintf(x);
    case Rounding::DOWN: return __builtin_floorf(x);
    case Rounding::UP: return __builtin_ceilf(x);
    default: return __builtin_truncf(x);
  }
}
template <Rounding R> double rounded(double x) {
  switch (R) {
    case Rounding::NEAREST: return __builtin_rint(x);
    case Rounding::DOWN: return __builtin_floor(x);
    case Rounding::UP: return __builtin_ceil(x);
    default: return __builtin_trunc(x);
  }
}

// Out of range saturates. A NaN gives 0, but the highest bit alone where binary64 or 64-bit integers take part.
template <Rounding R, class To>
struct ToInteger {
  template <class T> static To of(T x) {
    constexpr int width = 8 * sizeof(To);
    if (x != x) {
      return std::is_same_v<T, double> || width == 64 ? static_cast<To>(uint64_t{1} << (width - 1)) : To{0};
    }
    T whole = rounded<R>(x);
    // The first number too large is a power of two, exact in both types.
    T beyond = static_cast<T>(uint64_t{1} << (width - 1)) * (std::is_signed_v<To> ? 1 : 2);
    if (whole >= beyond) {
      return std::numeric_limits<To>::max();
    }
    if (whole < static_cast<T>(std::numeric_limits<To>::min())) {
      return std::numeric_limits<To>::min();
    }
    return static_cast<To>(whole);
  }
};

template <class From, class To>
struct FromInteger {
  template <class Register> static To of(Register value) { return static_cast<To>(static_cast<From>(value)); }
};

uint32_t bits(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
float real(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

struct Narrow {
  static float of(double x) { return x != x ? real(0x7fffffff) : static_cast<float>(x); }
};
struct Widen {
  static double of(float x) { return x; }
};
template <Rounding R>
struct ToWhole {
  static float of(float x) { return x != x ? real(0x7fffffff) : rounded<R>(x); }
  static double of(double x) { return rounded<R>(x); }
};

struct ToHalf {
  static uint16_t of(float x) {
    uint32_t sign = bits(x) >> 16 & 0x8000;
    uint32_t size = bits(x) & 0x7fffffff;
    uint32_t rebased = size - 0x38000000;
    uint32_t normal = (rebased + 0xfff + (rebased >> 13 & 1)) >> 13;
    // The last place of the sum with 1/2 is the last place of a subnormal half.
    uint32_t subnormal = bits(real(size) + 0.5f) - 0x3f000000;
    uint32_t finite = size < 0x38800000 ? subnormal : normal;
    return static_cast<uint16_t>(size > 0x7f800000 ? 0x7fff : sign | (size >= 0x47800000 ? 0x7c00 : finite));
  }
};
struct FromHalf {
  static float of(uint16_t half) {
    uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
    uint32_t size = half & 0x7fff;
    uint32_t subnormal = bits(static_cast<float>(static_cast<int32_t>(size)) * 0x1p-24f);
    uint32_t finite = size < 0x400 ? subnormal : (size << 13) + 0x38000000;
    return size > 0x7c00 ? real(0x7fffffff) : real(sign | (size == 0x7c00 ? 0x7f800000 : finite));
  }
};
struct HalfToDouble {
  static double of(uint16_t half) { return FromHalf::of(half); }
};

// sm_80 has these.
struct ToBfloat {
  static uint16_t of(float x) {
    uint32_t u = bits(x);
    return static_cast<uint16_t>((u & 0x7fffffff) > 0x7f800000 ? 0x7fff : (u + 0x7fff + (u >> 16 & 1)) >> 16);
  }
};
// The first source becomes the upper half.
struct ToBfloatPair {
  static uint32_t of(float high, float low) { return static_cast<uint32_t>(ToBfloat::of(high)) << 16 | ToBfloat::of(low); }
};

std::string key(const std::string& name, Kind to, Kind from) {
  return name + " " + std::to_string(to.bits) + " " + std::to_string(from.bits);
}

// To is the type of the result, D that of its register; From and S the same for the source.
template <class To, class D, class From, class S>
void addResize(Operations& table) {
  add<Resize<typename To::Host, typename From::Host>, D, S>(
      table, key(std::string("cvt.") + To::name + "." + From::name, D::kind, S::kind));
}

template <class To, class D>
void addResizes(Operations& table) {
  forEach<U8, S8, U16, S16>([&](auto from) { addResize<To, D, decltype(from), B16>(table); });
  forEach<U8, S8, U16, S16, U32, S32>([&](auto from) { addResize<To, D, decltype(from), B32>(table); });
  forEach<U8, S8, U16, S16, U32, S32, U64, S64>([&](auto from) { addResize<To, D, decltype(from), B64>(table); });
}

template <class T, Rounding R>
void addToIntegers(Operations& table, const std::string& mode) {
  forEach<U16, S16, U32, S32, U64, S64>([&](auto to) {
    using To = decltype(to);
    add<ToInteger<R, typename To::Host>, To, T>(table, key("cvt." + mode + "." + To::name + "." + T::name, To::kind, T::kind));
  });
  add<ToWhole<R>, T, T>(table, key("cvt." + mode + "." + T::name + "." + T::name, T::kind, T::kind));
}

template <class T>
void addFloat(Operations& table) {
  addToIntegers<T, Rounding::NEAREST>(table, "rni");
  addToIntegers<T, Rounding::DOWN>(table, "rmi");
  addToIntegers<T, Rounding::UP>(table, "rpi");
  addToIntegers<T, Rounding::ZERO>(table, "rzi");
  auto fromInteger = [&](auto from, auto source) {
    using From = decltype(from);
    using S = decltype(source);
    add<FromInteger<typename From::Host, typename T::Host>, T, S>(
        table, key(std::string("cvt.rn.") + T::name + "." + From::name, T::kind, S::kind));
  };
  fromInteger(U8(), B16());
  fromInteger(S8(), B16());
  fromInteger(U16(), B16());
  fromInteger(S16(), B16());
  fromInteger(U32(), B32());
  fromInteger(S32(), B32());
  fromInteger(U64(), B64());
  fromInteger(S64(), B64());
}

}  // namespace

void addConversions(Operations& table) {
  addResizes<U8, U16>(table);
  addResizes<S8, S16>(table);
  addResizes<U16, U16>(table);
  addResizes<S16, S16>(table);
  addResizes<U32, U32>(table);
  addResizes<S32, S32>(table);
  addResizes<U64, U64>(table);
  addResizes<S64, S64>(table);
  addFloat<F32>(table);
  addFloat<F64>(table);
  add<Narrow, F32, F64>(table, key("cvt.rn.f32.f64", F32::kind, F64::kind));
  add<Widen, F64, F32>(table, key("cvt.f64.f32", F64::kind, F32::kind));
  add<ToHalf, B16, F32>(table, key("cvt.rn.f16.f32", B16::kind, F32::kind));
  add<FromHalf, F32, B16>(table, key("cvt.f32.f16", F32::kind, B16::kind));
  add<HalfToDouble, F64, B16>(table, key("cvt.f64.f16", F64::kind, B16::kind));
  add<ToBfloat, B16, F32>(table, key("cvt.rn.bf16.f32", B16::kind, F32::kind));
  add<ToBfloatPair, B32, F32, F32>(table, key("cvt.rn.bf16x2.f32", B32::kind, F32::kind));
}

}  // namespace emulator
