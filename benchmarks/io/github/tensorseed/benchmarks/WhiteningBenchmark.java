package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Whitening;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/// Covariance and whitening of F32 rows in memory, in turn with the bare calls of OpenBLAS that they come down to.
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.SECONDS)
@State(Scope.Benchmark)
public class WhiteningBenchmark {
  /// Rows that are added at a time.
  private static final long BATCH = 4096;

  @Param({"50000"})
  long rows;

  @Param({"3072"})
  long features;

  @Param({"MIXED"})
  Precision precision = Precision.MIXED;

  @Param({"2"})
  int threads;

  /// What one iteration took.
  @State(Scope.Thread)
  @AuxCounters(AuxCounters.Type.EVENTS)
  public static class Nanos {
    public long row;
    public long floor;
  }

  private final List<Tensor> tensors = new ArrayList<>();

  @SuppressWarnings("NullAway.Init")
  CpuDevice device;

  @SuppressWarnings("NullAway.Init")
  private Tensor data;

  @SuppressWarnings("NullAway.Init")
  private Tensor out;

  @Setup
  public void open() {
    device = CpuDevice.open(threads);
    device.linearAlgebra(); // loads the library with the settings that users have
    BareBlas.threads(threads);
    data = allocate(DType.F32, Math.min(rows, 50_000), features);
    device.fill(data, new Distribution.Normal(0.5, 0.25), RandomStream.of(1));
    out = allocate(DType.F32, Math.min(rows, 50_000), features);
  }

  private Tensor allocate(DType dtype, long... extents) {
    Tensor tensor = device.allocate(dtype, Shape.of(extents));
    device.fill(tensor, new Distribution.Constant(0), RandomStream.of(0)); // touched
    return tensor;
  }

  @TearDown(Level.Trial)
  public void close() {
    tensors.forEach(Tensor::close);
    device.close();
  }

  void addAll(Covariance covariance) {
    for (long from = 0; from < rows; from += BATCH) {
      covariance.add(data.view(from * features * Float.BYTES, Shape.of(Math.min(BATCH, rows - from), features)));
    }
  }

  /// All rows, then the matrix; the floor is syrk in F32, syevd and one gemm in what the matrix is computed in.
  @Benchmark
  public void fit(Nanos nanos) {
    DType computing = precision == Precision.F32 ? DType.F32 : DType.F64;
    try (Tensor products = allocate(DType.F32, features, features); Tensor matrix = allocate(computing, features, features);
         Tensor values = allocate(computing, features); Tensor whitening = allocate(computing, features, features)) {
      long start = System.nanoTime();
      BareBlas.syrk(data, products);
      nanos.floor = System.nanoTime() - start;
      device.convert(products, 1. / rows, matrix);
      start = System.nanoTime();
      BareBlas.syevd(matrix, values);
      BareBlas.gemm(matrix, matrix, whitening);
      nanos.floor += System.nanoTime() - start;
    }
    long start = System.nanoTime();
    try (Covariance covariance = Covariance.open(device, features, precision)) {
      addAll(covariance);
      Whitening.fit(covariance, Options.of(Kind.ZCA)).close();
    }
    nanos.row = System.nanoTime() - start;
  }

  /// Eigenvalues and eigenvectors in F64 of the covariance of 4096 rows; the floor is the library's syevd of the same matrix.
  @Benchmark
  public void eigen(Nanos nanos, Symmetric symmetric) {
    try (Tensor copy = allocate(DType.F64, features, features); Tensor values = allocate(DType.F64, features)) {
      device.convert(symmetric.matrix, 1, copy);
      long start = System.nanoTime();
      BareBlas.syevd(copy, values);
      nanos.floor = System.nanoTime() - start;
      device.convert(symmetric.matrix, 1, copy);
      start = System.nanoTime();
      device.linearAlgebra().syevd(copy, values);
      nanos.row = System.nanoTime() - start;
    }
  }

  /// What is decomposed.
  @State(Scope.Thread)
  public static class Symmetric {
    @SuppressWarnings("NullAway.Init")
    private Tensor matrix;

    @Setup
    public void add(WhiteningBenchmark benchmark) {
      try (Covariance covariance = Covariance.open(benchmark.device, benchmark.features, benchmark.precision)) {
        benchmark.addAll(covariance);
        matrix = covariance.matrix(1);
      }
    }

    @TearDown
    public void close() {
      matrix.close();
    }
  }

  /// All rows whitened; the floor is one gemm in F32.
  @Benchmark
  public void apply(Nanos nanos, Fitted fitted) {
    long start = System.nanoTime();
    BareBlas.gemm(data, fitted.matrix, out);
    long middle = System.nanoTime();
    for (long from = 0; from < rows; from += BATCH) {
      long at = from * features * Float.BYTES;
      Shape shape = Shape.of(Math.min(BATCH, rows - from), features);
      fitted.whitening.apply(data.view(at, shape), out.view(at, shape));
    }
    nanos.floor = middle - start;
    nanos.row = System.nanoTime() - middle;
  }

  /// What is fitted once.
  @State(Scope.Thread)
  public static class Fitted {
    @SuppressWarnings("NullAway.Init")
    private Whitening whitening;

    @SuppressWarnings("NullAway.Init")
    private Tensor matrix;

    @Setup
    public void fit(WhiteningBenchmark benchmark) {
      try (Covariance covariance = Covariance.open(benchmark.device, benchmark.features, benchmark.precision)) {
        benchmark.addAll(covariance);
        whitening = Whitening.fit(covariance, Options.of(Kind.ZCA));
      }
      matrix = benchmark.allocate(DType.F32, benchmark.features, benchmark.features);
      benchmark.device.convert(whitening.matrix(), 1, matrix);
    }
  }

  /// Rows that are made in place, batch by batch; the floor is syrk in F32 of one batch after the other.
  @Benchmark
  public void stream(Nanos nanos) {
    Tensor batch = data.view(0, Shape.of(BATCH, features));
    nanos.row = 0;
    nanos.floor = 0;
    try (Covariance covariance = Covariance.open(device, features, precision); Tensor products = allocate(DType.F32, features, features)) {
      for (long from = 0; from < rows; from += BATCH) {
        Tensor part = rows - from >= BATCH ? batch : data.view(0, Shape.of(rows - from, features));
        device.fill(part, new Distribution.Normal(0.5, 0.25), RandomStream.of(from));
        long start = System.nanoTime();
        BareBlas.syrk(part, products);
        long middle = System.nanoTime();
        covariance.add(part);
        nanos.floor += middle - start;
        nanos.row += System.nanoTime() - middle;
      }
    }
  }
}
