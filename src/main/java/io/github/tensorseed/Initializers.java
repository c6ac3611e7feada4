package io.github.tensorseed;

import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.Signs;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.Fans.Layout;
import io.github.tensorseed.VarianceScaling.Law;
import io.github.tensorseed.VarianceScaling.Mode;

/// The initializers by name; [Expression] knows them by the same names in snake_case.
///
/// ```java
/// Initializers.heNormal().fill(weight, RandomStream.of(42).named("layers.0.weight"));
/// Initializers.glorotNormal(1).as(Dialect.KERAS).fill(kernel, RandomStream.of(42).named("dense/kernel"));
/// ```
///
/// Fans are those of the whole logical tensor, \[out, in, kernel...\] unless [VarianceScaling#in] or [VarianceScaling#as] says otherwise.
/// `normal` is not truncated, as in PyTorch, DL4J and DJL; Keras, JAX and TensorFlow truncate it: [Dialect].
public final class Initializers {
  private Initializers() {}

  public static Constant zeros() {
    return constant(0);
  }

  public static Constant ones() {
    return constant(1);
  }

  public static Constant constant(double v) {
    return new Constant(v);
  }

  /// U\[low, high\]. Frameworks' defaults differ (PyTorch 0 to 1, Keras +-0.05, JAX 0 to 0.01, DJL and MXNet +-0.07), so there is none.
  public static Uniform uniform(double low, double high) {
    return new Uniform(low, high);
  }

  /// N(mean, std^2).
  public static Normal normal(double mean, double std) {
    return new Normal(mean, std);
  }

  /// exp(N(mean, std^2)).
  public static LogNormal logNormal(double mean, double std) {
    return new LogNormal(mean, std);
  }

  /// N(mean, std^2) between absolute bounds, as PyTorch's `trunc_normal_` means them.
  public static TruncatedNormal truncatedNormal(double mean, double std, double low, double high) {
    return new TruncatedNormal(mean, std, low, high);
  }

  /// N(0, std^2) between -k and k standard deviations, as Keras (k = 2), JAX, timm's `trunc_normal_tf_` and OLMo (k = 3) mean it. A std
  /// of 0 gives zeros.
  ///
  /// @param corrected whether `std` is that of the values after truncation, as in Keras's and JAX's variance scaling
  public static Distribution truncatedNormalSigma(double std, double k, boolean corrected) {
    if (!(k > 0 && k < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("truncated_normal_sigma(k=" + k + "): k must be finite and positive");
    }
    double sigma = corrected ? std / truncatedStd(k) : std;
    return sigma == 0 ? zeros() : truncatedNormal(0, sigma, -k * sigma, k * sigma);
  }

  /// The standard deviation of a standard normal between -k and k: sqrt(1 - 2 k phi(k) / (2 Phi(k) - 1)), 0.87962566103423978 at 2.
  /// (2 Phi(k) - 1) / (2 k phi(k)) is 1 + k^2/3 + k^4/15 + ... + k^2n/(2n+1)!!, whose terms are all positive, so nothing cancels.
  static double truncatedStd(double k) {
    if (k > 9) {
      return 1; // 2 k phi(k) is less than half a unit of 1
    }
    double sum = 0;
    double term = 1 / 3.;
    for (int n = 5; term > 0x1p-60 * sum; n += 2) {
      sum += term;
      term *= k * k / n;
    }
    return k * Math.sqrt(sum / (1 + k * k * sum));
  }

  /// +v or -v, even odds.
  public static Signs signs(double v) {
    return new Signs(v);
  }

  /// U(-1/sqrt(fan), 1/sqrt(fan)): PyTorch's default for `Linear`.
  public static VarianceScaling uniformFan(Mode fan) {
    return varianceScaling(1 / 3., fan, Law.UNIFORM, Layout.OIHW);
  }

  /// A variance of scale / fan.
  public static VarianceScaling varianceScaling(double scale, Mode fan, Law law, Layout layout) {
    return new VarianceScaling(scale, fan, law, layout);
  }

  /// Variance gain^2 / ((fan_in + fan_out) / 2). Also DL4J's XAVIER.
  ///
  /// - Source: X. Glorot and Y. Bengio, AISTATS 2010.
  public static VarianceScaling glorotNormal(double gain) {
    return varianceScaling(gain * gain, Mode.AVG, Law.NORMAL, Layout.OIHW);
  }

  /// U(-limit, limit), limit = gain sqrt(6 / (fan_in + fan_out)).
  ///
  /// - Source: X. Glorot and Y. Bengio, AISTATS 2010.
  public static VarianceScaling glorotUniform(double gain) {
    return varianceScaling(gain * gain, Mode.AVG, Law.UNIFORM, Layout.OIHW);
  }

  /// [#glorotNormal(double)] with gain 1.
  public static VarianceScaling glorotNormal() {
    return glorotNormal(1);
  }

  /// [#glorotUniform(double)] with gain 1.
  public static VarianceScaling glorotUniform() {
    return glorotUniform(1);
  }

  /// [#glorotNormal(double)] by its other name.
  public static VarianceScaling xavierNormal(double gain) {
    return glorotNormal(gain);
  }

  /// [#glorotUniform(double)] by its other name.
  public static VarianceScaling xavierUniform(double gain) {
    return glorotUniform(gain);
  }

  /// Variance 2 / fan_in.
  ///
  /// - Source: K. He et al., arXiv 1502.01852.
  public static VarianceScaling heNormal() {
    return kaimingNormal(Mode.IN, Nonlinearity.RELU);
  }

  /// U(-limit, limit), limit = sqrt(6 / fan_in).
  ///
  /// - Source: K. He et al., arXiv 1502.01852.
  public static VarianceScaling heUniform() {
    return kaimingUniform(Mode.IN, Nonlinearity.RELU);
  }

  /// Variance gain^2 / fan.
  public static VarianceScaling kaimingNormal(Mode fan, Nonlinearity nonlinearity) {
    return varianceScaling(nonlinearity.scale(), fan, Law.NORMAL, Layout.OIHW);
  }

  /// U(-limit, limit), limit = sqrt(3) gain / sqrt(fan).
  public static VarianceScaling kaimingUniform(Mode fan, Nonlinearity nonlinearity) {
    return varianceScaling(nonlinearity.scale(), fan, Law.UNIFORM, Layout.OIHW);
  }

  /// [#kaimingNormal(Mode, Nonlinearity)] for a leaky ReLU of this slope.
  public static VarianceScaling kaimingNormal(Mode fan, double a) {
    return varianceScaling(Nonlinearity.leakyScale(a), fan, Law.NORMAL, Layout.OIHW);
  }

  /// [#kaimingUniform(Mode, Nonlinearity)] for a leaky ReLU of this slope. PyTorch's layers have `a = Math.sqrt(5)`, that is
  /// U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
  public static VarianceScaling kaimingUniform(Mode fan, double a) {
    return varianceScaling(Nonlinearity.leakyScale(a), fan, Law.UNIFORM, Layout.OIHW);
  }

  /// Variance 1 / fan_in. Also DL4J's LECUN_NORMAL, NORMAL and XAVIER_FAN_IN.
  public static VarianceScaling lecunNormal() {
    return varianceScaling(1, Mode.IN, Law.NORMAL, Layout.OIHW);
  }

  /// U(-limit, limit), limit = sqrt(3 / fan_in). DL4J's LECUN_UNIFORM is sqrt(3) wider.
  public static VarianceScaling lecunUniform() {
    return varianceScaling(1, Mode.IN, Law.UNIFORM, Layout.OIHW);
  }

  /// Variance 2 / max(fan_in, fan_out): a form of He that articles have.
  public static VarianceScaling heMaxNormal() {
    return varianceScaling(2, Mode.MAX, Law.NORMAL, Layout.OIHW);
  }

  /// Variance 2 / fan_in: a form of Xavier that articles have.
  public static VarianceScaling xavierFanInNormal() {
    return heNormal();
  }

  /// U(-limit, limit), limit = 4 sqrt(6 / (fan_in + fan_out)): DL4J's SIGMOID_UNIFORM.
  public static VarianceScaling sigmoidUniform() {
    return glorotUniform(4);
  }

  /// [#heNormal], as DL4J's RELU names it.
  public static VarianceScaling relu() {
    return heNormal();
  }

  /// [#heUniform], as DL4J's RELU_UNIFORM names it.
  public static VarianceScaling reluUniform() {
    return heUniform();
  }

  /// Variance 1 / fan_in: DL4J's VAR_SCALING_NORMAL_FAN_IN.
  public static VarianceScaling varScalingNormalFanIn() {
    return varianceScaling(1, Mode.IN, Law.NORMAL, Layout.OIHW);
  }

  /// U(-limit, limit), limit = sqrt(3 / fan_in): DL4J's VAR_SCALING_UNIFORM_FAN_IN.
  public static VarianceScaling varScalingUniformFanIn() {
    return varianceScaling(1, Mode.IN, Law.UNIFORM, Layout.OIHW);
  }

  /// Variance 1 / fan_out: DL4J's VAR_SCALING_NORMAL_FAN_OUT.
  public static VarianceScaling varScalingNormalFanOut() {
    return varianceScaling(1, Mode.OUT, Law.NORMAL, Layout.OIHW);
  }

  /// U(-limit, limit), limit = sqrt(3 / fan_out): DL4J's VAR_SCALING_UNIFORM_FAN_OUT.
  public static VarianceScaling varScalingUniformFanOut() {
    return varianceScaling(1, Mode.OUT, Law.UNIFORM, Layout.OIHW);
  }

  /// Variance 1 / ((fan_in + fan_out) / 2): DL4J's VAR_SCALING_NORMAL_FAN_AVG.
  public static VarianceScaling varScalingNormalFanAvg() {
    return varianceScaling(1, Mode.AVG, Law.NORMAL, Layout.OIHW);
  }

  /// U(-limit, limit), limit = sqrt(3 / ((fan_in + fan_out) / 2)): DL4J's VAR_SCALING_UNIFORM_FAN_AVG.
  public static VarianceScaling varScalingUniformFanAvg() {
    return varianceScaling(1, Mode.AVG, Law.UNIFORM, Layout.OIHW);
  }

  /// N(0, 1 / (extent 0 + extent 1)): DL4J's XAVIER_LEGACY.
  public static Initializer xavierLegacy() {
    return Expression.parse("xavier_legacy()");
  }

  /// `gain` where row and column are equal, else 0; the matrix need not be square.
  public static Matrix.Identity identity(double gain) {
    return new Matrix.Identity(gain);
  }

  /// [#identity] by its other name.
  public static Matrix.Identity eye(double gain) {
    return identity(gain);
  }

  /// A convolution that copies its input, in each of `groups` groups.
  public static Matrix.Dirac dirac(long groups) {
    return new Matrix.Dirac(groups, Layout.OIHW);
  }

  /// Orthonormal rows or, where there are more of them than columns, columns, times `gain`.
  public static Orthogonal orthogonal(double gain) {
    return new Orthogonal(gain, Layout.OIHW);
  }

  /// A convolution that keeps lengths: orthogonal at the centre of its kernel, zero elsewhere.
  public static DeltaOrthogonal deltaOrthogonal(double gain) {
    return new DeltaOrthogonal(gain, Layout.OIHW);
  }

  /// Zeros in `sparsity` of each column's rows, N(0, std^2) in the rest.
  public static Sparse sparse(double sparsity, double std) {
    return new Sparse(sparsity, std);
  }

  /// Identity, or a part of a Hadamard matrix: nothing random.
  public static Matrix.ZerO zeroInit() {
    return new Matrix.ZerO(Layout.OIHW);
  }

  /// Up-sampling by linear interpolation, for transposed convolutions.
  public static Matrix.Bilinear bilinear() {
    return new Matrix.Bilinear(Layout.OIHW);
  }

  /// `forget` for the forget gate of an LSTM's bias, else 0.
  public static Matrix.LstmBias lstmBias(double forget) {
    return new Matrix.LstmBias(forget);
  }

  /// U(-limit, limit), limit = sqrt(6 / fan_in) / w0, or 1 / fan_in for the first layer.
  ///
  /// - Source: V. Sitzmann et al., arXiv 2006.09661.
  public static Initializer siren(double w0, boolean first) {
    return Expression.parse("siren(" + Numbers.text(w0) + ", " + first + ")");
  }

  /// log(1), log(2), ... along the last axis.
  public static Matrix.MambaALog mambaALog() {
    return new Matrix.MambaALog();
  }

  /// Inverse softplus of a step that is log-uniform in \[min, max\].
  public static Matrix.MambaDt mambaDt(double min, double max) {
    return new Matrix.MambaDt(min, max);
  }

  /// One side of a windowed Fourier transform as the kernel of a convolution.
  public static Matrix.Stft stft(Matrix.Stft.Side side, Matrix.Stft.Window window, Matrix.Stft.Scaling scaling, boolean periodic) {
    return new Matrix.Stft(side, window, scaling, periodic);
  }
}
