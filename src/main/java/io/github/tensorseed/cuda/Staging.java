package io.github.tensorseed.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/// Copies between memory of the host, of any kind, and of the device, piece by piece through two pinned buffers: while the GPU copies one,
/// the host copies the other. They are made at the first copy.
final class Staging {
  private static final int BUFFERS = 2;

  private static final class Buffer {
    final Pointer pointer = new Pointer();
    final CUevent ended = new CUevent();
    MemorySegment memory = MemorySegment.NULL;
    /// The launches before the event.
    long launch;
    boolean inUse;
  }

  private final Context context;
  private final CUstream stream;
  private final LongSupplier launched;
  private final long capacity;
  private final List<Buffer> buffers = new ArrayList<>();

  /// @param stream on which copies are made
  /// @param launched the last launch for which a copy that is put on the stream now waits
  /// @param capacity bytes of each buffer, at most 2^31 - 1
  Staging(Context context, CUstream stream, LongSupplier launched, long capacity) {
    this.context = context;
    this.stream = stream;
    this.launched = launched;
    this.capacity = capacity;
  }

  /// Copies `host.byteSize()` bytes from an address; they are there when this returns.
  void read(long address, MemorySegment host) {
    long size = host.byteSize();
    inPieces(size, () -> {
      enqueueRead(address, size, 0);
      for (long at = 0; at < size; at += capacity) {
        if (at + capacity < size) {
          enqueueRead(address, size, at + capacity);
        }
        Buffer buffer = buffer(at);
        await(buffer);
        MemorySegment.copy(buffer.memory, 0, host, at, Math.min(capacity, size - at));
      }
    });
  }

  private void enqueueRead(long address, long size, long at) {
    Buffer buffer = buffer(at);
    context.check(JCudaDriver.cuMemcpyDtoHAsync(
        buffer.pointer, Context.devicePointer(address + at), Math.min(capacity, size - at), stream), "cuMemcpyDtoHAsync");
    record(buffer);
  }

  /// Copies `host` to an address, in order with what is on the stream; `host` can be used for something else when this returns.
  void write(long address, MemorySegment host) {
    long size = host.byteSize();
    inPieces(size, () -> {
      for (long at = 0; at < size; at += capacity) {
        Buffer buffer = buffer(at);
        await(buffer);
        long length = Math.min(capacity, size - at);
        MemorySegment.copy(host, at, buffer.memory, 0, length);
        context.check(JCudaDriver.cuMemcpyHtoDAsync(
            Context.devicePointer(address + at), buffer.pointer, length, stream), "cuMemcpyHtoDAsync");
        record(buffer);
      }
    });
  }

  /// One copy at a time, with the context and the buffers that it needs.
  private synchronized void inPieces(long size, Runnable copy) {
    if (size == 0) {
      return;
    }
    try (Context.Entered _ = context.enter()) {
      make();
      try {
        copy.run();
      } catch (RuntimeException e) {
        settle();
        throw e;
      }
    }
  }

  private Buffer buffer(long at) {
    return buffers.get((int) (at / capacity % BUFFERS));
  }

  private void make() {
    while (buffers.size() < BUFFERS) {
      Buffer buffer = new Buffer();
      context.made(JCudaDriver.cuMemHostAlloc(buffer.pointer, capacity, 0), "cuMemHostAlloc",
          "cuMemFreeHost", () -> JCudaDriver.cuMemFreeHost(buffer.pointer));
      buffer.memory = MemorySegment.ofBuffer(buffer.pointer.getByteBuffer(0, capacity));
      context.made(JCudaDriver.cuEventCreate(buffer.ended, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate",
          "cuEventDestroy", () -> JCudaDriver.cuEventDestroy(buffer.ended));
      buffers.add(buffer);
    }
  }

  private void record(Buffer buffer) {
    buffer.inUse = true;
    buffer.launch = launched.getAsLong();
    context.check(JCudaDriver.cuEventRecord(buffer.ended, stream), "cuEventRecord");
  }

  private void await(Buffer buffer) {
    if (buffer.inUse) {
      context.waited(JCudaDriver.cuEventSynchronize(buffer.ended), "cuEventSynchronize", buffer.launch);
      buffer.inUse = false;
    }
  }

  /// After a failure, a copy without an event may still be under way.
  private void settle() {
    if (JCudaDriver.cuStreamSynchronize(stream) == Codes.SUCCESS) {
      buffers.forEach(buffer -> buffer.inUse = false);
    }
  }
}
