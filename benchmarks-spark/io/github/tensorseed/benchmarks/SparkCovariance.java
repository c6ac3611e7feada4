package io.github.tensorseed.benchmarks;

import dev.ludovic.netlib.blas.NativeBLAS;
import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.spark.SparkWhitening;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Scatter.Shrinkage;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.mllib.linalg.Vector;
import org.apache.spark.mllib.linalg.Vectors;
import org.apache.spark.mllib.linalg.distributed.RowMatrix;
import org.bytedeco.javacpp.Loader;

/// The covariance matrix of the same F32 rows by Spark's `RowMatrix`, by ours on Spark, and by ours, in turn. Arguments: rows, features,
/// threads. Prints the seconds of each, the median of three, Spark's version, and by what BLAS it was.
///
/// Spark adds one row after the other to a packed triangle, with dspr in F64, in a task for each thread. It is given our OpenBLAS, which a
/// system library of that kind would be; with one thread, as its tasks are threads already. Ours on Spark has its rows as `float[]`, cached
/// and counted as well, in as many partitions, and a thread for each task.
public final class SparkCovariance {
  private static final int WARM_UP = 5;
  private static final int ITERATIONS = 3;
  /// Both compute in F64: what sums of 10^4 products in another order may differ by, and far less than a mistake.
  private static final double LARGEST_DIFFERENCE = 1e-12;

  /// Tasks make their rows of it, so that the cache has them and no task carries them.
  private static MemorySegment data = MemorySegment.NULL;

  private SparkCovariance() {}

  public static void main(String[] arguments) throws IOException {
    int rows = Integer.parseInt(arguments[0]);
    int features = Integer.parseInt(arguments[1]);
    int threads = Integer.parseInt(arguments[2]);
    SparkConf conf = new SparkConf().setMaster("local[" + threads + "]").setAppName("covariance")
        .set("spark.ui.enabled", "false").set("spark.driver.host", "localhost");
    try (CpuDevice device = CpuDevice.open(threads); Tensor tensor = device.allocate(DType.F32, Shape.of(rows, features));
         JavaSparkContext spark = new JavaSparkContext(conf)) {
      String blas = device.linearAlgebra().library(); // unpacks what the library needs beside it
      File library = Loader.cacheResource(Objects.requireNonNull(
          SparkCovariance.class.getResource("/org/bytedeco/openblas/linux-x86_64/libopenblas.so.0")));
      System.setProperty("dev.ludovic.netlib.blas.nativeLibPath", library.getPath());
      NativeBLAS.getInstance(); // throws without it, where Spark would go on in Java
      spark.setLogLevel("WARN");
      device.fill(tensor, new Distribution.Normal(0.5, 0.25), RandomStream.of(1));
      data = tensor.memory();
      JavaRDD<Vector> vectors = spark.parallelize(IntStream.range(0, rows).boxed().toList(), threads)
          .map(row -> row(row, features)).cache();
      vectors.count();
      RowMatrix matrix = new RowMatrix(vectors.rdd());
      JavaRDD<float[]> arrays = spark.parallelize(IntStream.range(0, rows).boxed().toList(), threads)
          .map(row -> array(row, features)).cache();
      arrays.count();
      double[] theirSeconds = new double[ITERATIONS];
      double[] ourSecondsOnSpark = new double[ITERATIONS];
      double[] ourSeconds = new double[ITERATIONS];
      for (int i = -WARM_UP; i < ITERATIONS; i++) {
        BareBlas.threads(1);
        long start = System.nanoTime();
        double[] theirs = matrix.computeCovariance().toArray();
        double theirTime = (System.nanoTime() - start) * 1e-9;
        start = System.nanoTime();
        double onSpark;
        try (Covariance covariance = SparkWhitening.covariance(arrays, Precision.MIXED, Shrinkage.NONE, device);
             Tensor ours = covariance.matrix(1)) {
          onSpark = (System.nanoTime() - start) * 1e-9;
          requireAlike(ours.toDoubles(), theirs);
        }
        start = System.nanoTime();
        try (Covariance covariance = Covariance.open(device, features, Precision.MIXED)) {
          covariance.add(tensor);
          try (Tensor ours = covariance.matrix(1)) {
            double ourTime = (System.nanoTime() - start) * 1e-9;
            requireAlike(ours.toDoubles(), theirs);
            if (i >= 0) {
              theirSeconds[i] = theirTime;
              ourSecondsOnSpark[i] = onSpark;
              ourSeconds[i] = ourTime;
            }
          }
        }
      }
      System.out.println(median(theirSeconds) + " " + median(ourSecondsOnSpark) + " " + median(ourSeconds) + " " + spark.version() + " "
          + blas.replaceFirst(",.*", ""));
    }
  }

  private static Vector row(int row, int features) {
    double[] values = new double[features];
    for (int i = 0; i < features; i++) {
      values[i] = data.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * features + i);
    }
    return Vectors.dense(values);
  }

  private static float[] array(int row, int features) {
    float[] values = new float[features];
    MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, (long) row * features * Float.BYTES, values, 0, features);
    return values;
  }

  private static void requireAlike(double[] ours, double[] theirs) {
    double largest = Arrays.stream(theirs).map(Math::abs).max().orElseThrow();
    double difference = IntStream.range(0, ours.length).mapToDouble(i -> Math.abs(ours[i] - theirs[i])).max().orElseThrow() / largest;
    System.err.println("largest difference by the largest entry: " + difference);
    if (!(difference <= LARGEST_DIFFERENCE)) {
      throw new IllegalStateException("the matrices differ by " + difference + " of the largest entry");
    }
  }

  private static double median(double[] seconds) {
    return Arrays.stream(seconds).sorted().toArray()[seconds.length / 2];
  }
}
