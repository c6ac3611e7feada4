package io.github.tensorseed.device;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Generator;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Several devices that take turns, with tensors and with pieces for the host: each has the same bits.
final class DeviceGroup implements Device {
  private final List<Device> devices;
  private final AtomicInteger turn = new AtomicInteger();

  DeviceGroup(List<Device> devices) {
    this.devices = List.copyOf(devices);
  }

  private Device next() {
    return devices.get(Math.floorMod(turn.getAndIncrement(), devices.size()));
  }

  @Override
  public String name() {
    return devices.stream().map(Device::name).collect(Collectors.joining(","));
  }

  @Override
  public Generator generator() {
    return devices.getFirst().generator();
  }

  /// A tensor of the device whose turn it is.
  @Override
  public Tensor allocate(DType dtype, Slice slice) {
    return next().allocate(dtype, slice);
  }

  /// @throws IllegalArgumentException always: memory belongs to one device
  @Override
  public Tensor wrap(MemorySegment memory, DType dtype, Slice slice) {
    throw new IllegalArgumentException("memory belongs to one device, not to " + name() + "; open that one and wrap it there");
  }

  @Override
  public void fill(Tensor tensor, Distribution law, RandomStream stream) {
    tensor.device().fill(tensor, law, stream);
  }

  @Override
  public void fill(MemorySegment host, DType dtype, Slice slice, Initializer initializer, RandomStream stream) {
    next().fill(host, dtype, slice, initializer, stream);
  }

  @Override
  public void clear(Tensor tensor) {
    tensor.device().clear(tensor);
  }

  @Override
  public void read(Tensor tensor, long offset, MemorySegment host) {
    tensor.device().read(tensor, offset, host);
  }

  @Override
  public void write(Tensor tensor, long offset, MemorySegment host) {
    tensor.device().write(tensor, offset, host);
  }

  /// That of the first device, whose tensors it takes: what a call takes must lie on one.
  @Override
  public LinearAlgebra linearAlgebra() {
    return devices.getFirst().linearAlgebra();
  }

  @Override
  public long allocatedBytes() {
    return devices.stream().mapToLong(Device::allocatedBytes).sum();
  }

  /// Closes all of them.
  @Override
  public void close() {
    @Nullable RuntimeException first = null;
    for (Device device : devices) {
      try {
        device.close();
      } catch (RuntimeException e) {
        if (first == null) {
          first = e;
        } else {
          first.addSuppressed(e);
        }
      }
    }
    if (first != null) {
      throw first;
    }
  }
}
