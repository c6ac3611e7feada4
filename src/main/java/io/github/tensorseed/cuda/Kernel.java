package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Signs;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/// What there are kernels for, one for each dtype: the laws, and one that scales what another generator has made and rounds it to the dtype.
enum Kernel {
  UNIFORM,
  NORMAL,
  LOG_NORMAL,
  TRUNCATED_NORMAL,
  SIGNS,
  CONSTANT,
  /// Launched like a law's, with the parameters of [Uniform]; for the key it is given the address of values in the type that the dtype is
  /// computed in, of which it takes those that a law would have numbered.
  AFFINE;

  /// Bytes of a law's parameters: seven doubles, which a kernel rounds to the type it computes in, and an integer.
  static final long PARAMETERS = 64;

  private static final int SPLIT = 7;

  static Kernel of(Distribution law) {
    return switch (law) {
      case Uniform _ -> UNIFORM;
      case Normal _ -> NORMAL;
      case LogNormal _ -> LOG_NORMAL;
      case TruncatedNormal _ -> TRUNCATED_NORMAL;
      case Signs _ -> SIGNS;
      case Constant _ -> CONSTANT;
    };
  }

  /// The kernel's name in the module, as in `normal_bf16`.
  String entry(DType dtype) {
    return (name() + "_" + dtype).toLowerCase(Locale.ROOT);
  }

  /// Writes the parameters of `law` where its kernel finds them.
  static void put(Distribution law, DType dtype, MemorySegment parameters) {
    switch (law) {
      case Uniform(double low, double high) -> putAffine(high - low, low, high, parameters);
      case Normal(double mean, double std) -> put(parameters, mean, std);
      case LogNormal(double mean, double std) -> put(parameters, mean, std);
      case TruncatedNormal truncated -> {
        TruncatedNormal.Tails tails = truncated.tails(dtype == DType.F64);
        put(parameters, truncated.mean(), truncated.std(), truncated.low(), truncated.high(), tails.inside(), tails.below(), tails.above());
        parameters.setAtIndex(JAVA_LONG, SPLIT, tails.split());
      }
      case Signs(double value) -> put(parameters, value);
      case Constant(double value) -> put(parameters, value);
    }
  }

  /// Writes the parameters of min(high, fma(range, x, low)).
  static void putAffine(double range, double low, double high, MemorySegment parameters) {
    put(parameters, range, low, high);
  }

  private static void put(MemorySegment parameters, double... values) {
    for (int i = 0; i < values.length; i++) {
      parameters.setAtIndex(JAVA_DOUBLE, i, values[i]);
    }
  }
}
