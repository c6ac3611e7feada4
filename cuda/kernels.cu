// The module: one entry for each law and element type, one for each conversion, one for each type that another generator's values are to
// become, and the way through piecewise linear functions and back. Blocks of 256 threads, any grid.
#include "affine.cuh"
#include "convert.cuh"
#include "fill.cuh"
#include "piecewise.cuh"

// Blocks that are to live on one multiprocessor: six leave each thread 40 registers, five 48, four 64, three 80. The truncated normal and
// what is computed in binary64 would spill with 40, and uniforms of bfloat16 do on Ampere.
template <template <typename> class L, typename D>
constexpr u32 RESIDENT = sizeof(typename D::Float::Real) == 4 ? 6 : 3;
template <typename D>
constexpr u32 RESIDENT<TruncatedNormal, D> = sizeof(typename D::Float::Real) == 4 ? 4 : 3;
template <typename D>
constexpr u32 RESIDENT<Uniform, D> = sizeof(typename D::Float::Real) == 4 ? __is_same(D, BF16) ? 5 : 6 : 3;

#define FILL(name, Law_, dtype, D)                                                                                             \
  extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT<Law_, D>)                                                     \
  name##_##dtype(void* out, u64 count, u64 start, u64 run, u64 stride, u64 key, Law law) {                                      \
    fill<Law_, D>(static_cast<u8*>(out), count, start, run, stride, key, law);                                                  \
  }

#define CONVERT(source, S, dtype, D)                                                                                           \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                                        \
  convert_##source##_##dtype(void* out, const void* in, u64 count, double scale) {                                              \
    convert<S, D>(static_cast<u8*>(out), static_cast<const u8*>(in), count, scale);                                             \
  }

/// The parameters are those of a law, so that it is launched like one: `start` is the first place of `in`.
#define AFFINE(name, unused, dtype, D)                                                                                         \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                                        \
  name##_##dtype(void* out, u64 count, u64 start, u64 run, u64 stride, const void* in, Law law) {                               \
    affine<D>(static_cast<u8*>(out), static_cast<const u8*>(in) + start * sizeof(D::Float::Real), count, run, stride, law);     \
  }

#define PIECEWISE(name, Function, dtype, D)                                                                                    \
  extern "C" __global__ void __launch_bounds__(THREADS)                                                                        \
  name##_##dtype(void* out, const void* in, u64 count, double slope) {                                                          \
    piecewise<Function, D>(static_cast<u8*>(out), static_cast<const u8*>(in), count, slope);                                    \
  }

#define EACH_DTYPE(macro, name, type) \
  macro(name, type, f64, F64)         \
  macro(name, type, f32, F32)         \
  macro(name, type, bf16, BF16)       \
  macro(name, type, f16, F16)         \
  macro(name, type, f8_e4m3, F8_E4M3) \
  macro(name, type, f8_e5m2, F8_E5M2)

EACH_DTYPE(FILL, uniform, Uniform)
EACH_DTYPE(FILL, normal, Normal)
EACH_DTYPE(FILL, log_normal, LogNormal)
EACH_DTYPE(FILL, truncated_normal, TruncatedNormal)
EACH_DTYPE(FILL, signs, Signs)
EACH_DTYPE(FILL, constant, Constant)

EACH_DTYPE(CONVERT, f64, F64)
EACH_DTYPE(CONVERT, f32, F32)
EACH_DTYPE(CONVERT, bf16, BF16)
EACH_DTYPE(CONVERT, f16, F16)
EACH_DTYPE(CONVERT, f8_e4m3, F8_E4M3)
EACH_DTYPE(CONVERT, f8_e5m2, F8_E5M2)

EACH_DTYPE(AFFINE, affine, )

PIECEWISE(activate, Activation, f32, F32)
PIECEWISE(activate, Activation, f64, F64)
PIECEWISE(backward, Backward, f32, F32)
PIECEWISE(backward, Backward, f64, F64)
