package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Device;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Slice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/// Fills the tensors of one file a chunk at a time, on several threads, and writes each chunk to its place.
///
/// Every thread goes through all chunks in the same order, packs small neighbours together, and fills the packs that no other has
/// taken. They share one counter, and each has one buffer, whatever the size of the file.
final class ChunkWriter {
  /// Bytes of a pack, which stays in a core's cache between being filled and being written. Writes at a position cost no more than a
  /// mapped file, memory stays at one pack per thread, and a full disk is an exception rather than a signal.
  static final int CHUNK = 256 << 10;

  /// Bytes after which the disk is set to work, while the next are made.
  private static final long FLUSH = 256L << 20;

  private static final long PAGE = 4096;

  private final Device device;
  private final FileChannel channel;
  private final long position;
  private final List<TensorSpec> tensors;
  private final RandomStream seed;
  private final LongConsumer progress;

  private final AtomicLong nextPack = new AtomicLong();
  private final AtomicLong unflushed = new AtomicLong();
  private final AtomicBoolean flushing = new AtomicBoolean();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /// @param tensors are written one behind the other from byte `position` of the file on
  ChunkWriter(Device device, FileChannel channel, long position, List<TensorSpec> tensors, RandomStream seed, LongConsumer progress) {
    this.device = device;
    this.channel = channel;
    this.position = position;
    this.tensors = tensors;
    this.seed = seed;
    this.progress = progress;
  }

  /// Writes everything, or throws what the first thread that failed has met.
  void write(int threads) throws IOException {
    long bytes = tensors.stream().mapToLong(TensorSpec::bytes).sum();
    try (ExecutorService flusher = pool(1); ExecutorService workers = pool(threads)) {
      for (long i = 0; i < Math.min(threads, bytes / CHUNK + 1); i++) {
        workers.execute(() -> attempt(() -> new Worker(flusher).work()));
      }
    }
    switch (failure.get()) {
      case null -> {}
      case IOException e -> throw e;
      case UncheckedIOException e -> throw e.getCause();
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(e);
    }
  }

  private static ExecutorService pool(int threads) {
    return Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("tensorseed-write-", 0).factory());
  }

  private interface Task {
    void run() throws IOException;
  }

  private void attempt(Task task) {
    try {
      task.run();
    } catch (Throwable e) {
      failure.compareAndSet(null, e);
    }
  }

  /// Errors of the disk are told only once, so that none may be lost here.
  private void flush() throws IOException {
    try {
      channel.force(false);
    } finally {
      flushing.set(false);
    }
  }

  private final class Worker {
    private final ExecutorService flusher;
    private long pack;
    private long start = position;
    private int filled;
    private long taken = nextPack.getAndIncrement();
    private @Nullable RandomStream stream;

    Worker(ExecutorService flusher) {
      this.flusher = flusher;
    }

    void work() throws IOException {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(CHUNK, PAGE);
        ByteBuffer bytes = buffer.asByteBuffer();
        for (TensorSpec tensor : tensors) {
          stream = null;
          for (Slice slice : Slice.of(tensor.shape()).chunks(CHUNK / tensor.width())) {
            add(tensor, slice, buffer, bytes);
          }
        }
        endPack(bytes);
      }
    }

    private void add(TensorSpec tensor, Slice slice, MemorySegment buffer, ByteBuffer bytes) {
      long size = slice.elements() * tensor.width();
      if (filled + size > CHUNK) {
        endPack(bytes);
      }
      if (pack == taken) {
        if (stream == null) {
          stream = seed.named(tensor.name());
        }
        fill(tensor, slice, stream, buffer.asSlice(filled, size));
      }
      filled += (int) size;
    }

    private void fill(TensorSpec tensor, Slice slice, RandomStream stream, MemorySegment host) {
      try {
        tensor.fill(device, slice, stream, host);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("tensor '" + tensor.name() + "': " + e.getMessage(), e);
      }
    }

    private void endPack(ByteBuffer bytes) {
      if (pack == taken) {
        if (failure.get() != null) {
          throw new CancellationException();
        }
        writeOut(bytes.clear().limit(filled));
        taken = nextPack.getAndIncrement();
      }
      pack++;
      start += filled;
      filled = 0;
    }

    private void writeOut(ByteBuffer bytes) {
      try {
        while (bytes.hasRemaining()) {
          channel.write(bytes, start + bytes.position());
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      progress.accept(filled);
      if (unflushed.addAndGet(filled) >= FLUSH && flushing.compareAndSet(false, true)) {
        unflushed.set(0);
        flusher.execute(() -> attempt(ChunkWriter.this::flush));
      }
    }
  }
}
