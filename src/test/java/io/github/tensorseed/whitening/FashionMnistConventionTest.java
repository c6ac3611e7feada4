package io.github.tensorseed.whitening;

import static io.github.tensorseed.FashionMnist.D;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Device;
import io.github.tensorseed.FashionMnist;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Reference.Eigen;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Whitening of Fashion-MNIST against what others compute, in double and with other code's eigenvectors: of all test images, whose
/// covariance has a condition of 1.2e9, and of 500, which span 499 of the 784 directions.
class FashionMnistConventionTest {
  private static final double[] EPSILONS = {0.1, 1e-5};

  private static final Device DEVICE = CpuDevice.open(2);
  private static final List<Data> DATA = new ArrayList<>();

  /// @param rank of the covariance
  /// @param eigen of the unbiased covariance
  private record Data(int n, int rank, Eigen eigen, List<Covariance> covariances) {
    static Data of(Path images) throws IOException {
      double[] pixels = FashionMnist.pixels(images);
      int n = pixels.length / D;
      Eigen eigen = Eigen.of(FashionMnist.covariance(pixels));
      // n rows around their mean span n - 1 directions; all other eigenvalues are 0, of which rounding makes some 1e-15.
      int rank = Math.min(n - 1, D);
      Arrays.fill(eigen.values(), rank, D, 0);
      return new Data(n, rank, eigen, List.of(covariance(images, Precision.F64), covariance(images, Precision.MIXED)));
    }

    private static Covariance covariance(Path images, Precision precision) throws IOException {
      Covariance covariance = Covariance.open(DEVICE, D, precision);
      try (RowFile file = RowFile.open(images.toString()); Batches batches = Batches.open(file, DEVICE)) {
        for (Tensor batch; (batch = batches.next()) != null;) {
          covariance.add(batch);
        }
      }
      return covariance;
    }
  }

  @BeforeAll
  static void load() throws IOException {
    DATA.add(Data.of(FashionMnist.images()));
    DATA.add(Data.of(FashionMnist.SOME));
  }

  @AfterAll
  static void close() {
    DATA.forEach(data -> data.covariances.forEach(Covariance::close));
    DEVICE.close();
  }

  /// How far a value may be off, next to the greatest. By default products of 784 features are in F64, too; in F32 they would leave 772 of
  /// the components, and most of these wrong.
  private static double bound(Covariance covariance) {
    return covariance.precision() == Precision.F64 ? 1e-5 : 1e-4;
  }

  /// Every component, one by one. Rounding differs by some sqrt(d) 2^-52 l_max from one decomposition to another, and turns an eigenvector
  /// by that over the gap to the next eigenvalue.
  @Test
  void scikitLearnPca() {
    for (Data data : DATA) {
      double[] l = data.eigen.values();
      for (Covariance covariance : data.covariances) {
        try (Whitening whitening = Whitening.fit(covariance, Options.of(Kind.PCA).with(new Epsilon.Absolute(0)))) {
          assertThat(whitening.rank()).as(covariance.toString()).isEqualTo(data.rank);
          double[] matrix = whitening.matrix().toDoubles();
          for (int k = 0; k < data.rank; k++) {
            double gap = Math.min(k == 0 ? l[0] : l[k - 1] - l[k], k == D - 1 ? l[k] : l[k] - l[k + 1]);
            assertThat(Math.sqrt(D) * 0x1p-52 * l[0] / gap).isLessThan(bound(covariance));
            double[] expected = ConventionContract.scikitLearn(data.eigen.vector(k), l[k] * (data.n - 1), data.n);
            assertThat(Reference.error(Arrays.copyOfRange(matrix, k * D, k * D + D), expected)).as(covariance + ", component " + k)
                .isLessThan(bound(covariance));
          }
        }
      }
    }
  }

  /// Of fewer images than pixels, NumPy's u has no columns for what the rows do not span, but for one of rounding, so that Keras takes any
  /// image's part there to 0 or anywhere. A full u gives it the weight sqrt(n) / eps, as [Whitening] does; the images themselves have no
  /// such part.
  @Test
  void kerasImageDataGenerator() {
    for (Data data : DATA) {
      for (double epsilon : EPSILONS) {
        check(data, Options.of(Kind.ZCA).with(new Epsilon.SingularValue(epsilon)).withDdof(0),
            l -> ConventionContract.keras(l * (data.n - 1), data.n, epsilon));
      }
    }
  }

  @Test
  void korniaZca() {
    for (Data data : DATA) {
      for (double epsilon : EPSILONS) {
        check(data, Options.of(Kind.ZCA).with(new Epsilon.Absolute(epsilon)), l -> ConventionContract.kornia(l, epsilon));
      }
    }
  }

  @Test
  void torchvisionLinearTransformation() {
    for (Data data : DATA) {
      for (double epsilon : EPSILONS) {
        check(data, Options.of(Kind.ZCA).with(new Epsilon.OfSums(epsilon)).withDdof(0),
            l -> ConventionContract.torchvision(l * (data.n - 1), epsilon));
      }
    }
  }

  /// The matrix, in which directions of little variance are the greatest numbers, and what it makes of the 50 directions of most variance,
  /// whose part of it may be less than the bound.
  private static void check(Data data, Options options, DoubleUnaryOperator weight) {
    double[] expected = data.eigen.matrix(weight);
    for (Covariance covariance : data.covariances) {
      try (Whitening whitening = Whitening.fit(covariance, options)) {
        String text = covariance + ", " + options;
        double[] matrix = whitening.matrix().toDoubles();
        assertThat(Reference.error(matrix, expected)).as(text).isLessThan(bound(covariance));
        for (int k = 0; k < 50; k++) {
          double[] vector = data.eigen.vector(k);
          double scaled = weight.applyAsDouble(data.eigen.values()[k]);
          double[] image = Arrays.stream(vector).map(value -> scaled * value).toArray();
          double error = Reference.error(Reference.product(matrix, D, vector), image);
          assertThat(error).as(text + ", direction " + k).isLessThan(bound(covariance));
        }
      }
    }
  }
}
