package io.github.tensorseed.spark;

import static io.github.tensorseed.spark.Models.SEED;
import static io.github.tensorseed.spark.Models.SHARD_SIZE;
import static io.github.tensorseed.spark.Models.contents;
import static io.github.tensorseed.spark.Models.requireSame;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.tensorseed.DType;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.model.Plan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Checkpoints by two cores of this process, on which a task may fail three times, beside those of one machine.
class SparkCheckpointTest {
  private static JavaSparkContext spark;

  @TempDir Path folder;

  @BeforeAll
  static void start() {
    spark = new JavaSparkContext(new SparkConf().setMaster("local[2,4]").setAppName("checkpoints")
        .set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1").set("spark.driver.bindAddress", "127.0.0.1"));
    spark.setLogLevel("OFF"); // of tasks that are to fail
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private SparkCheckpoint.Result write(String out, boolean resume) throws IOException {
    return SparkCheckpoint.write(spark, Models.plan(folder), SEED, SHARD_SIZE, out, resume);
  }

  @Test
  void filesAreThoseOfOneMachineAndOfParts() throws IOException {
    Map<String, byte[]> one = Models.byOneMachine(folder);
    Path out = folder.resolve("spark");

    SparkCheckpoint.Result result = write(out.toString(), false);

    requireSame(contents(out), one);
    assertThat(result.written()).hasSize(one.size() - 2).allMatch(name -> name.endsWith(".safetensors"));
    assertThat(result.kept()).isEmpty();
    assertThat(result.devices()).containsExactly("cpu");

    Path parts = folder.resolve("parts");
    for (int part = 1; part <= 3; part++) {
      Models.command("init", Models.config(folder).toString(), "--seed", "42", "--shard-size", "1MB", "--device", "cpu", "--out",
          parts.toString(), "--part", part + "/3");
    }
    requireSame(contents(out), contents(parts));
  }

  @Test
  void tensorsOfOneFileHaveNoIndex() throws IOException {
    Path out = folder.resolve("single");
    Plan plan = Plan.ofTensors(List.of("b:F64[7]=ones()", "a:BF16[300,1000]=he_normal()", "c:F8_E4M3[3]=signs(0.5)"));

    SparkCheckpoint.write(spark, plan, SEED, SHARD_SIZE, out.toString(), false);

    assertThat(contents(out).keySet()).containsExactly("model.safetensors");
    Models.command("verify", out.toString());
  }

  @Test
  void taskThatFailsTwiceMakesTheSameFile() throws IOException {
    Path marks = troubles(Map.of(TroubledFileSystem.FAILS, "model-00003-", TroubledFileSystem.ATTEMPTS_THAT_FAIL, "2"));
    Path out = folder.resolve("trouble");

    write("trouble:" + out, false);

    requireSame(contents(out), Models.byOneMachine(folder));
    assertThat(TroubledFileSystem.attempts(marks, "model-00003-")).isEqualTo(3);
    assertThat(TroubledFileSystem.attempts(marks, "model-00002-")).isEqualTo(1);
  }

  @Test
  void taskThatFailsTooOftenLeavesNoIndex() throws IOException {
    troubles(Map.of(TroubledFileSystem.FAILS, "model-00003-", TroubledFileSystem.ATTEMPTS_THAT_FAIL, "9"));
    Path out = folder.resolve("trouble");

    assertThatExceptionOfType(IOException.class).isThrownBy(() -> write("trouble:" + out, false))
        .withMessageContaining("the disk has a bad day").withMessageNotContaining("\n");

    assertThat(contents(out).keySet()).isNotEmpty()
        .noneMatch(name -> name.contains("00003") || name.endsWith(".json") || name.endsWith(".tmp"));

    // What has been finished is not made again.
    Path marks = troubles(Map.of());
    SparkCheckpoint.Result result = write("trouble:" + out, true);
    requireSame(contents(out), Models.byOneMachine(folder));
    assertThat(result.kept()).isNotEmpty().doesNotContainAnyElementsOf(result.written());
    assertThat(TroubledFileSystem.attempts(marks, ".safetensors.attempt")).isEqualTo(result.written().size());
  }

  /// As a task that Spark has begun twice.
  @Test
  void secondMakerOfAFileFindsItThere() throws IOException {
    troubles(Map.of());
    Path out = folder.resolve("twice");
    try (HadoopFolder target = HadoopFolder.open("trouble:" + out, spark.hadoopConfiguration())) {
      target.write("x", "1", slow -> {
        target.write("x", "2", quick -> quick.write(7));
        slow.write(7);
      });
      assertThat(contents(out)).containsOnlyKeys("x");
      assertThatExceptionOfType(IOException.class).isThrownBy(() -> target.write("x", "3", longer -> longer.write(new byte[2])))
          .withMessageContaining("another file has come there meanwhile");
      assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> target.write("y", "1", _ -> {
        throw new IllegalArgumentException("no such values");
      }));
      assertThat(contents(out)).containsOnlyKeys("x");
      assertThat(contents(out).get("x")).containsExactly(7);
    }
  }

  @Test
  void nothingIsReplaced() throws IOException {
    Path out = folder.resolve("spark");
    write(out.toString(), false);
    Map<String, byte[]> before = contents(out);
    assertThatExceptionOfType(IOException.class).isThrownBy(() -> write(out.toString(), false))
        .withMessageContaining("is in the way; --resume goes on");
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> SparkCheckpoint.write(spark, Models.plan(folder), SEED + 1, SHARD_SIZE, out.toString(), true))
        .withMessageContaining("does not belong to the run that is to be resumed");
    requireSame(contents(out), before);

    Path gone = out.resolve("model-00002-of-%05d.safetensors".formatted(before.size() - 2));
    Path kept = out.resolve(gone.getFileName().toString().replace("00002", "00001"));
    FileTime old = FileTime.fromMillis(1_000_000);
    Files.setLastModifiedTime(kept, old);
    Files.delete(gone);
    Files.delete(out.resolve("model.safetensors.index.json"));
    assertThat(write(out.toString(), true).written()).containsExactly(gone.getFileName().toString());
    requireSame(contents(out), before);
    assertThat(Files.getLastModifiedTime(kept)).isEqualTo(old);
  }

  @Test
  void unreachableTargetsAreOneLineWithARemedy() throws IOException {
    Configuration hadoop = spark.hadoopConfiguration();
    hadoop.set("ipc.client.connect.max.retries", "0");
    requireOneLine("hdfs://127.0.0.1:1/weights", "cannot write hdfs://127.0.0.1:1/weights", "see that it can be reached");
    requireOneLine("nowhere://host/weights", "No FileSystem for scheme", "--packages");
    requireOneLine("s3a://bucket/weights", "S3AFileSystem", "--packages org.apache.hadoop:hadoop-aws");
    requireOneLine(Files.createFile(folder.resolve("plain")) + "/weights", "plain", "or choose another place");
  }

  private void requireOneLine(String out, String... parts) {
    assertThatExceptionOfType(IOException.class).isThrownBy(() -> write(out, false)).withMessageNotContaining("\n")
        .satisfies(e -> assertThat(e.getMessage()).contains(parts));
  }

  /// What only this process could make of it is known before a task begins.
  @Test
  void initializerWithoutAnExpressionIsRefused() {
    Initializer own = Initializer.named("mine()", (tensor, stream) -> {});
    Plan plan = new Plan(List.of(new TensorSpec("w", DType.F32, Shape.of(2), own)), null);
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> SparkCheckpoint.write(spark, plan, SEED, SHARD_SIZE, folder.resolve("own").toString(), false))
        .withMessageContaining("mine");
    assertThat(folder.resolve("own")).doesNotExist();
  }

  private Path troubles(Map<String, String> options) throws IOException {
    Path marks = Files.createTempDirectory(folder, "marks");
    Configuration hadoop = spark.hadoopConfiguration();
    hadoop.set("fs.trouble.impl", TroubledFileSystem.class.getName());
    hadoop.set(TroubledFileSystem.MARKS, marks.toString());
    for (String option : List.of(TroubledFileSystem.FAILS, TroubledFileSystem.ATTEMPTS_THAT_FAIL, TroubledFileSystem.WAITS)) {
      hadoop.unset(option);
    }
    options.forEach(hadoop::set);
    return marks;
  }
}
