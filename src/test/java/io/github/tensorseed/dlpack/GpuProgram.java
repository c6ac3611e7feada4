package io.github.tensorseed.dlpack;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.cuda.CudaDevice;
import io.github.tensorseed.dlpack.Foreign.Loan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/// Memory of two GPUs of the emulated driver, lent to the library in C and borrowed from it. The argument is that library.
final class GpuProgram {
  private static final int COUNT = 1000;
  private static final Distribution LAW = new Distribution.Normal(0, 1);
  private static final RandomStream STREAM = RandomStream.of(42);
  private static final MemorySegment EXPECTED = expected();

  private GpuProgram() {}

  public static void main(String[] arguments) {
    Foreign foreign = new Foreign(Path.of(arguments[0]));
    CUdevice gpu = new CUdevice();
    CUcontext context = new CUcontext();
    CUstream stream = new CUstream();
    succeed(JCudaDriver.cuInit(0));
    succeed(JCudaDriver.cuDeviceGet(gpu, 0));
    succeed(JCudaDriver.cuDevicePrimaryCtxRetain(context, gpu));
    succeed(JCudaDriver.cuCtxSetCurrent(context));
    succeed(JCudaDriver.cuStreamCreate(stream, 1));
    try (CudaDevice device = CudaDevice.attach(stream)) {
      for (DLPack format : DLPack.values()) {
        borrow(foreign, device, format);
      }
      pinned(foreign, device);
      refusals(foreign, device);
      readOnly(foreign, device);
      lend(foreign, device, 0);
      for (int i = 0; i < 200; i++) {
        try (Tensor tensor = device.allocate(DType.F32, Shape.of(100));
             Tensor back = DLPack.VERSIONED.borrow(DLPack.VERSIONED.lend(tensor), device)) {
          device.fill(back, LAW, STREAM);
        }
      }
      require(device.allocatedBytes() == 0, device.allocatedBytes() + " bytes are left");
    }
    afterTheDevice(foreign, stream);
    try (CudaDevice second = CudaDevice.open(1)) {
      lend(foreign, second, 1);
    }
    require(foreign.live() == 0 && foreign.twice() == 0, "not given back: " + foreign.live() + ", twice: " + foreign.twice());
    succeed(JCudaDriver.cuStreamDestroy(stream));
    succeed(JCudaDriver.cuDevicePrimaryCtxRelease(gpu));
    System.out.println("ok");
  }

  /// What the scalar definition has there, in BF16.
  private static MemorySegment expected() {
    MemorySegment values = Arena.ofAuto().allocate(2L * COUNT);
    try (Device cpu = CpuDevice.open(1); Tensor tensor = cpu.allocate(DType.BF16, Shape.of(COUNT))) {
      cpu.fill(tensor, LAW, STREAM);
      values.copyFrom(tensor.memory());
    }
    return values;
  }

  /// The bytes as they are on the GPU now, whatever its streams still have to do.
  private static void requireExpected(long address, String what) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(2L * COUNT);
      Pointer target = new Pointer().withByteOffset(host.address());
      succeed(JCudaDriver.cuMemcpyDtoH(target, new CUdeviceptr().withByteOffset(address), 2L * COUNT));
      require(host.mismatch(EXPECTED) < 0, what + ": other values");
    }
  }

  private static long allocate(long bytes) {
    CUdeviceptr memory = new CUdeviceptr();
    succeed(JCudaDriver.cuMemAlloc(memory, bytes));
    return new Address(memory).value();
  }

  private static void free(long address) {
    succeed(JCudaDriver.cuMemFree(new CUdeviceptr().withByteOffset(address)));
  }

  private static Loan of(long address) {
    return Loan.of(DType.BF16, COUNT).device(2, 0).at(address);
  }

  /// Filled where it lies, behind an offset. When the producer has it back, the values are there.
  private static void borrow(Foreign foreign, CudaDevice device, DLPack format) {
    long address = allocate(2L * COUNT + 6);
    try (Tensor tensor = format.borrow(foreign.lend(format, of(address).offset(6)), device)) {
      require(tensor.memory().address() == address + 6, "another address");
      device.fill(tensor, LAW, STREAM);
      require(foreign.live() == 1, "given back too early");
    }
    require(foreign.live() == 0, "not given back");
    requireExpected(address + 6, "borrowed as " + format);
    free(address);
  }

  private static void pinned(Foreign foreign, CudaDevice device) {
    Pointer memory = new Pointer();
    succeed(JCudaDriver.cuMemAllocHost(memory, 2L * COUNT));
    long address = new Address(memory).value();
    try (Device cpu = CpuDevice.open(1)) {
      for (Device one : List.of(device, cpu)) {
        try (Tensor tensor = DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, of(address).device(3, 0)), one)) {
          one.clear(tensor);
          one.fill(tensor, LAW, STREAM);
        }
        requireExpected(address, "pinned, on " + one.name());
      }
    }
    succeed(JCudaDriver.cuMemFreeHost(memory));
  }

  private static void refusals(Foreign foreign, CudaDevice device) {
    long address = allocate(2L * COUNT);
    try (Device cpu = CpuDevice.open(1)) {
      refused("on cuda:1 for the device cuda:0",
          () -> DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, of(address).device(2, 1)), device));
      refused("on cuda:0 for the device cpu", () -> DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, of(address)), cpu));
      refused("on cpu for the device cuda:0",
          () -> DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, Loan.of(DType.F32, 3)), device));
      refused("no memory that cuda:0 knows", () -> DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, of(4096)), device));
      refused("no memory that cuda:0 knows", () -> DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, of(address).offset(2)), device));
    }
    require(foreign.live() == 0, "what was refused is not given back");
    free(address);
  }

  private static void readOnly(Foreign foreign, CudaDevice device) {
    long address = allocate(2L * COUNT);
    try (Tensor tensor = DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, of(address).flags(1)), device);
         Tensor own = device.allocate(DType.BF16, Shape.of(COUNT))) {
      device.fill(own, LAW, STREAM);
      MemorySegment host = MemorySegment.ofArray(new byte[2]);
      refused("is read-only", () -> device.fill(tensor, LAW, STREAM));
      refused("is read-only", () -> device.fill(tensor.view(2, Shape.of(2)), LAW, STREAM));
      refused("is read-only", () -> device.clear(tensor));
      refused("is read-only", () -> device.write(tensor, 0, host));
      refused("is read-only", () -> device.upload(tensor, 0, host));
      refused("is read-only", () -> device.convert(own, 1, tensor));
      device.convert(tensor, 1, own);
      MemorySegment lent = DLPack.VERSIONED.lend(tensor);
      require(foreign.field(DLPack.VERSIONED, lent, Foreign.FLAGS) == 1, "lent on without READ_ONLY");
      foreign.delete(DLPack.VERSIONED, lent);
    }
    free(address);
  }

  /// The deleter is called by a thread without a context, after the tensor is closed and while the device is open.
  private static void lend(Foreign foreign, CudaDevice device, int ordinal) {
    Tensor tensor = device.allocate(DType.BF16, Shape.of(COUNT));
    device.fill(tensor, LAW, STREAM);
    MemorySegment lent = DLPack.VERSIONED.lend(tensor);
    require(foreign.field(DLPack.VERSIONED, lent, Foreign.DEVICE_TYPE) == 2, "kDLCUDA");
    require(foreign.field(DLPack.VERSIONED, lent, Foreign.DEVICE_ID) == ordinal, "device_id");
    long data = foreign.field(DLPack.VERSIONED, lent, Foreign.DATA);
    require(data == tensor.memory().address(), "another address");
    tensor.close();
    require(device.allocatedBytes() == 2L * COUNT, "freed under the consumer");
    refused("cannot be closed: 1 of its tensors are held by other code", device::close);
    device.synchronize(); // the consumer has another stream
    if (ordinal == 0) {
      requireExpected(data, "lent");
    }
    foreign.deleteElsewhere(lent);
    require(device.allocatedBytes() == 0, "not freed by the deleter");
  }

  /// A borrowed tensor is the producer's, and outlives a device that is closed first.
  private static void afterTheDevice(Foreign foreign, CUstream stream) {
    long address = allocate(2L * COUNT);
    Tensor tensor;
    try (CudaDevice device = CudaDevice.attach(stream)) {
      tensor = DLPack.VERSIONED.borrow(foreign.lend(DLPack.VERSIONED, of(address)), device);
      device.fill(tensor, LAW, STREAM);
    }
    require(foreign.live() == 1, "given back by the device");
    tensor.close();
    require(foreign.live() == 0, "not given back");
    requireExpected(address, "after the device");
    free(address);
  }

  private static void refused(String message, Runnable action) {
    try {
      action.run();
    } catch (IllegalArgumentException | IllegalStateException e) {
      require(String.valueOf(e.getMessage()).contains(message), "expected '" + message + "', got " + e);
      return;
    }
    throw new AssertionError("expected '" + message + "', and nothing was thrown");
  }

  private static void succeed(int code) {
    require(code == 0, "the test's own call: " + code);
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  private static final class Address extends Pointer {
    private static final long serialVersionUID = 1;

    Address(Pointer pointer) {
      super(pointer);
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }
}
