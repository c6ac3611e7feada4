// The words of CUDA that these kernels use, for a clang that has none of NVIDIA's headers. Arithmetic is spelled as functions: with
// contraction off, each becomes one PTX instruction with an explicit .rn, which no later compiler may fuse with another.
#pragma once

#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using s32 = int;
using s64 = long long;

// What one instruction stores.
using u32x2 = u32 __attribute__((vector_size(8)));
using u32x4 = u32 __attribute__((vector_size(16)));
using u64x2 = u64 __attribute__((vector_size(16)));

__device__ __forceinline__ float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
__device__ __forceinline__ float mul(float a, float b) { return a * b; }
__device__ __forceinline__ float add(float a, float b) { return a + b; }
__device__ __forceinline__ float sub(float a, float b) { return a - b; }
__device__ __forceinline__ float div(float a, float b) { return a / b; }
__device__ __forceinline__ float min(float a, float b) { return __builtin_fminf(a, b); }  // -0 is less than +0
__device__ __forceinline__ float sqrt(float a) { return __nvvm_sqrt_rn_f(a); }

__device__ __forceinline__ double fma(double a, double b, double c) { return __builtin_fma(a, b, c); }
__device__ __forceinline__ double mul(double a, double b) { return a * b; }
__device__ __forceinline__ double add(double a, double b) { return a + b; }
__device__ __forceinline__ double sub(double a, double b) { return a - b; }
__device__ __forceinline__ double div(double a, double b) { return a / b; }
__device__ __forceinline__ double min(double a, double b) { return __builtin_fmin(a, b); }
__device__ __forceinline__ double sqrt(double a) { return __nvvm_sqrt_rn_d(a); }

__device__ __forceinline__ s32 bits(float x) { return __builtin_bit_cast(s32, x); }
__device__ __forceinline__ s64 bits(double x) { return __builtin_bit_cast(s64, x); }
__device__ __forceinline__ float real(s32 bits) { return __builtin_bit_cast(float, bits); }
__device__ __forceinline__ double real(s64 bits) { return __builtin_bit_cast(double, bits); }

__device__ __forceinline__ u32 low(u64 x) { return static_cast<u32>(x); }
__device__ __forceinline__ u32 high(u64 x) { return static_cast<u32>(x >> 32); }

/// A product's halves. Spelled as instructions, because clang would go on with 64-bit operations where two words are meant.
struct Product {
  u32 low, high;

  __device__ __forceinline__ Product(u32 a, u32 b) {
    u64 both;
    asm("mul.wide.u32 %0, %1, %2;" : "=l"(both) : "r"(a), "r"(b));
    asm("mov.b64 {%0, %1}, %2;" : "=r"(low), "=r"(high) : "l"(both));
  }
};

/// The upper halves of two words, the first one's below.
__device__ __forceinline__ u32 upperHalves(u32 first, u32 second) {
  u32 both;
  asm("prmt.b32 %0, %1, %2, 0x7632;" : "=r"(both) : "r"(first), "r"(second));
  return both;
}

/// Two values to bfloat16, nearest even, the first one's code below. From sm_80 on.
__device__ __forceinline__ u32 bfloat16s(float first, float second) {
  u32 both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
  return both;
}

/// To binary16, nearest even; overflow is infinity.
__device__ __forceinline__ u16 binary16(float x) {
  u16 half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(x));
  return half;
}

__device__ __forceinline__ float fromBinary16(u16 half) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(half));
  return x;
}

__device__ __forceinline__ u32 thread() { return __nvvm_read_ptx_sreg_tid_x(); }
__device__ __forceinline__ u32 block() { return __nvvm_read_ptx_sreg_ctaid_x(); }
__device__ __forceinline__ u32 blocks() { return __nvvm_read_ptx_sreg_nctaid_x(); }
