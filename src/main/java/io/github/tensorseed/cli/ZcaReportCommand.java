package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Batches;
import io.github.tensorseed.whitening.RowFile;
import io.github.tensorseed.whitening.Whitening;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed zca report`.
@Command(
    name = "report",
    description = "Shows what a fit does to rows, on one page that needs nothing else.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "The page has the spectrum and the condition before and after, the covariance of up to 256 features before and after, and of images",
      "(rows of shape [H, W], [C, H, W] or [H, W, C]) a few before and after, and the filters.",
      "",
      "Example:",
      "  tensorseed zca report --with zca.safetensors --data t10k-images-idx3-ubyte.gz --html zca.html",
    })
final class ZcaReportCommand implements Callable<Integer> {
  private static final int FILTERS = 32;

  @Spec CommandSpec spec = CommandSpec.create();

  @Option(names = "--with", required = true, paramLabel = "FILE", description = "What 'tensorseed zca fit' wrote.")
  Path with = Path.of("");

  @Mixin RowOptions rows = new RowOptions();

  @Option(names = "--html", required = true, paramLabel = "FILE", description = "The page to write.")
  Path html = Path.of("");

  @Override
  public Integer call() throws IOException {
    HtmlPage.requireReplaceable(html);
    try (RowFile file = rows.file(); Device device = rows.device(); Whitening whitening = Whitening.load(with, device)) {
      ZcaApplyCommand.requireFeatures(rows.data, file, with, whitening.mean().length);
      Optional<ImageShape> image = ImageShape.of(file.shape());
      long width = whitening.kind() == Whitening.Kind.PCA ? whitening.rank() : file.features();
      try (PickedRows before = new PickedRows(device, file.rows(), file.features(), image.isPresent());
          PickedRows after = new PickedRows(device, file.rows(), width, image.isPresent() && width == file.features())) {
        try (Batches batches = rows.batches(file, device);
            Tensor all = device.allocate(file.dtype(), Shape.of(batches.shape().extent(0), width))) {
          rows.forEach("report", file, batches, batch -> {
            Tensor white = all.view(0, Shape.of(batch.shape().extent(0), width));
            whitening.apply(batch, white);
            before.add(batch);
            after.add(white);
          });
        }
        List<double[]> filters = image.isPresent() ? filters(device, whitening, image.get()) : List.of();
        new WhiteningPage(whitening, Path.of(rows.data).getFileName() + " " + file.shape(), before, after, image, filters).write(html);
      }
    }
    spec.commandLine().getOut().println(html + ": written");
    return 0;
  }

  /// Rows of W: of PCA the first ones, of ZCA those of pixels from everywhere in the image.
  private static List<double[]> filters(Device device, Whitening whitening, ImageShape image) {
    int features = whitening.mean().length;
    List<double[]> filters = new ArrayList<>();
    if (whitening.kind() == Whitening.Kind.PCA) {
      Shape row = Shape.of(features);
      for (int i = 0; i < Math.min(FILTERS, whitening.rank()); i++) {
        Tensor matrix = whitening.matrix();
        filters.add(matrix.view(i * row.bytes(matrix.dtype()), row).toDoubles());
      }
      return filters;
    }
    try (Tensor unit = device.allocate(DType.F64, Shape.of(1, features)); Tensor filter = device.allocate(DType.F64, unit.shape())) {
      for (int i = 0; i < FILTERS; i++) {
        int y = (2 * (i / 8) + 1) * image.height() / 8;
        int x = (2 * (i % 8) + 1) * image.width() / 16;
        double[] values = whitening.mean();
        values[image.feature(y, x, i % image.channels())] += 1;
        unit.copyFrom(values);
        whitening.apply(unit, filter);
        filters.add(filter.toDoubles());
      }
    }
    return filters;
  }
}
