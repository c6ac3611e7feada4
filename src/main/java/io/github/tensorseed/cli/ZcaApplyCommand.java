package io.github.tensorseed.cli;

import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.TensorFile;
import io.github.tensorseed.whitening.Batches;
import io.github.tensorseed.whitening.RowFile;
import io.github.tensorseed.whitening.Whitening;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed zca apply`.
@Command(
    name = "apply",
    description = "Makes rows white by a fit, or white rows what they were.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "The result is F32, of F64 rows F64. ZCA keeps the shape of the data; PCA gives [rows, rank].",
      "",
      "Examples:",
      "  tensorseed zca apply --with zca.safetensors --data x.npy --out white.npy",
      "  tensorseed zca apply --with zca.safetensors --data white.npy --inverse --out x2.npy",
    })
final class ZcaApplyCommand implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Option(names = "--with", required = true, paramLabel = "FILE", description = "What 'tensorseed zca fit' wrote.")
  Path with = Path.of("");

  @Mixin RowOptions rows = new RowOptions();

  @Option(names = "--out", required = true, paramLabel = "FILE", description = "The .npy or .safetensors file to write.")
  Path out = Path.of("");

  @Option(names = "--inverse", description = "Takes white rows back: colours them.")
  boolean inverse;

  @Option(names = "--json", description = "Reports in JSON.")
  boolean json;

  @Override
  public Integer call() throws IOException {
    TensorFile.requireFree(out, false);
    long started = System.nanoTime();
    try (RowFile file = rows.file(); Device device = rows.device(); Whitening whitening = Whitening.load(with, device)) {
      boolean pca = whitening.kind() == Whitening.Kind.PCA;
      long features = whitening.mean().length;
      long taken = inverse && pca ? whitening.rank() : features;
      long given = !inverse && pca ? whitening.rank() : features;
      requireFeatures(rows.data, file, with, taken);
      Shape shape = given == taken ? file.shape() : Shape.of(file.rows(), given);
      write(file, device, whitening, given, new TensorFile.Entry(file.dtype(), shape));
      double seconds = (System.nanoTime() - started) * 1e-9;
      Report report = new Report(out.toString(), with.toString(), rows.data, inverse, Shapes.list(shape), file.dtype().name(),
          device.name(), seconds);
      spec.commandLine().getOut().println(json ? Json.text(report) : out + ": " + file.dtype() + " " + shape
          + (inverse ? ", back from white rows; " : ", white; ") + RowOptions.rate(file, seconds));
    }
    return 0;
  }

  /// @param features that rows must have
  static void requireFeatures(String data, RowFile file, Path with, long features) throws IOException {
    if (file.features() != features) {
      throw new IOException(data + " has rows of " + Units.count(file.features(), "feature") + ", and " + with + " is for "
          + Units.count(features) + "; give rows like those that it was fitted to");
    }
  }

  private void write(RowFile file, Device device, Whitening whitening, long width, TensorFile.Entry result) throws IOException {
    Map<String, TensorFile.Entry> tensors = Map.of(inverse ? "rows" : "white", result);
    Map<String, String> metadata = Map.of("tensorseed.with", String.valueOf(with.getFileName()));
    try (TensorFile written = TensorFile.create(out, new LinkedHashMap<>(tensors), metadata, false)) {
      try (Batches batches = rows.batches(file, device); Arena arena = Arena.ofConfined();
          Tensor all = device.allocate(file.dtype(), Shape.of(batches.shape().extent(0), width))) {
        MemorySegment host = arena.allocate(all.bytes(), Double.BYTES);
        rows.forEach("apply", file, batches, batch -> {
          Tensor made = all.view(0, Shape.of(batch.shape().extent(0), width));
          if (inverse) {
            whitening.restore(batch, made);
          } else {
            whitening.apply(batch, made);
          }
          MemorySegment bytes = host.asSlice(0, made.bytes());
          device.read(made, 0, bytes);
          written.write(bytes);
        });
      }
      written.finish();
    }
  }

  /// What was done.
  record Report(String out, String with, String data, boolean inverse, List<Long> shape, String dtype, String device, double seconds) {}
}
