package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/// Fills of touched memory, in turn with the floor, [MemorySegment#fill] of 256 MiB by as many threads, and with a rival where one is
/// named.
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@State(Scope.Benchmark)
public class FillBenchmark {
  static final long FLOOR_BYTES = 256L << 20;

  /// Elements of one measurement: smaller tensors are filled again and again.
  static final long ELEMENTS = 64L << 20;

  private static final long WARM_UP_NANOS = 2_000_000_000L;

  /// Values of a rival that are looked at, of its first and of its last.
  static final int LOOKED_AT = 10_000;

  /// The class of the rival, or nothing.
  @Param({""})
  String rival = "";

  @Param({""})
  String setting = "";

  @Param({"NORMAL"})
  Law law = Law.NORMAL;

  @Param({"F32"})
  DType dtype = DType.F32;

  @Param({"67108864"})
  long elements;

  @Param({"1"})
  int threads;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment floor = arena.allocate(FLOOR_BYTES, 64);

  /// What one iteration took.
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Nanos {
    public long row;
    public long floor;
    public long rival;
  }

  @SuppressWarnings("NullAway.Init")
  private CpuDevice device;

  @SuppressWarnings("NullAway.Init")
  private Tensor memory;

  private @Nullable Rival other;

  /// How often a tensor is filled in one measurement.
  static long times(long elements) {
    return Math.max(1, ELEMENTS / elements);
  }

  @Setup
  public void open() throws Exception {
    device = CpuDevice.open(threads);
    memory = device.allocate(dtype, Shape.of(elements));
    floor.fill((byte) 1);
    // Until C2 has compiled everything; vectors come in only then.
    warmUp(() -> device.fill(memory, law.weights(), RandomStream.of(1)));
    if (!rival.isEmpty()) {
      other = Objects.requireNonNull(Rival.named(rival), rival);
      other.open(setting, law, dtype, Math.toIntExact(elements), threads);
      warmUp(other::fill);
      int count = (int) Math.min(elements, LOOKED_AT);
      String who = other.name() + " " + setting;
      requireLaw(who, other.makes(law), other.values(0, count));
      requireLaw(who, other.makes(law), other.values((int) elements - count, count));
    }
  }

  private static void warmUp(Runnable fill) {
    for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
      fill.run();
    }
  }

  /// Mean and standard deviation within six standard errors, and a step of bf16, of what the law has: who writes something else is no
  /// rival.
  static void requireLaw(String who, Distribution law, double[] values) {
    Distribution.Moments expected = law.moments();
    double mean = Arrays.stream(values).average().orElseThrow();
    double std = Math.sqrt(Arrays.stream(values).map(value -> (value - mean) * (value - mean)).average().orElseThrow());
    double most = 6 / Math.sqrt(values.length) + 0x1p-8;
    if (!(Math.abs(mean - expected.mean()) <= most * expected.std() && Math.abs(std / expected.std() - 1) <= most)) {
      throw new IllegalStateException(who + ": mean " + mean + " and standard deviation " + std + " of " + values.length
          + " values where " + law + " has " + expected);
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    if (other != null) {
      other.close();
    }
    memory.close();
    device.close();
    arena.close();
  }

  @Benchmark
  public void fill(Nanos nanos) {
    long times = times(elements);
    long start = System.nanoTime();
    long part = FLOOR_BYTES / threads;
    Rival.each(threads, thread -> floor.asSlice(thread * part, part).fill((byte) start));
    long middle = System.nanoTime();
    for (long i = 0; i < times; i++) {
      device.fill(memory, law.weights(), RandomStream.of(i));
    }
    long end = System.nanoTime();
    nanos.floor = middle - start;
    nanos.row = end - middle;
    if (other != null) {
      for (long i = 0; i < times; i++) {
        other.fill();
      }
      nanos.rival = System.nanoTime() - end;
    }
  }
}
