package io.github.tensorseed.examples;

import io.github.tensorseed.DType;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.RowFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPInputStream;

/// Images of Fashion-MNIST and their labels, in the host's memory, as F32 of about mean 0 and variance 1.
final class LabelledImages {
  /// Those of all pixels of the 60,000 training images.
  private static final float MEAN = 0.2860f;
  private static final float STD = 0.3530f;
  /// Before an IDX file's labels: the type, and how many there are.
  private static final int HEADER = 8;

  private final MemorySegment pixels;
  private final byte[] labels;
  private final long bytes;

  private LabelledImages(MemorySegment pixels, byte[] labels) {
    this.pixels = pixels;
    this.labels = labels;
    bytes = pixels.byteSize() / labels.length;
  }

  /// @param name of the two files, as in `train`
  /// @param arena which holds them
  static LabelledImages read(Path folder, String name, Arena arena) throws IOException {
    byte[] labels;
    Path file = folder.resolve(name + "-labels-idx1-ubyte.gz");
    try (GZIPInputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      byte[] all = in.readAllBytes();
      labels = Arrays.copyOfRange(all, HEADER, all.length);
    }
    try (RowFile images = RowFile.open(folder.resolve(name + "-images-idx3-ubyte.gz").toString())) {
      if (images.rows() != labels.length) {
        throw new IOException(file + " has " + labels.length + " labels for " + images.rows() + " images; take both from one source");
      }
      MemorySegment pixels = arena.allocate(images.rows() * images.features() * Float.BYTES, Float.BYTES);
      images.read(pixels);
      for (long i = 0; i < pixels.byteSize() / Float.BYTES; i++) {
        pixels.setAtIndex(ValueLayout.JAVA_FLOAT, i, (pixels.getAtIndex(ValueLayout.JAVA_FLOAT, i) - MEAN) / STD);
      }
      return new LabelledImages(pixels, labels);
    }
  }

  /// Those from one on, up to another.
  LabelledImages slice(int from, int to) {
    return new LabelledImages(pixels.asSlice(from * bytes, (to - from) * bytes), Arrays.copyOfRange(labels, from, to));
  }

  int count() {
    return labels.length;
  }

  int features() {
    return (int) (bytes / Float.BYTES);
  }

  /// Copies images to the first rows of a tensor, by way of `host`.
  ///
  /// @param order the images' numbers, of which those from `from` up to `to` are taken
  /// @return their labels
  byte[] copyTo(Tensor rows, int[] order, int from, int to, MemorySegment host) {
    if (rows.dtype() != DType.F32) {
      throw new IllegalArgumentException(rows + " is not F32, as the images are");
    }
    byte[] taken = new byte[to - from];
    for (int i = from; i < to; i++) {
      MemorySegment.copy(pixels, order[i] * bytes, host, (i - from) * bytes, bytes);
      taken[i - from] = labels[order[i]];
    }
    rows.device().write(rows, 0, host.asSlice(0, taken.length * bytes));
    return taken;
  }
}
