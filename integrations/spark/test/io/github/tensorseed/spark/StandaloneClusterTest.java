package io.github.tensorseed.spark;

import static io.github.tensorseed.spark.Models.SEED;
import static io.github.tensorseed.spark.Models.SHARD_SIZE;
import static io.github.tensorseed.spark.Models.contents;
import static io.github.tensorseed.spark.Models.requireSame;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.whitening.Whitening;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.launcher.JavaModuleOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The same files from a cluster of a master and two workers, jobs as `spark-submit` starts them, and a worker that dies.
class StandaloneClusterTest {
  @TempDir Path folder;

  @Test
  void jobsMakeTheFilesOfOneMachine() throws Exception {
    Path data = folder.resolve("x.npy");
    Models.command("init", "--tensor", "x:F32[1000,32]=normal(3, 2)", "--device", "cpu", "--out", data.toString());
    Path one = folder.resolve("one.safetensors");
    Models.command("zca", "fit", "--data", data.toString(), "--eps", "0.1", "--device", "cpu", "--out", one.toString());
    try (StandaloneCluster cluster = new StandaloneCluster(folder, 2)) {
      Path out = folder.resolve("cluster");
      Fork init = submit(cluster, InitJob.class, Models.config(folder).toString(), "--seed", "" + SEED, "--shard-size", "1MB", "--out",
          out.toString());
      assertThat(init.code()).as(init.err()).isZero();
      assertThat(init.out()).contains("files written on cpu in ");
      requireSame(contents(out), Models.byOneMachine(folder));
      assertThat(folder.resolve("work-0")).isNotEmptyDirectory();
      assertThat(folder.resolve("work-1")).isNotEmptyDirectory();

      Fork again = submit(cluster, InitJob.class, "gpt2", "--out", out.toString());
      assertThat(again.code()).isEqualTo(2);
      assertThat(again.err().lines().filter(line -> line.startsWith("tensorseed: "))).singleElement().asString().contains("is in the way");

      Path fitted = folder.resolve("cluster.safetensors");
      Fork fit = submit(cluster, ZcaFitJob.class, "--data", data.toString(), "--eps", "0.1", "--tasks", "5", "--out", fitted.toString());
      assertThat(fit.code()).as(fit.err()).isZero();
      try (CpuDevice device = CpuDevice.open(1); Whitening expected = Whitening.load(one, device);
           Whitening found = Whitening.load(fitted, device)) {
        double[] wanted = expected.matrix().toDoubles();
        double[] values = found.matrix().toDoubles();
        for (int i = 0; i < wanted.length; i++) {
          // Entries up to 1; 1000 products in F64 in another order, as in SparkWhiteningTest.
          assertThat(values[i]).as("" + i).isCloseTo(wanted[i], org.assertj.core.api.Assertions.within(1e-12));
        }
      }
    }
  }

  @Test
  void workerThatDiesLeavesNoTrace() throws Exception {
    Path marks = Files.createDirectory(folder.resolve("marks"));
    Path out = folder.resolve("cluster");
    try (StandaloneCluster cluster = new StandaloneCluster(folder, 2);
         JavaSparkContext spark = new JavaSparkContext(cluster.conf("a worker dies")); ExecutorService driver = Executors.newSingleThreadExecutor()) {
      spark.setLogLevel("OFF");
      spark.hadoopConfiguration().set("fs.trouble.impl", TroubledFileSystem.class.getName());
      spark.hadoopConfiguration().set(TroubledFileSystem.MARKS, marks.toString());
      spark.hadoopConfiguration().set(TroubledFileSystem.WAITS, "true");
      Future<SparkCheckpoint.Result> writing = driver.submit(() ->
          SparkCheckpoint.write(spark, Models.plan(folder), SEED, SHARD_SIZE, "trouble:" + out, false));
      await(() -> TroubledFileSystem.attempts(marks, ".mark") == 2); // each worker is at a file
      cluster.killWorker();
      await(() -> spark.sc().statusTracker().getExecutorInfos().length == 2); // the driver, and the other worker's
      Files.createFile(marks.resolve("go"));
      assertThat(writing.get(60, TimeUnit.SECONDS).written()).hasSizeGreaterThan(4);
    }
    Map<String, byte[]> one = Models.byOneMachine(folder);
    requireSame(contents(out), one);
    assertThat(TroubledFileSystem.attempts(marks, ".safetensors.attempt")).as("one for each file, and that which died").isEqualTo(one.size() - 2 + 1);
  }

  private static void await(Callable<Boolean> condition) throws Exception {
    for (int i = 0; i < 6000; i++) {
      if (condition.call()) {
        return;
      }
      TimeUnit.MILLISECONDS.sleep(10);
    }
    throw new AssertionError("nothing happens");
  }

  /// As the script `spark-submit` does, which finds no jar of ours: this class path has the classes.
  private static Fork submit(StandaloneCluster cluster, Class<?> job, String... arguments) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>();
    cluster.options().forEach((key, value) -> all.addAll(List.of("--conf", key + "=" + value)));
    all.addAll(List.of("--class", job.getName(), "spark-internal"));
    all.addAll(List.of(arguments));
    List<String> flags = new ArrayList<>(List.of(JavaModuleOptions.defaultModuleOptionArray()));
    flags.addAll(Fork.FLAGS);
    return Fork.run(Map.of(), flags, org.apache.spark.deploy.SparkSubmit.class, all.toArray(String[]::new));
  }
}
