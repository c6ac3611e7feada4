package io.github.tensorseed.spark;

import io.github.tensorseed.Device;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.whitening.Batches;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.RowFile;
import io.github.tensorseed.whitening.Scatter.Shrinkage;
import io.github.tensorseed.whitening.Whitening;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.TaskCompletionListener;

/// Whitening of rows that lie on many nodes.
///
/// Each task adds up a covariance on the GPU that Spark assigns to it, else on its cores; a tree of tasks merges them, and the driver
/// has the last one and d x d once more. What goes through the network is a triangle of d x d for each task.
///
/// - Precision: that of [Covariance]. Sums are made in another order than on one machine, which matters to rounding alone.
public final class SparkWhitening {
  private SparkWhitening() {}

  /// Mean and covariance of rows of one length.
  ///
  /// @param device of the driver, on which the covariance then is; the caller's to close, as the covariance is
  /// @throws IllegalArgumentException if there are no rows
  /// @throws IOException if a task failed too often: a row has another length, or a value is not finite
  public static Covariance covariance(JavaRDD<float[]> rows, Precision precision, Shrinkage shrinkage, Device device) throws IOException {
    return merged(rows.mapPartitions(part -> sums(part, precision, shrinkage)), device);
  }

  /// Mean and covariance of the rows of a file, each task reading its share.
  ///
  /// @param data as [RowFile#open] takes it, at one path for all nodes
  /// @param tasks how many shares
  /// @throws IllegalArgumentException if it has no rows, or `tasks` is not positive
  /// @throws IOException if it cannot be read here, or a task failed too often
  public static Covariance covariance(JavaSparkContext spark, String data, int tasks, Precision precision, Shrinkage shrinkage,
      Device device) throws IOException {
    if (tasks < 1) {
      throw new IllegalArgumentException("tasks = " + tasks + ": at least 1 is needed");
    }
    try (RowFile file = RowFile.open(data)) {
      long rows = file.rows();
      return merged(spark.parallelize(IntStream.range(0, tasks).boxed().toList(), tasks).mapPartitions(share ->
          sums(data, share.next(), tasks, rows, precision, shrinkage)), device);
    }
  }

  private static Iterator<byte[]> sums(Iterator<float[]> rows, Precision precision, Shrinkage shrinkage) throws IOException {
    if (!rows.hasNext()) {
      return Collections.emptyIterator();
    }
    try (Device device = Tasks.device(); RowBatches batches = new RowBatches(rows, device);
         Covariance covariance = Covariance.open(device, batches.features(), precision, shrinkage)) {
      for (Tensor batch; (batch = batches.next()) != null; ) {
        covariance.add(batch);
      }
      return List.of(bytes(covariance)).iterator();
    }
  }

  private static Iterator<byte[]> sums(String data, int share, int shares, long rows, Precision precision, Shrinkage shrinkage)
      throws IOException {
    long from = Math.floorDiv(Math.multiplyExact(rows, (long) share), shares);
    long to = Math.floorDiv(Math.multiplyExact(rows, share + 1L), shares);
    if (from == to) {
      return Collections.emptyIterator();
    }
    try (Device device = Tasks.device(); RowFile file = RowFile.open(data).only(from, to); Batches batches = Batches.open(file, device);
         Covariance covariance = Covariance.open(device, file.features(), precision, shrinkage)) {
      for (Tensor batch; (batch = batches.next()) != null; ) {
        covariance.add(batch);
      }
      return List.of(bytes(covariance)).iterator();
    }
  }

  private static Covariance merged(JavaRDD<byte[]> sums, Device device) throws IOException {
    try {
      return Covariance.load(device, new ByteArrayInputStream(Tasks.run(() -> sums.treeReduce(SparkWhitening::merge))));
    } catch (UnsupportedOperationException e) { // of a reduction of nothing
      throw new IllegalArgumentException("there are no rows", e);
    }
  }

  private static byte[] merge(byte[] one, byte[] another) throws IOException {
    try (CpuDevice device = Tasks.host(); Covariance sum = Covariance.load(device, new ByteArrayInputStream(one));
         Covariance other = Covariance.load(device, new ByteArrayInputStream(another))) {
      sum.merge(other);
      return bytes(sum);
    }
  }

  private static byte[] bytes(Covariance covariance) throws IOException {
    long d = covariance.features();
    long triangle = d * (d + 1) / 2 * (covariance.precision() == Precision.F32 ? Float.BYTES : Double.BYTES);
    long all = triangle + 8 * (3 * d + 8);
    if (all > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(d + " features: a task's result has less than 2 GiB in Spark, so at most some 23,000 features, or"
          + " 32,000 in precision f32; fit them on one machine");
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream((int) all);
    covariance.save(bytes);
    return bytes.toByteArray();
  }

  /// White rows, made a batch at a time when they are asked for.
  ///
  /// @param whitening may be closed once this returns
  /// @throws IOException if the driver has no room for a temporary file of it
  public static JavaRDD<float[]> apply(Whitening whitening, JavaRDD<float[]> rows) throws IOException {
    int width = whitening.kind() == Whitening.Kind.ZCA ? whitening.mean().length : whitening.rank();
    Broadcast<byte[]> map = JavaSparkContext.fromSparkContext(rows.context()).broadcast(bytes(whitening));
    return rows.mapPartitions(part -> part.hasNext() ? white(part, map.value(), width) : Collections.emptyIterator());
  }

  /// The bytes of the file of a whitening.
  static byte[] bytes(Whitening whitening, Map<String, String> metadata) throws IOException {
    Path folder = Files.createTempDirectory("tensorseed");
    Path file = folder.resolve("whitening.safetensors");
    try {
      whitening.save(file, metadata, false);
      return Files.readAllBytes(file);
    } finally {
      Files.deleteIfExists(file);
      Files.delete(folder);
    }
  }

  private static byte[] bytes(Whitening whitening) throws IOException {
    return bytes(whitening, Map.of());
  }

  private static Iterator<float[]> white(Iterator<float[]> rows, byte[] map, int width) throws IOException {
    Device device = Tasks.device();
    TaskContext.get().addTaskCompletionListener(closing(device)); // the last to be closed
    RowBatches batches = new RowBatches(rows, device);
    TaskContext.get().addTaskCompletionListener(closing(batches));
    Path file = Files.createTempFile("tensorseed", ".safetensors");
    try {
      Files.write(file, map);
      return new WhiteRows(device, Whitening.load(file, device), batches, width);
    } finally {
      Files.delete(file);
    }
  }

  private static TaskCompletionListener closing(AutoCloseable made) {
    return _ -> {
      try {
        made.close();
      } catch (Exception e) {
        throw new IllegalStateException("cannot free what a task has worked with", e);
      }
    };
  }
}
