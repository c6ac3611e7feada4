package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// What a fill takes, beside a clear of the same memory that takes turns with it: medians.
///
/// @param seconds of a fill
/// @param zerosSeconds of a clear
record FillSpeed(long elements, int samples, double seconds, double zerosSeconds) {
  private static final int LEAST_SAMPLES = 3;

  /// A sample is at least this long, of several fills if need be: beside it the wait for a GPU, some 10 us, is nothing.
  private static final long SAMPLE_NANOS = 10_000_000;

  /// What is tried first where fewer elements will do.
  private static final long FEW = 1 << 12;

  /// A fill that takes more of a row's time than this part leaves too few samples.
  private static final int PART = 32;

  /// Enough for many threads, and soon filled.
  private static final long WARM_UP = 1 << 22;

  /// What is around the vector kernels is compiled within this.
  private static final long SETTLED_NANOS = 300_000_000;

  /// Fills until C2 has compiled what a law and a dtype need on the host, or the time is over.
  ///
  /// @return whether it has
  static boolean warmUp(Device cpu, Distribution law, DType dtype, long nanos) {
    long end = System.nanoTime() + nanos;
    CpuDevice.prepare(law, dtype);
    try (Tensor tensor = cpu.allocate(dtype, Shape.of(WARM_UP))) {
      long prepared = Long.MAX_VALUE;
      long now;
      do {
        cpu.clear(tensor);
        cpu.fill(tensor, law, RandomStream.of(0));
        now = System.nanoTime();
        if (prepared == Long.MAX_VALUE && CpuDevice.isPrepared(law, dtype)) {
          prepared = now;
        }
      } while (now - end < 0 && (prepared == Long.MAX_VALUE || now - prepared < SETTLED_NANOS));
      return CpuDevice.isPrepared(law, dtype);
    }
  }

  /// Measures for that long, or what a few samples take.
  ///
  /// @param fewer whether fewer elements will do where a fill of all takes too much of the time
  static FillSpeed of(Device device, Distribution law, DType dtype, long elements, boolean fewer, long nanos) {
    long end = System.nanoTime() + nanos;
    try (Tensor whole = device.allocate(dtype, Shape.of(elements)); Arena arena = Arena.ofConfined()) {
      MemorySegment waited = arena.allocate(1);
      Work clear = (tensor, _) -> device.clear(tensor);
      Work fill = (tensor, seed) -> device.fill(tensor, law, RandomStream.of(seed));
      clear.time(whole, 1, waited); // pages come into being
      long count = fewer ? Math.min(FEW, elements) : elements;
      Tensor tensor = whole.view(0, Shape.of(count));
      fill.time(tensor, 1, waited); // and buffers
      long enough = fewer ? nanos / PART : Long.MAX_VALUE;
      long once = once(fill, tensor, enough, waited);
      while (count < elements && once < enough) {
        count = Math.min(4 * count, elements);
        tensor = whole.view(0, Shape.of(count));
        once = once(fill, tensor, enough, waited);
      }
      // Zeros for as long as a fill takes: what is over sooner is less often interrupted.
      long sample = Math.max(SAMPLE_NANOS, once);
      long fills = sample / once;
      long clears = Math.max(1, sample / clear.time(tensor, 1, waited));
      List<Long> filled = new ArrayList<>();
      List<Long> cleared = new ArrayList<>();
      do {
        cleared.add(clear.time(tensor, clears, waited));
        filled.add(fill.time(tensor, fills, waited));
      } while (filled.size() < LEAST_SAMPLES || System.nanoTime() - end < 0);
      return new FillSpeed(count, filled.size(), median(filled) / fills, median(cleared) / clears);
    }
  }

  /// Nanoseconds of one fill: of the fastest of a few, should one be interrupted.
  private static long once(Work fill, Tensor tensor, long enough, MemorySegment waited) {
    long least = fill.time(tensor, 1, waited);
    for (int i = 1; i < LEAST_SAMPLES && least > enough; i++) {
      least = Math.min(least, fill.time(tensor, 1, waited));
    }
    return least;
  }

  private static double median(List<Long> nanos) {
    return nanos.stream().sorted().skip(nanos.size() / 2).findFirst().orElseThrow() * 1e-9;
  }

  private interface Work {
    void run(Tensor tensor, long seed);

    /// Nanoseconds until all is done: a GPU has only been told to when a call returns, and reading waits for it.
    default long time(Tensor tensor, long repeats, MemorySegment waited) {
      long began = System.nanoTime();
      for (long i = 0; i < repeats; i++) {
        run(tensor, i);
      }
      tensor.device().read(tensor, 0, waited);
      return Math.max(1, System.nanoTime() - began);
    }
  }
}
