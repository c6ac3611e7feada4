package io.github.tensorseed.checkpoint;

import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.nio.file.Path;

/// A process that writes the layers of [Plans] to a directory; it says when it begins and when it has the values of each file.
final class KilledRuns {
  private KilledRuns() {}

  public static void main(String[] args) throws IOException {
    try (CpuDevice device = CpuDevice.open(2)) {
      System.out.println("begins");
      new CheckpointWriter(device, 2, _ -> System.out.println("a file"))
          .write(Plans.layout(42), Path.of(args[0]), Plans.CONFIG, Existing.RESUME, Part.WHOLE);
      System.out.println("done");
    } catch (IOException e) {
      System.out.println(e.getMessage());
    }
  }
}
