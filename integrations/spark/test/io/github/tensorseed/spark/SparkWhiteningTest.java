package io.github.tensorseed.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Epsilon;
import io.github.tensorseed.whitening.Scatter.Shrinkage;
import io.github.tensorseed.whitening.Whitening;
import io.github.tensorseed.whitening.Whitening.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whitening by two cores of this process, beside plain loops and one machine.
class SparkWhiteningTest {
  /// Of sums of 1000 products in F64, about a shift near the mean: 1000 x 2^-53 of the largest is 1e-13, and an order of sums more.
  private static final double ROUNDING = 1e-12;
  private static final int D = 24;

  private static JavaSparkContext spark;

  @TempDir Path folder;

  @BeforeAll
  static void start() {
    spark = new JavaSparkContext(new SparkConf().setMaster("local[2]").setAppName("whitening")
        .set("spark.ui.enabled", "false").set("spark.driver.host", "127.0.0.1").set("spark.driver.bindAddress", "127.0.0.1"));
    spark.setLogLevel("OFF"); // of tasks that are to fail
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  /// Rows around 100, that depend on one another.
  private static List<float[]> rows(int count) {
    Random random = new Random(1);
    List<float[]> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      float[] row = new float[D];
      float common = (float) random.nextGaussian();
      for (int j = 0; j < D; j++) {
        row[j] = 100 + j + common + (1 + j % 5) * (float) random.nextGaussian();
      }
      rows.add(row);
    }
    return rows;
  }

  /// In two passes, as the definition has it.
  private static double[] covariance(List<float[]> rows, double[] mean) {
    for (float[] row : rows) {
      for (int j = 0; j < D; j++) {
        mean[j] += row[j] / (double) rows.size();
      }
    }
    double[] products = new double[D * D];
    for (float[] row : rows) {
      for (int j = 0; j < D; j++) {
        for (int k = 0; k < D; k++) {
          products[j * D + k] += (row[j] - mean[j]) * (row[k] - mean[k]) / (rows.size() - 1);
        }
      }
    }
    return products;
  }

  private static void requireNear(double[] found, double[] expected, double relative) {
    double largest = 0;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.length; i++) {
      assertThat(found[i]).as("" + i).isCloseTo(expected[i], within(relative * largest));
    }
  }

  @Test
  void covarianceIsThatOfTheDefinition() throws IOException {
    List<float[]> rows = rows(1000);
    double[] mean = new double[D];
    double[] expected = covariance(rows, mean);
    JavaRDD<float[]> five = spark.parallelize(rows, 5);
    JavaRDD<float[]> withEmptyOnes = spark.parallelize(rows.subList(0, 3), 7).union(spark.parallelize(rows.subList(3, 1000), 4));
    try (CpuDevice device = CpuDevice.open(2)) {
      for (JavaRDD<float[]> rdd : List.of(five, withEmptyOnes)) {
        try (Covariance covariance = SparkWhitening.covariance(rdd, Precision.MIXED, Shrinkage.NONE, device);
             Tensor matrix = covariance.matrix(1)) {
          assertThat(covariance.rows()).isEqualTo(1000);
          requireNear(covariance.mean(), mean, ROUNDING);
          requireNear(matrix.toDoubles(), expected, ROUNDING);
        }
      }
      assertThat(device.allocatedBytes()).isZero();
    }
  }

  @Test
  void whiteRowsAreThoseOfOneMachine() throws IOException {
    List<float[]> rows = rows(1000);
    try (CpuDevice device = CpuDevice.open(2); Covariance here = Covariance.open(device, D, Precision.MIXED, Shrinkage.LEDOIT_WOLF);
         Tensor all = device.allocate(DType.F32, Shape.of(1000, D))) {
      double[] values = new double[1000 * D];
      for (int i = 0; i < values.length; i++) {
        values[i] = rows.get(i / D)[i % D];
      }
      all.copyFrom(values);
      here.add(all);
      for (Kind kind : Kind.values()) {
        Whitening.Options options = Whitening.Options.of(kind).with(new Epsilon.Absolute(0.1));
        JavaRDD<float[]> given = spark.parallelize(rows, 5);
        List<float[]> white;
        try (Covariance there = SparkWhitening.covariance(given, Precision.MIXED, Shrinkage.LEDOIT_WOLF, device);
             Whitening whitening = Whitening.fit(there, options)) {
          white = SparkWhitening.apply(whitening, given).collect();
        }
        assertThat(white).hasSize(1000);
        try (Whitening whitening = Whitening.fit(here, options); Tensor expected = device.allocate(DType.F32, all.shape())) {
          whitening.apply(all, expected);
          double[] wanted = expected.toDoubles();
          for (int i = 0; i < wanted.length; i++) {
            // Values up to 5 in F32, 3e-7 a step; products of 24 differences from a mean near 100 lose some steps of theirs, 8e-6.
            assertThat((double) white.get(i / D)[i % D]).as(kind + " " + i).isCloseTo(wanted[i], within(1e-4));
          }
        }
      }
    }
  }

  @Test
  void sharesOfAFileAreTheFile() throws IOException {
    Path data = folder.resolve("x.npy");
    Models.command("init", "--tensor", "x:F32[1001," + D + "]=normal(3, 2)", "--device", "cpu", "--out", data.toString());
    Path fitted = folder.resolve("zca.safetensors");
    Models.command("zca", "fit", "--data", data.toString(), "--device", "cpu", "--out", fitted.toString());
    try (CpuDevice device = CpuDevice.open(2); Whitening one = Whitening.load(fitted, device)) {
      for (int tasks : new int[] {1, 7}) {
        try (Covariance covariance = SparkWhitening.covariance(spark, data.toString(), tasks, Precision.MIXED, Shrinkage.NONE, device);
             Whitening whitening = Whitening.fit(covariance, Whitening.Options.of(Kind.ZCA))) {
          assertThat(covariance.rows()).isEqualTo(1001);
          requireNear(whitening.mean(), one.mean(), ROUNDING);
          requireNear(whitening.eigenvalues(), one.eigenvalues(), ROUNDING);
          requireNear(whitening.matrix().toDoubles(), one.matrix().toDoubles(), ROUNDING);
        }
      }
    }
  }

  @Test
  void gzippedImagesHaveShares() throws IOException {
    String data = "examples/fashion-mnist-500-images-idx3-ubyte.gz";
    try (CpuDevice device = CpuDevice.open(2);
         Covariance one = SparkWhitening.covariance(spark, data, 1, Precision.MIXED, Shrinkage.NONE, device);
         Covariance two = SparkWhitening.covariance(spark, data, 2, Precision.MIXED, Shrinkage.NONE, device);
         Tensor expected = one.matrix(1); Tensor found = two.matrix(1)) {
      assertThat(two.rows()).isEqualTo(500);
      requireNear(found.toDoubles(), expected.toDoubles(), ROUNDING);
    }
  }

  @Test
  void wrongRowsAreNamed() {
    List<float[]> rows = rows(10);
    rows.get(7)[3] = Float.NaN;
    requireRefused(rows, "has NaN as feature 3");
    rows.set(7, new float[] {1});
    requireRefused(rows, "a row has 1 features");
  }

  private static void requireRefused(List<float[]> rows, String message) {
    try (CpuDevice device = CpuDevice.open(1)) {
      assertThatExceptionOfType(IOException.class)
          .isThrownBy(() -> SparkWhitening.covariance(spark.parallelize(rows, 2), Precision.MIXED, Shrinkage.NONE, device))
          .withMessageContaining(message).withMessageNotContaining("\n");
    }
  }

  @Test
  void noRowsAreRefused() {
    try (CpuDevice device = CpuDevice.open(1)) {
      assertThatExceptionOfType(IllegalArgumentException.class)
          .isThrownBy(() -> SparkWhitening.covariance(spark.parallelize(List.<float[]>of(), 2), Precision.MIXED, Shrinkage.NONE, device))
          .withMessageContaining("no rows");
    }
  }

  /// The same rows, as a column of a DataFrame.
  @Test
  void columnOfADataFrame() throws IOException {
    List<float[]> rows = rows(300);
    SparkSession session = SparkSession.builder().sparkContext(spark.sc()).getOrCreate();
    for (DataType type : List.of(DataTypes.FloatType, DataTypes.DoubleType)) {
      List<Row> arrays = rows.stream().map(row -> RowFactory.create("x", IntStream.range(0, D)
          .<Object>mapToObj(j -> type.equals(DataTypes.FloatType) ? (Object) row[j] : (Object) (double) row[j]).toList())).toList();
      Dataset<Row> frame = session.createDataFrame(arrays, new StructType().add("name", DataTypes.StringType)
          .add("values", DataTypes.createArrayType(type)));
      List<float[]> found = FrameRows.of(frame, "values").collect();
      assertThat(found).hasSize(300);
      for (int i = 0; i < 300; i++) {
        assertThat(found.get(i)).isEqualTo(rows.get(i));
      }
      try (CpuDevice device = CpuDevice.open(1);
           Covariance covariance = SparkWhitening.covariance(FrameRows.of(frame, "values"), Precision.MIXED, Shrinkage.NONE, device);
           Tensor matrix = covariance.matrix(1)) {
        requireNear(matrix.toDoubles(), covariance(rows, new double[D]), ROUNDING);
      }
      assertThatExceptionOfType(IllegalArgumentException.class).isThrownBy(() -> FrameRows.of(frame, "name"))
          .withMessageContaining("column 'name' is string, and rows are array<float> or array<double>");
    }
    Dataset<Row> gap = session.createDataFrame(List.of(RowFactory.create((Object) null)),
        new StructType().add("values", DataTypes.createArrayType(DataTypes.FloatType)));
    assertThatThrownBy(() -> FrameRows.of(gap, "values").collect()).hasStackTraceContaining("column 'values' has a null");
  }
}
