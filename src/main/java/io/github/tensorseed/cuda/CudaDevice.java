package io.github.tensorseed.cuda;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Generator;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import jcuda.Pointer;
import jcuda.driver.CUstream;
import org.jspecify.annotations.Nullable;

/// A GPU. What is filled is filled where it lies, in the order of one stream.
///
/// A [#fill] only puts launches on the stream: it allocates nothing on the GPU and waits for nothing, so it may be captured in a CUDA
/// graph. Reading waits, and so does [#synchronize]; an error of a launch is told there, with the launches since the last wait.
///
/// With a [Generator] of cuRAND's, F64 and F32 are made where they belong, and scaled there. Narrower types, and what cuRAND cannot write
/// in place, go by way of 16 MiB of the GPU's memory, which the first fill that needs them allocates. What cuRAND allocates is its own
/// affair, so its fills may not be captured.
public final class CudaDevice implements Device {
  /// Bytes of each pinned buffer, and of the pieces in which values for the host are made.
  private static final long CHUNK = 1 << 20;
  private static final long SCRATCH_CHUNKS = CurandGenerator.SCRATCH / CHUNK;

  private final Context context;
  private final Staging staging;
  private final long chunk;
  /// What makes random values instead of our kernels.
  private final @Nullable CurandGenerator curand;
  private final AtomicLong allocated = new AtomicLong();
  private final AtomicInteger holds = new AtomicInteger();
  /// Memory for values that go to the host at once, one piece for each thread that makes such.
  private final Deque<Context.Allocation> idle = new ConcurrentLinkedDeque<>();

  /// The tensor of which slices were last made for the host, where that takes the whole.
  private @Nullable Whole whole;

  private @Nullable CudaLinearAlgebra algebra;

  private @Nullable Uploads uploads;

  private record Whole(Tensor tensor, Context.Allocation memory, Initializer initializer, RandomStream stream) {
    boolean is(DType dtype, Slice slice, Initializer initializer, RandomStream stream) {
      return tensor.dtype() == dtype && tensor.slice().equals(slice) && this.initializer.equals(initializer) && this.stream.equals(stream);
    }
  }

  private CudaDevice(Context context, Generator generator, long chunk) {
    this.context = context;
    this.chunk = chunk;
    staging = new Staging(context, context.stream(), context::lastLaunch, chunk);
    try {
      curand = generator == Generator.TENSORSEED ? null : new CurandGenerator(context, generator, chunk * SCRATCH_CHUNKS);
    } catch (DeviceException e) {
      throw context.closed(e);
    }
  }

  /// A GPU by its number, in its primary context, which is shared with whatever else uses CUDA in this process.
  ///
  /// @throws DeviceUnavailableException if it cannot be used, with the reason and the remedy
  public static CudaDevice open(int ordinal) {
    return open(ordinal, Generator.TENSORSEED);
  }

  /// The same, with another generator.
  ///
  /// @throws DeviceUnavailableException if the GPU or the generator's library cannot be used, with the reason and the remedy
  public static CudaDevice open(int ordinal, Generator generator) {
    return open(ordinal, generator, CHUNK);
  }

  /// @param chunk bytes of each pinned buffer, and a sixteenth of what cuRAND's values may pass through
  static CudaDevice open(int ordinal, Generator generator, long chunk) {
    return new CudaDevice(Context.open(ordinal), generator, chunk);
  }

  /// The GPU of the context that is current on this thread. Everything happens on `stream`, and both stay the caller's when this device is
  /// closed.
  ///
  /// @throws IllegalStateException if no context is current
  /// @throws DeviceUnavailableException if the kernels cannot be loaded there
  public static CudaDevice attach(CUstream stream) {
    return attach(stream, Generator.TENSORSEED);
  }

  /// The same, with another generator.
  ///
  /// @throws IllegalStateException if no context is current
  /// @throws DeviceUnavailableException if the kernels or the generator's library cannot be loaded there
  public static CudaDevice attach(CUstream stream, Generator generator) {
    return new CudaDevice(Context.attach(stream), generator, CHUNK);
  }

  Context context() {
    return context;
  }

  @Override
  public String name() {
    return context.name();
  }

  @Override
  public Generator generator() {
    return curand == null ? Generator.TENSORSEED : curand.generator();
  }

  @Override
  public Tensor allocate(DType dtype, Slice slice) {
    Context.Allocation allocation = context.allocate(slice.shape().bytes(dtype));
    allocated.addAndGet(allocation.bytes());
    return new Tensor(this, dtype, slice, allocation.memory(), () -> free(allocation));
  }

  private void free(Context.Allocation allocation) {
    if (!allocation.memory().scope().isAlive()) {
      return;
    }
    try {
      context.free(allocation);
    } finally {
      if (!allocation.memory().scope().isAlive()) {
        allocated.addAndGet(-allocation.bytes());
      }
    }
  }

  /// Takes memory that CUDA allocated or registered, by a segment whose address is the GPU's. It may be aligned in any way.
  @Override
  public Tensor wrap(MemorySegment memory, DType dtype, Slice slice) {
    long bytes = slice.shape().bytes(dtype);
    if (!memory.isNative()) {
      throw new IllegalArgumentException("memory on Java's heap, which " + name() + " cannot write; allocate a tensor and read it");
    }
    if (memory.byteSize() < bytes) {
      throw new IllegalArgumentException("memory of " + memory.byteSize() + " bytes for a " + dtype + " tensor of shape "
          + slice.shape() + ", which needs " + bytes);
    }
    if (bytes > 0 && !(context.knows(memory.address()) && context.knows(memory.address() + bytes - 1))) {
      throw new IllegalArgumentException("at 0x" + Long.toHexString(memory.address()) + " there is no memory that " + name() + " knows, or not "
          + bytes + " bytes of it; CUDA must have allocated or registered it");
    }
    return new Tensor(this, dtype, slice, memory.asSlice(0, 0), () -> {});
  }

  /// Takes memory that CUDA allocated or registered by its address, aligned in any way.
  ///
  /// @throws IllegalArgumentException if the driver knows no such memory there
  @SuppressWarnings("restricted") // the segment is only an address
  public Tensor wrap(long address, DType dtype, Slice slice) {
    return wrap(MemorySegment.ofAddress(address).reinterpret(slice.shape().bytes(dtype)), dtype, slice);
  }

  /// The same for a pointer of JCuda, as a `CUdeviceptr` is one.
  public Tensor wrap(Pointer pointer, DType dtype, Slice slice) {
    return wrap(Context.address(pointer), dtype, slice);
  }

  /// The address of a tensor of this device.
  private long address(Tensor tensor) {
    if (tensor.device() != this) {
      throw new IllegalArgumentException("the tensor " + tensor + " belongs to another device than " + name() + " here");
    }
    if (!tensor.memory().scope().isAlive()) {
      throw new IllegalStateException("the memory of the tensor " + tensor + " has been freed");
    }
    return tensor.memory().address();
  }

  /// The same of one that is to be written.
  private long target(Tensor tensor) {
    tensor.requireWritable();
    return address(tensor);
  }

  @Override
  public void fill(Tensor tensor, Distribution law, RandomStream stream) {
    law.check(tensor.dtype());
    if (curand != null && curand.makes(law)) {
      curand.fill(law, tensor.dtype(), tensor.slice(), target(tensor), stream.key());
    } else {
      context.fill(law, tensor.dtype(), tensor.slice(), target(tensor), stream.key());
    }
  }

  /// By the driver's own kernel.
  @Override
  public void clear(Tensor tensor) {
    context.clear(target(tensor), tensor.bytes());
  }

  @Override
  public void fill(MemorySegment host, DType dtype, Slice slice, Initializer initializer, RandomStream stream) {
    if (generator() == Generator.CURAND_XORWOW) {
      fillFromWhole(host, dtype, slice, initializer, stream);
      return;
    }
    Context.Allocation piece = idle.pollFirst();
    if (piece == null) {
      piece = context.allocate(chunk);
    }
    try {
      long at = 0;
      for (Slice part : slice.chunks(chunk / dtype.bytes())) {
        Tensor tensor = new Tensor(this, dtype, part, piece.memory(), () -> {});
        initializer.fill(tensor, stream);
        read(tensor, 0, host.asSlice(at, tensor.bytes()));
        at += tensor.bytes();
      }
    } finally {
      idle.addFirst(piece);
    }
  }

  /// Where a slice cannot be made alone, the whole tensor is. It stays until another is asked for, as slices are one after the other.
  private synchronized void fillFromWhole(MemorySegment host, DType dtype, Slice slice, Initializer initializer, RandomStream stream) {
    Slice all = Slice.of(slice.whole());
    if (whole == null || !whole.is(dtype, all, initializer, stream)) {
      if (whole != null) {
        Context.Allocation former = whole.memory;
        whole = null;
        context.free(former);
      }
      Context.Allocation memory = context.allocate(all.shape().bytes(dtype));
      try {
        Tensor tensor = new Tensor(this, dtype, all, memory.memory(), () -> {});
        initializer.fill(tensor, stream);
        whole = new Whole(tensor, memory, initializer, stream);
      } finally {
        if (whole == null) {
          context.free(memory);
        }
      }
    }
    Tensor tensor = whole.tensor;
    int width = dtype.bytes();
    slice.forEachRun(run -> read(tensor, run.start() * width, host.asSlice(run.position() * width, run.count() * width)));
  }

  @Override
  public void read(Tensor tensor, long offset, MemorySegment host) {
    requireInside(tensor, offset, host);
    staging.read(address(tensor) + offset, host);
  }

  @Override
  public void write(Tensor tensor, long offset, MemorySegment host) {
    requireInside(tensor, offset, host);
    staging.write(target(tensor) + offset, host);
  }

  private synchronized Uploads uploads() {
    if (uploads == null) {
      uploads = new Uploads(context, chunk);
    }
    return uploads;
  }

  @Override
  public void fence() {
    uploads().fence();
  }

  @Override
  public void upload(Tensor tensor, long offset, MemorySegment host) {
    requireInside(tensor, offset, host);
    uploads().write(target(tensor) + offset, host);
  }

  private static void requireInside(Tensor tensor, long offset, MemorySegment host) {
    if (offset < 0 || offset > tensor.bytes() - host.byteSize()) {
      throw new IllegalArgumentException(host.byteSize() + " bytes from byte " + offset + " on do not lie inside the tensor " + tensor
          + ", which has " + tensor.bytes());
    }
  }

  @Override
  public void convert(Tensor from, double scale, Tensor to) {
    if (from.elements() != to.elements()) {
      throw new IllegalArgumentException(from + " has other elements than " + to + ", to which its values should go");
    }
    context.map("convert_" + from.dtype() + "_" + to.dtype(), address(from), target(to), from.elements(), scale);
  }

  /// One launch for linear, conv, relu and leaky_relu. The other functions go by way of the host, which waits for the stream.
  @Override
  public void activate(Nonlinearity f, Tensor x, Tensor y) {
    if (!isLaunched("activate", f, x, y)) {
      Device.super.activate(f, x, y);
    }
  }

  /// One launch for linear, conv, relu and leaky_relu. The other functions go by way of the host, which waits for the stream.
  @Override
  public void backward(Nonlinearity f, Tensor x, Tensor gradient) {
    if (!isLaunched("backward", f, x, gradient)) {
      Device.super.backward(f, x, gradient);
    }
  }

  /// Launches a kernel of a function of two straight lines if `f` is one and the tensors go together.
  private boolean isLaunched(String kernel, Nonlinearity f, Tensor x, Tensor y) {
    boolean straight = switch (f) {
      case LINEAR, CONV, RELU, LEAKY_RELU -> true;
      case SIGMOID, TANH, SELU, GELU, SILU -> false;
    };
    DType dtype = x.dtype();
    if (!straight || y.dtype() != dtype || dtype != DType.F32 && dtype != DType.F64 || x.elements() != y.elements()) {
      return false;
    }
    context.map(kernel + "_" + dtype, address(x), target(y), x.elements(), f.derivative(-1));
    return true;
  }

  /// By cuBLAS and cuSOLVER.
  @Override
  public synchronized LinearAlgebra linearAlgebra() {
    if (algebra == null) {
      algebra = new CudaLinearAlgebra(this, context);
    }
    return algebra;
  }

  /// Waits for all fills and writes.
  ///
  /// @throws DeviceException if one of them failed, with the launches since the last wait
  public void synchronize() {
    context.synchronize();
  }

  /// Bytes of tensors; without the few that pass values on to the host.
  @Override
  public long allocatedBytes() {
    return allocated.get();
  }

  @Override
  public void countHolds(int change) {
    holds.addAndGet(change);
  }

  /// @throws DeviceException if something on the stream failed, or giving back did; everything has been tried then
  /// @throws IllegalStateException if tensors are held by other code: nothing is freed then
  @Override
  public void close() {
    if (holds.get() > 0) {
      throw new IllegalStateException(
          name() + " cannot be closed: " + holds + " of its tensors are held by other code, which must let go first");
    }
    allocated.set(0);
    idle.clear();
    context.close();
  }
}
