package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Generator;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.benchmarks.Results.GpuRow;
import io.github.tensorseed.benchmarks.Results.GpuSpeed;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.cuda.CudaDevice;
import io.github.tensorseed.cuda.Gpu;
import io.github.tensorseed.cuda.Library;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/// A way to fill a GPU's memory, in turn with the driver's memset of the same memory.
///
/// A loop in the suite's own process measures it: what JMH and its forks keep apart is the work of Java's compiler, and here Java only puts
/// launches on a stream. Context and stream are a row's own, so that a row that loses the GPU takes no other with it.
enum GpuFill {
  /// Our kernels.
  KERNELS(Results.OURS, ""),
  /// Our device, with cuRAND to make what it has.
  BY_CURAND(Results.OURS, Generator.CURAND.toString()),
  /// cuRAND's host API alone. Uniforms are standard.
  CURAND("cuRAND", "Philox"),
  /// Standard values of cuRAND, then a pass of cuBLAS that scales them, as in frameworks.
  CURAND_AND_PASS("cuRAND and cuBLAS", "Philox, scal");

  /// A sample is at least this long, of many fills if need be: beside it one wait, some 10 us, is nothing.
  private static final long SAMPLE_NANOS = 20_000_000;
  private static final int SAMPLES = 11;

  private static final long SEED = 42;

  final String by;
  final String setting;

  GpuFill(String by, String setting) {
    this.by = by;
    this.setting = setting;
  }

  boolean makes(Law law, DType dtype) {
    return switch (this) {
      case KERNELS -> true;
      case BY_CURAND -> law != Law.TRUNCATED_NORMAL;
      case CURAND, CURAND_AND_PASS -> law != Law.TRUNCATED_NORMAL && (dtype == DType.F32 || dtype == DType.F64);
    };
  }

  /// Why it cannot be measured here, or nothing.
  String missing() {
    try {
      version();
      return "";
    } catch (DeviceUnavailableException e) {
      return String.valueOf(e.getMessage());
    }
  }

  /// Of NVIDIA's libraries, which are loaded by that.
  private String version() {
    return switch (this) {
      case KERNELS -> "";
      case BY_CURAND, CURAND -> "cuRAND " + Library.CURAND.found().version();
      case CURAND_AND_PASS -> "cuRAND " + Library.CURAND.found().version() + ", cuBLAS " + Library.CUBLAS.found().version();
    };
  }

  /// What the values follow.
  private Distribution values(Law law) {
    return switch (this) {
      case KERNELS, BY_CURAND -> law.weights();
      case CURAND -> law == Law.UNIFORM ? law.standard() : law.weights();
      case CURAND_AND_PASS -> law == Law.UNIFORM ? new Distribution.Uniform(0, scale(law)) : law.weights();
    };
  }

  /// What makes standard values as wide as weights.
  private static double scale(Law law) {
    return law.weights().moments().std() / law.standard().moments().std();
  }

  /// Whether the values have the bits of the CPU's: ours have, and cuRAND's uniforms have where our device asks for them.
  private boolean hasBits(Law law) {
    return this == KERNELS || this == BY_CURAND && law == Law.UNIFORM;
  }

  /// Fills, looks at the values, and measures.
  ///
  /// @throws IllegalStateException if the values are not those of the law
  GpuRow measure(Gpu gpu, Law law, DType dtype, long elements) {
    CUdevice device = new CUdevice();
    CUcontext context = new CUcontext();
    CUstream stream = new CUstream();
    require(JCudaDriver.cuDeviceGet(device, gpu.ordinal()));
    require(JCudaDriver.cuCtxCreate(context, 0, device)); // and is current now
    try {
      require(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
      try (CudaDevice attached = CudaDevice.attach(stream, this == BY_CURAND ? Generator.CURAND : Generator.TENSORSEED);
           Tensor memory = attached.allocate(dtype, Shape.of(elements))) {
        if (this == KERNELS || this == BY_CURAND) {
          return row(gpu, law, memory, seed -> attached.fill(memory, law.weights(), RandomStream.of(seed)));
        }
        try (CurandOnDevice curand = new CurandOnDevice(stream, memory)) {
          return row(gpu, law, memory, _ -> {
            if (this == CURAND) {
              curand.generate(law, law.weights().moments().std());
            } else {
              curand.generate(law, 1);
              curand.scale(scale(law));
            }
          });
        }
      }
    } finally {
      JCudaDriver.cuCtxDestroy(context); // with all that is in it; if a failure of before comes up again here, it is known
    }
  }

  private static void require(int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw new DeviceException("the driver says " + CUresult.stringFor(code));
    }
  }

  private GpuRow row(Gpu gpu, Law law, Tensor memory, LongConsumer fill) {
    memory.device().clear(memory);
    fill.accept(SEED);
    requireValues(law, memory);
    boolean emulated = gpu.emulated();
    GpuSpeed speed = speed(memory, fill, emulated ? 0 : SAMPLE_NANOS);
    return new GpuRow("fill", gpu.device(), emulated, by, version(), setting, law.toString(), Suite.text(memory.dtype()), memory.elements(),
        emulated ? null : speed);
  }

  /// The first and the last values: their bits, or their mean and standard deviation.
  private void requireValues(Law law, Tensor memory) {
    DType dtype = memory.dtype();
    int count = (int) Math.min(memory.elements(), FillBenchmark.LOOKED_AT);
    try (Arena arena = Arena.ofConfined(); Device cpu = CpuDevice.open(1)) {
      MemorySegment values = arena.allocate((long) count * dtype.bytes(), Long.BYTES);
      MemorySegment expected = arena.allocate(values.byteSize(), Long.BYTES);
      for (long from : new long[] {0, memory.elements() - count}) {
        memory.device().read(memory, from * dtype.bytes(), values);
        if (hasBits(law)) {
          cpu.fill(expected, dtype, memory.slice().along(0, from, count), law.weights(), RandomStream.of(SEED));
          long at = values.mismatch(expected);
          if (at >= 0) {
            throw new IllegalStateException("element " + (from + at / dtype.bytes()) + " has not the bits of the CPU's");
          }
        } else {
          FillBenchmark.requireLaw(by, values(law), IntStream.range(0, count).mapToDouble(i -> dtype.get(values, i)).toArray());
        }
      }
    }
  }

  private static GpuSpeed speed(Tensor memory, LongConsumer fill, long sample) {
    LongConsumer memset = _ -> memory.device().clear(memory);
    long memsets = enough(memset, memory, sample);
    long fills = enough(fill, memory, sample);
    double[] cleared = new double[SAMPLES];
    double[] filled = new double[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
      cleared[i] = seconds(memset, memsets, memory);
      filled[i] = seconds(fill, fills, memory);
    }
    return GpuSpeed.of(memory.elements(), memory.bytes(), median(filled) / fills, "memset", median(cleared) / memsets, SAMPLES);
  }

  /// How many make a sample. What is loaded or compiled at first is so by then.
  private static long enough(LongConsumer work, Tensor memory, long nanos) {
    long repeats = 1;
    while (seconds(work, repeats, memory) * 1e9 < nanos) {
      repeats *= 2;
    }
    return repeats;
  }

  /// Until all is done: a GPU has only been told to when a call returns, and reading waits for it.
  private static double seconds(LongConsumer work, long repeats, Tensor memory) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment waited = arena.allocate(1);
      long start = System.nanoTime();
      for (long i = 0; i < repeats; i++) {
        work.accept(i);
      }
      memory.device().read(memory, 0, waited);
      return (System.nanoTime() - start) * 1e-9;
    }
  }

  static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }
}
