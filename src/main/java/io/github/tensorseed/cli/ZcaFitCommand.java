package io.github.tensorseed.cli;

import io.github.tensorseed.Device;
import io.github.tensorseed.checkpoint.TensorFile;
import io.github.tensorseed.whitening.Batches;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Epsilon;
import io.github.tensorseed.whitening.RowFile;
import io.github.tensorseed.whitening.Scatter;
import io.github.tensorseed.whitening.Whitening;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed zca fit`.
@Command(
    name = "fit",
    description = "Learns from rows what makes them white, in one pass.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "The file has the tensors mean [d], eigenvalues [d] and matrix, or vectors where there is no d x d matrix, and says in its metadata how it",
      "was made. Memory: d x d in double precision twice and three batches; of the Gram side the rows, rows x rows twice, and three batches.",
      "",
      "Examples:",
      "  tensorseed zca fit --data x.npy --out zca.safetensors",
      "  tensorseed zca fit --data x.npy --eps keras:1e-6 --out zca.safetensors     as Keras's zca_whitening",
      "  tensorseed zca fit --data x.npy --kind pca --eps 0 --rank 0.99 --out pca.safetensors",
      "  tensorseed zca fit --data few-but-wide.npy --shrinkage ledoit-wolf --out zca.safetensors",
    })
final class ZcaFitCommand implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Mixin RowOptions rows = new RowOptions();

  @Option(names = "--out", required = true, paramLabel = "FILE", description = "The .safetensors file to write.")
  Path out = Path.of("");

  @Mixin WhiteningOptions fitting = new WhiteningOptions();

  @Option(names = "--side", paramLabel = "SIDE", defaultValue = "auto",
      description = "covariance: features by features; gram: rows by rows, which are kept in memory; auto: the smaller."
          + " Default: ${DEFAULT-VALUE}.")
  String side = "auto";

  @Option(names = "--force", description = "Replaces the file if tensorseed wrote it.")
  boolean force;

  @Option(names = "--json", description = "Reports in JSON.")
  boolean json;

  @Override
  public Integer call() throws IOException {
    Whitening.Options options = fitting.options();
    Precision computing = fitting.precision();
    Scatter.Side wanted = WhiteningOptions.choice("--side", Scatter.Side.class, side);
    Scatter.Shrinkage shrinking = fitting.shrinkage();
    if (!out.toString().toLowerCase(Locale.ROOT).endsWith(".safetensors")) {
      throw new IllegalArgumentException("--out " + out + ": it must end in .safetensors");
    }
    TensorFile.requireFree(out, force);
    long started = System.nanoTime();
    try (RowFile file = rows.file(); Device device = rows.device();
        Scatter scatter = Scatter.open(device, file.rows(), file.features(), computing, shrinking, wanted)) {
      if (!json) {
        spec.commandLine().getErr().println("side: " + why(scatter, wanted, file));
      }
      try (Batches batches = rows.batches(file, device)) {
        rows.forEach("fit", file, batches, scatter::add);
      }
      double read = (System.nanoTime() - started) * 1e-9;
      try (Whitening whitening = fit(scatter, options)) {
        whitening.save(out, Map.of("tensorseed.data", Path.of(rows.data).getFileName().toString()), force);
        print(Report.of(out, rows.data, whitening, read, (System.nanoTime() - started) * 1e-9), file);
      }
    }
    return 0;
  }

  private Whitening fit(Scatter scatter, Whitening.Options options) {
    try {
      return Whitening.fit(scatter, options);
    } catch (IllegalArgumentException | IllegalStateException e) {
      throw new IllegalArgumentException(rows.data + ": " + e.getMessage(), e);
    }
  }

  private static String why(Scatter scatter, Scatter.Side wanted, RowFile file) {
    return WhiteningOptions.name(scatter.side()) + ", " + (wanted != Scatter.Side.AUTO ? "as asked for"
        : Units.count(file.rows(), "row") + (file.rows() < file.features() ? " are fewer than " : " are not fewer than ")
            + Units.count(file.features(), "feature"));
  }

  private void print(Report report, RowFile file) {
    PrintWriter stdout = spec.commandLine().getOut();
    if (json) {
      stdout.println(Json.text(report));
      return;
    }
    stdout.printf(Locale.ROOT, "%s: %s of %s, %s; rank %s, epsilon %s%s, condition %s before and %s after%n", out, report.kind,
        Units.count(report.rows, "row"), Units.count(report.features, "feature"), Units.count(report.rank), Units.number(report.epsilon),
        report.epsilonForm.isEmpty() ? "" : " (" + report.epsilonForm + ")", Units.number(report.conditionBefore),
        Units.number(report.conditionAfter));
    if (report.shrinkage > 0) {
      stdout.println("shrinkage: " + Units.number(report.shrinkage) + " of the covariance gave way to a multiple of the identity");
    }
    if (report.precision.equals("f32")) {
      stdout.println("precision f32: an entry of the white covariance may be off by " + Units.number(report.errorBound)
          + (report.errorBound < 1 ? "" : ", and the components of least variance are noise; raise --eps, or take --precision default"));
    }
    stdout.printf(Locale.ROOT, "%s for the rows, %.2f s in all, by %s%n", RowOptions.rate(file, report.secondsReading), report.seconds,
        report.library);
  }

  /// What a fit found.
  ///
  /// @param epsilon what was added to each eigenvalue, or to each singular value
  /// @param epsilonForm what it was made of; empty if it was given as it is
  /// @param conditionBefore the greatest eigenvalue over the least that is not 0
  /// @param conditionAfter the same of the white data, over the components that are kept
  record Report(String out, String data, String kind, long rows, long features, int rank, double epsilon, String epsilonForm, int ddof,
      String precision, String side, double shrinkage, double conditionBefore, double conditionAfter, double errorBound, String device,
      String library, double secondsReading, double seconds) {
    static Report of(Path out, String data, Whitening whitening, double secondsReading, double seconds) {
      Whitening.Origin origin = whitening.origin();
      Spectrum spectrum = Spectrum.of(whitening);
      return new Report(out.toString(), data, WhiteningOptions.name(origin.kind()), origin.rows(), whitening.mean().length, whitening.rank(),
          switch (origin.epsilon()) {
            case Epsilon.SingularValue(double value) -> value;
            case Epsilon.OfSums(double value) -> value;
            case Epsilon.Absolute _, Epsilon.Relative _ -> spectrum.added;
          },
          switch (origin.epsilon()) {
            case Epsilon.Absolute _ -> "";
            case Epsilon.Relative(double share) -> Units.number(share) + " of the mean eigenvalue";
            case Epsilon.SingularValue _ -> "on the singular value";
            case Epsilon.OfSums _ -> "on the eigenvalue of the sums";
          },
          origin.ddof(), origin.precision() == Precision.MIXED ? "default" : WhiteningOptions.name(origin.precision()), WhiteningOptions.name(origin.side()), origin.shrinkage(),
          spectrum.conditionBefore(), spectrum.conditionAfter(), origin.errorBound(), origin.device(), origin.library(), secondsReading,
          seconds);
    }
  }
}
