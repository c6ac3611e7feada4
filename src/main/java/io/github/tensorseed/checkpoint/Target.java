package io.github.tensorseed.checkpoint;

import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.checkpoint.ShardLayout.Shard;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// The directory that a run writes to, locked, with what earlier runs left there.
final class Target implements AutoCloseable {
  private static final String SUFFIX = ".safetensors";

  private final Path directory;
  private final ShardLayout layout;
  private final Part part;
  private final Map<String, byte[]> texts;
  private final TargetLock lock;

  private Target(Path directory, ShardLayout layout, Part part, Map<String, byte[]> texts, TargetLock lock) {
    this.directory = directory;
    this.layout = layout;
    this.part = part;
    this.texts = texts;
    this.lock = lock;
  }

  /// Makes the directory if it is missing, locks the files of `part` and removes what a killed run left half-made.
  ///
  /// @param texts the files beside the shards, by their names
  static Target open(Path directory, ShardLayout layout, Part part, Map<String, byte[]> texts) throws IOException {
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw DurableFile.explained(directory, e);
    }
    TargetLock lock = TargetLock.acquire(directory.resolve(".tensorseed.lock"), part, layout.shards().size());
    Target target = new Target(directory, layout, part, texts, lock);
    try {
      target.removeLeftovers();
      return target;
    } catch (Throwable e) {
      target.close();
      throw e;
    }
  }

  /// Where a file is made before it has its name. Shards have one maker; the texts are made by every part.
  Path temporary(String name) {
    String maker = texts.containsKey(name) && part.count() > 1 ? "-" + part.number() + "-of-" + part.count() : "";
    return directory.resolve(".tensorseed-" + name + maker + ".tmp");
  }

  private void removeLeftovers() throws IOException {
    Set<Path> own = new HashSet<>();
    layout.shards().stream().filter(part::includes).forEach(shard -> own.add(temporary(shard.file())));
    texts.keySet().forEach(name -> own.add(temporary(name)));
    for (Path path : matching(".tensorseed-*.tmp")) {
      if ((part.count() == 1 || own.contains(path)) && Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
        DurableFile.delete(path);
      }
    }
  }

  private List<Path> matching(String glob) throws IOException {
    List<Path> paths = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory, glob)) {
      stream.forEach(paths::add);
    } catch (DirectoryIteratorException e) {
      throw DurableFile.explained(directory, new IOException(e));
    } catch (IOException e) {
      throw DurableFile.explained(directory, e);
    }
    return paths;
  }

  /// Deals with what is there already. Nothing is deleted unless everything that is in the way may be.
  ///
  /// @return the files of shards that need not be written
  Set<String> clear(Existing existing) throws IOException {
    Map<String, Shard> shards = new HashMap<>();
    layout.shards().forEach(shard -> shards.put(shard.file(), shard));
    Set<String> kept = new HashSet<>();
    List<Path> delete = new ArrayList<>();
    Set<String> earlier = namesOfAnEarlierRun();
    for (Path path : new TreeSet<>(matching("{*" + SUFFIX + "," + ShardLayout.INDEX + "," + ShardLayout.CONFIG + "}"))) {
      String name = path.getFileName().toString();
      Shard shard = shards.get(name);
      Found found = find(path, name, shard);
      boolean own = shard != null && part.includes(shard);
      boolean same = found.difference.isEmpty();
      if (same && (existing == Existing.RESUME || part.count() > 1 && !own)) {
        if (own) {
          kept.add(name);
        }
      } else if (existing == Existing.FORCE && found.ours && (earlier.contains(name) || ShardLayout.isName(name))) {
        delete.add(path);
      } else if (!name.equals(ShardLayout.CONFIG) || texts.containsKey(name)) {
        throw inTheWay(path, found, existing);
      }
    }
    for (Path path : delete.reversed()) { // by name the index comes last: it goes before what it names
      DurableFile.delete(path);
    }
    return kept;
  }

  private Set<String> namesOfAnEarlierRun() {
    Path path = directory.resolve(ShardLayout.INDEX);
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      return Set.of();
    }
    try {
      ShardIndex index = ShardIndex.read(path, new Json.Budget());
      return index.ours() ? new HashSet<>(index.files().values()) : Set.of();
    } catch (IOException e) {
      return Set.of();
    }
  }

  private static IOException inTheWay(Path path, Found found, Existing existing) {
    String difference = found.difference.orElse("an earlier run wrote it");
    return new IOException(switch (existing) {
      case REFUSE -> path + " is in the way: " + difference + "; --resume goes on with an interrupted run, --force begins anew";
      case RESUME -> path + " does not belong to the run that is to be resumed: " + difference
          + "; repeat that run's arguments, or begin anew with --force";
      case FORCE -> path + " is in the way, and --force deletes only what an earlier run of tensorseed wrote here: " + difference;
    });
  }

  /// A file that is there.
  ///
  /// @param ours whether it says that we wrote it
  /// @param difference from the file of that name that this run would write; empty if there is none
  private record Found(boolean ours, Optional<String> difference) {
    static Found foreign(@Nullable String difference) {
      return new Found(false, Optional.of(String.valueOf(difference)));
    }
  }

  private Found find(Path path, String name, @Nullable Shard shard) {
    if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      return Found.foreign("it is not a plain file");
    }
    try {
      if (!name.endsWith(SUFFIX)) {
        boolean ours = name.equals(ShardLayout.CONFIG) ? isMarkedConfig(Json.open(path)) : ShardIndex.read(path, new Json.Budget()).ours();
        return new Found(ours, holds(path, texts.get(name)) ? Optional.empty() : Optional.of("this run would write another text"));
      }
      try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
        if (shard != null && !shard.byLinearAlgebra() && isShard(channel, shard, "")) {
          return new Found(true, Optional.empty());
        }
        SafetensorsHeader header = SafetensorsHeader.read(path, channel, new Json.Budget());
        if (shard != null && shard.byLinearAlgebra()) {
          // Another library or number of threads may have made it: what is finished stays.
          Optional<String> algebra = Provenance.linearAlgebra(new Checkpoint.Shard(path, header));
          if (algebra.isPresent() && isShard(channel, shard, algebra.get())) {
            return new Found(true, Optional.empty());
          }
        }
        Optional<Provenance> provenance = Provenance.of(new Checkpoint.Shard(path, header));
        return provenance.isEmpty()
            ? Found.foreign("tensorseed did not write it")
            : new Found(true, Optional.of(difference(new Checkpoint.Shard(path, header), provenance.get())));
      }
    } catch (IOException e) {
      return Found.foreign(e.getMessage());
    }
  }

  private static boolean isShard(FileChannel channel, Shard shard, String algebra) throws IOException {
    byte[] header = shard.header(algebra);
    if (channel.size() != header.length + shard.dataBytes()) {
      return false;
    }
    ByteBuffer there = ByteBuffer.allocate(header.length);
    while (there.hasRemaining()) {
      if (channel.read(there, there.position()) < 0) {
        return false;
      }
    }
    return Arrays.equals(header, there.array());
  }

  private String difference(Checkpoint.Shard found, Provenance there) throws IOException {
    Provenance here = layout.provenance();
    Optional<String> made = there.difference("there", here, "here");
    if (made.isPresent()) {
      return made.get();
    }
    Map<String, TensorSpec> plan = new HashMap<>();
    layout.shards().forEach(shard -> shard.tensors().forEach(tensor -> plan.put(tensor.name(), tensor)));
    Map<String, String> expressions = Provenance.expressions(found);
    for (StoredTensor stored : found.header().tensors()) {
      TensorSpec tensor = plan.get(stored.name());
      String what = "tensor '" + Printable.of(stored.name()) + "' ";
      if (tensor == null) {
        return what + "is not in this plan";
      }
      if (stored.type() != tensor.type()) {
        return what + "has dtype " + stored.type() + " there, " + tensor.type() + " here";
      }
      if (!stored.shape().equals(tensor.shape())) {
        return what + "has shape " + stored.shape() + " there, " + tensor.shape() + " here";
      }
      if (!tensor.expression().equals(expressions.get(stored.name()))) {
        String expression = Printable.of(expressions.getOrDefault(stored.name(), "nothing"));
        return what + "is " + expression + " there, " + tensor.expression() + " here";
      }
    }
    return there.shardSize() != here.shardSize()
        ? "shard size " + there.shardSize() + " there, " + here.shardSize() + " here"
        : "other tensors of the plan differ";
  }

  /// Whether `config` has our mark at its top level.
  static boolean isMarkedConfig(Json config) throws IOException {
    boolean[] marked = {false};
    try (config) {
      config.object("the configuration", key -> {
        marked[0] |= key.equals(Provenance.CONFIG_KEY);
        config.skip();
      });
      config.end();
    }
    return marked[0];
  }

  private static boolean holds(Path path, byte @Nullable [] text) throws IOException {
    return text != null && Files.size(path) == text.length && Arrays.equals(Files.readAllBytes(path), text);
  }

  /// Writes the texts, which say that everything else is there.
  void finish() throws IOException {
    for (Map.Entry<String, byte[]> text : texts.entrySet()) {
      Path path = directory.resolve(text.getKey());
      boolean there = Files.exists(path, LinkOption.NOFOLLOW_LINKS);
      if (there && !holds(path, text.getValue())) {
        // It was not there, or the same, when this run began.
        throw new IOException(path + ": while this run was writing, another put a different text there; parts of one checkpoint need the"
            + " same seed, plan and shard size");
      }
      if (!there) {
        DurableFile.write(path, temporary(text.getKey()), channel -> {
          ByteBuffer bytes = ByteBuffer.wrap(text.getValue());
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
      }
    }
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }
}
