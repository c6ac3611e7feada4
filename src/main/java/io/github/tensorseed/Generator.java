package io.github.tensorseed;

import java.util.Arrays;
import java.util.Locale;

/// What makes random values: kernels of ours, or NVIDIA's cuRAND on a GPU.
///
/// Ours and cuRAND's Philox have the same words. So these are bit-equal, in every dtype: `uniform`, and `signs`, `truncated_normal` and
/// `constant`, for which cuRAND has no law and our kernels are used with either. `normal` and `log_normal` are not: cuRAND's kernels take
/// the GPU's approximate sine and cosine, which no CPU has, and which another GPU or another version of cuRAND may change.
///
/// Choose cuRAND to continue work that was begun with it, or to have the values of a program that calls it. Otherwise keep the default,
/// whose bits can be had, and verified, everywhere.
public enum Generator {
  /// Kernels of ours, with the same bits on every device.
  TENSORSEED,
  /// cuRAND's `CURAND_RNG_PSEUDO_PHILOX4_32_10` in `CURAND_ORDERING_PSEUDO_LEGACY`. A slice has the values of the whole tensor.
  CURAND,
  /// cuRAND's `CURAND_RNG_PSEUDO_XORWOW` in `CURAND_ORDERING_PSEUDO_LEGACY`: other words. It fills whole tensors only, and has neither
  /// `signs` nor `truncated_normal`.
  CURAND_XORWOW;

  /// The generator of this name.
  ///
  /// @throws IllegalArgumentException for an unknown name; the message has the known ones or the nearest
  public static Generator of(String name) {
    for (Generator generator : values()) {
      if (generator.toString().equalsIgnoreCase(name)) {
        return generator;
      }
    }
    throw new IllegalArgumentException("unknown generator '" + name + "'"
        + Nearest.hint(name.toLowerCase(Locale.ROOT), Arrays.stream(values()).map(Generator::toString).toList()));
  }

  /// As in `curand-xorwow`.
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
