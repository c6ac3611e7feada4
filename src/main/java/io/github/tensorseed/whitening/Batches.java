package io.github.tensorseed.whitening;

import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/// The rows of a file on a device, batch by batch: while the device works on one, a thread reads the next and copies it there.
///
///     while ((batch = batches.next()) != null) {
///       covariance.add(batch);
///     }
///
/// - Memory: two batches on the device, into which the file is read where it is the host's own; else one more of the host's.
public final class Batches implements AutoCloseable {
  /// Bytes and rows of a batch if nothing else is asked for: enough for products at full speed.
  private static final long BYTES = 64L << 20;
  private static final long ROWS = 1 << 14;

  private final RowFile file;
  private final Device device;
  private final List<Tensor> tensors = new ArrayList<>();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment staging;
  private final ExecutorService reader = Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("tensorseed-rows").factory());
  private int turn;
  private Future<Long> reading;

  private Batches(RowFile file, Device device, long rows) {
    this.file = file;
    this.device = device;
    Shape shape = Shape.of(rows, file.features());
    tensors.add(device.allocate(file.dtype(), shape));
    if (rows < file.rows()) {
      tensors.add(device.allocate(file.dtype(), shape));
    }
    staging = isHost(tensors.getFirst()) ? MemorySegment.NULL : arena.allocate(shape.bytes(file.dtype()), Double.BYTES);
    device.fence();
    reading = readInto(tensors.getFirst());
  }

  /// Begins to read batches of as many rows as 64 MiB have, at most 16384. The file stays the caller's to close, after this.
  public static Batches open(RowFile file, Device device) {
    return open(file, device, Math.clamp(BYTES / (file.features() * file.dtype().bytes()), 1, ROWS));
  }

  /// The same with batches of `rows` rows.
  ///
  /// @throws IllegalArgumentException if that is not positive
  public static Batches open(RowFile file, Device device, long rows) {
    if (rows < 1) {
      throw new IllegalArgumentException("batches of " + rows + " rows: at least 1 is needed");
    }
    return new Batches(file, device, Math.max(1, Math.min(rows, file.rows())));
  }

  private static boolean isHost(Tensor tensor) {
    return tensor.memory().byteSize() == tensor.bytes();
  }

  private Future<Long> readInto(Tensor tensor) {
    return reader.submit(() -> {
      if (isHost(tensor)) {
        return file.read(tensor.memory());
      }
      long rows = file.read(staging);
      device.upload(tensor, 0, staging.asSlice(0, rows * file.features() * file.dtype().bytes()));
      return rows;
    });
  }

  /// The shape of a full batch.
  public Shape shape() {
    return tensors.getFirst().shape();
  }

  /// The next rows, which are the caller's until the next call; null after the last.
  ///
  /// @throws IOException if they could not be read
  public @Nullable Tensor next() throws IOException {
    long rows = await();
    device.fence(); // the caller has given the device all that is to be done with the batch that is read into next
    Tensor full = tensors.get(turn);
    turn = (turn + 1) % tensors.size();
    reading = readInto(tensors.get(turn));
    return rows == 0 ? null : full.view(0, Shape.of(rows, file.features()));
  }

  private long await() throws IOException {
    try {
      return reading.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while rows were being read");
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException cause -> throw cause;
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw new DeviceException("the reader of rows failed", e);
      }
    }
  }

  /// Ends the reading and frees the batches.
  @Override
  public void close() {
    reader.shutdownNow();
    reader.close(); // waits
    tensors.forEach(Tensor::close);
    arena.close();
  }
}
