package io.github.tensorseed.whitening;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Rows of a file on every device.
public abstract class BatchesContract {
  private static final int N = 1000;
  private static final int D = 3;

  private final Device device;
  private final Path file;

  protected BatchesContract(Device device) {
    this.device = device;
    ByteBuffer bytes = ByteBuffer.allocate(N * D * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < N * D; i++) {
      bytes.putFloat(i);
    }
    try {
      file = Files.write(Files.createTempFile("rows", ".f32"), bytes.array());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void close() throws IOException {
    device.close();
    Files.delete(file);
  }

  /// What is done with a batch happens before its memory is read into again, even where it is only put on a stream.
  @Test
  void everyRowComesOnceAndInOrder() throws IOException {
    for (int batch : new int[] {1, 7, 500, N, N + 1, 0}) {
      List<Tensor> copies = new ArrayList<>();
      try (RowFile rows = RowFile.open(file + ":" + D);
          Batches batches = batch == 0 ? Batches.open(rows, device) : Batches.open(rows, device, batch)) {
        assertThat(device.allocatedBytes()).isEqualTo((batch == 0 || batch >= N ? N : 2L * batch) * D * Float.BYTES);
        for (Tensor next; (next = batches.next()) != null; ) {
          assertThat(next.shape().extent(0)).isEqualTo(Math.min(batch == 0 ? N : batch, N - copies.size() * (long) batch));
          Tensor copy = device.allocate(DType.F32, next.shape());
          device.convert(next, 1, copy);
          copies.add(copy);
        }
        assertThat(batches.next()).as("and nothing more").isNull();
      }
      int at = 0;
      for (Tensor copy : copies) {
        for (float value : copy.toFloats()) {
          assertThat(value).isEqualTo(at++);
        }
        copy.close();
      }
      assertThat(at).isEqualTo(N * D);
      assertThat(device.allocatedBytes()).isZero();
    }
  }

  @Test
  void aFailureOfTheReaderReachesTheCaller() throws IOException {
    try (RowFile rows = RowFile.open(file + ":" + D); FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(N * D * Float.BYTES / 2);
      try (Batches batches = Batches.open(rows, device, 300)) {
        Tensor first = batches.next();
        assertThat(first == null ? null : first.shape()).isEqualTo(Shape.of(300, D));
        for (int i = 0; i < 2; i++) {
          assertThatThrownBy(batches::next).isInstanceOf(IOException.class).hasMessageContaining("ends too early");
        }
      }
    }
    assertThat(device.allocatedBytes()).isZero();
  }

  @Test
  void closingEndsTheThread() throws IOException {
    try (RowFile rows = RowFile.open(file + ":" + D)) {
      Batches batches = Batches.open(rows, device, 1);
      batches.next();
      assertThat(readers()).isPositive();
      batches.close();
      assertThat(readers()).isZero();
      assertThatThrownBy(() -> Batches.open(rows, device, 0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("0 rows");
    }
  }

  private static long readers() {
    return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("tensorseed-rows")).count();
  }
}
