package io.github.tensorseed.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/// A program on JCuda's own natives: fills 1000 floats by a kernel, copies them back on a stream and prints the sum of what it finds. With
/// the argument `forgetful` it does not wait for the stream, and gives nothing back.
final class EmulatedProgram {
  static final int COUNT = 1000;
  /// Element i becomes the root of i, in a grid-stride loop.
  private static final String PTX = PtxBench.HEADER + """
      .visible .entry roots(.param .u64 out, .param .u32 count) {
      .reg .pred %p<2>; .reg .b32 %r<8>; .reg .f32 %f<4>; .reg .b64 %rd<4>;
      ld.param.u64 %rd1, [out]; ld.param.u32 %r6, [count];
      mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r4, %r1, %r2, %r3;
      mov.u32 %r5, %nctaid.x; mul.lo.s32 %r5, %r5, %r2;
      bra.uni TEST;
      LOOP: cvt.rn.f32.u32 %f1, %r4; sqrt.rn.f32 %f2, %f1;
      mul.wide.u32 %rd2, %r4, 4; add.s64 %rd3, %rd1, %rd2; st.global.f32 [%rd3], %f2;
      add.s32 %r4, %r4, %r5;
      TEST: setp.lt.u32 %p1, %r4, %r6;
      @%p1 bra LOOP;
      ret;
      }
      """;

  private EmulatedProgram() {}

  public static void main(String... arguments) {
    boolean forgetful = arguments.length > 0;
    int[] answer = new int[1];
    check("cuInit", JCudaDriver.cuInit(0));
    check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(answer));
    CUdevice device = new CUdevice();
    check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, 0));
    CUcontext context = new CUcontext();
    check("cuDevicePrimaryCtxRetain", JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
    CUstream stream = new CUstream();
    check("cuStreamCreate", JCudaDriver.cuStreamCreate(stream, 1));
    try (Arena arena = Arena.ofConfined()) {
      CUmodule module = new CUmodule();
      check("cuModuleLoadData", JCudaDriver.cuModuleLoadData(module, PTX));
      CUfunction function = new CUfunction();
      check("cuModuleGetFunction", JCudaDriver.cuModuleGetFunction(function, module, "roots"));
      CUdeviceptr memory = new CUdeviceptr();
      check("cuMemAlloc", JCudaDriver.cuMemAlloc(memory, 4L * COUNT));
      check("cuMemcpyDtoH", JCudaDriver.cuMemcpyDtoH(pointer(arena.allocate(8)), memory, 8));
      Pointer parameters = Pointer.to(Pointer.to(memory), Pointer.to(new int[] {COUNT}));
      check("cuLaunchKernel", JCudaDriver.cuLaunchKernel(function, 2, 1, 1, 128, 1, 1, 0, stream, parameters, null));
      MemorySegment host = arena.allocate(4L * COUNT);
      check("cuMemcpyDtoHAsync", JCudaDriver.cuMemcpyDtoHAsync(pointer(host), memory, 4L * COUNT, stream));
      if (!forgetful) {
        check("cuStreamSynchronize", JCudaDriver.cuStreamSynchronize(stream));
      }
      double sum = 0;
      for (int i = 0; i < COUNT; i++) {
        sum += host.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      }
      System.out.println(sum + " on " + answer[0] + ", calls " + Emulator.ofProcess().calls("*"));
      if (!forgetful) {
        check("cuMemFree", JCudaDriver.cuMemFree(memory));
        check("cuModuleUnload", JCudaDriver.cuModuleUnload(module));
        check("cuStreamDestroy", JCudaDriver.cuStreamDestroy(stream));
        check("cuDevicePrimaryCtxRelease", JCudaDriver.cuDevicePrimaryCtxRelease(device));
      }
    }
  }

  private static Pointer pointer(MemorySegment segment) {
    return new Pointer().withByteOffset(segment.address());
  }

  private static void check(String call, int code) {
    if (code != 0) {
      throw new AssertionError(call + ": " + code);
    }
  }
}
