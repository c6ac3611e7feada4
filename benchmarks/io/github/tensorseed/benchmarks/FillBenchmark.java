package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
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

/// Fills of touched memory, in turn with the floor: [MemorySegment#fill] of 256 MiB by as many threads.
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@State(Scope.Benchmark)
public class FillBenchmark {
  static final long FLOOR_BYTES = 256L << 20;

  /// Elements of a row: tensors smaller than this are filled again and again.
  static final long ELEMENTS = 64L << 20;

  private static final long WARM_UP_NANOS = 2_000_000_000L;

  @Param({"uniform", "normal", "truncated_normal"})
  String law = "";

  @Param({"F32", "BF16", "F16", "F64"})
  DType dtype = DType.F32;

  @Param({"67108864"})
  long tensor;

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
  }

  @SuppressWarnings("NullAway.Init")
  private CpuDevice device;

  @SuppressWarnings("NullAway.Init")
  private Distribution distribution;

  @SuppressWarnings("NullAway.Init")
  private Tensor memory;

  @Setup
  public void open() {
    device = CpuDevice.open(threads);
    memory = device.wrap(arena.allocate(tensor * dtype.bytes(), 64).fill((byte) 1), dtype, Slice.of(Shape.of(tensor)));
    floor.fill((byte) 1);
    distribution = switch (law) {
      case "uniform" -> new Distribution.Uniform(-0.05, 0.05);
      case "normal" -> new Distribution.Normal(0, 0.02);
      case "truncated_normal" -> new Distribution.TruncatedNormal(0, 0.02, -0.04, 0.04);
      default -> throw new IllegalArgumentException(law);
    };
    // Until C2 has compiled everything; vectors come in only then.
    for (long end = System.nanoTime() + WARM_UP_NANOS; System.nanoTime() < end; ) {
      device.fill(memory, distribution, RandomStream.of(1));
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    device.close();
    arena.close();
  }

  @Benchmark
  public void fill(Nanos nanos) {
    long start = System.nanoTime();
    long part = FLOOR_BYTES / threads;
    LongStream.range(0, threads).parallel().forEach(thread -> floor.asSlice(thread * part, part).fill((byte) start));
    long middle = System.nanoTime();
    for (long filled = 0; filled < ELEMENTS; filled += tensor) {
      device.fill(memory, distribution, RandomStream.of(filled));
    }
    nanos.floor = middle - start;
    nanos.row = System.nanoTime() - middle;
  }
}
