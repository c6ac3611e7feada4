package io.github.tensorseed.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What decompositions work in, one after the other. Up to [#KEPT] bytes stay for the next one: the pages of fresh memory cost a tenth of
/// what a decomposition takes.
final class Workspace implements AutoCloseable {
  private static final long KEPT = 256L << 20;

  private MemorySegment memory = MemorySegment.NULL;
  private @Nullable Arena arena;

  /// Lends at least `bytes` of memory, whatever is in it, to the work.
  synchronized void lend(long bytes, Consumer<MemorySegment> work) {
    if (memory.byteSize() < bytes) {
      close();
      Arena fresh = Arena.ofShared();
      memory = Malloc.allocate(fresh, bytes);
      arena = fresh;
    }
    try {
      work.accept(memory);
    } finally {
      if (memory.byteSize() > KEPT) {
        close();
      }
    }
  }

  @Override
  public synchronized void close() {
    memory = MemorySegment.NULL;
    if (arena != null) {
      arena.close();
      arena = null;
    }
  }
}
