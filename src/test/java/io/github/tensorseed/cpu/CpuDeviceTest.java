package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Pipe;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Threads and memory of the host's device; the bits are tested elsewhere.
@Timeout(60)
class CpuDeviceTest {
  private static final Distribution LAW = new Distribution.Normal(0, 0.02);
  private static final RandomStream STREAM = RandomStream.of(42).named("w");

  private enum Memory {
    CONFINED, SHARED, ARRAY;

    MemorySegment of(Arena confined, Arena shared, int floats) {
      return switch (this) {
        case CONFINED -> confined.allocate(4L * floats);
        case SHARED -> shared.allocate(4L * floats);
        case ARRAY -> MemorySegment.ofArray(new float[floats]);
      };
    }
  }

  @ParameterizedTest
  @EnumSource
  void memoryOfAnyKindIsFilled(Memory kind) {
    int floats = 1_000_003;
    try (CpuDevice one = CpuDevice.open(1); CpuDevice four = CpuDevice.open(4);
        Arena confined = Arena.ofConfined(); Arena shared = Arena.ofShared()) {
      MemorySegment memory = kind.of(confined, shared, floats);
      four.fill(four.wrap(memory, DType.F32, Slice.of(Shape.of(floats))), LAW, STREAM);
      Tensor expected = one.allocate(DType.F32, Shape.of(floats));
      one.fill(expected, LAW, STREAM);
      assertThat(memory.mismatch(expected.memory())).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void memoryOfAnyKindIsCleared(Memory kind) {
    int floats = 1_000_003; // four pieces of a thread, the last one incomplete
    try (CpuDevice one = CpuDevice.open(1); CpuDevice four = CpuDevice.open(4);
        Arena confined = Arena.ofConfined(); Arena shared = Arena.ofShared()) {
      MemorySegment memory = kind.of(confined, shared, floats);
      MemorySegment expected = confined.allocate(4L * floats).fill((byte) 7);
      expected.asSlice(12, 4L * (floats - 5)).fill((byte) 0);
      for (CpuDevice device : new CpuDevice[] {one, four}) {
        memory.fill((byte) 7);
        device.clear(device.wrap(memory.asSlice(12), DType.F32, Slice.of(Shape.of(floats - 5))));
        assertThat(memory.mismatch(expected)).isEqualTo(-1);
      }
    }
  }

  @Test
  void memoryThatIsFreedIsNotCleared() {
    try (CpuDevice device = CpuDevice.open(2)) {
      Tensor tensor = device.allocate(DType.F32, Shape.of(1 << 20));
      tensor.close();
      assertThatThrownBy(() -> device.clear(tensor)).isInstanceOf(IllegalStateException.class);
    }
  }

  /// A column shard: its longest run is 300 elements, and it has 6000 of them.
  @ParameterizedTest
  @EnumSource
  void manyShortRunsAreSpreadOverTheThreads(DType dtype) {
    Slice columns = Slice.of(Shape.of(6000, 1001)).along(1, 501, 300);
    Set<Thread> seen = ConcurrentHashMap.newKeySet();
    CountDownLatch two = new CountDownLatch(2);
    Kernels watched = (law, type, key, start, count, out) -> {
      if (seen.add(Thread.currentThread())) {
        two.countDown();
        await(two); // for ever, were there only one
      }
      CpuDevice.fastest().fill(law, type, key, start, count, out);
    };
    try (CpuDevice one = CpuDevice.open(1); CpuDevice four = CpuDevice.open(4, watched)) {
      Tensor expected = one.allocate(dtype, columns);
      one.fill(expected, LAW, STREAM);
      Tensor together = four.allocate(dtype, columns);
      four.fill(together, LAW, STREAM);
      assertThat(together.memory().mismatch(expected.memory())).isEqualTo(-1);
      assertThat(seen).hasSizeGreaterThan(1);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void noHelperWritesAfterTheCallerHasFailed() {
    Thread caller = Thread.currentThread();
    CountDownLatch helping = new CountDownLatch(1);
    AtomicInteger begun = new AtomicInteger();
    AtomicInteger ended = new AtomicInteger();
    Kernels failing = (law, type, key, start, count, out) -> {
      if (Thread.currentThread() == caller) {
        await(helping);
        throw new IllegalStateException("the caller's own");
      }
      begun.incrementAndGet();
      helping.countDown();
      try {
        Thread.sleep(50);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      ended.incrementAndGet();
    };
    try (CpuDevice device = CpuDevice.open(2, failing); Tensor tensor = device.allocate(DType.F32, Shape.of(1 << 20))) {
      assertThatThrownBy(() -> device.fill(tensor, LAW, STREAM)).hasMessage("the caller's own");
      assertThat(ended).hasValue(begun.get());
      assertThat(begun.get()).isPositive();
    }
  }

  /// A thread that reads from a pipe into a tensor keeps that tensor's memory alive, and nothing else.
  @Test
  void closingFreesWhatCanBeFreed() throws IOException, InterruptedException {
    CpuDevice device = CpuDevice.open(1);
    device.allocate(DType.F32, Shape.of(100));
    Tensor used = device.allocate(DType.F32, Shape.of(10));
    device.allocate(DType.F32, Shape.of(1000));
    Pipe pipe = Pipe.open();
    Thread reader = Thread.ofPlatform().start(() -> {
      try {
        pipe.source().read(used.memory().asByteBuffer());
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    });
    while (!inNative(reader)) {
      Thread.sleep(1);
    }
    assertThatThrownBy(device::close).isInstanceOf(IllegalStateException.class);
    assertThat(device.allocatedBytes()).isEqualTo(40);
    assertThat(used.memory().get(ValueLayout.JAVA_BYTE, 0)).isZero();
    pipe.sink().close();
    reader.join();
    device.close();
    assertThat(device.allocatedBytes()).isZero();
    pipe.source().close();
  }

  /// Vector kernels write to addresses, which nothing else keeps alive.
  @Test
  void closingWaitsForAFill() throws InterruptedException {
    CountDownLatch filling = new CountDownLatch(1);
    AtomicInteger filled = new AtomicInteger();
    Thread[] closer = new Thread[1];
    Kernels slow = (law, type, key, start, count, out) -> {
      filling.countDown();
      while (closer[0].getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      filled.incrementAndGet();
      assertThat(out.scope().isAlive()).isTrue();
    };
    try (CpuDevice device = CpuDevice.open(1, slow)) {
      Tensor tensor = device.allocate(DType.F32, Shape.of(4));
      closer[0] = Thread.ofPlatform().unstarted(() -> {
        while (filling.getCount() > 0) {
          Thread.onSpinWait(); // not to be waiting for anything but the fill
        }
        tensor.close();
      });
      closer[0].start();
      device.fill(tensor, LAW, STREAM);
      closer[0].join();
      assertThat(filled).hasValue(1);
      assertThat(device.allocatedBytes()).isZero();
    }
  }

  private static boolean inNative(Thread thread) {
    StackTraceElement[] stack = thread.getStackTrace();
    return stack.length > 0 && stack[0].isNativeMethod() && stack[0].getMethodName().startsWith("read");
  }
}
