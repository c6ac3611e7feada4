package io.github.tensorseed.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.tensorseed.DeviceMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/// Memory of an arena, aligned to cache lines, with anything in it. The pages of large pieces come into being when they are written first, by
/// all the threads that do it; an arena by itself writes zeros to them, on one thread.
final class Malloc {
  /// Vectors like their memory on cache lines.
  static final long ALIGNMENT = 64;

  /// Below this, zeros cost nothing.
  private static final long LARGE = 1 << 20;

  /// The functions of C, null where native access is not enabled: only those who load native libraries need it.
  private static final class Functions {
    static final @Nullable MethodHandle ALLOCATE;
    static final @Nullable MethodHandle FREE;

    static {
      boolean enabled = Malloc.class.getModule().isNativeAccessEnabled();
      ALLOCATE = enabled ? function("aligned_alloc", FunctionDescriptor.of(ADDRESS, JAVA_LONG, JAVA_LONG)) : null;
      FREE = enabled ? function("free", FunctionDescriptor.ofVoid(ADDRESS)) : null;
    }

    @SuppressWarnings("restricted")
    private static @Nullable MethodHandle function(String name, FunctionDescriptor type) {
      Linker linker = Linker.nativeLinker();
      return linker.defaultLookup().find(name).map(symbol -> linker.downcallHandle(symbol, type)).orElse(null);
    }
  }

  private Malloc() {}

  /// @throws DeviceMemoryException if there is not so much; the arena is closed then
  static MemorySegment allocate(Arena arena, long bytes) {
    try {
      return bytes >= LARGE && Functions.ALLOCATE != null && Functions.FREE != null
          ? large(arena, bytes, Functions.ALLOCATE, Functions.FREE)
          : arena.allocate(bytes, ALIGNMENT);
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new DeviceMemoryException("cpu", bytes, -1, e);
    }
  }

  @SuppressWarnings("restricted")
  private static MemorySegment large(Arena arena, long bytes, MethodHandle allocate, MethodHandle free) {
    MemorySegment memory = (MemorySegment) OpenBlas.call(allocate, ALIGNMENT, Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT);
    if (memory.equals(MemorySegment.NULL)) {
      throw new OutOfMemoryError("aligned_alloc of " + bytes + " bytes");
    }
    return memory.reinterpret(bytes, arena, all -> OpenBlas.call(free, all));
  }
}
