package io.github.tensorseed.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.cli.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the jobs say of themselves, and of what they cannot do, before they ask for a cluster and after.
class JobsTest {
  private record Run(int code, String out, String err) {}

  @TempDir Path folder;

  private static Run run(Object job, String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Main.run(job, arguments, new PrintWriter(out, true), new PrintWriter(err, true));
    return new Run(code, out.toString(), err.toString());
  }

  @Test
  void helpShowsWholeCommands() {
    assertThat(run(new InitJob(), "--help").out).contains("spark-submit", "--shard-size", "--recipe", "hdfs://", "s3a://", "--resume");
    assertThat(run(new ZcaFitJob(), "--help").out).contains("spark-submit", "--eps", "--tasks", "spark.driver.maxResultSize");
  }

  @Test
  void wrongInputNeedsNoCluster() {
    Run run = run(new InitJob(), "gtp2", "--out", folder.toString());
    assertThat(run.code).isEqualTo(2);
    assertThat(run.err).contains("did you mean 'gpt2'?").hasLineCount(1);
    assertThat(run(new ZcaFitJob(), "--data", "x.npy", "--out", "x.npy").err).contains("must end in .safetensors").hasLineCount(1);
  }

  @Test
  void withoutAClusterOrARoomToWriteThereIsOneLine() throws IOException {
    Path out = Files.createDirectory(folder.resolve("out"));
    Run none = run(new InitJob(), "gpt2", "--out", out.toString());
    assertThat(none.code).isEqualTo(2);
    assertThat(none.err).contains("A master URL must be set").hasLineCount(1);

    Files.createFile(out.resolve("other.safetensors"));
    System.setProperty("spark.master", "local[1]");
    System.setProperty("spark.ui.enabled", "false");
    System.setProperty("spark.driver.host", "127.0.0.1");
    System.setProperty("spark.log.level", "OFF");
    try {
      Run inTheWay = run(new InitJob(), "gpt2", "--out", out.toString());
      assertThat(inTheWay.code).isEqualTo(2);
      assertThat(inTheWay.err).startsWith("tensorseed: ").contains("other.safetensors is in the way; --resume").hasLineCount(1);
    } finally {
      System.clearProperty("spark.master");
      System.clearProperty("spark.ui.enabled");
      System.clearProperty("spark.driver.host");
      System.clearProperty("spark.log.level");
    }
  }
}
