package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;
import static org.assertj.core.data.Percentage.withPercentage;

import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.Expression.Scope;
import io.github.tensorseed.Fans.Layout;
import io.github.tensorseed.VarianceScaling.Law;
import io.github.tensorseed.VarianceScaling.Mode;
import io.github.tensorseed.cpu.CpuDevice;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class InitializersTest {
  /// 128 outputs, 64 inputs, 3 x 3: fan_in 576, fan_out 1152 as PyTorch counts (torch.nn.init._calculate_fan_in_and_fan_out).
  private static final Shape OIHW = Shape.of(128, 64, 3, 3);
  /// The same kernel as Keras and JAX store it.
  private static final Shape HWIO = Shape.of(3, 3, 64, 128);

  private static Initializer resolved(String text, Shape shape) {
    return Expression.parse(text).resolve(shape);
  }

  private static double std(String text, Shape shape) {
    return ((Normal) resolved(text, shape)).std();
  }

  private static double limit(String text, Shape shape) {
    Uniform uniform = (Uniform) resolved(text, shape);
    assertThat(uniform.low()).isEqualTo(-uniform.high());
    return uniform.high();
  }

  @Test
  void fans() {
    assertThat(Layout.OIHW.of(OIHW)).isEqualTo(new Fans(576, 1152));
    assertThat(Layout.HWIO.of(HWIO)).isEqualTo(new Fans(576, 1152));
    assertThat(Layout.OIHW.of(Shape.of(10, 20))).isEqualTo(new Fans(20, 10));
    assertThat(Layout.HWIO.of(Shape.of(20, 10))).isEqualTo(new Fans(20, 10));
    // prod(shape[:-1]), prod(shape[1:])
    assertThat(Layout.ARTICLE.of(Shape.of(5, 7, 11))).isEqualTo(new Fans(35, 77));
    // keras/src/initializers/random_initializers.py, compute_fans: a vector counts twice, a scalar is 1.
    assertThat(Layout.KERAS.of(HWIO)).isEqualTo(new Fans(576, 1152));
    assertThat(Layout.KERAS.of(Shape.of(9))).isEqualTo(new Fans(9, 9));
    assertThat(Layout.KERAS.of(Shape.of())).isEqualTo(new Fans(1, 1));
    assertThatThrownBy(() -> Layout.HWIO.of(Shape.of(9))).hasMessageContaining("rank 1");
  }

  /// PyTorch: std = gain sqrt(2 / (fan_in + fan_out)), or gain / sqrt(fan). The others: their variance's formula.
  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      glorot_normal                                    | sqrt(2/1728)
      xavier_normal(gain=gain(tanh))                   | 5/3*sqrt(2/1728)
      he_normal                                        | sqrt(2/576)
      kaiming_normal(fan=out)                          | sqrt(2/1152)
      he_normal(fan=out, nonlinearity=relu)            | sqrt(2/1152)
      he_normal(nonlinearity=tanh)                     | 5/3/sqrt(576)
      he_normal(nonlinearity=selu)                     | 0.75/sqrt(576)
      he_normal(nonlinearity=leaky_relu)               | sqrt(2/(1+0.01^2))/sqrt(576)
      he_normal(nonlinearity=leaky_relu, a=0.2)        | sqrt(2/(1+0.2^2))/sqrt(576)
      he_normal(a=0.2)                                 | sqrt(2/(1+0.2^2))/sqrt(576)
      kaiming_normal(avg)                              | sqrt(2/864)
      kaiming_normal(geo_avg)                          | sqrt(2/sqrt(576*1152))
      lecun_normal                                     | 1/sqrt(576)
      he_max_normal                                    | sqrt(2/1152)
      xavier_fan_in_normal                             | sqrt(2/576)
      he_normal(layout=hwio)                           | sqrt(2/(128*64*3))
      he_normal(layout=article)                        | sqrt(2/(128*64*3))
      lecun_normal(layout=article)                     | sqrt(1/(128*64*3))
      variance_scaling(3, out, normal)                 | sqrt(3/1152)
      relu                                             | sqrt(2/576)
      xavier_legacy                                    | 1/sqrt(192)
      var_scaling_normal_fan_in                        | 1/sqrt(576)
      var_scaling_normal_fan_out                       | 1/sqrt(1152)
      var_scaling_normal_fan_avg                       | 1/sqrt(864)
      """)
  void normals(String text, String expected) {
    double std = ((Normal) resolved("normal(0, " + expected + ")", OIHW)).std();
    assertThat(std(text, OIHW)).isCloseTo(std, withPercentage(1e-13));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      glorot_uniform                                   | sqrt(6/1728)
      xavier_uniform(gain=2)                           | 2*sqrt(6/1728)
      he_uniform                                       | sqrt(3)*sqrt(2)/sqrt(576)
      kaiming_uniform(a=sqrt(5))                       | 1/sqrt(576)
      kaiming_uniform(out, linear)                     | sqrt(3)/sqrt(1152)
      lecun_uniform                                    | sqrt(3/576)
      uniform_fan                                      | 1/sqrt(576)
      uniform_fan(out)                                 | 1/sqrt(1152)
      uniform_fan(max)                                 | 1/sqrt(1152)
      sigmoid_uniform                                  | 4*sqrt(6/1728)
      relu_uniform                                     | sqrt(6/576)
      var_scaling_uniform_fan_in                       | sqrt(3/576)
      var_scaling_uniform_fan_out                      | sqrt(3/1152)
      var_scaling_uniform_fan_avg                      | sqrt(3/864)
      variance_scaling(3, max, uniform)                | sqrt(9/1152)
      siren                                            | sqrt(6/576)/30
      siren(w0=1)                                      | sqrt(6/576)
      siren(first=true)                                | 1/576
      """)
  void uniforms(String text, String expected) {
    double limit = ((Uniform) resolved("uniform(0, " + expected + ")", OIHW)).high();
    assertThat(limit(text, OIHW)).isCloseTo(limit, withPercentage(1e-13));
  }

  @Test
  void textAndFactoryAgree() {
    Map<String, Initializer> pairs = Map.ofEntries(
        Map.entry("he_normal", Initializers.heNormal()),
        Map.entry("he_uniform", Initializers.heUniform()),
        Map.entry("kaiming_normal(fan=out)", Initializers.kaimingNormal(Mode.OUT, Nonlinearity.RELU)),
        Map.entry("kaiming_uniform(a=sqrt(5))", Initializers.kaimingUniform(Mode.IN, Math.sqrt(5))),
        Map.entry("kaiming_normal(a=0.5)", Initializers.kaimingNormal(Mode.IN, 0.5)),
        Map.entry("kaiming_uniform(in, gelu)", Initializers.kaimingUniform(Mode.IN, Nonlinearity.GELU)),
        Map.entry("glorot_normal", Initializers.glorotNormal()),
        Map.entry("xavier_normal(2)", Initializers.xavierNormal(2)),
        Map.entry("xavier_uniform(2)", Initializers.xavierUniform(2)),
        Map.entry("relu", Initializers.relu()),
        Map.entry("relu_uniform", Initializers.reluUniform()),
        Map.entry("var_scaling_normal_fan_in", Initializers.varScalingNormalFanIn()),
        Map.entry("var_scaling_uniform_fan_in", Initializers.varScalingUniformFanIn()),
        Map.entry("var_scaling_normal_fan_out", Initializers.varScalingNormalFanOut()),
        Map.entry("var_scaling_uniform_fan_out", Initializers.varScalingUniformFanOut()),
        Map.entry("var_scaling_normal_fan_avg", Initializers.varScalingNormalFanAvg()),
        Map.entry("var_scaling_uniform_fan_avg", Initializers.varScalingUniformFanAvg()),
        Map.entry("glorot_uniform", Initializers.glorotUniform()),
        Map.entry("glorot_normal(dialect=jax)", Initializers.glorotNormal().as(Dialect.JAX)),
        Map.entry("lecun_normal", Initializers.lecunNormal()),
        Map.entry("lecun_uniform", Initializers.lecunUniform()),
        Map.entry("xavier_legacy", Initializers.xavierLegacy()),
        Map.entry("siren(20, true)", Initializers.siren(20, true)),
        Map.entry("uniform_fan(out)", Initializers.uniformFan(Mode.OUT)),
        Map.entry("dirac(2)", Initializers.dirac(2)),
        Map.entry("zero_init", Initializers.zeroInit()),
        Map.entry("bilinear", Initializers.bilinear()),
        Map.entry("log_normal(0, 1)", Initializers.logNormal(0, 1)),
        Map.entry("signs(0.01)", Initializers.signs(0.01)));
    pairs.forEach((text, factory) -> assertThat(factory.resolve(OIHW)).as(text).isEqualTo(resolved(text, OIHW)));
    assertThat(resolved("sparse(0.5)", Shape.of(4, 4))).isEqualTo(Initializers.sparse(0.5, 0.01));
    assertThat(resolved("eye(3)", Shape.of(4, 4))).isEqualTo(Initializers.identity(3));
    assertThat(resolved("eye(3)", Shape.of(4, 4))).isEqualTo(Initializers.eye(3));
    assertThat(resolved("lstm_bias", Shape.of(8))).isEqualTo(Initializers.lstmBias(1));
    assertThat(resolved("mamba_a_log", Shape.of(8))).isEqualTo(Initializers.mambaALog());
    assertThat(resolved("mamba_dt", Shape.of(8))).isEqualTo(Initializers.mambaDt(0.001, 0.1));
    assertThat(resolved("stft(imag)", Shape.of(8, 1, 5))).isEqualTo(
        Initializers.stft(Matrix.Stft.Side.IMAG, Matrix.Stft.Window.HANN, Matrix.Stft.Scaling.DENSITY, false)
            .resolve(Shape.of(8, 1, 5)));
  }

  @Test
  void everyNameOfATextIsAFactory() {
    List<String> factories = Arrays.stream(Initializers.class.getMethods())
        .map(method -> method.getName().toLowerCase(Locale.ROOT)).toList();
    for (String signature : Expression.signatures()) {
      assertThat(factories).contains(signature.substring(0, signature.indexOf('(')).replace("_", ""));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aScaleOfZeroGivesZeros(Law law) {
    try (CpuDevice cpu = CpuDevice.open(1); Tensor tensor = cpu.allocate(DType.F32, Shape.of(3, 4))) {
      Initializers.varianceScaling(0, Mode.IN, law, Layout.OIHW).fill(tensor, RandomStream.of(1));
      assertThat(tensor.toDoubles()).usingElementComparator(Comparator.comparing(Math::abs)).containsOnly(0);
    }
  }

  /// keras/src/initializers/random_initializers.py and jax/_src/nn/initializers.py: std / 0.8796256610342398, cut at two of those.
  @Test
  void kerasAndJaxTruncate() {
    double std = Math.sqrt(2. / 576) / 0.8796256610342398;
    TruncatedNormal expected = new TruncatedNormal(0, std, -2 * std, 2 * std);
    assertThat(resolved("he_normal(dialect=keras)", HWIO)).isEqualTo(expected);
    assertThat(resolved("he_normal(dialect=jax)", HWIO)).isEqualTo(expected);
    assertThat(resolved("he_normal(dialect=keras, layout=oihw)", OIHW)).isEqualTo(expected);
    assertThat(resolved("variance_scaling(2, in, truncated, hwio)", HWIO)).isEqualTo(expected);
    assertThat(Initializers.heNormal().as(Dialect.KERAS).resolve(HWIO)).isEqualTo(expected);
    assertThat(Initializers.heNormal().in(Layout.HWIO).resolve(HWIO)).isEqualTo(new Normal(0, Math.sqrt(2. / 576)));
    assertThat(resolved("glorot_uniform(dialect=keras)", HWIO)).isEqualTo(resolved("glorot_uniform", OIHW));
    // Keras's fans of a vector; JAX and PyTorch refuse.
    assertThat(limit("glorot_uniform(dialect=keras)", Shape.of(6))).isEqualTo(Math.sqrt(0.5));
    assertThatThrownBy(() -> resolved("glorot_uniform(dialect=jax)", Shape.of(6))).hasMessageContaining("rank 1");
    assertThatThrownBy(() -> resolved("glorot_uniform", Shape.of(6))).hasMessageContaining("[6] has rank 1");
  }

  @Test
  void truncatedNormalInStandardDeviations() {
    assertThat(resolved("truncated_normal_sigma(0.02)", OIHW)).isEqualTo(new TruncatedNormal(0, 0.02, -0.04, 0.04));
    assertThat(resolved("truncated_normal_sigma(0.02, 3)", OIHW)).isEqualTo(new TruncatedNormal(0, 0.02, -0.06, 0.06));
    double std = 0.02 / 0.8796256610342398;
    assertThat(resolved("truncated_normal_sigma(0.02, corrected=true)", OIHW)).isEqualTo(new TruncatedNormal(0, std, -2 * std, 2 * std));
    assertThat(resolved("truncated_normal_sigma(0)", OIHW)).isEqualTo(new Constant(0));
    assertThatThrownBy(() -> resolved("truncated_normal_sigma(1, 0)", OIHW)).hasMessageContaining("k must be finite and positive");
  }

  /// sqrt(1 - 2 k phi(k) / (2 Phi(k) - 1)), by mpmath with 30 digits; the uniform's sqrt(1/3) k as k goes to 0.
  @Test
  void standardDeviationAfterTruncation() {
    assertThat(Initializers.truncatedStd(2)).isEqualTo(0.8796256610342398);
    assertThat(Initializers.truncatedStd(3)).isCloseTo(0.9865783925581086, offset(2e-16));
    assertThat(Initializers.truncatedStd(1e-8)).isCloseTo(1e-8 / Math.sqrt(3), offset(1e-23));
    assertThat(Initializers.truncatedStd(1e-200)).isPositive();
    assertThat(Initializers.truncatedStd(9)).isCloseTo(1, offset(1e-15));
    assertThat(Initializers.truncatedStd(1e6)).isEqualTo(1);
    assertThat(Initializers.truncatedStd(1e300)).isEqualTo(1);
  }

  @Test
  void fusedWeightsStateTheirFans() {
    Scope fused = new Scope(Shape.of(3 * 768, 768), Layout.OIHW, new Fans(768, 768), Map.of());
    assertThat(Expression.parse("xavier_uniform").resolve(fused)).isEqualTo(resolved("xavier_uniform", Shape.of(768, 768)));
    assertThat(Expression.parse("normal(0, 1/sqrt(fan_out))").resolve(fused)).isEqualTo(new Normal(0, 1 / Math.sqrt(768)));
    assertThat(Expression.parse("glorot_normal(dialect=keras)").resolve(fused))
        .isEqualTo(resolved("glorot_normal(dialect=keras)", Shape.of(768, 768)));
    // What the text itself says is meant.
    assertThat(Expression.parse("xavier_uniform(layout=oihw)").resolve(fused)).isEqualTo(resolved("xavier_uniform", fused.shape()));
    Scope bias = new Scope(Shape.of(768), Layout.OIHW, new Fans(3072, 768), Map.of());
    assertThat(Expression.parse("uniform_fan").resolve(bias)).isEqualTo(resolved("uniform_fan", Shape.of(768, 3072)));
  }

  /// With 2^16 values the standard error of a variance is 0.55 % for a normal and 0.35 % for a uniform law: five of them are allowed,
  /// which a right law breaks once in 1.7 million.
  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      he_normal                            | 2/256         | 2.8
      he_normal(layout=hwio)               | 2/256         | 2.8
      glorot_normal                        | 2/512         | 2.8
      lecun_normal                         | 1/256         | 2.8
      normal(3, 0.02)                      | 0.02^2        | 2.8
      kaiming_uniform(a=sqrt(5))           | 1/(3*256)     | 1.75
      glorot_uniform                       | 2/512         | 1.75
      he_uniform                           | 2/256         | 1.75
      lecun_uniform                        | 1/256         | 1.75
      sigmoid_uniform                      | 16*2/512      | 1.75
      var_scaling_uniform_fan_avg          | 1/256         | 1.75
      siren                                | 2/(256*900)   | 1.75
      signs(0.01)                          | 0.01^2        | 0.01
      """)
  void measuredVariance(String text, String variance, double percent) {
    Shape shape = Shape.of(256, 256);
    double expected = ((Constant) resolved("constant(" + variance + ")", shape)).value();
    try (CpuDevice cpu = CpuDevice.open(1); Tensor tensor = cpu.allocate(DType.F32, shape)) {
      Expression.parse(text).fill(tensor, RandomStream.of(42).named(text));
      double[] values = tensor.toDoubles();
      double mean = Arrays.stream(values).average().orElseThrow();
      double measured = Arrays.stream(values).map(value -> (value - mean) * (value - mean)).sum() / (values.length - 1);
      assertThat(measured).isCloseTo(expected, withPercentage(percent));
    }
  }

  /// deeplearning4j-nn's WeightInitUtil: LECUN_UNIFORM and VAR_SCALING_UNIFORM_FAN_* draw from +-3/sqrt(fan), sqrt(3) too wide.
  @Test
  void faultOfDl4j() {
    assertThat(3 / Math.sqrt(576) / limit("lecun_uniform", OIHW)).isCloseTo(Math.sqrt(3), offset(1e-14));
    assertThat(3 / Math.sqrt(1152) / limit("var_scaling_uniform_fan_out", OIHW)).isCloseTo(Math.sqrt(3), offset(1e-14));
  }

  /// DJL's XavierInitializer: magnitude 6 gives sqrt(6 / ((fan_in + fan_out) / 2)), where its javadoc has sqrt(6 / (fan_in + fan_out)).
  @Test
  void faultOfDjl() {
    double djl = Math.sqrt(6 / ((576 + 1152) / 2.));
    assertThat(djl / limit("xavier_uniform", OIHW)).isCloseTo(Math.sqrt(2), offset(1e-14));
  }

  /// TensorFlow-Java's VarianceScaling: computeFans takes the inputs of a convolution into the receptive field as well, and UNIFORM is
  /// positive only.
  @Test
  void faultsOfTensorFlowJava() {
    long field = 1;
    for (int axis = HWIO.rank() - 2; axis >= 0; axis--) {
      field *= HWIO.extent(axis);
    }
    assertThat(field * HWIO.extent(2)).isEqualTo(64 * 576);
    assertThat(((Uniform) Initializers.glorotUniform().as(Dialect.KERAS).resolve(HWIO)).low()).isNegative();
  }

  /// Keras on PyTorch takes the first of four normals that lies within two sigma: all four lie outside with P(|z| > 2)^4 = 4.3e-6. Our
  /// law's bounds are exact.
  @Test
  void faultOfKerasOnPyTorch() {
    double outside = 1 - 0.954499736103642; // P(|z| <= 2), tables of the normal law
    assertThat(Math.pow(outside, 4)).isCloseTo(4.3e-6, offset(0.02e-6));
    TruncatedNormal ours = (TruncatedNormal) resolved("truncated_normal_sigma(1)", OIHW);
    assertThat(ours.low()).isEqualTo(-2);
    assertThat(ours.high()).isEqualTo(2);
  }

  /// torchtitan's Llama 3: trunc_normal_(std=0.02, a=-2, b=2) has absolute bounds, a hundred sigma away: nothing is truncated.
  @Test
  void faultOfTorchtitan() {
    TruncatedNormal titan = (TruncatedNormal) resolved("truncated_normal(0, 0.02, -2, 2)", OIHW);
    assertThat(titan.high() / titan.std()).isEqualTo(100);
  }

  @Test
  void nothingToScale() {
    assertThat(resolved("he_normal", Shape.of(0, 4))).isEqualTo(new Normal(0, Math.sqrt(2)));
    assertThat(Initializers.varianceScaling(0, Mode.IN, Law.TRUNCATED, Layout.OIHW).resolve(OIHW)).isEqualTo(new Constant(0));
  }
}
