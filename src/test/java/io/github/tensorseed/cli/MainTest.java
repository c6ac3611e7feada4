package io.github.tensorseed.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.Provenance;
import io.github.tensorseed.checkpoint.StoredTensor;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {
  /// A Llama of 2 layers: 8,528 parameters in 21 tensors.
  private static final String CONFIG = """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16, "intermediate_size": 40, "vocab_size": 96,
       "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, "initializer_range": 0.02, "torch_dtype": "bfloat16"}
      """;

  @TempDir Path dir;

  private record Run(int code, String out, String err) {}

  private static Run run(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Main.run(Stream.of(args).map(Object::toString).toArray(String[]::new), new PrintWriter(out, true), new PrintWriter(err, true));
    return new Run(code, out.toString(), err.toString());
  }

  private Path config() throws IOException {
    return Files.writeString(dir.resolve("config.json"), CONFIG);
  }

  private static void flipBit(Path file, long offset) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      ByteBuffer one = ByteBuffer.allocate(1);
      channel.read(one, offset);
      one.put(0, (byte) (one.get(0) ^ 1));
      channel.write(one.flip(), offset);
    }
  }

  @Test
  void initVerifyDiffAndInspectAgree() throws IOException {
    Path first = dir.resolve("first");
    Path second = dir.resolve("second");
    assertThat(run("init", config(), "--seed", "42", "--out", first, "--json").code).isZero();
    assertThat(run("init", config(), "--seed", "0x2a", "--out", second, "--shard-size", "4kB", "--threads", "1").code).isZero();

    Run verify = run("verify", second);
    assertThat(verify.out).contains("21 tensors").contains("every bit is as the seed makes it");
    assertThat(verify.code).isZero();
    Run diff = run("diff", first, second);
    assertThat(diff.out).contains("21 tensors the same, 0 different, 0 in one only");
    assertThat(diff.code).isZero();

    flipBit(first.resolve("model.safetensors"), Files.size(first.resolve("model.safetensors")) - 1);
    Run broken = run("verify", first, "--json");
    assertThat(broken.code).isEqualTo(1);
    JsonNode fault = new ObjectMapper().readTree(broken.out).get("faults").get(0);
    // The last tensor of the file by name, and its last element: 96 rows or a norm of 16.
    assertThat(fault.get("tensor").asText()).isEqualTo("model.norm.weight");
    assertThat(fault.get("element").asLong()).isEqualTo(15);
    assertThat(run("diff", first, second).out).contains("model.norm.weight: 1 element from element 15 on");
  }

  @Test
  void inspectFlagsWhatIsWrong() throws IOException {
    Path file = dir.resolve("w.safetensors");
    assertThat(run("init", "--tensor", "a:F32[64,64]=normal(0, 1)", "--tensor", "b:F32[64,64]=normal(0, 1)", "--out", file).code).isZero();
    Path html = dir.resolve("page.html");
    Run clean = run("inspect", file, "--html", html);
    assertThat(clean.out).contains("2 tensors, 0 flagged");
    assertThat(clean.code).isZero();
    assertThat(html).content().contains("<svg").contains("normal(0, 1)").doesNotContain("http");

    // The second half of b as if nobody had written it, and an infinity in a.
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      long size = Files.size(file);
      channel.write(ByteBuffer.allocate(64 * 64 * 2), size - 64 * 64 * 2);
      channel.write(ByteBuffer.wrap(new byte[] {0, 0, (byte) 0x80, 0x7f}), size - 64 * 64 * 8);
    }
    Run flagged = run("inspect", file);
    assertThat(flagged.code).isEqualTo(1);
    assertThat(flagged.out)
        .contains("! a: 1 infinite")
        .contains("! b: 2048 elements in runs of one value, from element 2048 on: untouched?")
        .contains("! b: departs from normal(0, 1): std");
  }

  @Test
  void onlyAndMissingHaveTheValuesOfTheWhole() throws IOException {
    Path whole = dir.resolve("whole");
    Path part = dir.resolve("part");
    Path rest = dir.resolve("rest");
    run("init", config(), "--out", whole);
    assertThat(run("init", config(), "--only", "*.layers.0.*", "--out", part).code).isZero();
    assertThat(run("init", config(), "--missing-from", part, "--out", rest).code).isZero();
    assertThat(run("diff", whole, part).out).contains("9 tensors the same, 0 different, 12 in one only");
    assertThat(run("diff", whole, rest).out).contains("12 tensors the same, 0 different, 9 in one only");
    assertThat(run("init", config(), "--missing-from", whole, "--out", dir.resolve("none")).out).contains("nothing is missing");
    assertThat(dir.resolve("none")).doesNotExist();
  }

  @Test
  void integersTakeAConstant() throws IOException {
    byte[] header = """
        {"steps":{"dtype":"I64","shape":[3],"data_offsets":[0,24]},"on":{"dtype":"BOOL","shape":[2],"data_offsets":[24,26]},\
        "w":{"dtype":"F32","shape":[2,2],"data_offsets":[26,42]}}""".getBytes(StandardCharsets.UTF_8);
    ByteBuffer old = ByteBuffer.allocate(8 + header.length + 42).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header);
    Path file = Files.write(dir.resolve("old.safetensors"), old.array());
    Path fresh = dir.resolve("fresh");
    assertThat(run("init", file, "--set", "w=ones()", "--set", "*=zeros()", "--set", "steps=normal(0, 1)", "--out", fresh).code).isZero();
    assertThat(run("init", file, "--set", "w=ones()", "--set", "*=normal(0, 1)", "--out", fresh).err)
        .contains("tensor 'steps'").contains("is no value of I64");
    Path set = dir.resolve("set");
    assertThat(run("init", file, "--set", "steps=constant(-2)", "--set", "on=ones()", "--set", "w=ones()", "--out", set).code).isZero();
    assertThat(run("verify", set).out).contains("3 tensors").contains("every bit");
    byte[] bytes = Files.readAllBytes(set.resolve("model.safetensors"));
    ByteBuffer values = ByteBuffer.wrap(bytes, bytes.length - 42, 42).slice().order(ByteOrder.LITTLE_ENDIAN);
    // Wide types come first in a file.
    assertThat(values.getLong(0)).isEqualTo(-2);
    assertThat(values.getLong(16)).isEqualTo(-2);
    assertThat(values.getFloat(36)).isEqualTo(1);
    assertThat(values.get(41)).isEqualTo((byte) 1);
  }

  @Test
  void planShowsTheLawsAndWritesNothing() throws IOException {
    JsonNode plan = new ObjectMapper().readTree(run("plan", config(), "--set", "*.q_proj.weight = he_uniform()", "--json").out);
    assertThat(plan.get("tensors").get(1).get("law").asText()).isEqualTo("uniform(-0.6123724356957945, 0.6123724356957945)");
    // U(-l, l) has the deviation l / sqrt(3), and l = sqrt(6 / 16).
    assertThat(plan.get("tensors").get(1).get("std").asDouble()).isCloseTo(Math.sqrt(2 / 16.0), Offset.offset(1e-15));
    assertThat(plan.get("parameters").asLong()).isEqualTo(2 * 96 * 16 + 2 * (2 * 16 * 16 + 2 * 8 * 16 + 3 * 16 * 40 + 2 * 16) + 16);
    assertThat(dir).isDirectoryContaining("glob:**config.json");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', textBlock = """
      plan gtp2                                        | did you mean 'gpt2'
      plan gpt2 --recipe megatorn                      | megatron
      plan gpt2 --dtype bfl6                           | unknown dtype 'bfl6'; did you mean 'bf16'?
      plan gpt2 --set *.bias=constent(1)               | did you mean 'constant'
      plan gpt2 --set *.bias=he_normal()               | rank
      plan gpt2 --set nothing.*=zeros()                | matches no tensor
      plan gpt2 --set *=normal(0,-1)                   | must be finite and not negative
      plan gpt2 --dtype f16 --set *=constant(70000)    | not finite in F16
      plan gpt2 --only nothing                         | matches no tensor
      plan --tensor w:F32[2,-1]=zeros()                | -1
      plan --tensor w:F32[9999999999,9999999999]=ones  | 2^63 - 1
      plan --tensor w:F32[2]=uniform(1,0)              | low must not be above high
      init gpt2                                        | --out
      init gpt2 --out target --seed 1e3                | seed '1e3' is not a 64-bit number
      init gpt2 --out target --seed 18446744073709551616 | not a 64-bit number
      init gpt2 --out target --seed ٤٢                 | not a 64-bit number
      init gpt2 --out target --shard-size 5XB          | is no size
      init gpt2 --out target --part 4/3                | parts are 1/3 to 3/3
      init gpt2 --out target --threads 0               | give 1 to 1024
      diff pom.xml pom.xml --threads 0                 | give 1 to 1024
      inspect pom.xml --threads 1000000                | give 1 to 1024
      init gpt2 --out target --device gpu              | known: auto, cpu, cuda:N
      init gpt2 --out target --device cuda:0,cpu       | several as in cuda:0,cuda:1
      init gpt2 --out target --device cuda:1,cuda:1    | has cuda:1 twice
      init gpt2 --out target --resume --force          | give one of them
      init --tensor w:BF16[2]=zeros() --out x.npy      | BF16
      init --tensor w:F32[2]=zeros() --out x.bin       | must end in .safetensors or .npy
      verify pom.xml                                   | pom.xml
      inspect no-such-folder                           | no-such-folder
      frobnicate                                       | frobnicate
      plan @pom.xml                                    | @pom.xml
      plan --tensor \ufffd:F32[2]=zeros()              | set LC_ALL=C.UTF-8
      plan --tensor w:F32[1000000,1000000,4000000]=zeros() | 2^63 - 1 bytes
      init --tensor w:F32[1000000,1000000]=zeros() --out x.safetensors | are free
      """)
  void wrongInputIsNamedWithoutAStackTrace(String line, String expected) {
    Run run = run((Object[]) line.strip().split(" +", -1));
    assertThat(run.code).isEqualTo(2);
    assertThat(run.out).isEmpty();
    assertThat(run.err.replaceFirst("^device: .*\n", "")).startsWith("tensorseed: ").contains(expected).doesNotContain("\tat ").doesNotContain("Exception");
    assertThat(Path.of("x.npy")).doesNotExist();
  }

  /// An npy file does not say who wrote it.
  @Test
  void anNpyFileIsNotReplaced() {
    Path out = dir.resolve("x.npy");
    Object[] command = {"init", "--tensor", "w:F32[2]=zeros()", "--device", "cpu", "--out", out, "--force"};
    assertThat(run(command).code).isZero();
    Run again = run(command);
    assertThat(again.code).isEqualTo(2);
    assertThat(again.err).contains("--force replaces only files that say they are tensorseed's").contains("delete " + out);
  }

  @Test
  void faultsOfOursAreNotFailedChecks() {
    Run internal = failing(new ArithmeticException("a\u001b[2Jfault"));
    assertThat(internal.code).isEqualTo(3);
    assertThat(internal.err).startsWith("tensorseed: internal error").contains("ArithmeticException: a?[2Jfault").contains("\n  at ");
    assertThat(failing(new AssertionError("broken")).code).isEqualTo(3);
    assertThat(failing(new StackOverflowError()).code).isEqualTo(3);
    for (Throwable memory : new Throwable[] {
      new OutOfMemoryError("Java heap space"), new IllegalStateException("a worker failed", new OutOfMemoryError("Java heap space"))
    }) {
      Run run = failing(memory);
      assertThat(run.code).isEqualTo(2);
      assertThat(run.err).startsWith("tensorseed: out of memory (Java heap space)").doesNotContain("\tat ");
    }
    assertThat(run("--help").out).contains("3  an internal error");
  }

  /// A run in which the printing of the report fails.
  private static Run failing(Throwable fault) {
    PrintWriter out = new PrintWriter(Writer.nullWriter()) {
      @Override
      public void println(@Nullable String line) {
        MainTest.<RuntimeException>sneak(fault);
      }
    };
    StringWriter err = new StringWriter();
    int code = Main.run(new String[] {"devices", "--json"}, out, new PrintWriter(err, true));
    return new Run(code, "", err.toString());
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <E extends Throwable> void sneak(Throwable fault) throws E {
    throw (E) fault;
  }

  @Test
  void failuresOfFilesHaveAReason() throws IOException {
    Path file = dir.resolve("w.safetensors");
    run("init", "--tensor", "a:F32[64]=normal(0, 1)", "--out", file);
    assertThat(run("inspect", file, "--html", dir.resolve("no/x.html")).err).contains("there is no folder " + dir.resolve("no"));
    assertThat(run("inspect", file, "--html", dir).err).contains("is there already");
    assertThat(run("inspect", file, "--html", file.resolve("x")).err).contains("there is no folder");
    for (Map.Entry<IOException, String> fault : Map.of(
        new AccessDeniedException("f"), "f: permission denied", new FileAlreadyExistsException("f"), "f: it is there already",
        new FileSystemException("f"), "f: the system cannot access it", new FileSystemException("f", null, "No space"), "f: No space",
        new IOException(), "java.io.IOException").entrySet()) {
      Run plain = failing(fault.getKey());
      assertThat(plain.err).isEqualTo("tensorseed: " + fault.getValue() + System.lineSeparator());
      assertThat(failing(new UncheckedIOException(fault.getKey()))).isEqualTo(plain);
      assertThat(plain.code).isEqualTo(2);
    }
  }

  /// Neither ASCII's control characters nor those from 0x80 on reach a terminal; the line with the caret stays one.
  @Test
  void messagesDoNotSteerTheTerminal() {
    assertThat(run("plan", "gpt2", "--set", "*=normal(0, \u001b[2J\u009b\r)").err).doesNotContain("\u001b", "\u009b", "\r");
    assertThat(run("plan", "gpt2", "--\u001b[2J").err).contains("?[2J").doesNotContain("\u001b");
    assertThat(failing(new IOException("one\n  ^\u0007")).err).isEqualTo("tensorseed: one\n  ^?" + System.lineSeparator());
  }

  @Test
  void saysWhichDeviceItLandedOn() throws IOException {
    Path out = dir.resolve("Out");
    Run init = run("init", config(), "--out", out, "--threads", "2");
    assertThat(init.err).matches("device: (cuda:\\d \\(.*\\)|cpu \\(2 threads, .*\\); no cuda: .*)\\R");
    assertThat(run("verify", out, "--threads", "1").err).matches("device: (cuda:\\d \\(.*|cpu \\(1 thread, .*)\\R");
    assertThat(run("verify", out, "--json").err).isEmpty();
    assertThat(run("verify", out, "--device", "cpu").err).isEmpty();
    Run json = run("init", config(), "--out", dir.resolve("again"), "--device", "cpu", "--json");
    assertThat(json.err).isEmpty();
    assertThat(new ObjectMapper().readTree(json.out).get("device").asText()).isEqualTo("cpu");
  }

  @Test
  void reportsWhatItWrote() throws IOException {
    Run single = run("init", "--tensor", "a:F32[2]=ones()", "--out", dir.resolve("A.Safetensors"), "--json");
    assertThat(new ObjectMapper().readTree(single.out).get("written").get(0).asText()).isEqualTo("A.Safetensors");
    // 8,528 parameters of two bytes in files of at most 4 kB.
    long tensors = 0;
    long parameters = 0;
    long bytes = 0;
    for (int part = 1; part <= 2; part++) {
      Run run = run("init", config(), "--out", dir.resolve("parts"), "--shard-size", "4kB", "--part", part + "/2", "--json");
      JsonNode report = new ObjectMapper().readTree(run.out);
      long written = 0;
      for (JsonNode file : report.get("written")) {
        try (Checkpoint checkpoint = Checkpoint.open(dir.resolve("parts").resolve(file.asText()))) {
          written += checkpoint.tensors().stream().mapToLong(StoredTensor::bytes).sum();
        }
      }
      assertThat(report.get("bytes").asLong()).isEqualTo(written).isPositive();
      tensors += report.get("tensors").asLong();
      parameters += report.get("parameters").asLong();
      bytes += written;
    }
    assertThat(tensors).isEqualTo(21);
    assertThat(parameters).isEqualTo(8528);
    assertThat(bytes).isEqualTo(2 * 8528);
  }

  @Test
  void theBarIsForTerminals() throws IOException {
    for (String device : new String[] {"/dev/pts/3", "/dev/tty1"}) {
      Path descriptor = Files.createSymbolicLink(dir.resolve(device.replace('/', '-')), Path.of(device));
      assertThat(Progress.isTerminal(descriptor)).isTrue();
      Files.delete(descriptor);
    }
    for (String other : new String[] {"pipe:[42]", "/dev/null", "/tmp/dev/pts/3"}) {
      Path descriptor = Files.createSymbolicLink(dir.resolve(other.replace('/', '-')), Path.of(other));
      assertThat(Progress.isTerminal(descriptor)).isFalse();
      Files.delete(descriptor);
    }
  }

  @Test
  void theVersionIsThatOfTheBuild() throws IOException {
    assertThat(Path.of("pom.xml")).content().contains("<artifactId>tensorseed</artifactId>\n  <version>" + Provenance.VERSION + "<");
    assertThat(run("--version").out.strip()).isEqualTo("tensorseed " + Provenance.VERSION);
  }

  @Test
  void pagesReplaceOnlyPages() {
    Path file = dir.resolve("w.safetensors");
    assertThat(run("init", "--tensor", "a:F32[4]=normal(0, 1)", "--out", file).code).isZero();
    assertThat(run("inspect", file, "--html", file).err).contains("no page of tensorseed's");
    assertThat(run("verify", file).code).isZero();
    Path page = dir.resolve("page.html");
    assertThat(run("inspect", file, "--html", page).code).isZero();
    assertThat(run("inspect", file, "--html", page).code).isZero();
    assertThat(run("inspect", file, "--html", dir.resolve("no/page.html")).err).contains("there is no folder");
  }

  @Test
  void lostOutputIsAnError() {
    PrintWriter broken = new PrintWriter(new Writer() {
      @Override
      public void write(char[] text, int from, int length) throws IOException {
        throw new IOException("No space left on device");
      }

      @Override
      public void flush() {}

      @Override
      public void close() {}
    });
    StringWriter err = new StringWriter();
    assertThat(Main.run(new String[] {"devices"}, broken, new PrintWriter(err, true))).isEqualTo(2);
    assertThat(err.toString()).contains("cannot write to standard output");
  }

  @Test
  void everyCommandHasHelp() {
    for (String command : new String[] {"init", "plan", "verify", "diff", "inspect", "devices", "bench"}) {
      Run run = run(command, "--help");
      assertThat(run.code).isZero();
      assertThat(run.out).contains("Usage: tensorseed " + command);
    }
    assertThat(run("devices").out).contains("cpu").contains("cuda");
  }
}
