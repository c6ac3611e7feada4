package io.github.tensorseed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A place where tensors live and are filled. A device owns what it allocates: closing it frees all of it.
///
/// Every device gives the same bits, unless another [Generator] than ours was asked for. Its methods may be called from several threads at
/// once, but a tensor or a device must not be closed while it is being used.
public interface Device extends AutoCloseable {

  /// As in `cpu` or `cuda:0`.
  String name();

  /// What makes the random values here.
  default Generator generator() {
    return Generator.TENSORSEED;
  }

  /// Allocates the whole of a logical tensor; its contents are undefined until it is filled.
  default Tensor allocate(DType dtype, Shape shape) {
    return allocate(dtype, Slice.of(shape));
  }

  /// Allocates a tensor whose every element is `value`, rounded once.
  ///
  /// @throws IllegalArgumentException if the dtype has no such value
  default Tensor full(DType dtype, Shape shape, double value) {
    Tensor tensor = allocate(dtype, shape);
    try {
      fill(tensor, new Distribution.Constant(value), RandomStream.of(0));
      return tensor;
    } catch (RuntimeException e) {
      tensor.close();
      throw e;
    }
  }

  /// Allocates memory for one slice of a logical tensor, packed in row-major order.
  ///
  /// @throws DeviceMemoryException if there is no room
  Tensor allocate(DType dtype, Slice slice);

  /// Takes the caller's memory as a tensor, without copying: it is filled in place and never freed by this device. The host device takes
  /// any writable segment (of a mapped file, of a ByteBuffer, of an array) at any alignment.
  ///
  /// @throws IllegalArgumentException if the memory is smaller than the slice, or not of a kind that this device can write
  Tensor wrap(MemorySegment memory, DType dtype, Slice slice);

  /// Writes the values that `law` has on `stream` to the slice that `tensor` holds.
  ///
  /// @throws IllegalArgumentException if the law has no values in the tensor's dtype; nothing is written then
  void fill(Tensor tensor, Distribution law, RandomStream stream);

  /// Makes all bytes of a tensor 0, as fast as the memory takes them: what a fill can at best be.
  default void clear(Tensor tensor) {
    fill(tensor, new Distribution.Constant(0), RandomStream.of(0));
  }

  /// Writes `scale` times the values of one tensor to another of as many elements, both of this device: computed in binary32, or in binary64
  /// where either is F64, and rounded once. The two may be one.
  default void convert(Tensor from, double scale, Tensor to) {
    if (from.elements() != to.elements()) {
      throw new IllegalArgumentException(from + " has other elements than " + to + ", to which its values should go");
    }
    boolean wide = from.dtype() == DType.F64 || to.dtype() == DType.F64;
    long piece = 1 << 16;
    try (Arena arena = Arena.ofConfined(); HostWriter out = new HostWriter(to, 0)) {
      MemorySegment values = arena.allocate(piece * from.dtype().bytes(), Long.BYTES);
      for (long at = 0; at < from.elements(); at += piece) {
        long count = Math.min(piece, from.elements() - at);
        read(from, at * from.dtype().bytes(), values.asSlice(0, count * from.dtype().bytes()));
        for (long i = 0; i < count; i++) {
          double value = from.dtype().get(values, i);
          out.put(wide ? value * scale : (float) value * (float) scale);
        }
      }
    }
  }

  /// Writes f(x) for every value of `x` to `y`, of the same dtype, F32 or F64, and as many elements, both of this device. The two may be one.
  ///
  /// - Precision: that of [Nonlinearity#apply], rounded once.
  ///
  /// @throws IllegalArgumentException if the two do not go together
  default void activate(Nonlinearity f, Tensor x, Tensor y) {
    Elementwise.run(x, y, (value, _) -> f.apply(value));
  }

  /// The way back through [#activate]: multiplies every value of `gradient` by f'(x).
  ///
  /// @throws IllegalArgumentException if the two do not go together, as there
  default void backward(Nonlinearity f, Tensor x, Tensor gradient) {
    Elementwise.run(x, gradient, (value, g) -> g * f.derivative(value));
  }

  /// Makes the values of a slice and leaves them in host memory, packed, by way of the device's own memory where it has to.
  default void fill(MemorySegment host, DType dtype, Slice slice, Initializer initializer, RandomStream stream) {
    try (Tensor tensor = allocate(dtype, slice)) {
      initializer.fill(tensor, stream);
      read(tensor, 0, host.asSlice(0, tensor.bytes()));
    }
  }

  /// Copies `host.byteSize()` bytes of the tensor, from byte `offset` on, to `host`.
  void read(Tensor tensor, long offset, MemorySegment host);

  /// Copies `host` to the tensor, from byte `offset` on.
  void write(Tensor tensor, long offset, MemorySegment host);

  /// Divides what the device was given so far from what follows, for [#upload].
  default void fence() {}

  /// Copies `host` to the tensor as [#write] does, but waits only for what the device was given before the last [#fence]: what it was given
  /// since goes on meanwhile, and must not touch the tensor. Called from another thread, it fills one batch while the device works on
  /// another.
  default void upload(Tensor tensor, long offset, MemorySegment host) {
    write(tensor, offset, host);
  }

  /// Linear algebra on tensors of this device, by the libraries that are there. Loaded at the first call.
  ///
  /// @throws DeviceUnavailableException if they cannot be used, with the reason and the remedy
  default LinearAlgebra linearAlgebra() {
    throw new DeviceUnavailableException("there is no linear algebra on " + name() + "; take the device cpu");
  }

  /// Bytes that this device has allocated and not freed.
  long allocatedBytes();

  /// For [Tensor#hold]: there is one hold more, or one less.
  default void countHolds(int change) {}

  /// Frees everything that this device allocated.
  ///
  /// @throws IllegalStateException if tensors are held by other code ([Tensor#hold]): nothing is freed then
  @Override
  void close();
}
