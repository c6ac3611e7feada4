package io.github.tensorseed.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.tensorseed.cli.Main;
import io.github.tensorseed.cli.PlanOptions;
import io.github.tensorseed.cli.SeedOption;
import io.github.tensorseed.cli.Units;
import io.github.tensorseed.model.Plan;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.spark.api.java.JavaSparkContext;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed init` for `spark-submit`.
@Command(
    name = "InitJob",
    description = "Writes the first weights of a model as safetensors, a task for each file, with the bytes of 'tensorseed init'.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    footer = {
      "",
      "Tasks fill on the GPU that Spark assigns to them (spark.task.resource.gpu.amount), else on their cores (spark.task.cpus).",
      "The driver reads MODEL and recipes. With fewer files than cores give a smaller --shard-size. --tensor writes a checkpoint as well.",
      "",
      "Examples, after 'spark-submit --master ... --class io.github.tensorseed.spark.InitJob --jars ... tensorseed-spark.jar':",
      "  llama-3.1-405b --dtype bf16 --out hdfs://namenode/llama",
      "  config.json --recipe olmo --set '*.bias = zeros()' --seed 7 --shard-size 1GB --out s3a://bucket/weights",
      "  config.json --recipe olmo --set '*.bias = zeros()' --seed 7 --shard-size 1GB --out s3a://bucket/weights --resume",
    })
public final class InitJob implements Callable<Integer> {
  @Spec CommandSpec spec = CommandSpec.create();

  @Mixin PlanOptions options = new PlanOptions();

  @Option(names = "--out", required = true, paramLabel = "URI",
      description = "The folder to write to, in any file system that Hadoop knows: hdfs://..., s3a://..., file:///... on a disk that all"
          + " nodes share.")
  String out = "";

  @Mixin SeedOption seed = new SeedOption();

  @Option(names = "--shard-size", paramLabel = "SIZE", defaultValue = "5GB",
      description = "Bytes of values per file, as in 5GB or 500MiB; a larger tensor has a file of its own. Default: ${DEFAULT-VALUE}.")
  String shardSize = "5GB";

  @Option(names = "--resume", description = "Goes on where an interrupted run of the same plan ended; finished files stay untouched.")
  boolean resume;

  /// Runs the job, and leaves with the exit code of the command where it failed.
  public static void main(String[] args) {
    int code = Main.run(new InitJob(), args, new PrintWriter(System.out, true, UTF_8), new PrintWriter(System.err, true, UTF_8));
    if (code != 0) {
      System.exit(code);
    }
  }

  @Override
  public Integer call() throws IOException {
    long key = seed.key();
    long size = Units.size(shardSize);
    Plan plan = options.plan();
    if (plan.tensors().isEmpty()) {
      spec.commandLine().getOut().println("nothing is missing");
      return 0;
    }
    long started = System.nanoTime();
    try (JavaSparkContext spark = Tasks.context("tensorseed init")) {
      SparkCheckpoint.Result result = SparkCheckpoint.write(spark, plan, key, size, out, resume);
      spec.commandLine().getOut().printf(Locale.ROOT, "%s: %s, %s, %s; %s written%s on %s in %.2f s, seed %d%n", out,
          Units.count(plan.tensors().size(), "tensor"), Units.count(plan.parameters(), "parameter"), Units.bytes(plan.bytes()),
          Units.count(result.written().size(), "file"), result.kept().isEmpty() ? "" : ", " + result.kept().size() + " kept",
          result.devices().isEmpty() ? "no device" : String.join(", ", result.devices()), (System.nanoTime() - started) * 1e-9, key);
    }
    return 0;
  }
}
