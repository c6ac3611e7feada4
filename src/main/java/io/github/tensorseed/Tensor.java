package io.github.tensorseed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/// Memory of a device that holds one slice of a logical tensor, in row-major order and little-endian, without gaps.
///
/// Made by [Device#allocate] or [Device#wrap]. Closing frees allocated memory, once; it is not owed: the device frees what is left.
public final class Tensor implements AutoCloseable {
  private final Device device;
  private final DType dtype;
  private final Slice slice;
  private final MemorySegment memory;
  private final Runnable free;
  /// What this is a view of, or this.
  private final Tensor owner;
  private int holds;
  private boolean closed;

  /// For devices.
  ///
  /// @param memory the bytes of the slice on the host; for other devices a segment of size zero at the address
  /// @param free gives the memory back; called by every [#close], or once nobody holds the memory any more
  public Tensor(Device device, DType dtype, Slice slice, MemorySegment memory, Runnable free) {
    this.device = device;
    this.dtype = dtype;
    this.slice = slice;
    this.memory = memory;
    this.free = free;
    owner = this;
  }

  /// A view.
  private Tensor(Tensor whole, Shape shape, MemorySegment memory) {
    device = whole.device;
    dtype = whole.dtype;
    slice = Slice.of(shape);
    this.memory = memory;
    free = () -> {};
    owner = whole.owner;
  }

  public Device device() {
    return device;
  }

  public DType dtype() {
    return dtype;
  }

  /// The slice of the logical tensor that is held here.
  public Slice slice() {
    return slice;
  }

  /// The shape of what is held here.
  public Shape shape() {
    return slice.shape();
  }

  public long elements() {
    return slice.elements();
  }

  public long bytes() {
    return shape().bytes(dtype);
  }

  /// The bytes on the host; for other devices a segment of size zero at the address.
  public MemorySegment memory() {
    return memory;
  }

  /// A part of this tensor, from byte `offset` of what is held on, as a tensor of its own: nothing is copied, and closing it frees nothing.
  ///
  /// @throws IllegalArgumentException if it does not lie inside
  public Tensor view(long offset, Shape shape) {
    if (offset < 0 || offset > bytes() - shape.bytes(dtype)) {
      throw new IllegalArgumentException(shape + " from byte " + offset + " on does not lie inside the tensor " + this);
    }
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException("the memory of the tensor " + this + " has been freed");
    }
    boolean here = memory.byteSize() == bytes();
    MemorySegment part = here ? memory.asSlice(offset, shape.bytes(dtype)) : MemorySegment.ofAddress(memory.address() + offset);
    return new Tensor(this, shape, memory.isReadOnly() ? part.asReadOnly() : part);
  }

  /// For devices, before they write.
  ///
  /// @throws IllegalArgumentException if the memory is read-only, as another library's may be
  public void requireWritable() {
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException("the tensor " + this + " is read-only, and was to be written; copy it to one that is not");
    }
  }

  /// Keeps the memory for code that has its address, until what is returned is run, by any thread; run again it does nothing. A [#close]
  /// before that takes effect then, and the device refuses to be closed before. Memory that was wrapped stays its owner's to keep.
  ///
  /// @throws IllegalStateException if this is closed, or what it is a view of
  public Runnable hold() {
    synchronized (owner) {
      if (owner.closed || !memory.scope().isAlive()) {
        throw new IllegalStateException("the memory of the tensor " + this + " has been freed");
      }
      owner.holds++;
    }
    device.countHolds(1);
    AtomicBoolean held = new AtomicBoolean(true);
    return () -> {
      if (held.compareAndSet(true, false)) {
        try {
          owner.release();
        } finally {
          device.countHolds(-1);
        }
      }
    };
  }

  private void release() {
    synchronized (this) {
      holds--;
      if (!closed || holds > 0) {
        return;
      }
    }
    free.run();
  }

  /// All values, exactly (for F64 tensors rounded to binary32).
  public float[] toFloats() {
    double[] values = toDoubles();
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  /// All values, exactly.
  public double[] toDoubles() {
    double[] values = new double[arrayLength()];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes());
      device.read(this, 0, host);
      for (int i = 0; i < values.length; i++) {
        values[i] = dtype.get(host, i);
      }
    }
    return values;
  }

  /// Mean and standard deviation of all values; not a number where one of them is not finite, or where there are none.
  ///
  /// - Precision: in F64, about the mean, which pieces find one after the other, so that a large one costs no digits.
  public Distribution.Moments moments() {
    double mean = elements() == 0 ? Double.NaN : 0;
    double squares = 0;
    long piece = 1 << 16;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(piece * dtype.bytes(), Long.BYTES);
      for (long at = 0; at < elements(); at += piece) {
        int count = (int) Math.min(piece, elements() - at);
        device.read(this, at * dtype.bytes(), host.asSlice(0, (long) count * dtype.bytes()));
        double here = 0;
        for (int i = 0; i < count; i++) {
          here += dtype.get(host, i) / count;
        }
        double between = here - mean;
        for (int i = 0; i < count; i++) {
          double difference = dtype.get(host, i) - here;
          squares += difference * difference;
        }
        squares += between * between * at * count / (at + count);
        mean += between * count / (at + count);
      }
    }
    return new Distribution.Moments(mean, Math.sqrt(squares / elements()));
  }

  /// Writes `values`, one per element, rounded as [DType#set] does.
  ///
  /// @throws IllegalArgumentException if there are more or fewer values than elements
  public void copyFrom(double... values) {
    if (values.length != elements()) {
      throw new IllegalArgumentException(values.length + " values for a tensor of " + elements() + " elements");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes());
      for (int i = 0; i < values.length; i++) {
        dtype.set(host, i, values[i]);
      }
      device.write(this, 0, host);
    }
  }

  /// Writes `scale` times the values of `part` where this slice has their elements, as [Device#convert] does.
  ///
  /// @param part a tensor of the same device: elements `start`, `start + 1`, ... of the logical tensor
  /// @throws IllegalArgumentException if the logical tensor has not as many
  public void copyFrom(Tensor part, long start, double scale) {
    long end = start + part.elements();
    if (start < 0 || end > slice.whole().elements()) {
      throw new IllegalArgumentException(part + " as elements " + start + " to " + end + " of a tensor of " + slice.whole().elements());
    }
    slice.forEachRun(run -> {
      long from = Math.max(start, run.start());
      Shape shape = Shape.of(Math.max(0, Math.min(end, run.start() + run.count()) - from));
      if (shape.elements() > 0) {
        device.convert(part.view((from - start) * part.dtype.bytes(), shape), scale,
            this.view((run.position() + from - run.start()) * dtype.bytes(), shape));
      }
    });
  }

  private int arrayLength() {
    if (elements() > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException("a tensor of " + elements() + " elements does not fit an array; use Device.read");
    }
    return (int) elements();
  }

  /// Frees the memory if the device allocated it, or once nobody holds it any more ([#hold]). Closing again does nothing.
  @Override
  public void close() {
    if (owner != this) {
      return;
    }
    synchronized (this) {
      closed = true;
      if (holds > 0) {
        return;
      }
    }
    free.run();
  }

  /// As in `BF16 [53248, 16384] on cpu`.
  @Override
  public String toString() {
    return dtype + " " + slice + " on " + device.name();
  }
}
