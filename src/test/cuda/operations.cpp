#include "operations.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

namespace emulator {
namespace {

template <class To, class From>
inline To bits(From value) {
  To to;
  static_assert(sizeof to == sizeof value);
  memcpy(&to, &value, sizeof to);
  return to;
}

// A GPU has one NaN for results in binary32. In binary64 the payload is the host's.
inline float canonical(float value) { return value != value ? bits<float>(uint32_t{0x7fffffff}) : value; }
inline double canonical(double value) { return value; }
template <class T, class = std::enable_if_t<std::is_integral_v<T>>>
inline T canonical(T value) { return value; }

template <class T> struct Wider;
template <> struct Wider<uint16_t> { using Type = uint32_t; };
template <> struct Wider<int16_t> { using Type = int32_t; };
template <> struct Wider<uint32_t> { using Type = uint64_t; };
template <> struct Wider<int32_t> { using Type = int64_t; };
template <> struct Wider<uint64_t> { using Type = unsigned __int128; };
template <> struct Wider<int64_t> { using Type = __int128; };

template <class T>
inline typename Wider<T>::Type wide(T a, T b) { return static_cast<typename Wider<T>::Type>(a) * b; }

// --- arithmetic, for integers modulo 2^bits (the build has -fwrapv)
struct Add { template <class T> static T of(T a, T b) { return canonical(static_cast<T>(a + b)); } };
struct Sub { template <class T> static T of(T a, T b) { return canonical(static_cast<T>(a - b)); } };
struct Mul { template <class T> static T of(T a, T b) { return canonical(static_cast<T>(a * b)); } };
struct MulHi { template <class T> static T of(T a, T b) { return static_cast<T>(wide(a, b) >> (8 * sizeof(T))); } };
struct MulWide { template <class T> static auto of(T a, T b) { return wide(a, b); } };
struct Mad { template <class T> static T of(T a, T b, T c) { return static_cast<T>(a * b + c); } };
struct MadHi { template <class T> static T of(T a, T b, T c) { return static_cast<T>(MulHi::of(a, b) + c); } };
struct MadWide {
  template <class T, class W> static W of(T a, T b, W c) { return static_cast<W>(wide(a, b) + c); }
};
struct Fma {
  static float of(float a, float b, float c) { return canonical(__builtin_fmaf(a, b, c)); }
  static double of(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
struct Sqrt {
  static float of(float a) { return canonical(__builtin_sqrtf(a)); }
  static double of(double a) { return __builtin_sqrt(a); }
};
struct Reciprocal { template <class T> static T of(T a) { return canonical(T{1} / a); } };

// Division by zero is unspecified in PTX: GPUs give all ones, and the dividend as remainder. The lanes that a mask leaves out compute
// too, so nothing here may trap.
struct Div {
  static float of(float a, float b) { return canonical(a / b); }
  static double of(double a, double b) { return a / b; }
  template <class T> static T of(T a, T b) {
    if (b == 0) {
      return static_cast<T>(-1);
    }
    return std::is_signed_v<T> && b == static_cast<T>(-1) ? static_cast<T>(-a) : static_cast<T>(a / b);
  }
};
struct Rem {
  template <class T> static T of(T a, T b) {
    if (b == 0) {
      return a;
    }
    return std::is_signed_v<T> && b == static_cast<T>(-1) ? T{0} : static_cast<T>(a % b);
  }
};

// The sign alone changes, of a NaN too.
struct Neg {
  static float of(float a) { return bits<float>(bits<uint32_t>(a) ^ 0x80000000u); }
  static double of(double a) { return bits<double>(bits<uint64_t>(a) ^ (uint64_t{1} << 63)); }
  template <class T> static T of(T a) { return static_cast<T>(-a); }
};
struct Abs {
  static float of(float a) { return bits<float>(bits<uint32_t>(a) & 0x7fffffffu); }
  static double of(double a) { return bits<double>(bits<uint64_t>(a) & ~(uint64_t{1} << 63)); }
  template <class T> static T of(T a) { return static_cast<T>(a < 0 ? -a : a); }
};

// -0 is less than +0, and a NaN gives way to a number.
struct Min {
  static float of(float a, float b) {
    float same = bits<float>(bits<uint32_t>(a) | bits<uint32_t>(b));
    return a != a ? canonical(b) : b != b ? a : a == b ? same : a < b ? a : b;
  }
  static double of(double a, double b) {
    double same = bits<double>(bits<uint64_t>(a) | bits<uint64_t>(b));
    return a != a ? b : b != b ? a : a == b ? same : a < b ? a : b;
  }
  template <class T> static T of(T a, T b) { return a < b ? a : b; }
};
struct Max {
  static float of(float a, float b) {
    float same = bits<float>(bits<uint32_t>(a) & bits<uint32_t>(b));
    return a != a ? canonical(b) : b != b ? a : a == b ? same : a > b ? a : b;
  }
  static double of(double a, double b) {
    double same = bits<double>(bits<uint64_t>(a) & bits<uint64_t>(b));
    return a != a ? b : b != b ? a : a == b ? same : a > b ? a : b;
  }
  template <class T> static T of(T a, T b) { return a > b ? a : b; }
};
// sm_80 has these: a NaN on either side is the result.
template <class Choice>
struct OrNan {
  static float of(float a, float b) { return a != a || b != b ? bits<float>(0x7fffffffu) : Choice::of(a, b); }
};

// --- bits
struct And { template <class T> static T of(T a, T b) { return a & b; } };
struct Or { template <class T> static T of(T a, T b) { return a | b; } };
struct Xor { template <class T> static T of(T a, T b) { return a ^ b; } };
struct Not { template <class T> static T of(T a) { return static_cast<T>(~a); } };
struct NotPredicate { static uint8_t of(uint8_t a) { return a ^ 1; } };
// Amounts past the width shift everything out.
struct Shl { template <class T> static T of(T a, uint32_t n) { return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(a << n); } };
struct Shr {
  template <class T> static T of(T a, uint32_t n) {
    constexpr uint32_t width = 8 * sizeof(T);
    if (std::is_signed_v<T>) {
      return static_cast<T>(a >> (n >= width ? width - 1 : n));
    }
    return n >= width ? T{0} : static_cast<T>(a >> n);
  }
};
template <class T>
inline T lowOnes(uint32_t count) {
  return count >= 8 * sizeof(T) ? static_cast<T>(-1) : static_cast<T>((T{1} << count) - 1);
}
struct ExtractField {
  template <class T> static T of(T a, uint32_t at, uint32_t length) {
    using Bits = std::make_unsigned_t<T>;
    constexpr uint32_t width = 8 * sizeof(T);
    at &= 0xff;
    length &= 0xff;
    auto mask = at >= width ? Bits{0} : lowOnes<Bits>(std::min(length, width - at));
    Bits field = Shr::of(static_cast<Bits>(a), at) & mask;
    // The sign is the field's highest bit, or the highest of the register if the field goes past it.
    uint32_t top = std::min(at + length - 1, width - 1);
    bool negative = std::is_signed_v<T> && length != 0 && (Shr::of(static_cast<Bits>(a), top) & 1) != 0;
    return static_cast<T>(negative ? field | ~mask : field);
  }
};
struct InsertField {
  template <class T> static T of(T a, T b, uint32_t at, uint32_t length) {
    T mask = Shl::of(lowOnes<T>(length & 0xff), at & 0xff);
    return (b & ~mask) | (Shl::of(a, at & 0xff) & mask);
  }
};
struct Permute {
  static uint32_t of(uint32_t a, uint32_t b, uint32_t selector) {
    uint32_t result = 0;
    for (int i = 0; i < 4; i++) {
      uint32_t select = selector >> (4 * i);
      uint32_t byte = ((select & 4) != 0 ? b : a) >> (8 * (select & 3)) & 0xff;
      // Bit 3 asks for the byte's sign, eight times.
      result |= ((select & 8) != 0 ? (0 - (byte >> 7)) & 0xff : byte) << (8 * i);
    }
    return result;
  }
};
template <bool WRAP>
struct FunnelLeft {
  static uint32_t of(uint32_t low, uint32_t high, uint32_t n) {
    n = WRAP ? n & 31 : std::min(n, 32u);
    return static_cast<uint32_t>((static_cast<uint64_t>(high) << 32 | low) << n >> 32) | (n == 32 ? low : 0);
  }
};
template <bool WRAP>
struct FunnelRight {
  static uint32_t of(uint32_t low, uint32_t high, uint32_t n) {
    n = WRAP ? n & 31 : std::min(n, 32u);
    return static_cast<uint32_t>((static_cast<uint64_t>(high) << 32 | low) >> n);
  }
};
struct Logic3 {
  static uint32_t of(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
    uint32_t result = 0;
    for (int i = 0; i < 8; i++) {
      uint32_t here = (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
      result |= here & (0 - (table >> i & 1));
    }
    return result;
  }
};
struct CountOnes { template <class T> static uint32_t of(T a) { return __builtin_popcountll(a); } };
struct LeadingZeros {
  template <class T> static uint32_t of(T a) { return a == 0 ? 8 * sizeof a : __builtin_clzll(a) - (64 - 8 * sizeof a); }
};
struct Reverse {
  template <class T> static T of(T a) {
    T result = 0;
    for (unsigned i = 0; i < 8 * sizeof a; i++) {
      result = static_cast<T>(result << 1 | (a >> i & 1));
    }
    return result;
  }
};

// --- moves
struct Copy { template <class T> static T of(T a) { return a; } };
struct Select { template <class T> static T of(T a, T b, uint8_t p) { return p ? a : b; } };
struct Pack2 {
  static uint32_t of(uint16_t a, uint16_t b) { return static_cast<uint32_t>(b) << 16 | a; }
  static uint64_t of(uint32_t a, uint32_t b) { return static_cast<uint64_t>(b) << 32 | a; }
};
struct Pack4 {
  static uint64_t of(uint16_t a, uint16_t b, uint16_t c, uint16_t d) {
    return static_cast<uint64_t>(d) << 48 | static_cast<uint64_t>(c) << 32 | static_cast<uint64_t>(b) << 16 | a;
  }
};
template <int SHIFT>
struct Part { template <class T> static T of(T a) { return static_cast<T>(a >> SHIFT); } };

// --- comparisons; an unordered one is true if either is a NaN
enum class Compare { EQ, NE, LT, LE, GT, GE };
template <Compare C, bool UNORDERED>
struct Set {
  template <class T> static uint8_t of(T a, T b) {
    bool unordered = UNORDERED && (a != a || b != b);
    switch (C) {
      case Compare::EQ: return unordered | (a == b);
      // != is true of NaNs in C++: the ordered one must deny it.
      case Compare::NE: return UNORDERED || std::is_integral_v<T> ? a != b : (a < b) | (a > b);
      case Compare::LT: return unordered | (a < b);
      case Compare::LE: return unordered | (a <= b);
      case Compare::GT: return unordered | (a > b);
      default: return unordered | (a >= b);
    }
  }
};
struct BothNumbers { template <class T> static uint8_t of(T a, T b) { return (a == a) & (b == b); } };
struct SomeNan { template <class T> static uint8_t of(T a, T b) { return (a != a) | (b != b); } };

template <class T, bool UNORDERED>
void addComparisons(Operations& table, const std::string& suffix) {
  std::string type = std::string(".") + T::name;
  add<Set<Compare::EQ, UNORDERED>, P, T, T>(table, "setp.eq" + suffix + type);
  add<Set<Compare::NE, UNORDERED>, P, T, T>(table, "setp.ne" + suffix + type);
  add<Set<Compare::LT, UNORDERED>, P, T, T>(table, "setp.lt" + suffix + type);
  add<Set<Compare::LE, UNORDERED>, P, T, T>(table, "setp.le" + suffix + type);
  add<Set<Compare::GT, UNORDERED>, P, T, T>(table, "setp.gt" + suffix + type);
  add<Set<Compare::GE, UNORDERED>, P, T, T>(table, "setp.ge" + suffix + type);
}

void addIntegers(Operations& table) {
  forEach<U16, S16, U32, S32, U64, S64>([&](auto type) {
    using T = decltype(type);
    std::string suffix = std::string(".") + T::name;
    add<Add, T, T, T>(table, "add" + suffix);
    add<Sub, T, T, T>(table, "sub" + suffix);
    add<Mul, T, T, T>(table, "mul.lo" + suffix);
    add<MulHi, T, T, T>(table, "mul.hi" + suffix);
    add<Mad, T, T, T, T>(table, "mad.lo" + suffix);
    add<MadHi, T, T, T, T>(table, "mad.hi" + suffix);
    add<Div, T, T, T>(table, "div" + suffix);
    add<Rem, T, T, T>(table, "rem" + suffix);
    add<Min, T, T, T>(table, "min" + suffix);
    add<Max, T, T, T>(table, "max" + suffix);
    add<Shr, T, T, U32>(table, "shr" + suffix);
    addComparisons<T, false>(table, "");
  });
  add<MulWide, U32, U16, U16>(table, "mul.wide.u16");
  add<MulWide, S32, S16, S16>(table, "mul.wide.s16");
  add<MulWide, U64, U32, U32>(table, "mul.wide.u32");
  add<MulWide, S64, S32, S32>(table, "mul.wide.s32");
  add<MadWide, U32, U16, U16, U32>(table, "mad.wide.u16");
  add<MadWide, S32, S16, S16, S32>(table, "mad.wide.s16");
  add<MadWide, U64, U32, U32, U64>(table, "mad.wide.u32");
  add<MadWide, S64, S32, S32, S64>(table, "mad.wide.s32");
  forEach<S16, S32, S64>([&](auto type) {
    using T = decltype(type);
    add<Neg, T, T>(table, std::string("neg.") + T::name);
    add<Abs, T, T>(table, std::string("abs.") + T::name);
  });
  forEach<U32, S32, U64, S64>([&](auto type) {
    using T = decltype(type);
    add<ExtractField, T, T, U32, U32>(table, std::string("bfe.") + T::name);
  });
  forEach<U16, U32, U64>([&](auto type) {
    using T = decltype(type);
    std::string suffix = std::string(".") + T::name;
    add<Set<Compare::LT, false>, P, T, T>(table, "setp.lo" + suffix);
    add<Set<Compare::LE, false>, P, T, T>(table, "setp.ls" + suffix);
    add<Set<Compare::GT, false>, P, T, T>(table, "setp.hi" + suffix);
    add<Set<Compare::GE, false>, P, T, T>(table, "setp.hs" + suffix);
  });
}

void addBits(Operations& table) {
  forEach<B16, B32, B64>([&](auto type) {
    using T = decltype(type);
    std::string suffix = std::string(".") + T::name;
    add<And, T, T, T>(table, "and" + suffix);
    add<Or, T, T, T>(table, "or" + suffix);
    add<Xor, T, T, T>(table, "xor" + suffix);
    add<Not, T, T>(table, "not" + suffix);
    add<Shl, T, T, U32>(table, "shl" + suffix);
    add<Shr, T, T, U32>(table, "shr" + suffix);
    add<Set<Compare::EQ, false>, P, T, T>(table, "setp.eq" + suffix);
    add<Set<Compare::NE, false>, P, T, T>(table, "setp.ne" + suffix);
  });
  forEach<B32, B64>([&](auto type) {
    using T = decltype(type);
    std::string suffix = std::string(".") + T::name;
    add<InsertField, T, T, T, U32, U32>(table, "bfi" + suffix);
    add<CountOnes, U32, T>(table, "popc" + suffix);
    add<LeadingZeros, U32, T>(table, "clz" + suffix);
    add<Reverse, T, T>(table, "brev" + suffix);
  });
  add<And, P, P, P>(table, "and.pred");
  add<Or, P, P, P>(table, "or.pred");
  add<Xor, P, P, P>(table, "xor.pred");
  add<NotPredicate, P, P>(table, "not.pred");
  add<Copy, P, P>(table, "mov.pred");
  add<Permute, B32, B32, B32, B32>(table, "prmt.b32");
  add<FunnelLeft<true>, B32, B32, B32, U32>(table, "shf.l.wrap.b32");
  add<FunnelLeft<false>, B32, B32, B32, U32>(table, "shf.l.clamp.b32");
  add<FunnelRight<true>, B32, B32, B32, U32>(table, "shf.r.wrap.b32");
  add<FunnelRight<false>, B32, B32, B32, U32>(table, "shf.r.clamp.b32");
  add<Logic3, B32, B32, B32, B32, U32>(table, "lop3.b32");
}

// Only what says how it rounds: a plain mul or add may be fused by the real driver.
void addFloats(Operations& table) {
  forEach<F32, F64>([&](auto type) {
    using T = decltype(type);
    std::string suffix = std::string(".") + T::name;
    add<Add, T, T, T>(table, "add.rn" + suffix);
    add<Sub, T, T, T>(table, "sub.rn" + suffix);
    add<Mul, T, T, T>(table, "mul.rn" + suffix);
    add<Fma, T, T, T, T>(table, "fma.rn" + suffix);
    add<Div, T, T, T>(table, "div.rn" + suffix);
    add<Sqrt, T, T>(table, "sqrt.rn" + suffix);
    add<Reciprocal, T, T>(table, "rcp.rn" + suffix);
    add<Neg, T, T>(table, "neg" + suffix);
    add<Abs, T, T>(table, "abs" + suffix);
    add<Min, T, T, T>(table, "min" + suffix);
    add<Max, T, T, T>(table, "max" + suffix);
    addComparisons<T, false>(table, "");
    addComparisons<T, true>(table, "u");
    add<BothNumbers, P, T, T>(table, "setp.num" + suffix);
    add<SomeNan, P, T, T>(table, "setp.nan" + suffix);
  });
  add<OrNan<Min>, F32, F32, F32>(table, "min.NaN.f32");
  add<OrNan<Max>, F32, F32, F32>(table, "max.NaN.f32");
}

void addMoves(Operations& table) {
  forEach<B16, U16, S16, B32, U32, S32, F32, B64, U64, S64, F64>([&](auto type) {
    using T = decltype(type);
    add<Copy, T, T>(table, std::string("mov.") + T::name);
    add<Select, T, T, T, P>(table, std::string("selp.") + T::name);
  });
  // Generic addresses are those of global memory.
  add<Copy, U64, U64>(table, "cvta.to.global.u64");
  add<Copy, U64, U64>(table, "cvta.global.u64");
  // mov of a vector into its bits and back, part by part; no such names are in PTX.
  add<Pack2, B32, B16, B16>(table, "pack 32 2");
  add<Pack2, B64, B32, B32>(table, "pack 64 2");
  add<Pack4, B64, B16, B16, B16, B16>(table, "pack 64 4");
  add<Part<0>, B16, B32>(table, "unpack 32 2 0");
  add<Part<16>, B16, B32>(table, "unpack 32 2 1");
  add<Part<0>, B32, B64>(table, "unpack 64 2 0");
  add<Part<32>, B32, B64>(table, "unpack 64 2 1");
  add<Part<0>, B16, B64>(table, "unpack 64 4 0");
  add<Part<16>, B16, B64>(table, "unpack 64 4 1");
  add<Part<32>, B16, B64>(table, "unpack 64 4 2");
  add<Part<48>, B16, B64>(table, "unpack 64 4 3");
}

}  // namespace

const Operations& operations() {
  static const Operations* table = [] {
    auto* made = new Operations();
    addIntegers(*made);
    addBits(*made);
    addFloats(*made);
    addMoves(*made);
    addConversions(*made);
    return made;
  }();
  return *table;
}

}  // namespace emulator
