package io.github.tensorseed.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.tensorseed.DType;
import io.github.tensorseed.Nearest;
import io.github.tensorseed.checkpoint.Provenance;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A model's configuration: the `config.json` that transformers writes beside the weights, or one of our own for a built-in name.
///
/// A key that is absent means the default of the model's own implementation, except for the dimensions, which must be there. Every wrong
/// value is an error that names the key, the value and the rule.
public final class ModelConfig {
  private static final int MOST_BYTES = 2 << 20;
  private static final long LARGEST_SIZE = Integer.MAX_VALUE;

  /// Keys that GPT-2 spells in its own way. Recipes may use either spelling for any model.
  private static final Map<String, String> SPELLINGS = Map.of(
      "n_embd", "hidden_size",
      "n_layer", "num_hidden_layers",
      "n_head", "num_attention_heads",
      "n_positions", "max_position_embeddings",
      "n_inner", "intermediate_size");

  /// The types of Gemma, whose norms multiply by 1 + weight; Gemma 3n's multiply by the weight.
  private static final Set<String> ADD_ONE = Set.of("gemma", "gemma2", "gemma3", "gemma3_text");

  /// As deep and with numbers as long as what reads it again before it is written beside weights.
  private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
          .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(16).maxNumberLength(100).build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build())
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
      .enable(SerializationFeature.INDENT_OUTPUT)
      .build();

  private final String source;
  private final ObjectNode keys;

  private ModelConfig(String source, ObjectNode keys) {
    this.source = source;
    this.keys = keys;
  }

  /// The configuration of a built-in name, or at a path: of a `config.json`, or of a folder that has one. Names go before paths: a folder
  /// called gpt2 is `./gpt2`.
  ///
  /// @throws IllegalArgumentException if it is neither; the message has the nearest name
  /// @throws IOException if the file cannot be read, or is malformed; then with the offset
  public static ModelConfig of(String nameOrPath) throws IOException {
    JsonNode known = builtIns().get(nameOrPath.toLowerCase(Locale.ROOT));
    if (known != null) {
      return new ModelConfig("built-in model " + nameOrPath, (ObjectNode) known);
    }
    try {
      Path path = Path.of(nameOrPath);
      if (!nameOrPath.isEmpty() && Files.exists(path)) {
        return read(path);
      }
    } catch (InvalidPathException e) {
      // Then it was meant as a name.
    }
    String last = nameOrPath.substring(nameOrPath.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
    throw new IllegalArgumentException("unknown model '" + nameOrPath + "': it is neither the name of a built-in model nor the path of a"
        + " config.json or of a folder with one" + Nearest.hint(last, builtInNames()));
  }

  /// The names of the built-in models, in order.
  public static List<String> builtInNames() {
    List<String> names = new ArrayList<>();
    builtIns().fieldNames().forEachRemaining(names::add);
    return names;
  }

  /// Reads a `config.json`, or the one in a folder.
  ///
  /// @throws IOException if it cannot be read, is larger than 2 MiB, or is malformed; then with the offset
  public static ModelConfig read(Path path) throws IOException {
    Path file = Files.isDirectory(path) ? path.resolve("config.json") : path;
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + ": no such file; a model is a config.json or a folder that has one");
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      bytes = in.readNBytes(MOST_BYTES + 1);
    }
    if (bytes.length > MOST_BYTES) {
      throw new IOException(file + ": larger than " + MOST_BYTES + " bytes, so it is no model's configuration");
    }
    return parse(file.toString(), bytes);
  }

  /// Reads the text of a `config.json`.
  ///
  /// @param source what messages call it
  /// @throws IOException if it is malformed, with the offset
  public static ModelConfig parse(String source, byte[] json) throws IOException {
    JsonNode root;
    try {
      root = JSON.readTree(json);
    } catch (JsonProcessingException e) {
      long offset = e.getLocation() == null ? -1 : e.getLocation().getByteOffset();
      throw new IOException(source + ": malformed JSON at byte " + offset + ": " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new IOException(source + ": malformed JSON: " + e.getMessage(), e);
    }
    if (root instanceof ObjectNode keys) {
      return new ModelConfig(source, keys);
    }
    throw new IOException(source + ": malformed JSON at byte 0: a configuration is an object, as in {\"architectures\": [...], ...}");
  }

  /// One without keys.
  static ModelConfig empty() {
    return new ModelConfig("no configuration", JSON.createObjectNode());
  }

  private static ObjectNode builtIns() {
    try (InputStream in = Resources.open("models.json")) {
      return (ObjectNode) JSON.readTree(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static boolean isBuiltIn(String name) {
    return builtIns().has(name.toLowerCase(Locale.ROOT));
  }

  boolean hasArchitecture() {
    return keys.path("architectures").path(0).isTextual();
  }

  /// The class whose parameters the model saves: the first of `architectures`.
  ///
  /// @throws IllegalArgumentException if the configuration has none
  public String architecture() {
    if (!hasArchitecture()) {
      throw new IllegalArgumentException(source + ": \"architectures\" is " + keys.path("architectures")
          + "; it must be a list whose first entry names the class to make weights for, as in \"architectures\": [\"LlamaForCausalLM\"]");
    }
    return keys.path("architectures").path(0).textValue();
  }

  /// What transformers calls the model, its `model_type`; empty if the configuration does not say.
  public String modelType() {
    return keys.path("model_type").asText();
  }

  /// The element type that the configuration asks for in `dtype` or `torch_dtype`.
  ///
  /// @throws IllegalArgumentException if it names a type that weights cannot have here
  public Optional<DType> dtype() {
    JsonNode value = keys.hasNonNull("dtype") ? keys.get("dtype") : keys.get("torch_dtype");
    if (value == null || value.isNull()) {
      return Optional.empty();
    }
    String name = value.asText().replace("torch.", "");
    for (DType dtype : DType.values()) {
      if (torchName(dtype).equals(name)) {
        return Optional.of(dtype);
      }
    }
    throw wrong(keys.hasNonNull("dtype") ? "dtype" : "torch_dtype", value,
        "a dtype we can write, as in \"bfloat16\"; or give one with --dtype");
  }

  private static String torchName(DType dtype) {
    return switch (dtype) {
      case F64 -> "float64";
      case F32 -> "float32";
      case BF16 -> "bfloat16";
      case F16 -> "float16";
      case F8_E4M3 -> "float8_e4m3fn";
      case F8_E5M2 -> "float8_e5m2";
    };
  }

  /// The text of the `config.json` to write beside weights of this dtype: this one with its dtype keys set, marked as ours.
  public String json(DType written) {
    ObjectNode copy = keys.deepCopy();
    if (copy.has("dtype")) {
      copy.put("dtype", torchName(written));
    }
    if (copy.has("torch_dtype") || !copy.has("dtype")) {
      copy.put("torch_dtype", torchName(written));
    }
    copy.put(Provenance.CONFIG_KEY, Provenance.VERSION);
    try {
      return JSON.writeValueAsString(copy) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(source + ": cannot be written again", e);
    }
  }

  /// What recipes may calculate with: every numeric key, either spelling of those that GPT-2 names in its own way, `initializer_range`,
  /// and `norm_neutral`, the weight with which a norm does nothing.
  public Map<String, Double> variables() {
    Map<String, Double> variables = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : keys.properties()) {
      if (entry.getValue().isNumber() && Double.isFinite(entry.getValue().doubleValue())) {
        variables.put(entry.getKey(), entry.getValue().doubleValue());
      }
    }
    SPELLINGS.forEach((one, other) -> {
      copyIfAbsent(variables, one, other);
      copyIfAbsent(variables, other, one);
    });
    JsonNode range = find("initializer_range");
    if (range != null && !range.isNumber()) {
      throw wrong("initializer_range", range, "a number, the standard deviation of weights");
    }
    variables.putIfAbsent("initializer_range", 0.02);
    Family family = Family.of(this);
    boolean addsOne = family == null ? ADD_ONE.contains(keys.path("model_type").asText()) : family == Family.GEMMA;
    variables.put("norm_neutral", addsOne ? 0.0 : 1.0);
    return variables;
  }

  private static void copyIfAbsent(Map<String, Double> variables, String from, String to) {
    Double value = variables.get(from);
    if (value != null) {
      variables.putIfAbsent(to, value);
    }
  }

  /// The value of a key that must be there: a whole number of at least 1.
  long size(String key) {
    JsonNode value = find(key);
    if (value == null) {
      throw new IllegalArgumentException(source + ": the key \"" + key + "\" is missing; " + architecture() + " needs it");
    }
    return size(key, value);
  }

  /// As [#size(String)], with a default.
  long size(String key, long absent) {
    JsonNode value = find(key);
    return value == null ? absent : size(key, value);
  }

  private long size(String key, JsonNode value) {
    return integer(key, value, 1, LARGEST_SIZE);
  }

  /// The row of a table that a key names, counted from the end if it is negative, as torch does.
  ///
  /// null means that there is none.
  @Nullable Long row(String key, @Nullable Long absent, long rows) {
    JsonNode value = find(key);
    if (value == null) {
      return isNull(key) ? null : absent;
    }
    long row = integer(key, value, -rows, rows - 1);
    return row < 0 ? row + rows : row;
  }

  /// Whether the key is there and null.
  boolean isNull(String key) {
    return keys.has(key) && keys.get(key).isNull();
  }

  private long integer(String key, JsonNode value, long least, long most) {
    if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < least || value.longValue() > most) {
      throw wrong(key, value, "a whole number from " + least + " to " + most);
    }
    return value.longValue();
  }

  /// Height and width: a number for both, or a list of the two.
  long[] extent(String key, long absent) {
    JsonNode value = find(key);
    if (value != null && value.isArray()) {
      if (value.size() != 2) {
        throw wrong(key, value, "one whole number, or two");
      }
      return new long[] {size(key, value.get(0)), size(key, value.get(1))};
    }
    long both = value == null ? absent : size(key, value);
    return new long[] {both, both};
  }

  boolean flag(String key, boolean absent) {
    JsonNode value = find(key);
    if (value == null) {
      return absent;
    }
    if (!value.isBoolean()) {
      throw wrong(key, value, "true or false");
    }
    return value.booleanValue();
  }

  /// Fails if the key is there with a value other than `supported`.
  void requireOnly(String key, String supported) {
    JsonNode value = find(key);
    if (value != null && !value.asText().equals(supported)) {
      throw wrong(key, value, supported + ", the only form whose parameters we know");
    }
  }

  /// How many classes a classifier tells apart: the length of `id2label`, else `num_labels`, else 2.
  long labels() {
    JsonNode names = find("id2label");
    if (names != null && !names.isObject()) {
      throw wrong("id2label", names, "an object of class names");
    }
    return names == null ? size("num_labels", 2) : names.size();
  }

  private @Nullable JsonNode find(String key) {
    JsonNode value = keys.get(key);
    if (value == null) {
      String other = SPELLINGS.get(key);
      value = other == null ? null : keys.get(other);
    }
    return value == null || value.isNull() ? null : value;
  }

  /// The complaint about a value.
  IllegalArgumentException wrong(String key, Object value, String rule) {
    String text = String.valueOf(value);
    return new IllegalArgumentException(source + ": \"" + key + "\" is " + (text.length() > 100 ? text.substring(0, 100) + "..." : text)
        + "; it must be " + rule);
  }

  /// What messages call this configuration.
  @Override
  public String toString() {
    return source;
  }
}
