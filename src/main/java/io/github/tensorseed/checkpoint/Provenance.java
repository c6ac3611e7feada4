package io.github.tensorseed.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import io.github.tensorseed.Generator;
import io.github.tensorseed.LinearAlgebra;
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
/// @param generator what made the random values; recorded if it is not ours
/// @param plan SHA-256 of the names, dtypes, shapes and expressions of all tensors of the checkpoint, in the order of the plan
public record Provenance(String version, int stream, long seed, long shardSize, Generator generator, String plan) {

  /// The version of this library.
  public static final String VERSION = "0.1.0";

  /// The key that marks a `config.json` as written by us; its value is the version.
  public static final String CONFIG_KEY = "tensorseed_version";

  static final String VERSION_KEY = "tensorseed.version";
  static final String FORMAT_KEY = "format";
  private static final String STREAM_KEY = "tensorseed.stream";
  static final String SEED_KEY = "tensorseed.seed";
  private static final String SHARD_SIZE_KEY = "tensorseed.shard_size";
  static final String GENERATOR_KEY = "tensorseed.generator";
  static final String PLAN_KEY = "tensorseed.plan";
  private static final String TENSORS_KEY = "tensorseed.tensors";
  private static final String LINEAR_ALGEBRA_KEY = "tensorseed.linear_algebra";

  /// Whether a header's metadata are kept under this key.
  static boolean isKey(String key) {
    return key.equals(FORMAT_KEY) || key.startsWith("tensorseed.");
  }

  /// What the metadata of a file say; empty if it is not of ours.
  ///
  /// @throws IOException if it is, but damaged
  public static Optional<Provenance> of(Checkpoint.Shard shard) throws IOException {
    String version = shard.header().metadata().get(VERSION_KEY);
    if (version == null) {
      return Optional.empty();
    }
    return Optional.of(new Provenance(
        version,
        Math.toIntExact(Math.clamp(number(shard, STREAM_KEY), -1, Integer.MAX_VALUE)),
        number(shard, SEED_KEY),
        number(shard, SHARD_SIZE_KEY),
        generator(shard),
        text(shard, PLAN_KEY)));
  }

  /// The expression of each tensor of a file of ours, by its name.
  ///
  /// @throws IOException if they are missing or malformed, or if the file lacks a tensor that they name
  public static Map<String, String> expressions(Checkpoint.Shard shard) throws IOException {
    Map<String, String> names = new HashMap<>(); // the file's own strings, so that what is kept here takes no more room than they
    shard.header().tensors().forEach(tensor -> names.put(tensor.name(), tensor.name()));
    Map<String, String> expressions = new HashMap<>();
    try (Json json = Json.of(shard.file() + ": metadata " + TENSORS_KEY, text(shard, TENSORS_KEY))) {
      json.object("the value", expression -> json.strings("'" + expression + "'", listed -> {
        String name = names.get(listed);
        if (name == null) {
          throw json.malformed("tensor '" + listed + "' has an expression, and the file has no such tensor");
        }
        if (expressions.put(name, expression) != null) {
          throw json.malformed("tensor '" + name + "' has two expressions");
        }
      }));
      json.end();
    }
    return expressions;
  }

  /// What made the values of a file that come through linear algebra, device and library; empty if it has none.
  ///
  /// @throws IOException if that is malformed
  static Optional<String> linearAlgebra(Checkpoint.Shard shard) throws IOException {
    String text = shard.header().metadata().get(LINEAR_ALGEBRA_KEY);
    if (text == null) {
      return Optional.empty();
    }
    List<String> makers = new ArrayList<>();
    try (Json json = Json.of(shard.file() + ": metadata " + LINEAR_ALGEBRA_KEY, text)) {
      json.object("the value", maker -> {
        makers.add(maker);
        json.skip();
      });
      json.end();
      if (makers.size() != 1) {
        throw json.malformed("one device and library are expected");
      }
    }
    return Optional.of(makers.getFirst());
  }

  /// How files name what does linear algebra, as in `cpu: OpenBLAS 0.3.30, 2 threads`.
  static String text(LinearAlgebra algebra) {
    return algebra.device().name() + ": " + algebra.library();
  }

  /// Why a file of this provenance and one of `other` are not of one run, whatever the plan; empty if they may be.
  ///
  /// @param where words for this file, to stand behind a value
  /// @param elsewhere the same for the other
  Optional<String> difference(String where, Provenance other, String elsewhere) {
    if (stream != other.stream) {
      return Optional.of("stream version " + stream + " " + where + ", " + other.stream + " " + elsewhere);
    }
    if (!version.equals(other.version)) {
      return Optional.of("version " + Printable.of(version) + " of tensorseed " + where + ", " + Printable.of(other.version) + " "
          + elsewhere);
    }
    if (seed != other.seed) {
      return Optional.of("seed " + seed + " " + where + ", " + other.seed + " " + elsewhere);
    }
    if (generator != other.generator) {
      return Optional.of("generator " + generator + " " + where + ", " + other.generator + " " + elsewhere);
    }
    return Optional.empty();
  }

  /// The metadata of a file that has these tensors.
  ///
  /// @param algebra what makes those that come through linear algebra, see [#text(LinearAlgebra)]; of no meaning where there are none
  SortedMap<String, String> metadata(List<TensorSpec> tensors, String algebra) {
    SortedMap<String, String> metadata = new TreeMap<>();
    metadata.put(FORMAT_KEY, "pt");
    metadata.put(VERSION_KEY, version);
    metadata.put(STREAM_KEY, Integer.toString(stream));
    metadata.put(SEED_KEY, Long.toString(seed));
    metadata.put(SHARD_SIZE_KEY, Long.toString(shardSize));
    if (generator != Generator.TENSORSEED) {
      metadata.put(GENERATOR_KEY, generator.toString());
    }
    metadata.put(PLAN_KEY, plan);
    Map<String, List<String>> names = new LinkedHashMap<>();
    tensors.forEach(tensor -> names.computeIfAbsent(tensor.expression(), _ -> new ArrayList<>()).add(tensor.name()));
    metadata.put(TENSORS_KEY, json(names));
    List<String> outside = tensors.stream().filter(TensorSpec::byLinearAlgebra).map(TensorSpec::name).toList();
    if (!outside.isEmpty()) {
      metadata.put(LINEAR_ALGEBRA_KEY, json(Map.of(algebra, outside)));
    }
    return metadata;
  }

  private static String json(Map<String, List<String>> names) {
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
    return text.toString();
  }

  private static String text(Checkpoint.Shard shard, String key) throws IOException {
    String text = shard.header().metadata().get(key);
    if (text == null) {
      throw new IOException(shard.file() + ": metadata has " + VERSION_KEY + ", but no " + key);
    }
    return text;
  }

  private static Generator generator(Checkpoint.Shard shard) throws IOException {
    String name = shard.header().metadata().get(GENERATOR_KEY);
    try {
      return name == null ? Generator.TENSORSEED : Generator.of(name);
    } catch (IllegalArgumentException e) {
      throw new IOException(shard.file() + ": metadata " + GENERATOR_KEY + ": " + Printable.of(String.valueOf(e.getMessage())), e);
    }
  }

  private static long number(Checkpoint.Shard shard, String key) throws IOException {
    String text = text(shard, key);
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new IOException(shard.file() + ": metadata " + key + " = '" + Printable.of(text) + "' is not a 64-bit integer", e);
    }
  }
}
