package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/// Loops at first, vectors as soon as C2 has compiled them.
///
/// Until then every operation on a vector is a call with objects, some thousand times slower, and it takes seconds of that before
/// C2 begins. So a thread aside runs the vectors, on memory of its own, while loops, which are fast at once, do the work. It starts for a
/// law and dtype that have made a quarter of a million elements; before that it would cost more than it gives.
final class TieredKernels implements Kernels {
  private static final long ELEMENTS_IN_LOOPS = 1 << 18;

  /// Elements of a trial: a step or a few. C2 counts calls, and what a call does in vain is lost.
  private static final int TRIAL = 1 << 6;

  /// Every so many trials a long one is timed, in which what a call costs by itself does not count.
  private static final int TIMED = 64;
  private static final int TIMED_ELEMENTS = 1 << 10;

  /// Far more than compiled vectors need, of any width, and far less than all others.
  private static final long FAST_NANOS = 25 * TIMED_ELEMENTS;

  /// So many fast ones in a row are no luck.
  private static final int FAST_TRIALS = 3;

  /// Where there is no C2, loops it will be.
  private static final int MOST_TRIALS = 100_000;

  private final Kernels loops;
  private final Kernels vectors;
  private final Map<Use, Tier> tiers = new ConcurrentHashMap<>();

  /// What is compiled together.
  private record Use(Class<?> law, DType dtype) {}

  private static final class Tier {
    final AtomicLong elements = new AtomicLong();
    volatile boolean fast;
  }

  TieredKernels(Kernels loops, Kernels vectors) {
    this.loops = loops;
    this.vectors = vectors;
  }

  @Override
  public void fill(Distribution law, DType dtype, long key, long start, long count, MemorySegment out) {
    Tier tier = tier(law, dtype);
    if (tier.fast) {
      vectors.fill(law, dtype, key, start, count, out);
      return;
    }
    count(tier, law, dtype, count);
    loops.fill(law, dtype, key, start, count, out);
  }

  /// Begins to compile for a law and dtype, which else begins with their fills.
  void prepare(Distribution law, DType dtype) {
    count(tier(law, dtype), law, dtype, ELEMENTS_IN_LOOPS);
  }

  /// Whether vectors do the work for a law and dtype.
  boolean isPrepared(Distribution law, DType dtype) {
    return tier(law, dtype).fast;
  }

  private Tier tier(Distribution law, DType dtype) {
    return tiers.computeIfAbsent(new Use(law.getClass(), dtype), _ -> new Tier());
  }

  /// Counts elements, and starts the trials at that which makes them enough.
  private void count(Tier tier, Distribution law, DType dtype, long elements) {
    long before = tier.elements.getAndAdd(elements);
    if (before < ELEMENTS_IN_LOOPS && before + elements >= ELEMENTS_IN_LOOPS) {
      Thread.ofPlatform().daemon().name("tensorseed-warm-up").start(() -> warmUp(tier, law, dtype));
    }
  }

  private void warmUp(Tier tier, Distribution law, DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate((long) TIMED_ELEMENTS * dtype.bytes(), 64);
      int fast = 0;
      for (int trial = 1; trial <= MOST_TRIALS && fast < FAST_TRIALS; trial++) {
        boolean timed = trial % TIMED == 0;
        long began = System.nanoTime();
        vectors.fill(law, dtype, 0, 0, timed ? TIMED_ELEMENTS : TRIAL, memory);
        if (timed) {
          fast = System.nanoTime() - began < FAST_NANOS ? fast + 1 : 0;
        }
      }
      tier.fast = fast == FAST_TRIALS;
    }
  }
}
