package io.github.tensorseed.cli;

import io.github.tensorseed.Shape;
import java.util.Optional;

/// How the features of a row are an image.
///
/// @param channels 1 or 3
/// @param channelsLast whether the channels of a pixel lie side by side
record ImageShape(int height, int width, int channels, boolean channelsLast) {
  private static final long MOST_PIXELS = 1 << 16;

  /// Of rows [n, H, W], [n, C, H, W] or [n, H, W, C]; empty if they are none, or of images that are too large for a page.
  static Optional<ImageShape> of(Shape shape) {
    if (shape.rank() < 3 || shape.rank() > 4) {
      return Optional.empty();
    }
    boolean grey = shape.rank() == 3;
    boolean first = !grey && isColour(shape.extent(1));
    if (!grey && !first && !isColour(shape.extent(3))) {
      return Optional.empty();
    }
    long height = shape.extent(first ? 2 : 1);
    long width = shape.extent(first ? 3 : 2);
    if (height < 2 || width < 2 || height > MOST_PIXELS / width) {
      return Optional.empty();
    }
    return Optional.of(new ImageShape((int) height, (int) width, grey ? 1 : (int) shape.extent(first ? 1 : 3), !grey && !first));
  }

  private static boolean isColour(long channels) {
    return channels == 1 || channels == 3;
  }

  /// The feature of a pixel.
  int feature(int y, int x, int channel) {
    return channelsLast ? (y * width + x) * channels + channel : (channel * height + y) * width + x;
  }
}
