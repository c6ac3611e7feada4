package io.github.tensorseed.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import jcuda.runtime.cudaStream_t;

/// The first GPU of the emulated driver in a forked process, by JCuda's driver API alone: a context, a stream and memory.
final class EmulatedGpu {
  static final Emulator DRIVER = Emulator.ofProcess();

  final CUdevice device = new CUdevice();
  final CUcontext context = new CUcontext();
  final CUstream stream = new CUstream();
  private final Arena arena = Arena.ofAuto();

  /// The driver begins anew.
  EmulatedGpu(String options) {
    DRIVER.reset(options);
    check(JCudaDriver.cuInit(0));
    check(JCudaDriver.cuDeviceGet(device, 0));
    check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    check(JCudaDriver.cuCtxSetCurrent(context));
    check(JCudaDriver.cuStreamCreate(stream, 1));
  }

  /// The stream as the libraries know it.
  cudaStream_t libraryStream() {
    return new cudaStream_t(stream);
  }

  CUdeviceptr allocate(long bytes) {
    CUdeviceptr memory = new CUdeviceptr();
    check(JCudaDriver.cuMemAlloc(memory, bytes));
    return memory;
  }

  CUdeviceptr upload(float... values) {
    return upload(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values));
  }

  CUdeviceptr upload(double... values) {
    return upload(arena.allocateFrom(ValueLayout.JAVA_DOUBLE, values));
  }

  private CUdeviceptr upload(MemorySegment values) {
    CUdeviceptr memory = allocate(values.byteSize());
    check(JCudaDriver.cuMemcpyHtoDAsync(memory, pointer(values), values.byteSize(), stream));
    synchronize();
    return memory;
  }

  int[] ints(CUdeviceptr memory, int count) {
    return read(memory, 4L * count).toArray(ValueLayout.JAVA_INT);
  }

  float[] floats(CUdeviceptr memory, int count) {
    return read(memory, 4L * count).toArray(ValueLayout.JAVA_FLOAT);
  }

  double[] doubles(CUdeviceptr memory, int count) {
    return read(memory, 8L * count).toArray(ValueLayout.JAVA_DOUBLE);
  }

  /// What the stream has made of it.
  private MemorySegment read(CUdeviceptr memory, long bytes) {
    MemorySegment host = arena.allocate(bytes);
    check(JCudaDriver.cuMemcpyDtoHAsync(pointer(host), memory, bytes, stream));
    synchronize();
    return host;
  }

  void synchronize() {
    check(JCudaDriver.cuStreamSynchronize(stream));
  }

  /// The code of waiting for the stream.
  int waited() {
    return JCudaDriver.cuStreamSynchronize(stream);
  }

  void free(CUdeviceptr memory) {
    check(JCudaDriver.cuMemFree(memory));
  }

  void close() {
    check(JCudaDriver.cuStreamDestroy(stream));
    check(JCudaDriver.cuDevicePrimaryCtxRelease(device));
  }

  static Pointer pointer(MemorySegment segment) {
    return new Pointer().withByteOffset(segment.address());
  }

  private static void check(int code) {
    if (code != 0) {
      throw new IllegalStateException("code " + code + ": " + DRIVER.report());
    }
  }
}
