package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.WithRow;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShardLayoutTest {
  private static TensorSpec bytes(String name, long bytes) {
    return new TensorSpec(name, DType.F8_E5M2, Shape.of(bytes), new Distribution.Constant(0));
  }

  private static List<List<String>> names(ShardLayout layout) {
    return layout.shards().stream().map(shard -> shard.tensors().stream().map(TensorSpec::name).toList()).toList();
  }

  @Test
  void filledInTheOrderOfThePlan() {
    var tensors = List.of(bytes("a", 4), bytes("b", 6), bytes("c", 1), bytes("huge", 11), bytes("d", 9), bytes("e", 10), bytes("f", 0));
    ShardLayout layout = ShardLayout.of(tensors, 1, 10);
    assertThat(names(layout)).containsExactly(List.of("a", "b"), List.of("huge"), List.of("c", "d"), List.of("e", "f"));
    assertThat(layout.shards()).extracting(ShardLayout.Shard::file).containsExactly("model-00001-of-00004.safetensors",
        "model-00002-of-00004.safetensors", "model-00003-of-00004.safetensors", "model-00004-of-00004.safetensors");
    assertThat(layout.bytes()).isEqualTo(41);
    assertThat(ShardLayout.of(tensors, 1, 41).shards()).singleElement().extracting(ShardLayout.Shard::file).isEqualTo("model.safetensors");
    assertThat(ShardLayout.of(tensors, 1, 41).index()).isEmpty();
    assertThat(ShardLayout.of(tensors.subList(3, 4), 1, 1).shards())
        .singleElement().extracting(ShardLayout.Shard::file).isEqualTo("model.safetensors");
  }

  /// The plan's digest by sha256sum of the netstrings of its fields.
  @Test
  void textOfTheIndex() {
    ShardLayout layout = ShardLayout.of(List.of(bytes("b", 4), Plans.normal("a", DType.BF16, 2, 4)), 1, 16);
    assertThat(new String(layout.index().orElseThrow(), StandardCharsets.UTF_8)).isEqualTo("""
        {
          "metadata": {
            "tensorseed.version": "0.1.0",
            "tensorseed.seed": "1",
            "tensorseed.plan": "801b8a33e8cbf360b6e4564185e35baf0ef368181405e61608562fd928c50b9d",
            "total_parameters": 12,
            "total_size": 20
          },
          "weight_map": {
            "a": "model-00002-of-00002.safetensors",
            "b": "model-00001-of-00002.safetensors"
          }
        }
        """);
  }

  @Test
  void wideTypesComeFirstThenNames() {
    ShardLayout layout = ShardLayout.of(List.of(
        bytes("b", 1), Plans.normal("\ud83d\ude00", DType.F32, 1), Plans.normal("\uffee", DType.F32, 1),
        Plans.normal("a", DType.F16, 1), Plans.normal("z", DType.F64, 1), bytes("a1", 1)), 1, 100);
    assertThat(names(layout)).containsExactly(List.of("z", "\uffee", "\ud83d\ude00", "a", "a1", "b"));
  }

  @Test
  void provenanceComesBack() throws IOException {
    ShardLayout layout = ShardLayout.of(List.of(bytes("a\"{", 1), Plans.normal("b", DType.F16, 1)), Long.MIN_VALUE, 100);
    Map<String, String> metadata = layout.provenance().metadata(layout.shards().getFirst().tensors(), "cpu: none");
    assertThat(metadata).doesNotContainKey("tensorseed.linear_algebra");
    assertThat(Provenance.of(file(metadata))).hasValue(layout.provenance());
    assertThat(layout.provenance().seed()).isEqualTo(Long.MIN_VALUE);
    assertThat(Provenance.expressions(file(metadata, "a\"{", "b")))
        .containsOnly(Map.entry("a\"{", "zeros()"), Map.entry("b", "normal(0, 0.02)"));
    assertThat(Provenance.of(file(Map.of("format", "pt")))).isEmpty();
    assertThatThrownBy(() -> Provenance.of(file(Map.of("tensorseed.version", "1")))).isInstanceOf(IOException.class)
        .hasMessageContaining("x.safetensors: metadata").hasMessageContaining("no tensorseed.stream");
    String number = "\u001b[2J" + "7".repeat(9000);
    assertThatThrownBy(() -> Provenance.of(file(Map.of("tensorseed.version", "1", "tensorseed.stream", number))))
        .isInstanceOf(IOException.class).hasMessageContaining("x.safetensors: metadata tensorseed.stream = '?[2J777")
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(1200).doesNotContain("\u001b"));
    for (String text : List.of("{\"a\":[\"x\"],\"b\":[\"x\"]}", "[]", "{\"a\":[\"y\"]}", "{\"a\":[1]}", "{\"a\":1}", "{")) {
      assertThatThrownBy(() -> Provenance.expressions(file(Map.of("tensorseed.tensors", text), "x"))).isInstanceOf(IOException.class)
          .hasMessageContaining("metadata tensorseed.tensors, character");
    }
  }

  private static Checkpoint.Shard file(Map<String, String> metadata, String... tensors) {
    Path file = Path.of("x.safetensors");
    List<StoredTensor> stored = Arrays.stream(tensors).map(name -> new StoredTensor(name, StoredType.U8, Shape.of(0), file, 0, 0)).toList();
    return new Checkpoint.Shard(file, new SafetensorsHeader(metadata, stored, 0));
  }

  /// SHA-256 of the netstrings 1:a 7:F8_E5M2 3:[4] 7:zeros(), by `printf '1:a7:F8_E5M23:[4]7:zeros()' | sha256sum`.
  @Test
  void digestOfAPlan() {
    assertThat(ShardLayout.of(List.of(bytes("a", 4)), 1, 10).provenance().plan())
        .isEqualTo("60056ab4d1f79f4a55b13e0bd8b1a01121b1a859726bfb06d824d5d9fe3aa65f");
  }

  @Test
  void plansThatCannotBe() {
    refuses(List.of(), 1, "no tensors");
    refuses(List.of(bytes("a", 1), bytes("a", 2)), 1, "two tensors are named 'a'");
    refuses(List.of(bytes("a", 1)), 0, "shard size 0");
    refuses(List.of(bytes("a", Long.MAX_VALUE), bytes("b", 1)), 1, "2^63 - 1 bytes");
  }

  private static void refuses(List<TensorSpec> tensors, long shardSize, String message) {
    assertThatThrownBy(() -> ShardLayout.of(tensors, 0, shardSize))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
  }

  /// What the dtype cannot hold is found before there is a file.
  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      normal(0, 1) with row(0) = 70000               | 4,4 | the row's value = 70000.0
      normal(0, 1) with row(0) = 70000 with row(1)=0 | 4,4 | the row's value = 70000.0
      normal(0, 1e39) with row(0) = 0                | 4,4 | std = 1.0E39
      identity(70000)                                | 4,4 | gain = 70000.0
      lstm_bias(-70000)                              | 4   | forget = -70000.0
      mamba_dt(1, 70000)                             | 4   | the value for max = 70000.0
      sparse(0.5, 1e39)                              | 4,4 | std = 1.0E39
      """)
  void valuesThatTheTypeCannotHold(String text, String extents, String fault) {
    Shape shape = Shape.of(Arrays.stream(extents.split(",")).mapToLong(Long::parseLong).toArray());
    assertThatThrownBy(() -> new TensorSpec("a", DType.F16, shape, Expression.parse(text)))
        .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("tensor 'a': ").hasMessageContaining(fault);
    Initializer named = Initializer.named("mine()", Expression.parse(text).resolve(shape));
    assertThatThrownBy(() -> new TensorSpec("a", DType.F16, shape, named)).hasMessageContaining(fault);
  }

  @Test
  void tensorsThatCannotBe() {
    Distribution zero = new Distribution.Constant(0);
    Shape shape = Shape.of(2);
    assertThatThrownBy(() -> new TensorSpec("__metadata__", DType.F32, shape, zero)).hasMessageContaining("cannot be named");
    assertThatThrownBy(() -> new TensorSpec("\ud800", DType.F32, shape, zero)).hasMessageContaining("unpaired surrogate");
    assertThatThrownBy(() -> new TensorSpec("a".repeat(50_001), DType.F32, shape, zero)).hasMessageContaining("50001 characters");
    assertThatThrownBy(() -> new TensorSpec("a", DType.F32, shape, (tensor, stream) -> {})).hasMessageContaining("Initializer.named");
    Initializer row = new WithRow(new WithRow((tensor, stream) -> {}, 0, 0), 1, 0);
    assertThatThrownBy(() -> new TensorSpec("a", DType.F32, shape, row)).hasMessageContaining("Initializer.named");
    assertThatThrownBy(() -> new TensorSpec("a", DType.F8_E4M3, shape, new Distribution.Constant(1000)))
        .hasMessageContaining("tensor 'a': ").hasMessageContaining("is not finite in F8_E4M3");
    assertThatThrownBy(() -> new TensorSpec("a", DType.F64, Shape.of(1L << 62), zero)).hasMessageContaining("2^63 - 1 bytes");
    Initializer resolving = new Initializer() {
      @Override
      public void fill(Tensor tensor, RandomStream stream) {
        throw new IllegalStateException("to be resolved first");
      }

      @Override
      public Initializer resolve(Shape whole) {
        return new Distribution.Constant(whole.elements());
      }
    };
    assertThat(new TensorSpec("a", DType.F32, Shape.of(2, 3), resolving).expression()).isEqualTo("constant(6)");
  }

  @Test
  void versionIsThatOfTheBuild() throws IOException {
    assertThat(Files.readString(Path.of("pom.xml")))
        .contains("<artifactId>tensorseed</artifactId>\n  <version>" + Provenance.VERSION + "</version>");
  }

  @Test
  void npyHeaders() {
    assertThat(npy(DType.F32, 2, 3)).isEqualTo("\u0093NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
        + " ".repeat(58) + "\n");
    assertThat(npy(DType.F64, 5)).contains("'descr': '<f8'").contains("'shape': (5,), }");
    assertThat(npy(DType.F16)).contains("'descr': '<f2'").contains("'shape': (), }");
    for (DType dtype : List.of(DType.BF16, DType.F8_E4M3, DType.F8_E5M2)) {
      assertThatThrownBy(() -> npy(dtype, 1)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("npy has no " + dtype);
    }
    long[] ones = new long[60];
    Arrays.fill(ones, 1);
    for (int rank = 0; rank < ones.length; rank++) {
      String header = npy(DType.F32, Arrays.copyOf(ones, rank));
      assertThat(header.length() % 64).isZero();
      assertThat(header.charAt(8) + 256 * header.charAt(9)).isEqualTo(header.length() - 10);
      assertThat(header).endsWith("\n").doesNotContain(" ".repeat(65));
    }
    assertThatThrownBy(() -> npy(DType.F32, new long[30_000])).hasMessageContaining("30000 axes");
  }

  private static String npy(DType dtype, long... extents) {
    return new String(Npy.header(StoredType.of(dtype), Shape.of(extents)), StandardCharsets.ISO_8859_1);
  }
}
