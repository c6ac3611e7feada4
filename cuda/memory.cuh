// Single elements at any place, and the numbers that a thread of the grid begins and goes on with.
#pragma once
#include "dtypes.cuh"

constexpr u32 THREADS = 256;

__device__ __forceinline__ u64 firstItem() { return static_cast<u64>(block()) * THREADS + thread(); }
__device__ __forceinline__ u64 items() { return static_cast<u64>(blocks()) * THREADS; }

/// Whether one instruction reaches `bytes` bytes at `place`, or 16 of them at a time.
__device__ __forceinline__ bool aligned(const void* place, u64 bytes) {
  return (reinterpret_cast<u64>(place) & ((bytes < 16 ? bytes : 16) - 1)) == 0;
}

// A code whose place is not aligned goes byte by byte.

template <typename D>
__device__ __forceinline__ void store(u8* out, typename D::Code code) {
  using Stored = typename D::Stored;
  if (aligned(out, sizeof(Stored))) {
    *reinterpret_cast<Stored*>(out) = static_cast<Stored>(code);
  } else {
    for (u32 i = 0; i < sizeof(Stored); i++) {
      out[i] = static_cast<u8>(code >> 8 * i);
    }
  }
}

template <typename D>
__device__ __forceinline__ typename D::Code load(const u8* in) {
  using Stored = typename D::Stored;
  if (aligned(in, sizeof(Stored))) {
    return *reinterpret_cast<const Stored*>(in);
  }
  typename D::Code code = 0;
  for (u32 i = 0; i < sizeof(Stored); i++) {
    code |= static_cast<typename D::Code>(in[i]) << 8 * i;
  }
  return code;
}
