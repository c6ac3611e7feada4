package io.github.tensorseed;

import io.github.tensorseed.Expression.Definition;
import io.github.tensorseed.Expression.Scope;
import io.github.tensorseed.VarianceScaling.Law;
import io.github.tensorseed.VarianceScaling.Mode;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/// Every name that an expression may begin with: its parameters, their defaults, and the factory of [Initializers] behind it.
final class Definitions {
  private static final String GLOROT = "(gain=1, dialect=torch, layout=auto)";
  private static final String HE = "(fan=in, nonlinearity=auto, a=none, dialect=torch, layout=auto)";
  private static final String LECUN = "(dialect=torch, layout=auto)";
  private static final String SCALED = "(layout=auto)";

  static final Map<String, Expression.Named> ALL = all();

  private Definitions() {}

  private static Map<String, Expression.Named> all() {
    Map<String, Definition> table = new LinkedHashMap<>();
    table.put("zeros()", (_, _) -> Initializers.zeros());
    table.put("ones()", (_, _) -> Initializers.ones());
    table.put("constant(v)", (a, _) -> Initializers.constant(a.number("v")));
    table.put("uniform(low, high)", (a, _) -> Initializers.uniform(a.number("low"), a.number("high")));
    table.put("normal(mean, std)", (a, _) -> Initializers.normal(a.number("mean"), a.number("std")));
    table.put("log_normal(mean, std)", (a, _) -> Initializers.logNormal(a.number("mean"), a.number("std")));
    table.put("truncated_normal(mean, std, low, high)",
        (a, _) -> Initializers.truncatedNormal(a.number("mean"), a.number("std"), a.number("low"), a.number("high")));
    table.put("truncated_normal_sigma(std, k=2, corrected=false)",
        (a, _) -> Initializers.truncatedNormalSigma(a.number("std"), a.number("k"), a.flag("corrected")));
    table.put("signs(v)", (a, _) -> Initializers.signs(a.number("v")));
    table.put("uniform_fan(fan=in, layout=auto)", scaled(a -> Initializers.uniformFan(a.word("fan", Mode.class))));

    table.put("variance_scaling(scale, fan, law, layout=auto)", 
        scaled(a -> variance(a.number("scale"), a.word("fan", Mode.class), a.word("law", Law.class))));
    for (String name : new String[] {"glorot", "xavier"}) {
      table.put(name + "_normal" + GLOROT, inDialect(a -> Initializers.glorotNormal(a.number("gain"))));
      table.put(name + "_uniform" + GLOROT, inDialect(a -> Initializers.glorotUniform(a.number("gain"))));
    }
    for (String name : new String[] {"he", "kaiming"}) {
      table.put(name + "_normal" + HE, inDialect(a -> variance(scale(a), a.word("fan", Mode.class), Law.NORMAL)));
      table.put(name + "_uniform" + HE, inDialect(a -> variance(scale(a), a.word("fan", Mode.class), Law.UNIFORM)));
    }
    table.put("lecun_normal" + LECUN, inDialect(_ -> Initializers.lecunNormal()));
    table.put("lecun_uniform" + LECUN, inDialect(_ -> Initializers.lecunUniform()));
    table.put("he_max_normal" + SCALED, scaled(_ -> Initializers.heMaxNormal()));
    table.put("xavier_fan_in_normal" + SCALED, scaled(_ -> Initializers.xavierFanInNormal()));

    table.put("sigmoid_uniform" + SCALED, scaled(_ -> Initializers.sigmoidUniform()));
    table.put("relu" + SCALED, scaled(_ -> Initializers.relu()));
    table.put("relu_uniform" + SCALED, scaled(_ -> Initializers.reluUniform()));
    table.put("xavier_legacy()", (_, scope) -> xavierLegacy(scope.shape()));
    for (Mode mode : new Mode[] {Mode.IN, Mode.OUT, Mode.AVG}) {
      String fan = "_fan_" + mode.name().toLowerCase(Locale.ROOT);
      table.put("var_scaling_normal" + fan + SCALED, scaled(_ -> variance(1, mode, Law.NORMAL)));
      table.put("var_scaling_uniform" + fan + SCALED, scaled(_ -> variance(1, mode, Law.UNIFORM)));
    }

    table.put("identity(gain=1)", (a, _) -> Initializers.identity(a.number("gain")));
    table.put("eye(gain=1)", (a, _) -> Initializers.eye(a.number("gain")));
    table.put("dirac(groups=1, layout=auto)", (a, scope) -> new Matrix.Dirac(a.whole("groups"), layout(a, scope)));
    table.put("orthogonal(gain=1, layout=auto)", (a, scope) -> new Orthogonal(a.number("gain"), layout(a, scope)));
    table.put("delta_orthogonal(gain=1, layout=auto)", (a, scope) -> new DeltaOrthogonal(a.number("gain"), layout(a, scope)));
    table.put("sparse(sparsity, std=0.01)", (a, _) -> Initializers.sparse(a.number("sparsity"), a.number("std")));
    table.put("zero_init(layout=auto)", (a, scope) -> new Matrix.ZerO(layout(a, scope)));
    table.put("bilinear(layout=auto)", (a, scope) -> new Matrix.Bilinear(layout(a, scope)));
    table.put("lstm_bias(forget=1)", (a, _) -> Initializers.lstmBias(a.number("forget")));
    table.put("siren(w0=30, first=false, layout=auto)",
        (a, scope) -> siren(a.number("w0"), a.flag("first"), fans(a, scope, scope.layout())));
    table.put("mamba_a_log()", (_, _) -> Initializers.mambaALog());
    table.put("mamba_dt(min=0.001, max=0.1)", (a, _) -> Initializers.mambaDt(a.number("min"), a.number("max")));
    table.put("stft(side, window=hann, scaling=density, periodic=false)", (a, _) -> Initializers.stft(
        a.word("side", Matrix.Stft.Side.class), a.word("window", Matrix.Stft.Window.class), a.word("scaling", Matrix.Stft.Scaling.class),
        a.flag("periodic")));
    return named(table);
  }

  /// The table by name.
  private static Map<String, Expression.Named> named(Map<String, Definition> table) {
    Map<String, Expression.Named> named = new LinkedHashMap<>();
    table.forEach((signature, definition) -> {
      Expression.Named known = new Expression.Named(Syntax.parse(signature), definition);
      named.put(known.name(), known);
    });
    return Map.copyOf(named);
  }

  /// A variance divided by fans: those of the layout in the text, else the scope's.
  private static Definition scaled(Function<Arguments, VarianceScaling> family) {
    return (a, scope) -> family.apply(a).of(fans(a, scope, scope.layout()));
  }

  /// The same where a dialect chooses the law of `normal`, and the layout if the text does not.
  private static Definition inDialect(Function<Arguments, VarianceScaling> family) {
    return (a, scope) -> {
      if (!a.given("dialect")) {
        return scaled(family).of(a, scope);
      }
      VarianceScaling meant = family.apply(a).as(a.word("dialect", Dialect.class));
      return meant.of(fans(a, scope, meant.layout()));
    };
  }

  /// For fans that are given or found later.
  private static VarianceScaling variance(double scale, Mode fan, Law law) {
    return Initializers.varianceScaling(scale, fan, law, Fans.Layout.OIHW);
  }

  private static Fans fans(Arguments a, Scope scope, Fans.Layout otherwise) {
    return a.given("layout") ? a.word("layout", Fans.Layout.class).of(scope.shape()) : scope.fans(otherwise);
  }

  private static Fans.Layout layout(Arguments a, Scope scope) {
    return a.given("layout") ? a.word("layout", Fans.Layout.class) : scope.layout();
  }

  /// The squared gain of Kaiming He's initializers: `a` is the slope of a leaky ReLU, which is what it goes with unless the text says so.
  private static double scale(Arguments a) {
    Nonlinearity nonlinearity = a.given("nonlinearity") ? a.word("nonlinearity", Nonlinearity.class)
        : a.given("a") ? Nonlinearity.LEAKY_RELU : Nonlinearity.RELU;
    return a.given("a") ? a.leaky(nonlinearity, "a") : nonlinearity.scale();
  }

  private static Initializer siren(double w0, boolean first, Fans fans) {
    double limit = first ? 1 / fans.in() : Math.sqrt(6 / fans.in()) / w0;
    return Initializers.uniform(-limit, limit);
  }

  private static Initializer xavierLegacy(Shape shape) {
    if (shape.rank() < 2) {
      throw new IllegalArgumentException("xavier_legacy divides by the sum of the first two extents, and " + shape + " has rank "
          + shape.rank());
    }
    return Initializers.normal(0, Math.sqrt(1. / Math.max(1, shape.extent(0) + shape.extent(1))));
  }
}
