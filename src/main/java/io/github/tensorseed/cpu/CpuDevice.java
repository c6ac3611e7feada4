package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.StampedLock;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/// The host's memory and cores.
///
/// Large fills are spread over all threads; the bits do not depend on how many there are.
public final class CpuDevice implements Device {
  /// Elements that one thread takes at a time: long enough to hide the hand-over, short enough to spread evenly.
  static final long GRAIN = 1 << 18;

  /// Bytes that one thread clears at a time.
  private static final long CLEARED = 1 << 20;

  /// Elements of two tensors that one thread takes.
  private static final long PART = 1 << 14;

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
    @SuppressWarnings("restricted")
    private static @Nullable String slowdown() {
      if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
        return "module jdk.incubator.vector is not there; start Java with --add-modules jdk.incubator.vector";
      }
      try {
        MemorySegment.NULL.reinterpret(0); // as the vector kernels do
      } catch (IllegalCallerException e) {
        return "native memory is denied; start Java with --enable-native-access=ALL-UNNAMED";
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
  /// Stands for the workers where memory is asked who may access it; never started.
  private final Thread another = Thread.ofPlatform().unstarted(() -> {});
  private final Map<Arena, Long> arenas = new ConcurrentHashMap<>();
  private final AtomicLong allocated = new AtomicLong();
  private final AtomicInteger holds = new AtomicInteger();
  /// Read by fills, written by frees: vector kernels write to addresses, and memory must not be freed under them.
  private final StampedLock freeing = new StampedLock();
  private @Nullable CpuLinearAlgebra algebra;

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

  /// Begins to compile the kernels of a law and a dtype aside, for programs that are going to fill much of it: they are slow until then,
  /// a second or so. Without this the first fills begin it.
  public static void prepare(Distribution law, DType dtype) {
    if (fastest() instanceof TieredKernels kernels) {
      kernels.prepare(law, dtype);
    }
  }

  /// Whether fills of a law and a dtype run by the kernels that [#engine] names already. They do not before [#prepare] or the first fills.
  public static boolean isPrepared(Distribution law, DType dtype) {
    return !(fastest() instanceof TieredKernels kernels) || kernels.isPrepared(law, dtype);
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
    MemorySegment memory = Malloc.allocate(arena, bytes);
    arenas.put(arena, bytes);
    allocated.addAndGet(bytes);
    return new Tensor(this, dtype, slice, memory, () -> free(arena));
  }

  private void free(Arena arena) {
    Long bytes = arenas.remove(arena);
    if (bytes != null) {
      long stamp = freeing.writeLock();
      try {
        arena.close();
      } catch (IllegalStateException e) {
        arenas.put(arena, bytes); // it is being used, and can be freed later
        throw e;
      } finally {
        freeing.unlockWrite(stamp);
      }
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
    tensor.requireWritable();
    Slice slice = tensor.slice();
    MemorySegment memory = tensor.memory();
    long stamp = freeing.readLock();
    try {
      if (threads > 1 && slice.elements() > GRAIN && reachable(memory)) {
        inGrains(slice.elements(), GRAIN, (from, to) -> fillHere(tensor, law, stream, from, to));
      } else {
        fillHere(tensor, law, stream, 0, slice.elements());
      }
    } finally {
      freeing.unlockRead(stamp);
    }
  }

  @Override
  public void clear(Tensor tensor) {
    tensor.requireWritable();
    MemorySegment memory = tensor.memory();
    if (reachable(memory)) {
      inGrains(memory.byteSize(), CLEARED, (from, to) -> memory.asSlice(from, to - from).fill((byte) 0));
    } else {
      memory.fill((byte) 0);
    }
  }

  @Override
  public void activate(Nonlinearity f, Tensor x, Tensor y) {
    inParts(x, y, (here, there) -> Device.super.activate(f, here, there));
  }

  @Override
  public void backward(Nonlinearity f, Tensor x, Tensor gradient) {
    inParts(x, gradient, (here, there) -> Device.super.backward(f, here, there));
  }

  /// On all threads where they may use the memory, and where the two tensors are alike.
  private void inParts(Tensor x, Tensor y, BiConsumer<Tensor, Tensor> work) {
    if (x.dtype() != y.dtype() || x.elements() != y.elements() || !reachable(x.memory()) || !reachable(y.memory())) {
      work.accept(x, y);
      return;
    }
    inGrains(x.elements(), PART, (from, to) -> {
      Shape part = Shape.of(to - from);
      work.accept(x.view(from * x.dtype().bytes(), part), y.view(from * y.dtype().bytes(), part));
    });
  }

  @Override
  public void fill(MemorySegment host, DType dtype, Slice slice, Initializer initializer, RandomStream stream) {
    initializer.fill(wrap(host, dtype, slice), stream);
  }

  /// Something to do with `from` to `to` of a total.
  interface Part {
    void run(long from, long to);
  }

  /// Does all of 0 to `total`, of which each thread takes a grain at a time.
  void inGrains(long total, long grain, Part part) {
    AtomicLong next = new AtomicLong();
    Runnable work = () -> {
      for (long from; (from = next.getAndAdd(grain)) < total; ) {
        part.run(from, Math.min(from + grain, total));
      }
    };
    List<Future<?>> helpers = new ArrayList<>();
    try {
      for (int i = 1; i < Math.min(threads, Math.ceilDiv(total, grain)); i++) {
        helpers.add(workers.submit(work));
      }
      work.run();
    } finally {
      awaitEnd(helpers);
    }
    for (Future<?> helper : helpers) {
      if (helper.state() == Future.State.FAILED) {
        throw new DeviceException("a thread of the cpu failed", helper.exceptionNow());
      }
    }
  }

  /// Whatever happens, the helpers write to the caller's memory: they must have ended before it is the caller's again.
  private static void awaitEnd(List<Future<?>> helpers) {
    boolean interrupted = false;
    for (Future<?> helper : helpers) {
      while (!helper.isDone()) {
        try {
          helper.get();
        } catch (InterruptedException e) {
          interrupted = true;
        } catch (ExecutionException e) {
          break; // it has ended, and says so by its state
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /// Elements `from` to `to` of what the tensor holds.
  private void fillHere(Tensor tensor, Distribution law, RandomStream stream, long from, long to) {
    DType dtype = tensor.dtype();
    tensor.slice().forEachRun(from, to, run -> {
      MemorySegment out = tensor.memory().asSlice(run.position() * dtype.bytes(), run.count() * dtype.bytes());
      fillRun(law, dtype, stream.key(), run.start(), run.count(), out);
    });
  }

  /// Kernels write to native memory; an array is filled through a piece of it.
  private void fillRun(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    if (out.isNative()) {
      kernels.fill(law, dtype, key, start, count, out);
      return;
    }
    long grain = Math.min(count, 1 << 13);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(grain * dtype.bytes(), Malloc.ALIGNMENT);
      for (long from = 0; from < count; from += grain) {
        long length = Math.min(grain, count - from);
        kernels.fill(law, dtype, key, start + from, length, piece);
        MemorySegment.copy(piece, 0, out, from * dtype.bytes(), length * dtype.bytes());
      }
    }
  }

  @Override
  public void convert(Tensor from, double scale, Tensor to) {
    to.requireWritable();
    if (from.elements() != to.elements() || !reachable(from.memory()) || !reachable(to.memory())) {
      Device.super.convert(from, scale, to);
      return;
    }
    inGrains(from.elements(), GRAIN, (begin, end) -> {
      Shape shape = Shape.of(end - begin);
      Tensor source = from.view(begin * from.dtype().bytes(), shape);
      Tensor target = to.view(begin * to.dtype().bytes(), shape);
      if (scale == 1 && from.dtype() == to.dtype()) {
        target.memory().copyFrom(source.memory());
      } else {
        Device.super.convert(source, scale, target);
      }
    });
  }

  /// Whether all threads of this device may use it.
  boolean reachable(MemorySegment memory) {
    return threads == 1 || memory.isNative() && memory.isAccessibleBy(another);
  }

  @Override
  public void read(Tensor tensor, long offset, MemorySegment host) {
    MemorySegment.copy(tensor.memory(), offset, host, 0, host.byteSize());
  }

  @Override
  public void write(Tensor tensor, long offset, MemorySegment host) {
    tensor.requireWritable();
    MemorySegment.copy(host, 0, tensor.memory(), offset, host.byteSize());
  }

  @Override
  public synchronized LinearAlgebra linearAlgebra() {
    if (algebra == null) {
      algebra = new CpuLinearAlgebra(this);
    }
    return algebra;
  }

  @Override
  public long allocatedBytes() {
    return allocated.get();
  }

  @Override
  public void countHolds(int change) {
    holds.addAndGet(change);
  }

  /// @throws IllegalStateException if memory of a tensor is being used, say by a read into it; all other memory is free then, and closing
  ///     again frees the rest. If tensors are held by other code, nothing is freed
  @Override
  public void close() {
    if (holds.get() > 0) {
      throw new IllegalStateException("cpu cannot be closed: " + holds + " of its tensors are held by other code, which must let go first");
    }
    workers.close();
    if (algebra != null) {
      algebra.close();
    }
    IllegalStateException used = null;
    for (Arena arena : List.copyOf(arenas.keySet())) {
      try {
        free(arena);
      } catch (IllegalStateException e) {
        used = e;
      }
    }
    if (used != null) {
      throw used;
    }
  }
}
