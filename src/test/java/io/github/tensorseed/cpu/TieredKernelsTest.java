package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Uniform;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class TieredKernelsTest {
  private static final long MANY = 1 << 18;

  private final AtomicLong inLoops = new AtomicLong();
  private final AtomicLong inVectors = new AtomicLong();
  private final CountDownLatch tried = new CountDownLatch(192);

  /// Counts elements instead of making them; trials have key 0.
  private TieredKernels counting() {
    return new TieredKernels(
        (_, _, _, _, count, _) -> inLoops.addAndGet(count),
        (_, _, key, _, count, _) -> {
          if (key == 0) {
            tried.countDown();
          } else {
            inVectors.addAndGet(count);
          }
        });
  }

  @Test
  void fewElementsAreMadeInLoopsAndStartNothing() {
    TieredKernels kernels = counting();
    kernels.fill(new Normal(0, 1), DType.F32, 1, 0, MANY - 1, MemorySegment.NULL);
    assertThat(inLoops).hasValue(MANY - 1);
    assertThat(tried.getCount()).isEqualTo(192);
  }

  @Test
  void vectorsTakeOverOnceTheyAreFastForThatLawAndDtype() throws InterruptedException {
    TieredKernels kernels = counting();
    kernels.fill(new Normal(0, 1), DType.F32, 1, 0, MANY, MemorySegment.NULL);
    assertThat(inLoops).hasValue(MANY);
    assertThat(tried.await(30, TimeUnit.SECONDS)).isTrue();
    for (int wait = 0; wait < 3000 && inVectors.get() == 0; wait++) {
      Thread.sleep(10);
      kernels.fill(new Normal(5, 2), DType.F32, 1, 0, 7, MemorySegment.NULL); // another normal, the same code
    }
    assertThat(inVectors).hasValue(7);
    assertThat(kernels.isPrepared(new Normal(0, 1), DType.F32)).isTrue();
    assertThat(kernels.isPrepared(new Normal(0, 1), DType.BF16)).isFalse();
    long before = inLoops.get();
    kernels.fill(new Normal(0, 1), DType.BF16, 1, 0, 11, MemorySegment.NULL);
    kernels.fill(new Uniform(0, 1), DType.F32, 1, 0, 13, MemorySegment.NULL);
    assertThat(inLoops).hasValue(before + 11 + 13);
  }

  @Test
  void whatIsPreparedIsTriedBeforeAnythingIsFilled() throws InterruptedException {
    TieredKernels kernels = counting();
    kernels.prepare(new Normal(0, 1), DType.F32);
    assertThat(tried.await(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void theBitsAreTheSameBeforeAndAfter() {
    VectorKernels vectors = new VectorKernels();
    TieredKernels kernels = new TieredKernels(new LoopKernels(), (law, dtype, key, start, count, out) -> {
      vectors.fill(law, dtype, key, start, count, out);
      inVectors.addAndGet(key == 0 ? 0 : 1);
    });
    int piece = 1 << 16;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment expected = arena.allocate(2L * piece);
      MemorySegment made = arena.allocate(2L * piece);
      Normal law = new Normal(0, 0.02);
      new ScalarKernels().fill(law, DType.BF16, 42, 12345, piece, expected);
      for (int i = 0; i < 100_000 && inVectors.get() < 3; i++) {
        made.fill((byte) -1);
        kernels.fill(law, DType.BF16, 42, 12345, piece, made);
        assertThat(made.mismatch(expected)).isEqualTo(-1);
      }
    }
    assertThat(inVectors).hasValue(3);
  }
}
