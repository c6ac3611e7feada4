package io.github.tensorseed.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What `inspect`, `verify` and `diff` say of checkpoints, right ones and wrong ones.
class AuditTest {
  @TempDir Path dir;

  private record Run(int code, String out, String err) {}

  private static Run run(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] texts = Stream.of(args).map(Object::toString).toArray(String[]::new);
    int code = Main.run(texts, new PrintWriter(out, true), new PrintWriter(err, true));
    return new Run(code, out.toString(), err.toString());
  }

  private Path init(String... tensors) {
    Path file = dir.resolve("w.safetensors");
    List<Object> args = new ArrayList<>(List.of("init", "--out", file));
    for (String tensor : tensors) {
      args.addAll(List.of("--tensor", tensor));
    }
    assertThat(run(args.toArray()).code).isZero();
    return file;
  }

  /// Each of them writes runs of one value, or the same values twice, and departs from its own law in one row.
  @ParameterizedTest
  @ValueSource(strings = {
    "F32[50,256]=normal(0, 0.02) with row(0) = 0", "BF16[2,4096]=normal(1, 0.5) with row(1) = 3",
    "F32[4,300]=uniform(-1, 1) with row(0) = 7 with row(2) = 0", "F32[1,300]=normal(0, 1) with row(0) = 0.3",
    "F32[512,512]=identity()", "F32[512,4,3]=dirac()", "F32[512,512]=sparse(0.999, 0.01)", "F32[2048]=lstm_bias(1)",
    "BF16[3,999]=ones() with row(1) = 0.3", "F8_E4M3[4096]=normal(0, 0.0001)", "F32[4096]=normal(1, 0.00000001)", "F32[4096]=signs(0.5)",
    "F8_E4M3[1]=normal(0, 1)"})
  void whatTheRecordExplainsIsNotFlagged(String law) {
    Path file = init("a:" + law, "b:" + law, "c:" + law);
    Run inspect = run("inspect", file);
    assertThat(inspect.out).contains("3 tensors, 0 flagged");
    assertThat(inspect.code).isZero();
  }

  /// Four more rows of zeros than the record explains: 5 of 64, which lowers the deviation of 64 Ki values by far more than chance.
  @Test
  void aRowDoesNotHideWhatIsWrong() throws IOException {
    Path file = init("a:F32[64,1024]=normal(0, 1) with row(0) = 0");
    overwrite(file, Files.size(file) - 4 * 1024 * 4, new byte[4 * 1024 * 4]);
    assertThat(run("inspect", file).out).contains("! a: 5120 elements in runs of one value, from element 0 on: untouched?")
        .contains("! a: departs from normal(0, 1): std");
  }

  @Test
  void twinsOfARandomLawAreFlagged() throws IOException {
    Path file = init("a:F32[64,3]=normal(0, 1)", "b:F32[64,3]=normal(0, 1)", "c:F32[192]=normal(0, 1)");
    byte[] bytes = Files.readAllBytes(file);
    byte[] first = new byte[64 * 3 * 4];
    System.arraycopy(bytes, bytes.length - 3 * first.length, first, 0, first.length);
    overwrite(file, bytes.length - 2L * first.length, first);
    overwrite(file, bytes.length - (long) first.length, first);
    assertThat(run("inspect", file).out).contains("! b: the same values as a").doesNotContain("! c:");
  }

  private static void overwrite(Path file, long offset, byte[] bytes) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(bytes), offset);
    }
  }

  /// A file that someone else wrote; `json` in single quotes.
  private Path file(String name, String json, byte[] data) throws IOException {
    byte[] header = json.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(8 + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    return Files.write(dir.resolve(name), bytes.putLong(header.length).put(header).put(data).array());
  }

  /// Layers of 2 shards of the same plan, each folder with another seed, shard size or law of one tensor; the first file of each folder
  /// is replaced by that of the first folder.
  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      --seed 8 | seed 8 in model-00002-of-00002.safetensors, 7 in model-00001-of-00002.safetensors
      --shard-size 5kB | shard size 5000 in model-00002-of-00002.safetensors, 4200 in model-00001-of-00002.safetensors
      --set b=normal(0,2) | plan
      """)
  void filesOfDifferentRuns(String argument, String reason) throws IOException {
    Path one = dir.resolve("one");
    Path two = dir.resolve("two");
    String json = "{'a':{'dtype':'F32','shape':[1000],'data_offsets':[0,4000]},"
        + "'b':{'dtype':'F32','shape':[1000],'data_offsets':[4000,8000]}}";
    Path model = file("shapes.safetensors", json, new byte[8000]);
    List<Object> args = List.of("init", model, "--set", "*=normal(0, 1)", "--seed", "7", "--shard-size", "4200", "--out");
    List<Object> other = new ArrayList<>(args);
    String[] option = argument.split(" ", 2);
    int at = other.indexOf(option[0]);
    if (option[0].equals("--set")) {
      other.addAll(2, List.of(option[0], option[1]));
    } else {
      other.set(at + 1, option[1]);
    }
    assertThat(run(Stream.concat(args.stream(), Stream.of(one)).toArray()).code).isZero();
    assertThat(run(Stream.concat(other.stream(), Stream.of(two)).toArray()).code).isZero();
    assertThat(run("verify", two).code).isZero();
    String first = "model-00001-of-00002.safetensors";
    Files.copy(one.resolve(first), two.resolve(first), StandardCopyOption.REPLACE_EXISTING);
    Run verify = run("verify", two);
    assertThat(verify.out).contains("files of different runs: " + reason).contains("the files are not of one run");
    assertThat(verify.code).isEqualTo(1);
    assertThat(run("verify", two, "--json").code).isEqualTo(1);
    assertThat(one.resolve("model.safetensors.index.json")).content().contains("\"tensorseed.seed\": \"7\"")
        .contains("\"tensorseed.plan\": \"");
  }

  /// A check by a list of all tensors for each name took minutes for as many.
  @Test
  @Timeout(60)
  void verifyOfManyTensors() throws IOException {
    int count = 100_000;
    StringBuilder json = new StringBuilder("{");
    for (int i = 0; i < count; i++) {
      json.append(i == 0 ? "" : ",").append("'model.tensor.").append(i).append("':{'dtype':'F32','shape':[0],'data_offsets':[0,0]}");
    }
    Path model = file("many.safetensors", json.append('}').toString(), new byte[0]);
    Path out = dir.resolve("many");
    assertThat(run("init", model, "--set", "*=zeros()", "--out", out).code).isZero();
    assertThat(run("verify", out).out).contains("100,000 tensors");
  }

  @Test
  void nothingFromAFileSteersTheTerminal() throws IOException {
    String json = "{'__metadata__':{'tensorseed.version':'1','tensorseed.stream':'1','tensorseed.seed':'1','tensorseed.shard_size':'1',"
        + "'tensorseed.plan':'\\u001b[2J','tensorseed.tensors':'{\\'x\\\\u001b[2J()\\':[\\'a\\\\u001b[2J\\u009b\\u202e\\']}'},"
        + "'a\\u001b[2J\\u009b\\u202e':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}}";
    Path x = file("x.safetensors", json, new byte[] {0, 0, (byte) 0xc0, 0x7f});
    Path y = file("y.safetensors", json, new byte[4]);
    Path z = file("z.safetensors", json.replace("a\\", "b\\"), new byte[4]);
    for (Run run : List.of(run("inspect", x), run("inspect", x, "--json"), run("verify", x), run("verify", x, "--json"),
        run("diff", x, y), run("diff", x, z), run("diff", x, y, "--json"))) {
      assertThat(run.out + run.err).contains("[2J").matches("[^\\p{Cc}\\u202e]*(?:\\R[^\\p{Cc}\\u202e]*)*");
      assertThat(run.err).doesNotContain("\tat ");
    }
    assertThat(run("inspect", x).out).contains("nan/inf").contains("1/0").contains("! a?[2J??: 1 NaN");
    assertThat(run("inspect", "--help").out).contains("--html and --json only");
  }

  @Test
  void typesOfWholeBytesAreCountedInElements() throws IOException {
    String json = "{'c':{'dtype':'C64','shape':[4],'data_offsets':[0,32]}}";
    byte[] other = new byte[32];
    other[17] = 1;
    other[18] = 1;
    other[31] = 1;
    Run diff = run("diff", file("x.safetensors", json, new byte[32]), file("y.safetensors", json, other));
    assertThat(diff.out).contains("c: 2 elements from element 2 on");
  }
}
