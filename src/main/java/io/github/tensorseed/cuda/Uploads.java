package io.github.tensorseed.cuda;

import java.lang.foreign.MemorySegment;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/// Copies to the device on a stream of their own, while the device's stream goes on: they wait for what was on that stream at the last fence,
/// and what is put on it after a copy waits for the copy.
final class Uploads {
  private final Context context;
  private final CUstream stream = new CUstream();
  private final CUevent fence = new CUevent();
  private final CUevent copied = new CUevent();
  private final Staging staging;
  /// The last launch before the fence.
  private volatile long fenced;

  /// @param capacity bytes of each pinned buffer
  Uploads(Context context, long capacity) {
    this.context = context;
    staging = new Staging(context, stream, () -> fenced, capacity);
    try (Context.Entered _ = context.enter()) {
      context.made(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate",
          "cuStreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream));
      make(fence);
      make(copied);
    }
  }

  private void make(CUevent event) {
    context.made(JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate",
        "cuEventDestroy", () -> JCudaDriver.cuEventDestroy(event));
  }

  synchronized void fence() {
    try (Context.Entered _ = context.enter()) {
      fenced = context.lastLaunch();
      context.check(JCudaDriver.cuEventRecord(fence, context.stream()), "cuEventRecord");
    }
  }

  void write(long address, MemorySegment host) {
    if (host.byteSize() == 0) {
      return;
    }
    try (Context.Entered _ = context.enter()) {
      synchronized (this) {
        context.check(JCudaDriver.cuStreamWaitEvent(stream, fence, 0), "cuStreamWaitEvent");
      }
      staging.write(address, host);
      try {
        context.check(JCudaDriver.cuEventRecord(copied, stream), "cuEventRecord");
        context.check(JCudaDriver.cuStreamWaitEvent(context.stream(), copied, 0), "cuStreamWaitEvent");
      } catch (RuntimeException e) {
        JCudaDriver.cuStreamSynchronize(stream); // else the memory could be freed under the copy
        throw e;
      }
    }
  }
}
