package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Device;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Slice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongConsumer;

/// Fills the tensors of one file a pack at a time, on several threads, and writes each pack to its place.
///
/// A pack is a chunk of a large tensor, or small neighbours together. Each thread has one buffer, whatever the size of the file.
final class ChunkWriter {
  /// Bytes of a pack, which stays in a core's cache between being filled and being written. Writes at a position cost no more than a
  /// mapped file, memory stays at one pack per thread, and a full disk is an exception rather than a signal.
  static final int CHUNK = 256 << 10;

  /// Bytes after which the disk is set to work, while the next are made.
  private static final long FLUSH = 256L << 20;

  private final Device device;
  private final PackSink sink;
  private final List<TensorSpec> tensors;
  private final RandomStream seed;
  private final LongConsumer progress;
  private final Semaphore filling;
  private final AtomicBoolean flushing = new AtomicBoolean();
  private Pack pack;
  private long flushed;

  /// @param threads fill at a time; one more writes, and one waits for the disk
  /// @param position where the tensors begin in the file, one behind the other
  ChunkWriter(Device device, int threads, PackSink sink, long position, List<TensorSpec> tensors, RandomStream seed,
      LongConsumer progress) {
    this.device = device;
    this.sink = sink;
    this.tensors = tensors;
    this.seed = seed;
    this.progress = progress;
    filling = new Semaphore(threads);
    pack = new Pack(position);
    flushed = position;
  }

  private record Chunk(TensorSpec.Source source, Slice slice) {
    int bytes() {
      return (int) (slice.elements() * source.spec().width());
    }
  }

  private static final class Pack {
    final long position;
    final List<Chunk> chunks = new ArrayList<>();
    int bytes;

    Pack(long position) {
      this.position = position;
    }
  }

  void write() throws IOException {
    try (Workers workers = new Workers(filling.availablePermits() + 2)) {
      for (TensorSpec tensor : tensors) {
        tensor.forEachSource(device, seed, source -> write(source, workers));
      }
      handOver(workers);
      workers.await();
    }
  }

  private void write(TensorSpec.Source source, Workers workers) throws IOException {
    for (Slice slice : source.slice().chunks(CHUNK / source.spec().width())) {
      Chunk chunk = new Chunk(source, slice);
      if (pack.bytes + chunk.bytes() > CHUNK) {
        handOver(workers);
      }
      pack.chunks.add(chunk);
      pack.bytes += chunk.bytes();
      if (pack.position - flushed >= FLUSH && flushing.compareAndSet(false, true)) {
        flushed = pack.position;
        workers.submit((_, _, _) -> flush());
      }
    }
    if (source.held() != null) {
      handOver(workers);
      workers.await(); // before its memory is freed
    }
  }

  /// Errors of the disk are told only once, so that none may be lost here.
  private void flush() throws IOException {
    try {
      sink.flush();
    } finally {
      flushing.set(false);
    }
  }

  private void handOver(Workers workers) throws IOException {
    Pack full = pack;
    workers.submit((_, buffer, _) -> {
      boolean written = false;
      try {
        fill(full, buffer);
        sink.write(buffer.asSlice(0, full.bytes).asByteBuffer(), full.position);
        written = true;
      } finally {
        if (!written) {
          sink.abandon(); // a pack that waits for this one would wait forever
        }
      }
      progress.accept(full.bytes);
    });
    pack = new Pack(full.position + full.bytes);
  }

  private void fill(Pack pack, MemorySegment buffer) {
    filling.acquireUninterruptibly();
    try {
      long at = 0;
      for (Chunk chunk : pack.chunks) {
        try {
          chunk.source.fill(chunk.slice, buffer.asSlice(at, chunk.bytes()));
        } catch (IllegalArgumentException e) {
          throw TensorSpec.inTensor(chunk.source.spec().name(), e);
        }
        at += chunk.bytes();
      }
    } finally {
      filling.release();
    }
  }
}
