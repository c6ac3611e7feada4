package io.github.tensorseed.spark;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Whitening;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;

/// The rows of a partition made white, a batch at a time.
final class WhiteRows implements Iterator<float[]> {
  private final Device device;
  private final Whitening whitening;
  private final RowBatches batches;
  private final int width;
  private Iterator<float[]> made = Collections.emptyIterator();

  WhiteRows(Device device, Whitening whitening, RowBatches batches, int width) {
    this.device = device;
    this.whitening = whitening;
    this.batches = batches;
    this.width = width;
  }

  @Override
  public boolean hasNext() {
    if (made.hasNext()) {
      return true;
    }
    Tensor batch = batches.next();
    if (batch == null) {
      return false;
    }
    int count = (int) batch.shape().extent(0);
    try (Tensor white = device.allocate(DType.F32, Shape.of(count, width))) {
      whitening.apply(batch, white);
      float[] values = white.toFloats();
      made = IntStream.range(0, count).mapToObj(i -> Arrays.copyOfRange(values, i * width, (i + 1) * width)).iterator();
    }
    return true;
  }

  @Override
  public float[] next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return made.next();
  }
}
