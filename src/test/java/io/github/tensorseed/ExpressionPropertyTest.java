package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Expression.Scope;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class ExpressionPropertyTest {
  private static final List<Shape> SHAPES = List.of(Shape.of(8, 4, 3), Shape.of(3, 4, 8), Shape.of(4, 1, 3), Shape.of(8, 4),
      Shape.of(8), Shape.of(), Shape.of(0, 4), Shape.of(8, 4, 3, 3));

  private static final List<Fans.Layout> LAYOUTS = List.of(Fans.Layout.values());

  /// Texts of which each one is right for one shape at least.
  private static final List<String> SEEDS = List.of(
      "zeros", "ones()", "constant(v=-1.5)", "uniform(-1/sqrt(fan_in), 1/sqrt(fan_in))", "normal(0, 0.02/sqrt(2*n_layer))",
      "normal(mean=l, std=min(1, 2, rank)^2) with row(pad_token_id) = 0", "truncated_normal(0, 0.02, -2, 2)",
      "truncated_normal_sigma(std=0.02, k=3, corrected=true)", "signs(1e-2)", "log_normal(0, exp(-1))", "uniform_fan(fan=out)",
      "variance_scaling(2, geo_avg, truncated, hwio)", "glorot_normal(gain=gain(tanh), dialect=keras)",
      "he_uniform(in, leaky_relu, a=sqrt(5))", "lecun_uniform(layout=article)", "var_scaling_uniform_fan_avg", "identity(-2)",
      "dirac(groups=2, layout=oihw)", "sparse(0.9, std=0.01)", "zero_init", "bilinear(hwio)", "lstm_bias(forget=1)",
      "siren(w0=30, first=true)", "mamba_a_log", "mamba_dt(0.001, 0.1)", "stft(imag, window=hamming, scaling=spectrum, periodic=true)",
      "normal('0', \"a b\")", "he_normal(fan=x.npy:w.1)", "zeros(/a/b, ../c)", "xavier_legacy", "orthogonal(gain=sqrt(2), layout=hwio)", "delta_orthogonal", "ones with row(0) = log(10) with row(1) = -(2^-3)");

  private static final String ALPHABET = "()=,+-*/^._ \n\t\u0000\"'\\é\ud83d09aezwithrow1E";

  /// Any text without one kind of quotes stands between the others, and comes back.
  @Property(tries = 5000, edgeCases = EdgeCasesMode.NONE)
  void quotedTexts(@ForAll String text) {
    Map<String, Expression.Definition> own = Map.of("own(text)", (arguments, _) -> Initializer.named(
        "own(" + Arguments.quoted(arguments.text("text")) + ")", Initializers.zeros()));
    String clean = text.replace("'", "");
    String printed = Expression.parse("own('" + clean + "')", own).resolve(Shape.of(1)).toString();
    assertThat(printed).isEqualTo("own('" + clean + "')");
    assertThat(Expression.parse(printed, own)).hasToString(printed);
  }

  private static Scope scope(Random random) {
    return new Scope(SHAPES.get(random.nextInt(SHAPES.size())), LAYOUTS.get(random.nextInt(LAYOUTS.size())),
        random.nextInt(4) == 0 ? new Fans(3, 5) : null, Map.of("n_layer", 12., "l", 2., "pad_token_id", 1.));
  }

  private static void readAndResolve(String text, Scope scope) {
    Expression expression;
    try {
      expression = Expression.parse(text);
    } catch (ExpressionException e) {
      assertThat(e.position()).isBetween(0, text.length());
      assertThat(e.getMessage()).isNotBlank();
      return;
    }
    assertThat(Expression.parse(expression.toString())).isEqualTo(expression);
    Initializer resolved;
    try {
      resolved = expression.resolve(scope);
    } catch (ExpressionException e) {
      assertThat(e.position()).isBetween(0, text.length());
      return;
    }
    assertThat(Expression.parse(resolved.toString()).resolve(Scope.of(scope.shape()))).isEqualTo(resolved);
  }

  /// Anything at all is read, or is an [ExpressionException]; what resolves is given again by its text alone.
  @Property(tries = 10_000, edgeCases = EdgeCasesMode.NONE)
  void anyText(@ForAll String text, @ForAll long seed) {
    readAndResolve(text, scope(new Random(seed)));
  }

  /// The same for right texts with characters deleted, replaced, inserted, and with pieces of others.
  @Property(tries = 20_000, edgeCases = EdgeCasesMode.NONE)
  void mutatedTexts(@ForAll long seed) {
    Random random = new Random(seed);
    StringBuilder text = new StringBuilder(SEEDS.get(random.nextInt(SEEDS.size())));
    for (int i = random.nextInt(4); i > 0; i--) {
      int at = random.nextInt(text.length() + 1);
      int to = Math.min(text.length(), at + random.nextInt(4));
      String other = SEEDS.get(random.nextInt(SEEDS.size()));
      int from = random.nextInt(other.length());
      String piece = switch (random.nextInt(3)) {
        case 0 -> "";
        case 1 -> String.valueOf(ALPHABET.charAt(random.nextInt(ALPHABET.length())));
        default -> other.substring(from, Math.min(other.length(), from + random.nextInt(12)));
      };
      text.replace(at, to, piece);
    }
    readAndResolve(text.toString(), scope(random));
  }

  /// Every kind of resolved initializer prints what gives it again, whatever its numbers are.
  @Property(tries = 5000, edgeCases = EdgeCasesMode.NONE)
  void canonicalTexts(@ForAll("resolved") Initializer initializer) {
    Shape shape = SHAPES.stream().filter(candidate -> suits(initializer, candidate)).findFirst().orElseThrow();
    assertThat(Expression.parse(initializer.toString()).resolve(shape)).isEqualTo(initializer.resolve(shape));
  }

  private static boolean suits(Initializer initializer, Shape shape) {
    try {
      initializer.resolve(shape);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  @Provide
  Arbitrary<Initializer> resolved() {
    Arbitrary<Double> any = Arbitraries.oneOf(
        Arbitraries.doubles(),
        Arbitraries.longs().map(Double::longBitsToDouble).filter(Double::isFinite),
        Arbitraries.of(0., -0., 1., -1., Double.MIN_VALUE, Double.MAX_VALUE, 1e7, 1e-3, 9.999e-4, 0.1));
    Arbitrary<Double> positive = any.map(Math::abs);
    Arbitrary<Initializer> laws = Combinators.combine(any, any, positive, Arbitraries.integers().between(0, 16)).as((a, b, std, kind) -> {
      double low = Math.min(a, b);
      double high = Math.max(a, b);
      return switch (kind) {
        case 0 -> Initializers.uniform(low, high);
        case 1 -> Initializers.normal(a, std);
        case 2 -> Initializers.logNormal(a, std);
        case 3 -> low < high ? Initializers.truncatedNormal(a, std, low, high) : Initializers.zeros();
        case 4 -> Initializers.signs(a);
        case 5 -> Initializers.constant(a);
        case 6 -> Initializers.identity(a);
        case 7 -> Initializers.lstmBias(a);
        case 8 -> Initializers.sparse(Math.abs(a % 1), std);
        case 9 -> 0 < std ? Initializers.mambaDt(std, std + 1) : Initializers.mambaALog();
        case 10 -> new WithRow(Initializers.normal(a, std), 3, b);
        case 11 -> new VarianceScaling(Math.min(std, 1e307), VarianceScaling.Mode.GEO_AVG, VarianceScaling.Law.UNIFORM, Fans.Layout.KERAS);
        case 12 -> new Matrix.Dirac(2, Fans.Layout.HWIO);
        case 13 -> new Matrix.ZerO(Fans.Layout.KERAS);
        case 14 -> new Orthogonal(a, Fans.Layout.HWIO);
        case 15 -> new DeltaOrthogonal(a, Fans.Layout.HWIO);
        default -> new Matrix.Bilinear(Fans.Layout.HWIO);
      };
    });
    Arbitrary<Initializer> transforms = Combinators.combine(
        Arbitraries.of(Matrix.Stft.Side.class), Arbitraries.of(Matrix.Stft.Window.class),
        Arbitraries.of(Matrix.Stft.Scaling.class), Arbitraries.of(true, false)).as(Initializers::stft);
    return Arbitraries.oneOf(laws, laws, laws, transforms);
  }
}
