package io.github.tensorseed.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

class FillSpeedTest {
  private static final Distribution LAW = new Distribution.Normal(0, 1);

  /// Notes what is asked of it: a fill of so many elements, zeros, a read. Zeros come by the interface's own way, which is a fill.
  private static final class Noting implements Device {
    final CpuDevice cpu = CpuDevice.open(1);
    final StringBuilder log = new StringBuilder();
    /// Fills of more elements than this take a while.
    long fast = Long.MAX_VALUE;

    @Override
    public String name() {
      return "noting";
    }

    @Override
    public Tensor allocate(DType dtype, Slice slice) {
      Tensor inner = cpu.allocate(dtype, slice);
      inner.memory().fill((byte) 7);
      return new Tensor(this, dtype, slice, inner.memory(), inner::close);
    }

    @Override
    public Tensor wrap(MemorySegment memory, DType dtype, Slice slice) {
      throw new IllegalArgumentException("no memory of others");
    }

    @Override
    public void clear(Tensor tensor) {
      log.append('z');
      Device.super.clear(tensor);
      assertThat(tensor.memory().mismatch(MemorySegment.ofArray(new byte[(int) tensor.bytes()]))).isEqualTo(-1);
    }

    @Override
    public void fill(Tensor tensor, Distribution law, RandomStream stream) {
      log.append('f');
      cpu.fill(tensor, law, stream);
      if (tensor.elements() > fast && law.equals(LAW)) {
        try {
          Thread.sleep(30);
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
    }

    @Override
    public void read(Tensor tensor, long offset, MemorySegment host) {
      log.append('r');
      cpu.read(tensor, offset, host);
    }

    @Override
    public void write(Tensor tensor, long offset, MemorySegment host) {
      throw new IllegalArgumentException("nothing is written");
    }

    @Override
    public long allocatedBytes() {
      return cpu.allocatedBytes();
    }

    @Override
    public void close() {
      cpu.close();
    }
  }

  @Test
  void fillsAndZerosTakeTurnsAndAreWaitedFor() {
    try (Noting device = new Noting()) {
      for (DType dtype : DType.values()) {
        device.log.setLength(0);
        FillSpeed speed = FillSpeed.of(device, LAW, dtype, 100_000, false, 1);
        assertThat(speed.elements()).isEqualTo(100_000);
        assertThat(speed.samples()).isEqualTo(3);
        assertThat(speed.seconds()).isPositive();
        assertThat(speed.zerosSeconds()).isPositive();
        // The first touch, two fills, zeros that are timed, and then the samples.
        assertThat(device.log).matches("zfrfrfrzfr((zf)+r(f)+r){3}");
        assertThat(device.allocatedBytes()).isZero();
      }
    }
  }

  @Test
  void fewerElementsDoWhereAllTakeTooLong() {
    try (Noting device = new Noting()) {
      device.fast = 20_000; // more than 4 times 4096 are slow: 30 ms, where a 32nd of the time is 3 ms
      FillSpeed speed = FillSpeed.of(device, LAW, DType.F32, 3_000_000, true, 100_000_000);
      assertThat(speed.elements()).isBetween(4096L, 4 * 4 * 4096L);
      device.fast = Long.MAX_VALUE;
      assertThat(FillSpeed.of(device, LAW, DType.F32, 5_000, true, 1_000_000_000).elements()).isEqualTo(5_000);
      assertThat(FillSpeed.of(device, LAW, DType.F32, 3, true, 1).elements()).isEqualTo(3);
    }
  }
}
