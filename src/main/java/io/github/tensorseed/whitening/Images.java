package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Shape;
import java.lang.foreign.MemorySegment;

/// How the rows of an array are images.
///
/// @param order of the axes of one
record Images(PatchWhitening.Order order, int channels, int height, int width) {
  /// @param array \[n, h, w\] of one channel, or \[n, c, h, w\], or in order HWC \[n, h, w, c\]
  /// @throws IllegalArgumentException for other ranks, of which nobody can say what is height and what is width
  static Images of(Shape array, PatchWhitening.Order order) {
    if (array.rank() != 3 && array.rank() != 4) {
      throw new IllegalArgumentException("an array of shape " + array + " is not one of images, which is [n, h, w] or "
          + (order == PatchWhitening.Order.CHW ? "[n, c, h, w]" : "[n, h, w, c]") + "; reshape it");
    }
    int[] extents = new int[array.rank()];
    for (int axis = 1; axis < extents.length; axis++) {
      extents[axis] = Math.toIntExact(array.extent(axis));
    }
    return extents.length == 3 ? new Images(order, 1, extents[1], extents[2])
        : order == PatchWhitening.Order.CHW ? new Images(order, extents[1], extents[2], extents[3])
        : new Images(order, extents[3], extents[1], extents[2]);
  }

  /// How many patches of this size an image has, at every place where it lies inside.
  long patches(int high, int wide) {
    return (height - high + 1L) * (width - wide + 1L);
  }

  /// Copies all patches of one image, one behind the other.
  ///
  /// @param from the pixels from `start` on
  /// @param channelsFirst whether a patch becomes \[c, h, w\], or else \[h, w, c\]
  /// @param to \[patches, c * high * wide\] of the same dtype
  void copyPatches(DType dtype, MemorySegment from, long start, int high, int wide, boolean channelsFirst, MemorySegment to) {
    long[] offsets = new long[channels * high * wide];
    for (int i = 0; i < offsets.length; i++) {
      int channel = channelsFirst ? i / (high * wide) : i % channels;
      int place = channelsFirst ? i % (high * wide) : i / channels;
      offsets[i] = pixel(channel, place / wide, place % wide);
    }
    long at = 0;
    for (int top = 0; top + high <= height; top++) {
      for (int left = 0; left + wide <= width; left++) {
        long corner = start + pixel(0, top, left);
        for (long offset : offsets) {
          MemorySegment.copy(from, (corner + offset) * dtype.bytes(), to, at++ * dtype.bytes(), dtype.bytes());
        }
      }
    }
  }

  private long pixel(int channel, int y, int x) {
    return order == PatchWhitening.Order.CHW ? ((long) channel * height + y) * width + x : ((long) y * width + x) * channels + channel;
  }
}
