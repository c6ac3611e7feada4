package io.github.tensorseed.whitening;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Scatter.Shrinkage;
import io.github.tensorseed.whitening.Scatter.Side;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Both sides of the eigenproblem on every device: that they are the same, shrinkage, and data of which little is left.
public abstract class ScatterContract {
  private static final List<DType> DTYPES = List.of(DType.F32, DType.F64);

  protected final Device device;

  protected ScatterContract(Device device) {
    this.device = device;
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Tensor tensor(DType dtype, int columns, double... values) {
    Tensor tensor = device.allocate(dtype, Shape.of(values.length / columns, columns));
    tensor.copyFrom(values);
    return tensor;
  }

  /// Adds rows in two batches.
  private <S extends Scatter> S add(S scatter, DType dtype, Reference reference) {
    int cut = reference.n() / 3 * reference.d();
    scatter.add(tensor(dtype, reference.d(), Arrays.copyOf(reference.x(), cut)));
    scatter.add(tensor(dtype, reference.d(), Arrays.copyOfRange(reference.x(), cut, reference.x().length)));
    return scatter;
  }

  private Scatter scatter(Side side, Precision precision, Shrinkage shrinkage, DType dtype, Reference reference) {
    return add(Scatter.open(device, reference.n(), reference.d(), precision, shrinkage, side), dtype, reference);
  }

  private double[] apply(Whitening whitening, DType dtype, Reference reference) {
    int width = whitening.kind() == Kind.ZCA ? reference.d() : whitening.rank();
    try (Tensor rows = tensor(dtype, reference.d(), reference.x());
         Tensor white = device.allocate(dtype, Shape.of(reference.n(), width))) {
      whitening.apply(rows, white);
      return white.toDoubles();
    }
  }

  @Test
  void theSideIsThatOfTheSmallerMatrix() {
    assertThat(Scatter.open(device, 9, 10, Precision.MIXED, Shrinkage.NONE, Side.AUTO).side()).isEqualTo(Side.GRAM);
    assertThat(Scatter.open(device, 10, 10, Precision.MIXED, Shrinkage.NONE, Side.AUTO).side()).isEqualTo(Side.COVARIANCE);
    assertThat(Scatter.open(device, 9, 10, Precision.MIXED, Shrinkage.NONE, Side.COVARIANCE).side()).isEqualTo(Side.COVARIANCE);
    assertThat(Scatter.open(device, 10, 9, Precision.MIXED, Shrinkage.NONE, Side.GRAM)).hasToString(
        "Gram side of 0 rows, 9 features, precision mixed");
    // 2 n^2 + 6 n + 1 is beyond 2^31 - 1 from n = 32767 on.
    assertThatThrownBy(() -> Scatter.open(device, 32767, 32767, Precision.MIXED, Shrinkage.NONE, Side.AUTO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("features = 32767: an eigenproblem has an order of at most 32766 in LAPACK; take at most as many rows, for the Gram"
            + " side, or fewer features");
    assertThatThrownBy(() -> Scatter.open(device, 100, 40000, Precision.MIXED, Shrinkage.NONE, Side.COVARIANCE))
        .hasMessageContaining("features = 40000").hasMessageContaining("take the Gram side");
    assertThatThrownBy(() -> Scatter.open(device, 40000, 100, Precision.MIXED, Shrinkage.NONE, Side.GRAM))
        .hasMessageContaining("rows = 40000").hasMessageContaining("take the covariance side");
    assertThatThrownBy(() -> Scatter.open(device, 0, 100, Precision.MIXED, Shrinkage.NONE, Side.AUTO)).hasMessageContaining("rows = 0");
    assertThatThrownBy(() -> Scatter.open(device, 5, 0, Precision.MIXED, Shrinkage.NONE, Side.AUTO)).hasMessageContaining("features = 0");
  }

  @Test
  void bothSidesMakeTheSameRows() {
    for (Precision precision : Precision.values()) {
      for (DType dtype : precision == Precision.F32 ? List.of(DType.F32) : DTYPES) {
        bothSidesMakeTheSameRows(Reference.rows(10, 25, 100, 50), dtype, precision);
        bothSidesMakeTheSameRows(Reference.rows(25, 10, 100, 50), dtype, precision);
      }
    }
  }

  private void bothSidesMakeTheSameRows(Reference reference, DType dtype, Precision precision) {
    for (Kind kind : Kind.values()) {
      Options soft = Options.of(kind).with(new Epsilon.Absolute(0.01));
      for (Options options : List.of(soft, soft.with(new Epsilon.Absolute(0)), soft.with(new Rank.Count(4)),
          soft.with(new Epsilon.SingularValue(0.01)).with(new Rank.Variance(0.9)))) {
        try (Scatter covariance = scatter(Side.COVARIANCE, precision, Shrinkage.NONE, dtype, reference);
             Scatter gram = scatter(Side.GRAM, precision, Shrinkage.NONE, dtype, reference);
             Whitening expected = Whitening.fit(covariance, options); Whitening whitening = Whitening.fit(gram, options)) {
          assertThat(whitening.mean()).containsExactly(expected.mean(), within(1e-6));
          double bound = dtype == DType.F64 ? 1e-11 : 2e-4;
          assertThat(whitening.eigenvalues()).containsExactly(expected.eigenvalues(), within(bound));
          double[] white = apply(whitening, dtype, reference);
          double[] same = apply(expected, dtype, reference);
          if (kind == Kind.PCA) {
            // What there is beyond the rows' span is 0, and the Gram side has none of it.
            assertThat(whitening.rank()).isEqualTo(Math.min(expected.rank(), Math.min(reference.n() - 1, reference.d())));
            same = firstColumns(same, expected.rank(), whitening.rank());
          }
          assertThat(Reference.error(white, same)).as(precision + " " + options).isLessThan(bound);
          restores(whitening, dtype, reference, options.rank().equals(Rank.all()));
          restores(expected, dtype, reference, options.rank().equals(Rank.all()));
        }
      }
    }
  }

  private static double[] firstColumns(double[] rows, int width, int count) {
    double[] first = new double[rows.length / width * count];
    for (int i = 0; i < first.length; i++) {
      first[i] = rows[i / count * width + i % count];
    }
    return first;
  }

  /// Rows within the span of what is kept come back; of others it is the part within.
  private void restores(Whitening whitening, DType dtype, Reference reference, boolean whole) {
    double[] white = apply(whitening, dtype, reference);
    try (Tensor given = tensor(dtype, white.length / reference.n(), white);
         Tensor rows = device.allocate(dtype, Shape.of(reference.n(), reference.d()))) {
      whitening.restore(given, rows);
      if (whole) {
        assertThat(rows.toDoubles()).containsExactly(reference.x(), within(dtype == DType.F64 ? 1e-10 : 1e-3));
      } else {
        double[] once = apply(whitening, dtype, new Reference(reference.n(), reference.d(), rows.toDoubles()));
        assertThat(Reference.error(once, white)).isLessThan(dtype == DType.F64 ? 1e-10 : 1e-3);
      }
    }
  }

  @Test
  void manyFeaturesGoByBlocks() {
    // Rows y of a ZCA or PCA without epsilon: Y Y^T = (n - 1) (I - 1 1^T / n), whatever X is.
    int n = 6;
    int d = 4100;
    Reference reference = new Reference(n, d, new SplittableRandom(3).doubles((long) n * d, 99, 101).map(x -> (float) x).toArray());
    for (Kind kind : Kind.values()) {
      for (DType dtype : DTYPES) {
        try (Scatter gram = scatter(Side.AUTO, Precision.MIXED, Shrinkage.NONE, dtype, reference);
             Whitening whitening = Whitening.fit(gram, Options.of(kind).with(new Epsilon.Absolute(0)))) {
          double[] y = apply(whitening, dtype, reference);
          double[] expected = new double[n * n];
          for (int i = 0; i < n * n; i++) {
            expected[i] = (n - 1) * ((i / n == i % n ? 1 : 0) - 1.0 / n);
          }
          assertThat(Reference.product(y, n, Reference.transposed(y, n)))
              .containsExactly(expected, within(dtype == DType.F64 ? 1e-10 : 1e-3));
          assertThat(whitening.rank()).isEqualTo(n - 1);
          assertThat(whitening.eigenvalues()).hasSize(d);
          if (kind == Kind.ZCA) {
            assertThatThrownBy(whitening::matrix).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("no matrix of 4100 x 4100");
          }
        }
      }
    }
  }

  @Test
  void shrinkageIsThatOfTheArticle() {
    for (Reference reference : List.of(Reference.rows(30, 8, 10, 20), Reference.rows(8, 30, 10, 20), Reference.rows(20, 1, 1, 3))) {
      double[] covariance = reference.covariance(1);
      double mean = 0;
      for (int i = 0; i < reference.d(); i++) {
        mean += covariance[i * reference.d() + i] / reference.d();
      }
      double intensity = reference.d() == 1 ? 0 : reference.ledoitWolf();
      assertThat(intensity).isLessThan(1);
      double target = mean;
      double[] expected = Arrays.stream(Reference.Eigen.of(covariance, reference.d()).values())
          .map(value -> (1 - intensity) * value + intensity * target).toArray();
      for (DType dtype : DTYPES) {
        for (Side side : new Side[] {Side.COVARIANCE, Side.GRAM}) {
          try (Scatter scatter = scatter(side, Precision.MIXED, Shrinkage.LEDOIT_WOLF, dtype, reference)) {
            shrunk(scatter, intensity, expected);
          }
        }
        try (Covariance merged = Covariance.open(device, reference.d(), Precision.F64, Shrinkage.LEDOIT_WOLF)) {
          for (int i = 0; i < reference.n(); i += 4) {
            try (Covariance part = Covariance.open(device, reference.d(), Precision.F64, Shrinkage.LEDOIT_WOLF)) {
              part.add(tensor(dtype, reference.d(),
                  Arrays.copyOfRange(reference.x(), i * reference.d(), Math.min(i + 4, reference.n()) * reference.d())));
              try (Covariance carried = carried(part)) { // as from another machine
                merged.merge(carried);
              }
            }
          }
          shrunk(merged, intensity, expected);
        }
      }
    }
    try (Covariance plain = Covariance.open(device, 3, Precision.F64);
         Covariance shrunk = Covariance.open(device, 3, Precision.F64, Shrinkage.LEDOIT_WOLF)) {
      assertThatThrownBy(() -> plain.merge(shrunk)).isInstanceOf(IllegalArgumentException.class).hasMessage(
          "covariance of 3 features, 0 rows, precision f64, to be shrunk cannot join covariance of 3 features, 0 rows, precision f64");
    }
  }

  private Covariance carried(Covariance covariance) {
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      covariance.save(bytes);
      Covariance loaded = Covariance.load(device, new ByteArrayInputStream(bytes.toByteArray()));
      assertThat(loaded).hasToString(covariance.toString());
      assertThatThrownBy(() -> Covariance.load(device, new ByteArrayInputStream(bytes.toByteArray(), 0, bytes.size() - 1)))
          .isInstanceOf(IOException.class).hasMessageContaining("end too early");
      return loaded;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void shrunk(Scatter scatter, double intensity, double[] expected) {
    try (Whitening whitening = Whitening.fit(scatter, Options.of(Kind.ZCA).with(new Epsilon.Absolute(0)))) {
      assertThat(whitening.origin().shrinkage()).isCloseTo(intensity, within(1e-5));
      assertThat(whitening.eigenvalues()).containsExactly(expected, within(1e-5));
      if (intensity > 0) {
        // Nothing is left out any more.
        double other = whitening.rank() == expected.length ? whitening.weights()[expected.length - 1]
            : ((Whitening.Implicit) whitening.form()).other();
        assertThat(other).isCloseTo(1 / Math.sqrt(expected[expected.length - 1]), within(1e-3));
      }
    }
  }

  @Test
  void rowsOfTheGramSideAreNamedAndRunOut() {
    try (Gram gram = Gram.open(device, 4, 3, Precision.MIXED, Shrinkage.NONE)) {
      gram.add(tensor(DType.F32, 3, 1, 2, 3));
      assertThatThrownBy(() -> gram.add(tensor(DType.F32, 3, 1, 1, 1, 4, Double.POSITIVE_INFINITY, 6)))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("row 2 has Infinity as feature 1");
      assertThatThrownBy(() -> gram.add(tensor(DType.F64, 3, 1, 1, 1))).hasMessageContaining("after rows of F32");
      assertThatThrownBy(() -> gram.add(tensor(DType.F32, 2, 1, 1))).hasMessageContaining("rows of 3 features");
      gram.add(tensor(DType.F32, 3, 4, 5, 7, 0, 1, 0, 2, 2, 2));
      assertThatThrownBy(() -> gram.add(tensor(DType.F32, 3, 1, 1, 1))).hasMessageContaining("too many for a Gram side of 4");
      Whitening.fit(gram, Options.of(Kind.ZCA)).close();
      assertThatThrownBy(() -> Whitening.fit(gram, Options.of(Kind.ZCA))).isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("have become the eigenvectors");
      assertThatThrownBy(() -> gram.add(tensor(DType.F32, 3, 1, 1, 1))).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void ofOneRowOrOfEqualRowsNothingIsLeft() {
    for (Side side : new Side[] {Side.COVARIANCE, Side.GRAM}) {
      for (DType dtype : DTYPES) {
        for (int n : new int[] {1, 300}) {
          double[] rows = new double[n * 3];
          for (int i = 0; i < rows.length; i++) {
            rows[i] = 0.1 + i % 3; // of which none is a number of F32
          }
          Reference reference = new Reference(n, 3, rows);
          Options soft = Options.of(Kind.ZCA).with(new Epsilon.Absolute(4)).withDdof(0);
          try (Scatter scatter = scatter(side, Precision.MIXED, Shrinkage.NONE, dtype, reference);
               Whitening whitening = Whitening.fit(scatter, soft)) {
            assertThat(whitening.eigenvalues()).containsOnly(0);
            // Half of what differs from the mean.
            double[] white = apply(whitening, dtype, new Reference(1, 3, new double[] {2.1, 1.1, 2.1}));
            assertThat(white).containsExactly(new double[] {1, 0, 0}, within(1e-6));
          }
          for (Options options : List.of(soft.with(new Epsilon.Absolute(0)), soft.with(Epsilon.standard()))) {
            try (Scatter scatter = scatter(side, Precision.MIXED, Shrinkage.NONE, dtype, reference)) {
              assertThatThrownBy(() -> Whitening.fit(scatter, options)).isInstanceOf(IllegalArgumentException.class)
                  .hasMessageContaining("the " + n + " rows are all equal");
            }
          }
          try (Scatter scatter = scatter(side, Precision.MIXED, Shrinkage.LEDOIT_WOLF, dtype, reference)) {
            if (n == 1) {
              assertThatThrownBy(() -> Whitening.fit(scatter, soft.withDdof(1))).isInstanceOf(IllegalStateException.class)
                  .hasMessage("1 row is too few for a covariance with ddof 1");
            }
            try (Whitening whitening = Whitening.fit(scatter, soft)) {
              assertThat(whitening.origin().shrinkage()).isZero();
            }
          }
        }
      }
    }
  }

  @Test
  void whatDependsOnOtherFeaturesIsLeftOut() {
    // Of six features the fifth repeats the first, the last is constant: rank 4.
    Reference some = Reference.rows(40, 4, 10, 5);
    double[] rows = new double[40 * 6];
    for (int i = 0; i < 40; i++) {
      System.arraycopy(some.x(), i * 4, rows, i * 6, 4);
      rows[i * 6 + 4] = rows[i * 6];
      rows[i * 6 + 5] = 0.1f;
    }
    Reference reference = new Reference(40, 6, rows);
    for (Side side : new Side[] {Side.COVARIANCE, Side.GRAM}) {
      for (Precision precision : Precision.values()) {
        for (Kind kind : Kind.values()) {
          try (Scatter scatter = scatter(side, precision, Shrinkage.NONE, precision == Precision.F64 ? DType.F64 : DType.F32, reference);
               Whitening whitening = Whitening.fit(scatter, Options.of(kind).with(new Epsilon.Absolute(0)))) {
            assertThat(whitening.rank()).as(side + " " + precision).isEqualTo(4);
            double[] white = apply(whitening, DType.F64, reference);
            int width = white.length / 40;
            double[] covariance = new Reference(40, width, white).covariance(1);
            double trace = 0;
            for (int i = 0; i < width; i++) {
              trace += covariance[i * width + i];
            }
            assertThat(trace).isCloseTo(4, within(1e-4));
            // Its own square: the identity on a subspace.
            assertThat(Reference.product(covariance, width, covariance)).containsExactly(covariance, within(1e-4));
          }
        }
      }
    }
  }

  @Test
  void oneFeatureAndTwoRows() {
    for (Side side : new Side[] {Side.COVARIANCE, Side.GRAM}) {
      for (Kind kind : Kind.values()) {
        try (Scatter one = scatter(side, Precision.MIXED, Shrinkage.NONE, DType.F32, new Reference(3, 1, new double[] {1, 3, 5}));
             Whitening whitening = Whitening.fit(one, Options.of(kind).with(new Epsilon.Absolute(0)))) {
          // The variance is 4.
          assertThat(apply(whitening, DType.F32, new Reference(2, 1, new double[] {3, 7})))
              .containsExactly(new double[] {0, 2}, within(1e-6));
        }
        try (Scatter two = scatter(side, Precision.MIXED, Shrinkage.NONE, DType.F32, new Reference(2, 3, new double[] {1, 5, 1, 4, 9, 1}));
             Whitening whitening = Whitening.fit(two, Options.of(kind).with(new Epsilon.Absolute(0)))) {
          // One direction, (3, 4, 0) / 5, on which the rows lie at -2.5 and 2.5: the variance is 12.5.
          double[] expected = Arrays.stream(kind == Kind.PCA ? new double[] {5} : new double[] {3, 4, 0})
              .map(value -> value / Math.sqrt(12.5)).toArray();
          assertThat(apply(whitening, DType.F32, new Reference(1, 3, new double[] {5.5, 11, 7}))).containsExactly(expected, within(1e-6));
        }
      }
    }
  }

  @Test
  void productsThatOverflowAreNamed() {
    for (Side side : new Side[] {Side.COVARIANCE, Side.GRAM}) {
      Reference great = new Reference(3, 2, new double[] {0, 0, 1e30, 1, 3, 1e20});
      try (Scatter scatter = scatter(side, Precision.F32, Shrinkage.NONE, DType.F32, great)) {
        assertThatThrownBy(() -> Whitening.fit(scatter, Options.of(Kind.ZCA))).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("overflow in precision f32");
      }
    }
  }
}
