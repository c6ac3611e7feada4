package io.github.tensorseed.whitening;

import io.github.tensorseed.Arguments;
import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/// A first convolution that whitens the patches of images: eigenvectors of the patches' second moment, by falling eigenvalue l, each times
/// 1 / sqrt(l + epsilon), and then the same with the other sign.
///
/// - Shape: \[2k, c, h, w\] in layout OIHW, \[h, w, c, 2k\] in the others, k at most c * h * w.
/// - Precision: second moment and decomposition in F64, rounded once; of each eigenvector the greatest component by magnitude is positive;
///   outside the promise of one seed.
/// - Source: K. Jordan, 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, arXiv 2404.00498, which takes the first 5000 images, does not
///   center, and has 5e-4 for epsilon; T. Page's ResNet and hlb-CIFAR10 center.
///
/// @param data the images, as [RowFile#open] takes them: \[n, h, w\], \[n, c, h, w\], or in order HWC \[n, h, w, c\]
/// @param centered whether the patches' mean is taken off, and n - 1 divides
/// @param first how many images are looked at
/// @param files where the data is
public record PatchWhitening(String data, double epsilon, boolean centered, long first, Order order, Fans.Layout layout,
    DataFiles files) implements Initializer {
  private static final long BATCH_BYTES = 1 << 24;

  /// Of the axes of an image.
  public enum Order {
    /// Channels, height, width: PyTorch.
    CHW,
    /// Height, width, channels: Keras, TensorFlow.
    HWC;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public PatchWhitening {
    Arguments.quoted(data);
    new Epsilon.Absolute(epsilon);
    if (first < 1) {
      throw new IllegalArgumentException("patch_whitening(first=" + first + "): at least 1 image is needed");
    }
  }

  @Override
  public PatchWhitening resolve(Shape whole) {
    Kernel.of(this, whole);
    return this;
  }

  @Override
  public boolean byLinearAlgebra() {
    return true;
  }

  /// What is made, worked out of the tensor's shape and the data's.
  private record Kernel(Images images, int high, int wide, int components) {
    static Kernel of(PatchWhitening of, Shape whole) {
      Images images;
      try {
        images = Images.of(of.files.shape(of.data), of.order);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(of + ": " + e.getMessage(), e);
      }
      if (whole.rank() != 4) {
        throw new IllegalArgumentException(of + " is for convolutions of rank 4, and " + whole + " has rank " + whole.rank());
      }
      boolean outFirst = of.layout == Fans.Layout.OIHW;
      long out = whole.extent(outFirst ? 0 : 3);
      long in = whole.extent(outFirst ? 1 : 2);
      long high = whole.extent(outFirst ? 2 : 0);
      long wide = whole.extent(outFirst ? 3 : 1);
      if (in != images.channels() || high < 1 || high > images.height() || wide < 1 || wide > images.width()) {
        throw new IllegalArgumentException(of + ": " + whole + " in layout " + of.layout + " has kernels of " + in + " channels, "
            + high + " x " + wide + ", and the images have " + images.channels() + ", " + images.height() + " x " + images.width());
      }
      if (out < 2 || out % 2 != 0 || out / 2 > in * high * wide) {
        throw new IllegalArgumentException(of + ": " + out + " outputs; there are two, with either sign, of each of 1 to "
            + in * high * wide + " components, so at most " + 2 * in * high * wide);
      }
      return new Kernel(images, (int) high, (int) wide, (int) (out / 2));
    }

    int features() {
      return images.channels() * high * wide;
    }
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    Kernel kernel = Kernel.of(this, tensor.slice().whole());
    Device device = tensor.device();
    int features = kernel.features();
    Options options = Options.of(Kind.PCA).with(new Epsilon.Absolute(epsilon)).with(new Rank.Count(kernel.components))
        .withDdof(centered ? 1 : 0);
    try (Covariance covariance = Covariance.open(device, features, Covariance.Precision.F64)) {
      addPatches(covariance, kernel);
      try (Whitening whitening = Whitening.fit(covariance, options);
           Tensor filters = device.allocate(DType.F64, Shape.of(2L * kernel.components, features))) {
        Tensor matrix = whitening.matrix();
        if (!matrix.shape().equals(Shape.of(kernel.components, features))) {
          throw new IllegalArgumentException(this + ": only " + whitening.rank() + " directions of the patches have any variance, and "
              + kernel.components + " are wanted; take fewer outputs, or an epsilon");
        }
        device.convert(matrix, 1, filters.view(0, matrix.shape()));
        device.convert(matrix, -1, filters.view(matrix.bytes(), matrix.shape()));
        if (layout == Fans.Layout.OIHW) {
          tensor.copyFrom(filters, 0, 1);
          return;
        }
        try (Tensor last = device.allocate(DType.F64, Shape.of(features, 2L * kernel.components))) {
          device.linearAlgebra().transpose(filters, last);
          tensor.copyFrom(last, 0, 1);
        }
      }
    }
  }

  private void addPatches(Covariance covariance, Kernel kernel) {
    Device device = covariance.device();
    long count = kernel.images.patches(kernel.high, kernel.wide);
    files.forEachBatch(data, device, first, images -> {
      DType dtype = images.dtype();
      Shape shape = Shape.of(count, kernel.features());
      long pixels = images.shape().extent(1);
      long atOnce = Math.clamp(BATCH_BYTES / shape.bytes(dtype), 1, images.shape().extent(0));
      try (Arena arena = Arena.ofConfined(); Tensor patches = device.allocate(dtype, Shape.of(atOnce * count, kernel.features()));
           Tensor negative = device.allocate(dtype, patches.shape())) {
        MemorySegment from = arena.allocate(images.bytes(), Long.BYTES);
        MemorySegment to = arena.allocate(patches.bytes(), Long.BYTES);
        device.read(images, 0, from);
        for (long image = 0; image < images.shape().extent(0); image += atOnce) {
          long some = Math.min(atOnce, images.shape().extent(0) - image);
          for (long i = 0; i < some; i++) {
            kernel.images.copyPatches(dtype, from, (image + i) * pixels, kernel.high, kernel.wide, layout == Fans.Layout.OIHW,
                to.asSlice(i * shape.bytes(dtype), shape.bytes(dtype)));
          }
          Shape rows = Shape.of(some * count, kernel.features());
          Tensor part = patches.view(0, rows);
          device.write(part, 0, to.asSlice(0, part.bytes()));
          try {
            covariance.add(part);
          } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("of its patches, " + e.getMessage(), e);
          }
          if (!centered) {
            // With its negative beside each patch their mean is 0, and their covariance the second moment.
            Tensor other = negative.view(0, rows);
            device.convert(part, -1, other);
            covariance.add(other);
          }
        }
      }
    });
  }

  @Override
  public String toString() {
    return "patch_whitening(" + Arguments.quoted(data) + ", " + epsilon + ", " + centered + ", " + first + ", " + order + ", "
        + layout + ")";
  }
}
