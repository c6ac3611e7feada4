package io.github.tensorseed.dlpack;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// A thousand round trips with the library that the first argument names. With the argument `late` the library looks at memory that it has
/// given back.
final class HostProgram {
  private HostProgram() {}

  public static void main(String[] arguments) {
    Foreign foreign = new Foreign(Path.of(arguments[0]));
    try (Device cpu = CpuDevice.open(1)) {
      DLPackTest.roundTrips(cpu, foreign, 1000);
      // Small enough for Java's own allocation, which is watched, too.
      Tensor tensor = cpu.allocate(DType.F32, Shape.of(1000));
      MemorySegment lent = DLPack.VERSIONED.lend(tensor);
      tensor.close();
      foreign.setBits(DLPack.VERSIONED, lent, 1, 999);
      foreign.delete(DLPack.VERSIONED, lent);
      if (arguments.length > 1) {
        foreign.bits(DLPack.VERSIONED, lent, 1);
      }
      System.out.println("live " + foreign.live() + ", twice " + foreign.twice() + ", ours " + cpu.allocatedBytes());
    }
  }
}
