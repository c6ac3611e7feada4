package io.github.tensorseed.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import io.github.tensorseed.Generator;
import io.github.tensorseed.RandomStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Which tensors go into which file of a checkpoint.
///
/// Files are filled in the order of the plan, as Hugging Face does it; a tensor that is larger than a file may be has one of its own.
/// There it comes before the file that was being filled, and that one goes on.
public final class ShardLayout {
  /// Bytes per file if nothing else is asked for.
  public static final long DEFAULT_SHARD_SIZE = 5_000_000_000L;

  /// As long as a device and its library may be called.
  private static final String LONG_NAME = "?".repeat(250);

  static final String INDEX = "model.safetensors.index.json";
  static final String CONFIG = "config.json";
  static final String SINGLE = "model.safetensors";

  /// One file.
  ///
  /// @param place its number among the files, counted from 0
  /// @param tensors in the order of their values: wide types first, so that all are aligned, then by name
  public record Shard(int place, String file, List<TensorSpec> tensors, Provenance provenance) {

    /// Bytes of the values.
    public long dataBytes() {
      return tensors.stream().mapToLong(TensorSpec::bytes).sum();
    }

    /// Whether some of the values are outside the promise of one seed.
    boolean byLinearAlgebra() {
      return tensors.stream().anyMatch(TensorSpec::byLinearAlgebra);
    }

    /// Whether a file of `size` bytes is this one, as its first bytes say. Of values that come through linear algebra they do not.
    public boolean isWhole(InputStream file, long size) throws IOException {
      byte[] header = header("");
      return size == header.length + dataBytes() && Arrays.equals(header, file.readNBytes(header.length));
    }

    /// The bytes before the values.
    ///
    /// @param algebra as in [Provenance#metadata]
    byte[] header(String algebra) {
      SequencedMap<String, TensorFile.Entry> entries = new LinkedHashMap<>();
      tensors.forEach(tensor -> entries.put(tensor.name(), new TensorFile.Entry(tensor.type(), tensor.shape())));
      return SafetensorsHeader.encode(provenance.metadata(tensors, algebra), entries);
    }
  }

  private final List<Shard> shards;
  private final Provenance provenance;
  private final long bytes;

  private ShardLayout(List<Shard> shards, Provenance provenance, long bytes) {
    this.shards = shards;
    this.provenance = provenance;
    this.bytes = bytes;
  }

  /// The files of a checkpoint of these tensors.
  ///
  /// @param shardSize bytes of values per file, see [#DEFAULT_SHARD_SIZE]
  /// @throws IllegalArgumentException if there are no tensors or two of one name, if `shardSize` is not positive, or if a file would
  ///     have too many tensors for its header
  public static ShardLayout of(List<TensorSpec> tensors, long seed, long shardSize) {
    return of(tensors, seed, shardSize, Generator.TENSORSEED);
  }

  /// The same, for a device with another generator.
  public static ShardLayout of(List<TensorSpec> tensors, long seed, long shardSize, Generator generator) {
    if (shardSize < 1) {
      throw new IllegalArgumentException("shard size " + shardSize + ": at least 1 byte is needed");
    }
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException("a checkpoint of no tensors; at least one is needed");
    }
    long total = totalBytes(tensors);
    List<List<TensorSpec>> files = new ArrayList<>();
    List<TensorSpec> current = new ArrayList<>();
    long filled = 0;
    for (TensorSpec tensor : tensors) {
      if (tensor.bytes() > shardSize) {
        files.add(List.of(tensor));
        continue;
      }
      if (tensor.bytes() > shardSize - filled) {
        files.add(current);
        current = new ArrayList<>();
        filled = 0;
      }
      current.add(tensor);
      filled += tensor.bytes();
    }
    if (!current.isEmpty()) {
      files.add(current);
    }
    Provenance provenance =
        new Provenance(Provenance.VERSION, RandomStream.STREAM_VERSION, seed, shardSize, generator, digest(tensors));
    List<Shard> shards = new ArrayList<>();
    for (int i = 0; i < files.size(); i++) {
      String file = files.size() == 1 ? SINGLE : "model-%05d-of-%05d.safetensors".formatted(i + 1, files.size());
      shards.add(new Shard(i, file, inFileOrder(files.get(i)), provenance));
      shards.getLast().header(LONG_NAME); // what cannot be written is to be known before anything is
    }
    return new ShardLayout(List.copyOf(shards), provenance, total);
  }

  /// One file of these tensors, whatever their size.
  ///
  /// @throws IllegalArgumentException if there are no tensors or two of one name
  static Shard single(String file, List<TensorSpec> tensors, long seed, Generator generator) {
    ShardLayout layout = of(tensors, seed, Math.max(1, totalBytes(tensors)), generator);
    return new Shard(0, file, layout.shards.getFirst().tensors, layout.provenance);
  }

  /// Whether a checkpoint of ours may have a file of this name.
  static boolean isName(String name) {
    return name.matches("model(-\\d{5,}-of-\\d{5,})?\\.safetensors") || name.equals(INDEX) || name.equals(CONFIG);
  }

  /// All files, in order.
  public List<Shard> shards() {
    return shards;
  }

  public Provenance provenance() {
    return provenance;
  }

  /// Bytes of the values of all tensors.
  public long bytes() {
    return bytes;
  }

  /// The files beside the shards, by name, to be written once these are there: `model.safetensors.index.json`, unless one file holds
  /// everything, and `config.json`.
  ///
  /// @param config the text of `config.json`, marked with [Provenance#CONFIG_KEY] at its top level; null for none
  /// @throws IllegalArgumentException if it is not marked
  public SequencedMap<String, byte[]> texts(@Nullable String config) {
    SequencedMap<String, byte[]> texts = new LinkedHashMap<>();
    index().ifPresent(index -> texts.put(INDEX, index));
    if (config != null) {
      requireMarked(config);
      texts.put(CONFIG, config.getBytes(StandardCharsets.UTF_8));
    }
    return texts;
  }

  private static void requireMarked(String config) {
    boolean marked;
    try {
      marked = Target.isMarkedConfig(Json.of(CONFIG, config));
    } catch (IOException e) {
      throw new IllegalArgumentException("the text of config.json is malformed: " + e.getMessage(), e);
    }
    if (!marked) {
      throw new IllegalArgumentException("config.json lacks \"" + Provenance.CONFIG_KEY + "\", by which a later run knows it as ours");
    }
  }

  /// The text of `model.safetensors.index.json`; empty if one file holds everything.
  Optional<byte[]> index() {
    if (shards.size() == 1) {
      return Optional.empty();
    }
    Map<String, String> files = new TreeMap<>();
    long parameters = 0;
    for (Shard shard : shards) {
      for (TensorSpec tensor : shard.tensors) {
        files.put(tensor.name(), shard.file);
        parameters += tensor.shape().elements();
      }
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = Json.FACTORY.createGenerator(out)) {
      Separators separators = Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER);
      json.setPrettyPrinter(new DefaultPrettyPrinter(separators).withObjectIndenter(new DefaultIndenter("  ", "\n")));
      json.writeStartObject();
      json.writeObjectFieldStart("metadata");
      json.writeStringField(Provenance.VERSION_KEY, provenance.version());
      json.writeStringField(Provenance.SEED_KEY, Long.toString(provenance.seed()));
      if (provenance.generator() != Generator.TENSORSEED) {
        json.writeStringField(Provenance.GENERATOR_KEY, provenance.generator().toString());
      }
      json.writeStringField(Provenance.PLAN_KEY, provenance.plan());
      json.writeNumberField("total_parameters", parameters);
      json.writeNumberField("total_size", bytes);
      json.writeEndObject();
      json.writeObjectFieldStart("weight_map");
      for (Map.Entry<String, String> entry : files.entrySet()) {
        json.writeStringField(entry.getKey(), entry.getValue());
      }
      json.writeEndObject();
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("memory cannot fail", e);
    }
    out.write('\n');
    return Optional.of(out.toByteArray());
  }

  private static List<TensorSpec> inFileOrder(List<TensorSpec> tensors) {
    return tensors.stream()
        .sorted(Comparator.<TensorSpec>comparingInt(tensor -> -tensor.width())
            .thenComparing(tensor -> tensor.name().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned))
        .toList();
  }

  /// Bytes of the values of tensors that can be in one checkpoint.
  ///
  /// @throws IllegalArgumentException if two have the same name, or all of them together more than 2^63 - 1 bytes
  public static long totalBytes(List<TensorSpec> tensors) {
    Set<String> names = new HashSet<>();
    long total = 0;
    for (TensorSpec tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException("two tensors are named '" + tensor.name() + "'; names must differ");
      }
      try {
        total = Math.addExact(total, tensor.bytes());
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException("the tensors up to '" + tensor.name() + "' have more than 2^63 - 1 bytes", e);
      }
    }
    return total;
  }

  /// Each field is preceded by its length, so that no two plans have the same bytes.
  private static String digest(List<TensorSpec> tensors) {
    MessageDigest sha256;
    try {
      sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
    for (TensorSpec tensor : tensors) {
      for (String field : List.of(tensor.name(), tensor.type().name(), tensor.shape().toString(), tensor.expression())) {
        byte[] utf8 = field.getBytes(StandardCharsets.UTF_8);
        sha256.update((utf8.length + ":").getBytes(StandardCharsets.UTF_8));
        sha256.update(utf8);
      }
    }
    return HexFormat.of().formatHex(sha256.digest());
  }
}
