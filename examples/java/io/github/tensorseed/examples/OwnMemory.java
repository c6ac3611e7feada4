package io.github.tensorseed.examples;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.cuda.CudaDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/// A program with a CUDA context, a stream and weights of its own, by JCuda's driver API, has them initialized where they lie. The copy
/// that it puts on the stream afterwards finds them there, without a wait in between; the host makes the same bits.
final class OwnMemory {
  private static final Shape SHAPE = Shape.of(256, 784);

  private OwnMemory() {}

  public static void main(String[] arguments) {
    CUdevice device = new CUdevice();
    CUcontext context = new CUcontext();
    CUstream stream = new CUstream();
    CUdeviceptr weight = new CUdeviceptr();
    long bytes = SHAPE.bytes(DType.BF16);
    check("cuInit", JCudaDriver.cuInit(0));
    check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, 0));
    check("cuDevicePrimaryCtxRetain", JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
    check("cuStreamCreate", JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    check("cuMemAlloc", JCudaDriver.cuMemAlloc(weight, bytes));

    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes);
      RandomStream random = RandomStream.of(42).named("layer.0.weight");
      try (CudaDevice gpu = CudaDevice.attach(stream)) {
        Tensor tensor = gpu.wrap(weight, DType.BF16, Slice.of(SHAPE));
        Initializers.heNormal().fill(tensor, random); // a launch on the stream, and nothing else
        Pointer target = new Pointer().withByteOffset(host.address());
        check("cuMemcpyDtoHAsync", JCudaDriver.cuMemcpyDtoHAsync(target, weight, bytes, stream));
        check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
      }
      try (Device cpu = CpuDevice.open(1); Tensor expected = cpu.allocate(DType.BF16, SHAPE)) {
        Initializers.heNormal().fill(expected, random);
        boolean same = host.mismatch(expected.memory()) < 0;
        System.out.println(SHAPE + " weights in memory of mine, " + (same ? "with" : "WITHOUT") + " the bits of the host");
      }
    }

    // The device is closed, and all of this is still the program's.
    check("cuMemFree", JCudaDriver.cuMemFree(weight));
    check("cuStreamDestroy", JCudaDriver.cuStreamDestroy(stream));
    check("cuDevicePrimaryCtxRelease", JCudaDriver.cuDevicePrimaryCtxRelease(device));
  }

  private static void check(String call, int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw new IllegalStateException(call + ": " + CUresult.stringFor(code));
    }
  }
}
