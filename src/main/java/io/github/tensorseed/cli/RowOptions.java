package io.github.tensorseed.cli;

import io.github.tensorseed.Device;
import io.github.tensorseed.Generator;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Batches;
import io.github.tensorseed.whitening.RowFile;
import java.io.IOException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// Rows of data, and where they are worked on.
final class RowOptions {
  @Spec(Spec.Target.MIXEE) CommandSpec command = CommandSpec.create();

  @Option(names = "--data", required = true, paramLabel = "FILE[:NAME]",
      description = "Rows: .npy, .safetensors (of several tensors the one of NAME), IDX as MNIST comes, gzipped or not; or FILE:D, bare"
          + " little-endian f32 of D features. All axes but the first are features. Bytes become 0 to 1. Of any size: rows are streamed.")
  String data = "";

  @Option(names = "--batch", paramLabel = "N", description = "Rows that are read at a time. Default: 64 MiB of them, at most 16384.")
  @Nullable Long batch;

  @Option(names = "--device", paramLabel = "DEVICE", defaultValue = "auto",
      description = "auto, cpu or cuda:N. The last digits depend on it. Default: ${DEFAULT-VALUE}.")
  String device = "auto";

  @Mixin ThreadOptions threads = new ThreadOptions();

  /// Does something with a batch.
  interface Use {
    void use(Tensor batch) throws IOException;
  }

  /// @throws IOException also if there are no rows
  RowFile file() throws IOException {
    RowFile file = RowFile.open(data);
    if (file.rows() == 0) {
      file.close();
      throw new IOException(data + " has no rows");
    }
    return file;
  }

  Device device() {
    return DeviceOptions.open(command, device, threads.count(), Generator.TENSORSEED);
  }

  Batches batches(RowFile file, Device device) {
    if (batch != null && batch < 1) {
      throw new IllegalArgumentException("--batch " + batch + ": give at least 1 row");
    }
    return batch == null ? Batches.open(file, device) : Batches.open(file, device, batch);
  }

  /// Streams all rows through the device.
  ///
  /// @throws IllegalArgumentException for rows that cannot be taken, with the file
  void forEach(String task, RowFile file, Batches batches, Use use) throws IOException {
    long width = file.features() * file.dtype().bytes();
    long done = 0;
    try (Progress progress = new Progress(task, file.rows() * width)) {
      for (Tensor next; (next = batches.next()) != null; ) {
        use.use(next);
        done += next.shape().extent(0);
        progress.accept(next.bytes());
        progress.note(Units.count(done, "row"));
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(data + ": " + e.getMessage(), e);
    }
  }

  /// What it took to stream all rows.
  static String rate(RowFile file, double seconds) {
    return String.format(Locale.ROOT, "%.2f s, %.2f GB/s", seconds,
        (double) file.rows() * file.features() * file.dtype().bytes() * 1e-9 / seconds);
  }
}
