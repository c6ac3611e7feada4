package io.github.tensorseed.spark;

import static io.github.tensorseed.spark.Models.SEED;
import static io.github.tensorseed.spark.Models.SHARD_SIZE;
import static io.github.tensorseed.spark.Models.contents;
import static io.github.tensorseed.spark.Models.requireSame;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

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
import org.apache.spark.deploy.SparkSubmit;
import org.apache.spark.launcher.JavaModuleOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/// The same files from a cluster of a master and two workers, jobs as `spark-submit` starts them, and a worker that dies.
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class StandaloneClusterTest {
  @TempDir static Path shared;

  private static StandaloneCluster cluster;

  @TempDir Path folder;

  @BeforeAll
  static void start() throws IOException {
    cluster = new StandaloneCluster(shared, 2);
  }

  @AfterAll
  static void stop() {
    cluster.close();
  }

  @Test
  @Order(1)
  void jobsMakeTheFilesOfOneMachine() throws Exception {
    Path data = folder.resolve("x.npy");
    Models.command("init", "--tensor", "x:F32[1000,32]=normal(3, 2)", "--device", "cpu", "--out", data.toString());
    Path one = folder.resolve("one.safetensors");
    Models.command("zca", "fit", "--data", data.toString(), "--eps", "0.1", "--device", "cpu", "--out", one.toString());
    Path out = folder.resolve("cluster");
    // On the emulated GPU, of which Spark alone knows that it is assigned.
    List<String> options = new ArrayList<>(List.of("--conf", "spark.executor.resource.gpu.amount=1",
        "--conf", "spark.task.resource.gpu.amount=1"));
    Fork.environment("lazy").forEach((key, value) -> options.addAll(List.of("--conf", "spark.executorEnv." + key + "=" + value)));
    Fork init = submit(options, InitJob.class, Models.config(folder).toString(), "--seed", "" + SEED, "--shard-size", "1MB", "--out",
        out.toString());
    assertThat(init.code()).as(init.err()).isZero();
    assertThat(init.out()).contains("files written on cuda:0 in ");
    requireSame(contents(out), Models.byOneMachine(folder));
    assertThat(shared.resolve("work-0")).isNotEmptyDirectory();
    assertThat(shared.resolve("work-1")).isNotEmptyDirectory();

    Path fitted = folder.resolve("cluster.safetensors");
    Fork fit = submit(List.of(), ZcaFitJob.class, "--data", data.toString(), "--eps", "0.1", "--tasks", "5", "--out", fitted.toString());
    assertThat(fit.code()).as(fit.err()).isZero();
    try (CpuDevice device = CpuDevice.open(1); Whitening expected = Whitening.load(one, device);
         Whitening found = Whitening.load(fitted, device)) {
      double[] wanted = expected.matrix().toDoubles();
      double[] values = found.matrix().toDoubles();
      for (int i = 0; i < wanted.length; i++) {
        // Entries up to 1; 1000 products in F64 in another order, as in SparkWhiteningTest.
        assertThat(values[i]).as("" + i).isCloseTo(wanted[i], within(1e-12));
      }
    }
  }

  @Test
  @Order(2) // of the two workers one is left then
  void workerThatDiesLeavesNoTrace() throws Exception {
    Path marks = Files.createDirectory(folder.resolve("marks"));
    Path out = folder.resolve("cluster");
    try (JavaSparkContext spark = new JavaSparkContext(cluster.conf("a worker dies"));
         ExecutorService driver = Executors.newSingleThreadExecutor()) {
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
    assertThat(TroubledFileSystem.attempts(marks, ".safetensors.attempt")).as("one for each file, and that which died")
        .isEqualTo(one.size() - 2 + 1);
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
  private static Fork submit(List<String> options, Class<?> job, String... arguments) throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(options);
    cluster.options().forEach((key, value) -> all.addAll(List.of("--conf", key + "=" + value)));
    all.addAll(List.of("--class", job.getName(), "spark-internal"));
    all.addAll(List.of(arguments));
    List<String> flags = new ArrayList<>(List.of(JavaModuleOptions.defaultModuleOptionArray()));
    flags.addAll(Fork.FLAGS);
    return Fork.run(Map.of(), flags, SparkSubmit.class, all.toArray(String[]::new));
  }
}
