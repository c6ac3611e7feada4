package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceMemoryException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/// The host's memory and cores.
///
/// Large fills are spread over all threads; the bits do not depend on how many there are.
public final class CpuDevice implements Device {
  /// Elements that one thread takes at a time: long enough to hide the hand-over, short enough to spread evenly.
  private static final long GRAIN = 1 << 18;

  /// Vectors like their memory on cache lines.
  private static final long ALIGNMENT = 64;

  /// What this JVM runs, chosen at the first use.
  private static final class Engine {
    static final @Nullable String SLOWDOWN = slowdown();
    static final Kernels KERNELS = SLOWDOWN == null ? new TieredKernels(new LoopKernels(), new VectorKernels()) : new LoopKernels();

    static {
      if (SLOWDOWN != null) {
        System.getLogger(CpuDevice.class.getName()).log(System.Logger.Level.WARNING, "CPU fills are several times slower: " + SLOWDOWN);
      }
    }

    /// The first reason not to use vectors, with its remedy.
    private static @Nullable String slowdown() {
      if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
        return "module jdk.incubator.vector is not there; start Java with --add-modules jdk.incubator.vector";
      }
      if (VectorKernels.bits() < 128) {
        return "vectors have " + VectorKernels.bits() + " bits; start Java without -XX:MaxVectorSize";
      }
      return null;
    }
  }

  private final int threads;
  private final Kernels kernels;
  private final ExecutorService workers;
  private final Set<Arena> arenas = ConcurrentHashMap.newKeySet();
  private final AtomicLong allocated = new AtomicLong();

  private CpuDevice(int threads, Kernels kernels) {
    this.threads = threads;
    this.kernels = kernels;
    workers = Executors.newFixedThreadPool(threads, Thread.ofPlatform().daemon().name("tensorseed-cpu-", 0).factory());
  }

  /// All cores.
  public static CpuDevice open() {
    return open(Runtime.getRuntime().availableProcessors());
  }

  /// That many threads.
  ///
  /// @throws IllegalArgumentException if `threads` is not positive
  public static CpuDevice open(int threads) {
    return open(threads, fastest());
  }

  /// Which kernels this JVM runs, and why no faster ones.
  public static String engine() {
    return Engine.SLOWDOWN == null
        ? "vector kernels, " + VectorKernels.bits() + " bits"
        : "loops: " + Engine.SLOWDOWN;
  }

  static CpuDevice open(int threads, Kernels kernels) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads = " + threads + ": at least 1 is needed");
    }
    return new CpuDevice(threads, kernels);
  }

  /// The fastest kernels that this JVM can run.
  static Kernels fastest() {
    return Engine.KERNELS;
  }

  @Override
  public String name() {
    return "cpu";
  }

  public int threads() {
    return threads;
  }

  @Override
  public Tensor allocate(DType dtype, Slice slice) {
    long bytes = slice.shape().bytes(dtype);
    Arena arena = Arena.ofShared();
    MemorySegment memory;
    try {
      memory = arena.allocate(bytes, ALIGNMENT);
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new DeviceMemoryException("cpu", bytes, -1, e);
    }
    arenas.add(arena);
    allocated.addAndGet(bytes);
    return new Tensor(this, dtype, slice, memory, () -> free(arena, bytes));
  }

  private void free(Arena arena, long bytes) {
    if (arenas.remove(arena)) {
      arena.close();
      allocated.addAndGet(-bytes);
    }
  }

  @Override
  public Tensor wrap(MemorySegment memory, DType dtype, Slice slice) {
    long bytes = slice.shape().bytes(dtype);
    if (memory.byteSize() < bytes) {
      throw new IllegalArgumentException("memory of " + memory.byteSize() + " bytes for a " + dtype + " tensor of shape "
          + slice.shape() + ", which needs " + bytes);
    }
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException("memory is read-only, and a tensor is to be filled");
    }
    return new Tensor(this, dtype, slice, memory.asSlice(0, bytes), () -> {});
  }

  @Override
  public void fill(Tensor tensor, Distribution law, RandomStream stream) {
    DType dtype = tensor.dtype();
    law.check(dtype);
    tensor.slice().forEachRun(run -> {
      MemorySegment out = tensor.memory().asSlice(run.position() * dtype.bytes(), run.count() * dtype.bytes());
      fillRun(law, dtype, stream.key(), run.start(), run.count(), out);
    });
  }

  @Override
  public void fill(MemorySegment host, DType dtype, Slice slice, Initializer initializer, RandomStream stream) {
    initializer.fill(wrap(host, dtype, slice), stream);
  }

  private void fillRun(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    if (threads == 1 || count <= GRAIN || !out.isNative()) {
      fillHere(law, dtype, key, start, count, out);
      return;
    }
    AtomicLong next = new AtomicLong();
    Runnable work = () -> {
      for (long from; (from = next.getAndAdd(GRAIN)) < count; ) {
        long length = Math.min(GRAIN, count - from);
        kernels.fill(law, dtype, key, start + from, length, out.asSlice(from * dtype.bytes(), length * dtype.bytes()));
      }
    };
    Future<?>[] helpers = new Future<?>[threads - 1];
    for (int i = 0; i < helpers.length; i++) {
      helpers[i] = workers.submit(work);
    }
    work.run();
    for (Future<?> helper : helpers) {
      await(helper);
    }
  }

  private static void await(Future<?> helper) {
    boolean interrupted = false;
    while (true) {
      try {
        helper.get();
        break;
      } catch (InterruptedException e) {
        interrupted = true; // the helpers write to the caller's memory: they must have ended before this returns
      } catch (ExecutionException e) {
        throw new DeviceException("a fill failed", e);
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Kernels write to native memory; an array is filled through a piece of it.
  private void fillHere(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    if (out.isNative()) {
      kernels.fill(law, dtype, key, start, count, out);
      return;
    }
    long grain = Math.min(count, 1 << 13);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(grain * dtype.bytes(), ALIGNMENT);
      for (long from = 0; from < count; from += grain) {
        long length = Math.min(grain, count - from);
        kernels.fill(law, dtype, key, start + from, length, piece);
        MemorySegment.copy(piece, 0, out, from * dtype.bytes(), length * dtype.bytes());
      }
    }
  }

  @Override
  public void read(Tensor tensor, long offset, MemorySegment host) {
    MemorySegment.copy(tensor.memory(), offset, host, 0, host.byteSize());
  }

  @Override
  public void write(Tensor tensor, long offset, MemorySegment host) {
    MemorySegment.copy(host, 0, tensor.memory(), offset, host.byteSize());
  }

  @Override
  public long allocatedBytes() {
    return allocated.get();
  }

  @Override
  public void close() {
    workers.close();
    arenas.forEach(Arena::close);
    arenas.clear();
    allocated.set(0);
  }
}
