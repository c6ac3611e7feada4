package io.github.tensorseed.cuda;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceMemoryException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Generator;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUgraphNode;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/// What `cuda:0` has to do, as a program, in a JVM of its own: its arguments name the parts. It prints a line for each and ends with 0 if
/// all hold.
final class Contract {
  static final long KEY = 0xfedcba98_76543210L;
  private static final Shape ENDLESS = Shape.of(1L << 60);
  /// Bytes around what is filled, which must stay.
  private static final int GUARD = 64;
  private static final byte POISON = (byte) 0xa5;
  /// Small buffers, so that little data goes through them many times.
  private static final long CHUNK = 64 << 10;

  private static final int ELEMENTS = 5000;
  private static final boolean EMULATED = System.getenv("TENSORSEED_EMULATOR") != null;
  /// What a block of threads fills at a time, from a multiple of it on, where 16 bytes are aligned.
  private static final int BLOCK = 4096;

  private interface Part {
    /// Returns how much was compared.
    long check(CudaDevice device) throws Exception;
  }

  private static final Map<String, Part> PARTS = Map.ofEntries(
      Map.entry("laws", Contract::laws),
      Map.entry("values", Contract::values),
      Map.entry("lengths", Contract::lengths),
      Map.entry("carries", Contract::carries),
      Map.entry("slices", Contract::slices),
      Map.entry("copies", Contract::copies),
      Map.entry("uploads", Contract::uploads),
      Map.entry("initializers", Contract::initializers),
      Map.entry("memory", Contract::memory),
      Map.entry("attached", Contract::attached),
      Map.entry("faults", Contract::callersFaults));

  private Contract() {}

  public static void main(String[] arguments) {
    boolean failed = false;
    Map<String, Part> parts = new TreeMap<>(PARTS);
    if (arguments.length > 0) {
      parts.keySet().retainAll(List.of(arguments));
    }
    for (Map.Entry<String, Part> part : parts.entrySet()) {
      long started = System.nanoTime();
      String result;
      try (CudaDevice device = CudaDevice.open(0, Generator.TENSORSEED, CHUNK)) {
        long compared = part.getValue().check(device);
        require(device.allocatedBytes() == 0, device.allocatedBytes() + " bytes are still allocated");
        result = "ok, " + compared;
      } catch (DeviceUnavailableException e) {
        System.out.println("cuda:0 cannot be used: " + e.getMessage());
        System.exit(1);
        return;
      } catch (Throwable e) {
        failed = true;
        e.printStackTrace();
        result = "FAILED " + e;
      }
      System.out.printf("%s: %s, %.1f s%n", part.getKey(), result, (System.nanoTime() - started) * 1e-9);
    }
    System.exit(failed ? 1 : 0);
  }

  static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  static Slice stretch(long start, long count) {
    return Slice.of(ENDLESS).along(0, start, count);
  }

  /// Fills a slice at an address that is misaligned by so many bytes, and compares it and what is around it with the definition.
  static long compare(CudaDevice device, Distribution law, DType dtype, Slice slice, int misalignment) {
    if (!ScalarDevice.applies(law, dtype)) {
      return 0;
    }
    long bytes = slice.shape().bytes(dtype);
    RandomStream stream = new RandomStream(KEY);
    try (Tensor room = device.allocate(DType.F8_E4M3, Shape.of(bytes + 2 * GUARD)); Arena arena = Arena.ofConfined();
         Device scalar = ScalarDevice.open()) {
      MemorySegment expected = arena.allocate(room.bytes()).fill(POISON);
      device.write(room, 0, expected);
      device.fill(device.wrap(room.memory().address() + GUARD + misalignment, dtype, slice), law, stream);
      MemorySegment actual = arena.allocate(room.bytes());
      device.read(room, 0, actual);
      scalar.fill(scalar.wrap(expected.asSlice(GUARD + misalignment, bytes), dtype, slice), law, stream);
      long at = expected.mismatch(actual);
      require(at < 0, law + " " + dtype + " " + slice + " misaligned by " + misalignment + ": byte " + (at - GUARD - misalignment) + " of "
          + bytes + " is " + byteAt(actual, at) + ", not " + byteAt(expected, at));
    }
    return slice.elements();
  }

  private static int byteAt(MemorySegment memory, long at) {
    return at < 0 ? 0 : memory.get(ValueLayout.JAVA_BYTE, at) & 0xff;
  }

  private static long laws(CudaDevice device) {
    long compared = 0;
    for (Distribution law : ScalarDevice.laws()) {
      for (DType dtype : DType.values()) {
        compared += compare(device, law, dtype, stretch(0, 5000), 0);
        compared += compare(device, law, dtype, stretch(4097, 2050), 3);
      }
    }
    return compared;
  }

  /// A last place of the least significant coefficient changes one value in some 2^18.
  private static long values(CudaDevice device) {
    long compared = 0;
    for (Distribution law : List.of(new Distribution.Normal(0, 1), new Distribution.LogNormal(0, 1), new Distribution.TruncatedNormal(0, 1, -3, 3))) {
      for (DType dtype : List.of(DType.F32, DType.F64)) {
        compared += compare(device, law, dtype, stretch(0, 1 << 20), 0);
      }
    }
    return compared;
  }

  private static long lengths(CudaDevice device) {
    long compared = 0;
    for (Distribution law : List.of(new Distribution.Uniform(-1, 1), new Distribution.Normal(0, 1), new Distribution.Signs(0.5),
        new Distribution.TruncatedNormal(0, 1, -2, 1), new Distribution.Constant(0.1))) {
      for (DType dtype : DType.values()) {
        for (int count : new int[] {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 1000, 4095, 4097}) {
          compared += compare(device, law, dtype, stretch(count * 5L % 11, count), 0);
        }
        for (int start = 0; start < 9; start++) {
          compared += compare(device, law, dtype, stretch(start, 37), 0);
        }
        for (int misalignment = 0; misalignment < 16; misalignment++) {
          compared += compare(device, law, dtype, stretch(2048 - misalignment % 3, 2 * BLOCK), misalignment);
        }
      }
    }
    return compared;
  }

  /// Where a part of the counter overflows: the subsequence at 2^18, words of the counter at 2^34 and 2^50.
  private static long carries(CudaDevice device) {
    long compared = 0;
    for (Distribution law : List.of(new Distribution.Uniform(0, 1), new Distribution.Normal(0, 1), new Distribution.Signs(1))) {
      for (DType dtype : List.of(DType.F64, DType.F32, DType.BF16, DType.F8_E5M2)) {
        for (int bits : new int[] {16, 17, 18, 31, 32, 33, 34, 35, 48, 49, 50, 52}) {
          compared += compare(device, law, dtype, stretch((1L << bits) - 2 * BLOCK - 16, 4 * BLOCK + 27), 0);
          compared += compare(device, law, dtype, stretch((1L << bits) - 3, 9), 1);
        }
      }
    }
    return compared;
  }

  private static long slices(CudaDevice device) {
    Slice matrix = Slice.of(Shape.of(70, 50));
    Slice volume = Slice.of(Shape.of(11, 9, 13, 7));
    long compared = 0;
    for (Slice slice : List.of(matrix.along(1, 0, 50), matrix.along(1, 7, 1), matrix.along(1, 3, 33), matrix.along(0, 5, 9).along(1, 1, 48),
        volume.along(1, 2, 5), volume.along(3, 2, 4), volume.along(3, 1, 3).along(2, 3, 6), volume.along(0, 1, 9).along(2, 0, 5),
        Slice.of(Shape.of()), Slice.of(Shape.of(3, 0, 4)), Slice.of(Shape.of(1L << 40, 40)).along(0, (1L << 39) - 3, 50).along(1, 5, 30))) {
      for (Distribution law : List.of(new Distribution.Uniform(0, 1), new Distribution.Normal(0, 1), new Distribution.Constant(2))) {
        for (DType dtype : DType.values()) {
          compared += compare(device, law, dtype, slice, 0);
          compared += compare(device, law, dtype, slice, 5);
        }
      }
    }
    return compared;
  }

  private static long copies(CudaDevice device) {
    if (EMULATED) {
      copiesAfterAFailure(device);
    }
    Random random = new Random(7);
    long compared = 0;
    int size = (int) (5 * CHUNK + 17);
    try (Tensor tensor = device.allocate(DType.F8_E4M3, Shape.of(size)); Arena arena = Arena.ofConfined()) {
      byte[] model = new byte[size];
      device.write(tensor, 0, MemorySegment.ofArray(model));
      int[] lengths = {1, 0, 100, (int) CHUNK - 1, (int) CHUNK, (int) CHUNK + 1, (int) (2 * CHUNK), (int) (3 * CHUNK + 5), size};
      for (int round = 0; round < 4; round++) {
        for (int length : lengths) {
          int offset = random.nextInt(size - length + 1);
          byte[] bytes = new byte[length];
          random.nextBytes(bytes);
          System.arraycopy(bytes, 0, model, offset, length);
          MemorySegment host = round % 2 == 0 ? MemorySegment.ofArray(bytes.clone()) : arena.allocate(length).copyFrom(MemorySegment.ofArray(bytes));
          device.write(tensor, offset, host);
          host.fill((byte) 0); // it is free to be used again
          if (round == 1) {
            device.synchronize();
          }
          MemorySegment back = arena.allocate(length);
          device.read(tensor, offset, back);
          require(back.mismatch(MemorySegment.ofArray(bytes)) < 0, "wrote and read " + length + " bytes at " + offset);
          compared += length;
        }
        byte[] all = new byte[size];
        device.read(tensor, 0, MemorySegment.ofArray(all));
        require(MemorySegment.ofArray(all).mismatch(MemorySegment.ofArray(model)) < 0, "everything after round " + round);
      }
      compared += clear(device, tensor, model);
    }
    return compared;
  }

  /// What is cleared is so in the order of the stream, and nothing around it.
  private static long clear(CudaDevice device, Tensor tensor, byte[] model) {
    int from = 1001;
    int count = (int) (2 * CHUNK + 3);
    Distribution one = new Distribution.Constant(1);
    Tensor part = tensor.view(from, Shape.of(count));
    device.fill(part, one, RandomStream.of(0));
    device.clear(part);
    device.clear(tensor.view(0, Shape.of(0)));
    device.fill(tensor.view(from + 5, Shape.of(7)), one, RandomStream.of(0));
    Arrays.fill(model, from, from + count, (byte) 0);
    Arrays.fill(model, from + 5, from + 12, (byte) 0x38); // 1 in E4M3: exponent 7, its bias, and mantissa 0
    byte[] all = new byte[model.length];
    device.read(tensor, 0, MemorySegment.ofArray(all));
    int at = Arrays.mismatch(all, model);
    require(at < 0, "byte " + at + " after clearing " + count + " from " + from + " on");
    return model.length;
  }

  /// An upload comes after what was there before the fence and before what follows it, and waits for nothing that was put there between the
  /// two.
  private static long uploads(CudaDevice device) {
    int size = (int) (3 * CHUNK + 5);
    RandomStream stream = RandomStream.of(1);
    try (Tensor written = device.allocate(DType.F8_E4M3, Shape.of(size)); Tensor other = device.allocate(DType.F8_E4M3, Shape.of(size));
         Tensor copy = device.allocate(DType.F8_E4M3, Shape.of(size))) {
      for (int round = 0; round < 3; round++) {
        byte[] bytes = new byte[size];
        Arrays.fill(bytes, (byte) (round + 1));
        device.fill(written, new Distribution.Constant(round), stream);
        device.fence();
        device.fill(other, new Distribution.Uniform(0, 1), stream);
        MemorySegment host = MemorySegment.ofArray(bytes.clone());
        device.upload(written, 0, host);
        host.fill((byte) 0); // it is free to be used again
        if (EMULATED && System.getenv("TENSORSEED_EMULATOR").startsWith("lazy")) {
          require(Emulator.ofProcess().report().contains("\"never_waited\": [\"uniform_f8_e4m3 (call"), "what came after the fence has run");
        }
        device.convert(written, 1, copy);
        for (Tensor each : List.of(written, copy)) {
          byte[] back = new byte[size];
          device.read(each, 0, MemorySegment.ofArray(back));
          require(Arrays.equals(back, bytes), "what was uploaded in round " + round);
        }
      }
    }
    return 6L * (3 * CHUNK + 5);
  }

  /// A copy that fails leaves none under way, which would spoil the next.
  private static void copiesAfterAFailure(CudaDevice device) {
    Emulator driver = Emulator.ofProcess();
    try (Tensor tensor = device.allocate(DType.F8_E4M3, Shape.of(100))) {
      MemorySegment bytes = MemorySegment.ofArray(new byte[100]);
      device.write(tensor, 0, bytes);
      driver.configure("fail=cuEventRecord:" + (driver.calls("cuEventRecord") + 1) + ":999");
      refused(DeviceException.class, "cuEventRecord failed with", () -> device.read(tensor, 0, bytes));
      device.write(tensor, 0, bytes.fill(POISON));
      device.read(tensor, 0, bytes.fill((byte) 0));
      require(bytes.get(ValueLayout.JAVA_BYTE, 99) == POISON, "a copy after one that failed brings " + bytes.get(ValueLayout.JAVA_BYTE, 99));
    }
  }

  /// Whole initializers, of which some read and write, in device memory and by way of it in the host's.
  private static long initializers(CudaDevice device) {
    long compared = 0;
    for (String text : List.of("he_normal(fan=out)", "glorot_uniform(dialect=keras)", "truncated_normal_sigma(0.02, k=2)", "identity(2)",
        "sparse(0.3, 0.1)", "normal(0, 0.02) with row(3) = 0", "log_normal(0, 1)", "constant(3)")) {
      Initializer initializer = Expression.parse(text).resolve(Shape.of(190, 210));
      for (DType dtype : DType.values()) {
        for (Slice slice : List.of(Slice.of(Shape.of(190, 210)), Slice.of(Shape.of(190, 210)).along(1, 1, 150).along(0, 2, 140))) {
          long bytes = slice.shape().bytes(dtype);
          RandomStream stream = RandomStream.of(42).named(text);
          try (Arena arena = Arena.ofConfined(); Device scalar = ScalarDevice.open(); Tensor tensor = device.allocate(dtype, slice)) {
            MemorySegment expected = arena.allocate(bytes);
            scalar.fill(expected, dtype, slice, initializer, stream);
            MemorySegment actual = arena.allocate(bytes);
            initializer.fill(tensor, stream);
            device.read(tensor, 0, actual);
            require(actual.mismatch(expected) < 0, text + " " + tensor + ": byte " + actual.mismatch(expected));
            device.fill(actual.fill(POISON), dtype, slice, initializer, stream);
            require(actual.mismatch(expected) < 0, text + " " + tensor + " for the host: byte " + actual.mismatch(expected));
            compared += slice.elements();
          }
        }
      }
    }
    return compared;
  }

  private static long memory(CudaDevice device) {
    Tensor first = device.allocate(DType.F32, Shape.of(1000));
    Tensor second = device.allocate(DType.F64, Shape.of(1000));
    require(device.allocatedBytes() == 12_000, "allocated " + device.allocatedBytes());
    device.fill(first, new Distribution.Constant(1), RandomStream.of(0));
    first.close(); // which must not take the memory from under the fill
    first.close();
    device.synchronize();
    require(device.allocatedBytes() == 8_000, "allocated " + device.allocatedBytes());
    try {
      device.allocate(DType.F8_E4M3, Shape.of(1L << 46));
      throw new AssertionError("2^46 bytes were allocated");
    } catch (DeviceMemoryException e) {
      require(e.requested() == 1L << 46 && e.free() >= 0 && String.valueOf(e.getMessage()).startsWith("cuda:0 has no room for "), e.toString());
    }
    CUdeviceptr pointer = new CUdeviceptr().withByteOffset(second.memory().address());
    Tensor wrapped = device.wrap(pointer.withByteOffset(80), DType.F64, Slice.of(Shape.of(10)));
    device.fill(wrapped, new Distribution.Constant(3), RandomStream.of(0));
    double[] value = new double[1];
    device.read(second, 80, MemorySegment.ofArray(value));
    require(value[0] == 3, "wrapped memory has " + value[0]);
    wrapped.close(); // which frees nothing
    device.read(second, 0, MemorySegment.ofArray(value));
    device.close();
    require(device.allocatedBytes() == 0, "allocated after closing " + device.allocatedBytes());
    second.close();
    refused(IllegalStateException.class, "cuda:0 is closed", () -> device.allocate(DType.F32, Shape.of(1)));
    return 5;
  }

  /// A training loop's context, stream and memory, on each GPU: fills are captured in a graph, which runs twice.
  private static long attached(CudaDevice device) throws Exception {
    long compared = 0;
    for (Gpu gpu : Gpu.all()) {
      compared += attached(gpu.ordinal());
    }
    return compared;
  }

  private static long attached(int ordinal) {
    CUdevice gpu = new CUdevice();
    CUcontext context = new CUcontext();
    CUstream stream = new CUstream();
    CUdeviceptr memory = new CUdeviceptr();
    CUgraph graph = new CUgraph();
    CUgraphExec runnable = new CUgraphExec();
    refused(IllegalStateException.class, "no CUDA context is current", () -> CudaDevice.attach(stream));
    succeed(JCudaDriver.cuDeviceGet(gpu, ordinal));
    succeed(JCudaDriver.cuDevicePrimaryCtxRetain(context, gpu));
    succeed(JCudaDriver.cuCtxPushCurrent(context));
    succeed(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    succeed(JCudaDriver.cuMemAlloc(memory, 2 * ELEMENTS));
    Slice slice = stretch(3, ELEMENTS);
    Distribution law = new Distribution.Normal(0, 0.02);
    byte[] expected = new byte[2 * ELEMENTS];
    try (CudaDevice attached = CudaDevice.attach(stream); Device scalar = ScalarDevice.open()) {
      require(attached.name().equals("cuda:" + ordinal), attached.name());
      scalar.fill(MemorySegment.ofArray(expected), DType.BF16, slice, law, RandomStream.of(42));
      Tensor tensor = attached.wrap(memory, DType.BF16, slice);
      succeed(JCudaDriver.cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL));
      attached.fill(tensor, law, RandomStream.of(42));
      succeed(JCudaDriver.cuStreamEndCapture(stream, graph));
      succeed(JCudaDriver.cuGraphInstantiate(runnable, graph, new CUgraphNode(), new byte[1], 1));
      for (int i = 0; i < 2; i++) {
        attached.write(tensor, 0, MemorySegment.ofArray(new byte[2 * ELEMENTS]));
        succeed(JCudaDriver.cuGraphLaunch(runnable, stream));
        byte[] actual = new byte[2 * ELEMENTS];
        attached.read(tensor, 0, MemorySegment.ofArray(actual));
        require(Arrays.equals(actual, expected), "the graph's run " + i);
      }
      CUcontext current = new CUcontext();
      succeed(JCudaDriver.cuCtxGetCurrent(current));
      require(current.equals(context), "the caller's context is not current any more");
    }
    // All of this is still the caller's.
    succeed(JCudaDriver.cuStreamSynchronize(stream));
    succeed(JCudaDriver.cuGraphExecDestroy(runnable));
    succeed(JCudaDriver.cuGraphDestroy(graph));
    succeed(JCudaDriver.cuMemFree(memory));
    succeed(JCudaDriver.cuStreamDestroy(stream));
    succeed(JCudaDriver.cuCtxPopCurrent(new CUcontext()));
    succeed(JCudaDriver.cuDevicePrimaryCtxRelease(gpu));
    return 2 * ELEMENTS;
  }

  private static void succeed(int code) {
    require(code == CUresult.CUDA_SUCCESS, "the test's own call: " + CUresult.stringFor(code));
  }

  private static long callersFaults(CudaDevice device) {
    Tensor freed = device.allocate(DType.F32, Shape.of(4));
    freed.close();
    refused(IllegalStateException.class, "has been freed", () -> device.fill(freed, new Distribution.Constant(1), RandomStream.of(0)));
    refused(IllegalStateException.class, "has been freed", () -> device.clear(freed));
    Slice four = Slice.of(Shape.of(4));
    refused(IllegalArgumentException.class, "no memory that cuda:0 knows", () -> device.wrap(0, DType.F32, four));
    refused(IllegalArgumentException.class, "needs 16", () -> device.wrap(Arena.ofAuto().allocate(15), DType.F32, four));
    refused(IllegalArgumentException.class, "no memory that cuda:0 knows", () -> device.wrap(Arena.ofAuto().allocate(16), DType.F32, four));
    refused(IllegalArgumentException.class, "no memory that cuda:0 knows", () -> device.wrap(4096, DType.F32, four));
    refused(IllegalArgumentException.class, "Java's heap", () -> device.wrap(MemorySegment.ofArray(new byte[16]), DType.F32, four));
    try (Device cpu = ScalarDevice.open(); Tensor foreign = cpu.allocate(DType.F32, four); Tensor own = device.allocate(DType.F32, four)) {
      refused(IllegalArgumentException.class, "another device", () -> device.fill(foreign, new Distribution.Constant(1), RandomStream.of(0)));
      refused(IllegalArgumentException.class, "another device", () -> device.clear(foreign));
      refused(IllegalArgumentException.class, "16 bytes from byte 1 ", () -> device.read(own, 1, MemorySegment.ofArray(new byte[16])));
      refused(IllegalArgumentException.class, "from byte -1 ", () -> device.write(own, -1, MemorySegment.ofArray(new byte[1])));
      // How near to the end of an allocation a real driver knows memory is its own affair.
      Slice longer = Slice.of(Shape.of(EMULATED ? 5 : 1L << 40));
      refused(IllegalArgumentException.class, "no memory that cuda:0 knows", () -> device.wrap(own.memory().address(), DType.F32, longer));
      refused(IllegalArgumentException.class, "not finite", () -> device.fill(own, new Distribution.Constant(1e300), RandomStream.of(0)));
    }
    if (Gpu.all().size() == 1) {
      return 13;
    }
    try (CudaDevice other = CudaDevice.open(1); Tensor foreign = other.allocate(DType.F32, four)) {
      refused(IllegalArgumentException.class, "no memory that cuda:0 knows",
          () -> device.wrap(foreign.memory().address(), DType.F32, four));
    }
    return 14;
  }

  static void refused(Class<? extends RuntimeException> type, String message, Runnable action) {
    try {
      action.run();
    } catch (RuntimeException e) {
      require(type.isInstance(e) && String.valueOf(e.getMessage()).contains(message), "expected '" + message + "', got " + e);
      return;
    }
    throw new AssertionError("expected '" + message + "', and nothing was thrown");
  }
}
