package io.github.tensorseed.spark;

import io.github.tensorseed.Device;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.ShardLayout;
import io.github.tensorseed.checkpoint.ShardLayout.Shard;
import io.github.tensorseed.checkpoint.StoredType;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.model.Plan;
import io.github.tensorseed.whitening.FromData;
import java.io.IOException;
import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;

/// The first weights of a model, a task for each file of them.
///
/// The files are those that one machine would write, byte for byte (but for what comes through linear algebra): a task that is repeated,
/// speculated or done twice makes the same file again. A task fills on the GPU that Spark assigns to it, else on its cores, and streams:
/// of a file it has some chunks in memory.
public final class SparkCheckpoint {
  private SparkCheckpoint() {}

  /// What a run did.
  ///
  /// @param written names of the files that were written
  /// @param kept names of the files that were there already
  /// @param devices on which values were made, as in `cuda:0`
  public record Result(List<String> written, List<String> kept, Set<String> devices) {}

  /// A tensor in words, from which any node makes it.
  private record Words(String name, StoredType type, List<Long> extents, String expression) implements Serializable {
    static Words of(TensorSpec tensor) {
      return new Words(tensor.name(), tensor.type(), Arrays.stream(tensor.shape().extents()).boxed().toList(), tensor.expression());
    }

    TensorSpec tensor() {
      return new TensorSpec(name, type, Shape.of(extents.stream().mapToLong(Long::longValue).toArray()),
          Expression.parse(expression, FromData.DEFINITIONS));
    }
  }

  /// What tasks share.
  private record Work(List<Words> tensors, long seed, long shardSize, String folder, SerializableConfiguration hadoop)
      implements Serializable {
    ShardLayout layout() {
      return ShardLayout.of(tensors.stream().map(Words::tensor).toList(), seed, shardSize);
    }

    /// @return the device
    String write(int place) throws IOException {
      Shard shard = layout().shards().get(place);
      TaskContext task = TaskContext.get();
      try (HadoopFolder target = HadoopFolder.open(folder, hadoop.value()); Device device = Tasks.device()) {
        target.write(shard.file(), "attempt-" + task.taskAttemptId(), out -> new CheckpointWriter(device, task.cpus()).write(shard, out));
        return device.name();
      }
    }
  }

  /// Writes the files of a plan, and once all stand, the index and `config.json`.
  ///
  /// @param shardSize bytes of values per file, [ShardLayout#DEFAULT_SHARD_SIZE] as a rule; there are as many tasks as files
  /// @param out a folder in any file system that Hadoop knows, as `hdfs://namenode/weights`; it must be one place for all nodes
  /// @param resume keeps the files that an interrupted run of the same plan has finished
  /// @throws IllegalArgumentException if a tensor cannot be made of its text alone, or the plan has none
  /// @throws IOException if something is in the way, the folder cannot be reached, or a task failed too often; with the reason
  public static Result write(JavaSparkContext spark, Plan plan, long seed, long shardSize, String out, boolean resume) throws IOException {
    SerializableConfiguration hadoop = new SerializableConfiguration(spark.hadoopConfiguration());
    List<Words> tensors = plan.tensors().stream().map(Words::of).toList();
    ShardLayout layout = new Work(tensors, seed, shardSize, out, hadoop).layout();
    Map<String, byte[]> texts = layout.texts(plan.config());
    try (HadoopFolder folder = HadoopFolder.open(out, hadoop.value())) {
      Set<String> kept = folder.kept(layout, texts, resume);
      List<Shard> missing = layout.shards().stream().filter(shard -> !kept.contains(shard.file())).toList();
      Broadcast<Work> work = spark.broadcast(new Work(tensors, seed, shardSize, folder.uri(), hadoop));
      List<String> devices = missing.isEmpty() ? List.of() : Tasks.run(() ->
          spark.parallelize(missing.stream().map(Shard::place).toList(), missing.size()).map(place -> work.value().write(place)).collect());
      folder.requireWhole(layout);
      for (Map.Entry<String, byte[]> text : texts.entrySet()) {
        if (!folder.has(text.getKey())) { // else it is the same
          folder.write(text.getKey(), "driver", file -> file.write(text.getValue()));
        }
      }
      folder.deleteTemporaries();
      work.destroy();
      return new Result(missing.stream().map(Shard::file).toList(), List.copyOf(kept), new TreeSet<>(devices));
    }
  }
}
