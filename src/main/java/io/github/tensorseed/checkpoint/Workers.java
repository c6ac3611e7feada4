package io.github.tensorseed.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// Threads that work through chunks, each with memory of its own, however many chunks there are.
final class Workers implements AutoCloseable {
  /// Work on one chunk.
  interface Task {
    /// Does it.
    ///
    /// @param worker number of the worker, from 0; no two tasks at once have the same
    /// @param first memory of [ChunkWriter#CHUNK] for one side of the chunk
    /// @param second as much for the other
    void run(int worker, MemorySegment first, MemorySegment second) throws IOException;
  }

  private record Buffers(int worker, MemorySegment first, MemorySegment second) {}

  private final Arena arena = Arena.ofShared();
  private final ExecutorService threads;
  private final BlockingQueue<Buffers> idle;
  private final int count;
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  Workers(int threads) {
    this.threads = Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("tensorseed-chunk-", 0).factory());
    count = threads;
    idle = new ArrayBlockingQueue<>(count);
    for (int i = 0; i < count; i++) {
      idle.add(new Buffers(i, arena.allocate(ChunkWriter.CHUNK, 64), arena.allocate(ChunkWriter.CHUNK, 64)));
    }
  }

  /// Hands over a task, as soon as a thread is free for it.
  ///
  /// @throws IOException if an earlier task failed
  void submit(Task task) throws IOException {
    rethrow();
    Buffers buffers = take();
    threads.execute(() -> {
      try {
        task.run(buffers.worker, buffers.first, buffers.second);
      } catch (IOException | RuntimeException | Error e) {
        failure.compareAndSet(null, e);
      } finally {
        idle.add(buffers);
      }
    });
  }

  /// Waits until every task has ended.
  ///
  /// @throws IOException if one failed
  void await() throws IOException {
    Buffers[] all = new Buffers[count];
    for (int i = 0; i < count; i++) {
      all[i] = take();
    }
    for (Buffers buffers : all) {
      idle.add(buffers);
    }
    rethrow();
  }

  private Buffers take() {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return idle.take();
        } catch (InterruptedException e) {
          interrupted = true; // a task always ends and gives its buffers back
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void rethrow() throws IOException {
    switch (failure.get()) {
      case null -> {}
      case IOException e -> throw new IOException(e.getMessage(), e);
      case UncheckedIOException e -> throw new IOException(e.getMessage(), e);
      case RuntimeException e -> throw e;
      case Throwable e -> throw new IllegalStateException("a worker failed", e);
    }
  }

  @Override
  public void close() {
    threads.close();
    arena.close();
  }
}
