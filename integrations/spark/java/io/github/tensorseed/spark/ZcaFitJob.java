package io.github.tensorseed.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.tensorseed.Device;
import io.github.tensorseed.cli.Main;
import io.github.tensorseed.cli.Units;
import io.github.tensorseed.cli.WhiteningOptions;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Whitening;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.spark.api.java.JavaSparkContext;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed zca fit` for `spark-submit`.
@Command(
    name = "ZcaFitJob",
    description = "Learns from rows what makes them white, each task from its share of them.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    footer = {
      "",
      "The file is that of 'tensorseed zca fit --side covariance', within rounding. The driver has d x d in double precision four times,",
      "mostly outside of Java's heap, and spark.driver.maxResultSize must allow 4 d^2 bytes for each task of the last merge.",
      "",
      "Examples, after 'spark-submit --master ... --class io.github.tensorseed.spark.ZcaFitJob --jars ... tensorseed-spark.jar':",
      "  --data /shared/x.npy --out hdfs://namenode/zca.safetensors",
      "  --data /shared/images-idx3-ubyte --eps 0.1 --tasks 64 --out file:///shared/zca.safetensors",
    })
public final class ZcaFitJob implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Option(names = "--data", required = true, paramLabel = "FILE[:NAME]",
      description = "Rows, at one path for all nodes: .npy, .safetensors (of several tensors the one of NAME), IDX as MNIST comes; or"
          + " FILE:D, bare little-endian f32 of D features. What is gzipped is read by every task from its beginning.")
  String data = "";

  @Option(names = "--out", required = true, paramLabel = "URI",
      description = "The .safetensors file to write, in any file system that Hadoop knows.")
  String out = "";

  @Mixin WhiteningOptions fitting = new WhiteningOptions();

  @Option(names = "--tasks", paramLabel = "N",
      description = "Into how many shares the rows are divided. Default: the cores of the cluster.")
  @Nullable Integer tasks;

  /// Runs the job, and leaves with the exit code of the command where it failed.
  public static void main(String[] args) {
    int code = Main.run(new ZcaFitJob(), args, new PrintWriter(System.out, true, UTF_8), new PrintWriter(System.err, true, UTF_8));
    if (code != 0) {
      System.exit(code);
    }
  }

  @Override
  public Integer call() throws IOException {
    Whitening.Options options = fitting.options();
    if (!out.toLowerCase(Locale.ROOT).endsWith(".safetensors")) {
      throw new IllegalArgumentException("--out " + out + ": it must end in .safetensors");
    }
    org.apache.hadoop.fs.Path file = new org.apache.hadoop.fs.Path(out);
    String parent = file.getParent() == null ? "." : file.getParent().toString();
    long started = System.nanoTime();
    try (JavaSparkContext spark = Tasks.context("tensorseed zca fit");
         HadoopFolder folder = HadoopFolder.open(parent, spark.hadoopConfiguration())) {
      if (folder.has(file.getName())) {
        throw new IOException(out + " is in the way; choose another name");
      }
      try (Device device = Tasks.host();
           Covariance covariance = SparkWhitening.covariance(spark, data, tasks == null ? spark.defaultParallelism() : tasks,
               fitting.precision(), fitting.shrinkage(), device);
           Whitening whitening = Whitening.fit(covariance, options)) {
        byte[] bytes = SparkWhitening.bytes(whitening, Map.of("tensorseed.data", String.valueOf(Path.of(data).getFileName())));
        folder.write(file.getName(), "driver", to -> to.write(bytes));
        spec.commandLine().getOut().printf(Locale.ROOT, "%s: %s of %s, %s; rank %d in %.2f s, by %s%n", out, whitening.kind(),
            Units.count(covariance.rows(), "row"), Units.count(covariance.features(), "feature"), whitening.rank(),
            (System.nanoTime() - started) * 1e-9, whitening.origin().library());
      }
    }
    return 0;
  }
}
