package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.benchmarks.Results.GpuRow;
import io.github.tensorseed.benchmarks.Results.GpuSpeed;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.cuda.Gpu;
import io.github.tensorseed.device.Devices;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Whitening;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// Covariance and whitening of F32 rows in a device's memory, in turn with the calls of [LinearAlgebra] that they come down to. On a GPU
/// each of those is one of cuBLAS or cuSOLVER, and of syevd a look at the residual.
final class GpuWhitening implements AutoCloseable {
  /// What is measured.
  enum What {
    COVARIANCE,
    /// A call itself, with nothing below it.
    EIGENVECTORS,
    FIT,
    APPLY
  }

  /// Rows that are added or whitened at a time.
  private static final long BATCH = 4096;
  private static final int SAMPLES = 3;

  // Rows of which the results of both devices are compared.
  private static final long FEW_ROWS = 500;
  private static final long FEW_FEATURES = 24;
  /// What results in F32 may differ by, as a part of the largest.
  private static final double LARGEST_DIFFERENCE = 1e-5;

  private final Device device;
  private final LinearAlgebra algebra;
  private final List<Tensor> tensors = new ArrayList<>();
  private final Tensor data;
  private final Tensor white;
  private final Tensor products;
  private final Tensor symmetric;
  private final Tensor vectors;
  private final Tensor values;
  private final Tensor product;
  private final Tensor matrix;
  private final Whitening whitening;

  private GpuWhitening(Device device, long rows, long features) {
    this.device = device;
    algebra = device.linearAlgebra();
    data = allocate(DType.F32, rows, features);
    device.fill(data, new Distribution.Normal(0.5, 0.25), RandomStream.of(1));
    white = allocate(DType.F32, rows, features);
    products = allocate(DType.F32, features, features);
    vectors = allocate(DType.F64, features, features);
    values = allocate(DType.F64, features);
    product = allocate(DType.F64, features, features);
    matrix = allocate(DType.F32, features, features);
    try (Covariance covariance = covariance()) {
      symmetric = covariance.matrix(1);
      tensors.add(symmetric);
      whitening = Whitening.fit(covariance, Options.of(Kind.ZCA));
    }
    device.convert(whitening.matrix(), 1, matrix);
  }

  private Tensor allocate(DType dtype, long... extents) {
    Tensor tensor = device.allocate(dtype, Shape.of(extents));
    tensors.add(tensor);
    return tensor;
  }

  private Covariance covariance() {
    Covariance covariance = Covariance.open(device, data.shape().extent(1), Precision.MIXED);
    inBatches((from, _) -> covariance.add(from));
    return covariance;
  }

  private interface Batch {
    void take(Tensor rows, Tensor white);
  }

  private void inBatches(Batch batch) {
    long features = data.shape().extent(1);
    for (long from = 0; from < data.shape().extent(0); from += BATCH) {
      Shape shape = Shape.of(Math.min(BATCH, data.shape().extent(0) - from), features);
      batch.take(data.view(from * features * Float.BYTES, shape), white.view(from * features * Float.BYTES, shape));
    }
  }

  /// Ours; the first values of its result, which waits for it.
  private double[] run(What what) {
    return switch (what) {
      case COVARIANCE -> {
        try (Covariance covariance = covariance(); Tensor result = covariance.matrix(1)) {
          yield first(result);
        }
      }
      case EIGENVECTORS -> {
        device.convert(symmetric, 1, vectors);
        algebra.syevd(vectors, values);
        yield first(values);
      }
      case FIT -> {
        try (Covariance covariance = covariance(); Whitening fitted = Whitening.fit(covariance, Options.of(Kind.ZCA))) {
          yield first(fitted.matrix());
        }
      }
      case APPLY -> {
        inBatches(whitening::apply);
        yield first(white);
      }
    };
  }

  /// What ours comes down to.
  private void floor(What what) {
    switch (what) {
      case COVARIANCE -> algebra.syrk(Op.T, 1, data, 0, products);
      case EIGENVECTORS -> throw new IllegalStateException("a call itself");
      case FIT -> {
        algebra.syrk(Op.T, 1, data, 0, products);
        device.convert(symmetric, 1, vectors);
        algebra.syevd(vectors, values);
        algebra.gemm(Op.T, Op.N, 1, vectors, vectors, 0, product);
      }
      case APPLY -> algebra.gemm(Op.N, Op.T, 1, data, matrix, 0, white);
    }
    first(values);
  }

  private static double[] first(Tensor tensor) {
    return tensor.view(0, Shape.of(Math.min(tensor.elements(), FEW_FEATURES * FEW_FEATURES))).toDoubles();
  }

  /// Computes with few rows on the GPU and on the host, compares, and measures; of an emulated GPU nothing is measured.
  ///
  /// @throws IllegalStateException if the results are not alike
  static GpuRow measure(Gpu gpu, What what, long rows, long features) {
    try (Device device = Devices.open(gpu.device()); Device cpu = CpuDevice.open()) {
      try (GpuWhitening here = new GpuWhitening(device, FEW_ROWS, FEW_FEATURES);
           GpuWhitening there = new GpuWhitening(cpu, FEW_ROWS, FEW_FEATURES)) {
        requireAlike(here.run(what), there.run(what));
      }
      boolean emulated = gpu.emulated();
      GpuSpeed speed = null;
      if (!emulated) {
        try (GpuWhitening problem = new GpuWhitening(device, rows, features)) {
          speed = problem.speed(what);
        }
      }
      return new GpuRow(what.name().toLowerCase(Locale.ROOT), gpu.device(), emulated, Results.OURS, device.linearAlgebra().library(), "", "",
          "f32", emulated ? FEW_ROWS * FEW_FEATURES : rows * features, speed);
    }
  }

  private static void requireAlike(double[] here, double[] there) {
    double largest = Arrays.stream(there).map(Math::abs).max().orElseThrow();
    for (int i = 0; i < there.length; i++) {
      if (!(Math.abs(here[i] - there[i]) <= LARGEST_DIFFERENCE * largest)) {
        throw new IllegalStateException("value " + i + " is " + here[i] + ", and on the cpu " + there[i]);
      }
    }
  }

  private GpuSpeed speed(What what) {
    boolean bare = what != What.EIGENVECTORS;
    double[] seconds = new double[SAMPLES];
    double[] floor = new double[SAMPLES];
    for (int i = -1; i < SAMPLES; i++) { // the first loads what is not loaded yet
      double one = seconds(() -> run(what));
      double other = bare ? seconds(() -> floor(what)) : 0;
      if (i >= 0) {
        seconds[i] = one;
        floor[i] = other;
      }
    }
    Double floorSeconds = bare ? GpuFill.median(floor) : null;
    return GpuSpeed.of(data.elements(), data.bytes(), GpuFill.median(seconds), "bare calls", floorSeconds, SAMPLES);
  }

  private static double seconds(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return (System.nanoTime() - start) * 1e-9;
  }

  @Override
  public void close() {
    whitening.close();
    tensors.forEach(Tensor::close);
  }
}
