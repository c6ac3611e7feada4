package io.github.tensorseed.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import io.github.tensorseed.RandomStream;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// How a file of ours was made, as its metadata says.
///
/// @param version of this library
/// @param stream the version of the stream, see [RandomStream#STREAM_VERSION]
/// @param shardSize bytes that a file of the checkpoint may hold, unless one tensor is larger
/// @param plan SHA-256 of the names, dtypes, shapes and expressions of all tensors of the checkpoint, in the order of the plan
public record Provenance(String version, int stream, long seed, long shardSize, String plan) {

  /// The version of this library.
  public static final String VERSION = "0.1.0";

  /// The key that marks a `config.json` as written by us; its value is the version.
  public static final String CONFIG_KEY = "tensorseed_version";

  static final String VERSION_KEY = "tensorseed.version";
  private static final String STREAM_KEY = "tensorseed.stream";
  private static final String SEED_KEY = "tensorseed.seed";
  private static final String SHARD_SIZE_KEY = "tensorseed.shard_size";
  private static final String PLAN_KEY = "tensorseed.plan";
  private static final String TENSORS_KEY = "tensorseed.tensors";

  /// What `metadata` says; empty if it is not of a file of ours.
  ///
  /// @throws IOException if it is of one, but damaged
  public static Optional<Provenance> of(Map<String, String> metadata) throws IOException {
    String version = metadata.get(VERSION_KEY);
    if (version == null) {
      return Optional.empty();
    }
    return Optional.of(new Provenance(
        version,
        Math.toIntExact(Math.clamp(number(metadata, STREAM_KEY), -1, Integer.MAX_VALUE)),
        number(metadata, SEED_KEY),
        number(metadata, SHARD_SIZE_KEY),
        text(metadata, PLAN_KEY)));
  }

  /// The expression of each tensor, by its name, from the metadata of a file of ours.
  ///
  /// @throws IOException if they are missing or malformed
  public static Map<String, String> expressions(Map<String, String> metadata) throws IOException {
    Map<String, String> expressions = new HashMap<>();
    try (Json json = Json.of("metadata " + TENSORS_KEY, text(metadata, TENSORS_KEY))) {
      json.object("the value", expression -> json.strings("'" + expression + "'", name -> {
        json.keep(name, 0);
        if (expressions.put(name, expression) != null) {
          throw json.malformed("tensor '" + name + "' has two expressions");
        }
      }));
      json.end();
    }
    return expressions;
  }

  /// The metadata of a file that has these tensors.
  SortedMap<String, String> metadata(List<TensorSpec> tensors) {
    SortedMap<String, String> metadata = new TreeMap<>();
    metadata.put("format", "pt");
    metadata.put(VERSION_KEY, version);
    metadata.put(STREAM_KEY, Integer.toString(stream));
    metadata.put(SEED_KEY, Long.toString(seed));
    metadata.put(SHARD_SIZE_KEY, Long.toString(shardSize));
    metadata.put(PLAN_KEY, plan);
    Map<String, List<String>> names = new LinkedHashMap<>();
    tensors.forEach(tensor -> names.computeIfAbsent(tensor.expression(), _ -> new ArrayList<>()).add(tensor.name()));
    StringWriter text = new StringWriter();
    try (JsonGenerator json = Json.FACTORY.createGenerator(text)) {
      json.writeStartObject();
      for (Map.Entry<String, List<String>> entry : names.entrySet()) {
        json.writeFieldName(entry.getKey());
        json.writeArray(entry.getValue().toArray(String[]::new), 0, entry.getValue().size());
      }
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("a string cannot fail", e);
    }
    metadata.put(TENSORS_KEY, text.toString());
    return metadata;
  }

  private static String text(Map<String, String> metadata, String key) throws IOException {
    String text = metadata.get(key);
    if (text == null) {
      throw new IOException("metadata has " + VERSION_KEY + ", but no " + key);
    }
    return text;
  }

  private static long number(Map<String, String> metadata, String key) throws IOException {
    String text = text(metadata, key);
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new IOException("metadata " + key + " = '" + text + "' is not a 64-bit integer", e);
    }
  }
}
