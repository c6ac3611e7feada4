package io.github.tensorseed;

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

  /// Bytes that this device has allocated and not freed.
  long allocatedBytes();

  /// Frees everything that this device allocated.
  @Override
  void close();
}
