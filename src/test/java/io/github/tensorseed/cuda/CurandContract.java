package io.github.tensorseed.cuda;

import static io.github.tensorseed.cuda.Contract.KEY;
import static io.github.tensorseed.cuda.Contract.compare;
import static io.github.tensorseed.cuda.Contract.refused;
import static io.github.tensorseed.cuda.Contract.require;
import static io.github.tensorseed.cuda.Contract.stretch;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Generator;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Philox;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.Agreement;
import io.github.tensorseed.cpu.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;
import jcuda.jcurand.JCurand;
import jcuda.jcurand.curandGenerator;
import jcuda.jcurand.curandOrdering;
import jcuda.jcurand.curandRngType;

/// What `cuda:0` has to do with cuRAND's generators, as a program. It prints a line for each part and ends with 0 if all hold. The argument
/// `thorough` has it compare more.
final class CurandContract {
  private static final List<Distribution> LAWS =
      List.of(new Distribution.Uniform(-0.05, 0.05), new Distribution.Normal(0.5, 2), new Distribution.LogNormal(0, 1));
  private static final Distribution UNIFORM = new Distribution.Uniform(-0.1, 0.2);
  private static final Distribution NORMAL = new Distribution.Normal(0, 1);
  private static final RandomStream STREAM = new RandomStream(KEY);
  /// Of which the scratch is made, 64 KB, so that little data goes through it many times.
  private static final long CHUNK = 4 << 10;
  /// More than the scratch holds of any type.
  private static final Shape LARGE = Shape.of(70, 1001);

  private final CudaDevice device;
  private final int values;

  private CurandContract(CudaDevice device, boolean thorough) {
    this.device = device;
    values = thorough ? 1 << 22 : 20_000;
  }

  private interface Part {
    /// Returns how much was compared.
    long check() throws Exception;
  }

  public static void main(String[] arguments) throws Exception {
    try (CudaDevice philox = CudaDevice.open(0, Generator.CURAND, CHUNK)) {
      CurandContract contract = new CurandContract(philox, List.of(arguments).contains("thorough"));
      run("words", contract::words);
      run("uniforms", contract::uniforms);
      run("carries", contract::carries);
      run("normals", contract::normals);
      run("slices", contract::slices);
      run("own", contract::ownLaws);
      run("initializers", contract::initializers);
      run("threads", contract::threads);
      require(philox.allocatedBytes() == 0, philox.allocatedBytes() + " bytes are still allocated");
    }
    try (CudaDevice xorwow = CudaDevice.open(0, Generator.CURAND_XORWOW, CHUNK)) {
      run("xorwow", new CurandContract(xorwow, false)::xorwow);
      require(xorwow.allocatedBytes() == 0, xorwow.allocatedBytes() + " bytes are still allocated");
    }
  }

  private static void run(String name, Part part) throws Exception {
    long started = System.nanoTime();
    long compared = part.check();
    System.out.printf("%s: ok, %d, %.1f s%n", name, compared, (System.nanoTime() - started) * 1e-9);
  }

  /// The library's own, on the device, which ours are to be.
  private long words() {
    CUdevice gpu = new CUdevice();
    CUcontext context = new CUcontext();
    curandGenerator generator = new curandGenerator();
    long compared = 0;
    succeed(JCudaDriver.cuDeviceGet(gpu, 0));
    succeed(JCudaDriver.cuDevicePrimaryCtxRetain(context, gpu));
    succeed(JCudaDriver.cuCtxPushCurrent(context));
    succeed(JCurand.curandCreateGenerator(generator, curandRngType.CURAND_RNG_PSEUDO_PHILOX4_32_10));
    succeed(JCurand.curandSetGeneratorOrdering(generator, curandOrdering.CURAND_ORDERING_PSEUDO_LEGACY));
    succeed(JCurand.curandSetPseudoRandomGeneratorSeed(generator, KEY));
    for (long start : new long[] {0, (1L << 18) - 4000, (1L << 34) - 4000, (1L << 50) - 4000}) {
      int count = start == 0 ? values : 8000;
      int[] words = new int[count];
      try (Tensor tensor = device.allocate(DType.F32, Shape.of(count))) {
        succeed(JCurand.curandSetGeneratorOffset(generator, start));
        succeed(JCurand.curandGenerate(generator, Context.devicePointer(tensor.memory().address()), count));
        succeed(JCudaDriver.cuCtxSynchronize());
        device.read(tensor, 0, MemorySegment.ofArray(words));
      }
      int[] block = new int[4];
      for (int i = 0; i < count; i++) {
        Philox.block(KEY, (start + i) >>> 2, block);
        require(words[i] == block[(int) (start + i) & 3], "word " + (start + i));
      }
      compared += count;
    }
    succeed(JCurand.curandDestroyGenerator(generator));
    succeed(JCudaDriver.cuCtxPopCurrent(context));
    succeed(JCudaDriver.cuDevicePrimaryCtxRelease(gpu));
    return compared;
  }

  private static void succeed(int code) {
    require(code == 0, "the test's own call: " + code);
  }

  /// Those have the bits of the definition.
  private long uniforms() {
    long compared = 0;
    for (DType dtype : DType.values()) {
      for (Distribution law : ScalarDevice.laws()) {
        if (law instanceof Distribution.Uniform) {
          compared += compare(device, law, dtype, stretch(0, 5000), 0) + compare(device, law, dtype, stretch(4099, 2050), 3);
        }
      }
      for (int count = 0; count < 18; count++) {
        for (int start = 0; start < 5; start++) {
          compared += compare(device, UNIFORM, dtype, stretch(start, count), 0);
        }
      }
      for (int count : new int[] {1000, 4097}) {
        for (int misalignment = 0; misalignment < 16; misalignment++) {
          compared += compare(device, UNIFORM, dtype, stretch(2048 - misalignment % 5, count), misalignment);
        }
      }
      compared += compare(device, UNIFORM, dtype, Slice.of(LARGE), 0) + compare(device, UNIFORM, dtype, Slice.of(LARGE), 8)
          + compare(device, UNIFORM, dtype, Slice.of(Shape.of(values)), 0);
    }
    return compared;
  }

  /// Where a part of the counter overflows; for F64, where each subsequence goes on, too.
  private long carries() {
    long compared = 0;
    for (DType dtype : List.of(DType.F64, DType.F32, DType.BF16)) {
      for (int bits : new int[] {16, 17, 18, 19, 32, 34, 49, 50, 52}) {
        for (long start : new long[] {(1L << bits) - 2051, (1L << bits) - 3, 1L << bits, 3L << bits}) {
          compared += compare(device, UNIFORM, dtype, stretch(start, 4500), 0) + compare(device, UNIFORM, dtype, stretch(start, 9), 1);
        }
      }
      // More than one call is asked for, and two rounds of doubles.
      compared += compare(device, UNIFORM, dtype, stretch((5L << 18) - 7, (4 << 18) + 4097), 0);
    }
    return compared;
  }

  /// Near those of the definition, by the bounds of STREAM.md; narrower types have the F32 values, rounded.
  private long normals() {
    long compared = 0;
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      Agreement agreement = dtype == DType.F32 ? new Agreement(8, 1e-6) : new Agreement(4, 4e-15);
      for (Slice slice : List.of(Slice.of(Shape.of(values)), stretch((1L << 18) - 1001, 3000), stretch((1L << 34) - 1001, 3000),
          stretch((1L << 50) - 1001, 3000))) {
        double[] theirs = values(device, NORMAL, dtype, slice);
        double[] ours;
        try (Device scalar = ScalarDevice.open()) {
          ours = values(scalar, NORMAL, dtype, slice);
        }
        for (int i = 0; i < ours.length; i++) {
          double ulp = dtype == DType.F32 ? Math.ulp((float) theirs[i]) : Math.ulp(theirs[i]);
          agreement.compare(dtype + " normal " + (slice.start() + i), ours[i], theirs[i], ulp);
        }
        compared += ours.length;
      }
      agreement.report(dtype + " normals of our kernels and of the generator " + device.generator());
    }
    for (Distribution law : LAWS) {
      double[] wide = values(device, law, DType.F32, stretch(3, 5001));
      for (DType dtype : List.of(DType.BF16, DType.F16, DType.F8_E4M3, DType.F8_E5M2)) {
        double[] narrow = values(device, law, dtype, stretch(3, 5001));
        for (int i = 0; i < wide.length; i++) {
          require(narrow[i] == dtype.widen(dtype.round((float) wide[i])), law + " " + dtype + " " + i + " is " + narrow[i] + " of " + wide[i]);
        }
        compared += wide.length;
      }
    }
    double[] constant = values(device, new Distribution.Normal(0.3, 0), DType.F64, stretch(1, 100));
    for (double value : constant) {
      require(value == 0.3, "normal(0.3, 0) is " + value);
    }
    return compared;
  }

  private static double[] values(Device device, Distribution law, DType dtype, Slice slice) {
    try (Tensor tensor = device.allocate(dtype, slice)) {
      device.fill(tensor, law, STREAM);
      return tensor.toDoubles();
    }
  }

  /// A slice has what the whole has there.
  private long slices() {
    Slice volume = Slice.of(Shape.of(11, 9, 13, 7));
    Slice matrix = Slice.of(LARGE);
    long compared = 0;
    for (Slice slice : List.of(volume.along(1, 2, 5), volume.along(3, 2, 4), volume.along(3, 1, 3).along(2, 3, 6),
        volume.along(0, 1, 9).along(2, 0, 5), Slice.of(Shape.of()), Slice.of(Shape.of(3, 0, 4)), matrix.along(1, 3, 333),
        matrix.along(0, 10, 50).along(1, 0, 1000), matrix.along(1, 7, 1), matrix.along(0, 3, 60))) {
      for (Distribution law : LAWS) {
        for (DType dtype : DType.values()) {
          MemorySegment whole = bytes(law, dtype, Slice.of(slice.whole()), 0);
          for (int misalignment : new int[] {0, 5}) {
            MemorySegment part = bytes(law, dtype, slice, misalignment);
            int width = dtype.bytes();
            slice.forEachRun(run -> require(
                MemorySegment.mismatch(part, run.position() * width, (run.position() + run.count()) * width,
                    whole, run.start() * width, (run.start() + run.count()) * width) < 0,
                law + " " + dtype + " " + slice + " misaligned by " + misalignment + ": the run at " + run.position()));
            compared += slice.elements();
          }
        }
      }
    }
    // Zeros of both signs, by underflow, straight and through the scratch.
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      Distribution tiny = new Distribution.Normal(-0.0, dtype == DType.F32 ? Float.MIN_VALUE : Double.MIN_VALUE);
      Slice slice = stretch(0, 1000);
      require(bytes(tiny, dtype, slice, 0).mismatch(bytes(tiny, dtype, slice, 5)) < 0, tiny + " " + dtype);
      require(Arrays.stream(values(device, tiny, dtype, slice)).anyMatch(value -> value == 0 && 1 / value < 0), "no -0 in " + dtype);
      compared += slice.elements();
    }
    return compared;
  }

  private MemorySegment bytes(Distribution law, DType dtype, Slice slice, int misalignment) {
    long bytes = slice.shape().bytes(dtype);
    try (Tensor room = device.allocate(DType.F8_E4M3, Shape.of(bytes + 16))) {
      device.fill(device.wrap(room.memory().address() + misalignment, dtype, slice), law, STREAM);
      MemorySegment host = Arena.ofAuto().allocate(bytes);
      device.read(room, misalignment, host);
      return host;
    }
  }

  /// What cuRAND has no law for is made by our kernels.
  private long ownLaws() {
    long compared = 0;
    for (Distribution law : List.of(new Distribution.Signs(0.5), new Distribution.TruncatedNormal(0, 1, -2, 1), new Distribution.Constant(0.1))) {
      for (DType dtype : DType.values()) {
        compared += compare(device, law, dtype, stretch(7, 3001), 1);
      }
    }
    return compared;
  }

  /// In pieces for the host as in one for the device.
  private long initializers() {
    long compared = 0;
    Shape shape = Shape.of(190, 210);
    for (String text : List.of("he_normal(fan=out)", "glorot_uniform(dialect=keras)", "sparse(0.3, 0.1)", "normal(0, 0.02) with row(3) = 0")) {
      Initializer initializer = Expression.parse(text).resolve(shape);
      for (DType dtype : DType.values()) {
        for (Slice slice : List.of(Slice.of(shape), Slice.of(shape).along(1, 1, 150).along(0, 2, 140))) {
          try (Arena arena = Arena.ofConfined(); Tensor tensor = device.allocate(dtype, slice)) {
            initializer.fill(tensor, STREAM);
            MemorySegment expected = arena.allocate(tensor.bytes());
            device.read(tensor, 0, expected);
            MemorySegment actual = arena.allocate(tensor.bytes());
            device.fill(actual, dtype, slice, initializer, STREAM);
            require(actual.mismatch(expected) < 0, text + " " + tensor + ": byte " + actual.mismatch(expected));
            compared += slice.elements();
          }
        }
      }
    }
    return compared;
  }

  /// One generator, whose seed and offset each of them sets, and one scratch.
  private long threads() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(4); Device scalar = ScalarDevice.open()) {
      List<Future<Long>> results = threads.invokeAll(List.of(DType.F32, DType.BF16, DType.F64, DType.F8_E4M3).stream()
          .<Callable<Long>>map(dtype -> () -> {
            for (int i = 0; i < 20; i++) {
              RandomStream stream = RandomStream.of(i).named(dtype.name());
              Slice slice = stretch(i * 37L, 3000 + i);
              try (Tensor tensor = device.allocate(dtype, slice); Tensor expected = scalar.allocate(dtype, slice)) {
                device.fill(tensor, UNIFORM, stream);
                scalar.fill(expected, UNIFORM, stream);
                byte[] bytes = new byte[(int) tensor.bytes()];
                device.read(tensor, 0, MemorySegment.ofArray(bytes));
                require(MemorySegment.ofArray(bytes).mismatch(expected.memory()) < 0, dtype + " of " + Thread.currentThread().getName());
              }
            }
            return 20L;
          }).toList());
      long compared = 0;
      for (Future<Long> result : results) {
        compared += result.get();
      }
      return compared;
    }
  }

  /// Whole tensors, by whatever way; and nothing else.
  private long xorwow() {
    // The first words of curandCreateGeneratorHost of libcurand 10.3.0 with this seed, in legacy ordering.
    double[] first = values(device, new Distribution.Uniform(0, 1), DType.F32, Slice.of(Shape.of(5)));
    long[] words = {0xecf7189aL, 0x6643d0fbL, 0x6d8a7978L, 0x39f331efL};
    for (int i = 0; i < words.length; i++) {
      require(first[i] == Math.fma((float) words[i], 0x1p-32f, 0x1p-33f), "uniform " + i + " is " + first[i]);
    }
    long compared = 0;
    for (Distribution law : LAWS) {
      for (Shape shape : List.of(Shape.of(0), Shape.of(1), Shape.of(7), Shape.of(4097), LARGE)) {
        Slice whole = Slice.of(shape);
        MemorySegment wide = bytes(law, DType.F32, whole, 0);
        for (DType dtype : DType.values()) {
          MemorySegment made = bytes(law, dtype, whole, 0);
          require(made.mismatch(bytes(law, dtype, whole, 7)) < 0, law + " " + dtype + " " + shape + " in another place");
          for (long i = 0; i < whole.elements() && dtype != DType.F64; i++) {
            int rounded = dtype.round(Float.intBitsToFloat((int) DType.F32.bits(wide, i)));
            require(dtype.bits(made, i) == Integer.toUnsignedLong(rounded), law + " " + dtype + " " + shape + ": element " + i);
          }
          MemorySegment pieces = Arena.ofAuto().allocate(made.byteSize());
          long at = 0;
          for (Slice slice : whole.chunks(20_001)) {
            device.fill(pieces.asSlice(at), dtype, slice, law, STREAM);
            at += slice.shape().bytes(dtype);
          }
          require(pieces.mismatch(made) < 0, law + " " + dtype + " " + shape + " in pieces for the host");
          compared += whole.elements();
        }
      }
    }
    try (Tensor part = device.allocate(DType.F32, Slice.of(Shape.of(8)).along(0, 0, 4)); Tensor four = device.allocate(DType.F32, Shape.of(4))) {
      refused(IllegalArgumentException.class, "makes whole tensors only", () -> device.fill(part, NORMAL, STREAM));
      refused(IllegalArgumentException.class, "take the generator curand or tensorseed", () -> device.fill(part, UNIFORM, STREAM));
      refused(IllegalArgumentException.class, "signs(1): cuRAND has no such law", () -> device.fill(four, new Distribution.Signs(1), STREAM));
      refused(IllegalArgumentException.class, "take the generator curand or tensorseed",
          () -> device.fill(four, new Distribution.TruncatedNormal(0, 1, -2, 2), STREAM));
      device.fill(part, new Distribution.Constant(3), STREAM);
      require(part.toDoubles()[3] == 3, "a slice of a constant");
    }
    return compared;
  }
}
