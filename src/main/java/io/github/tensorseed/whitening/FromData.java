package io.github.tensorseed.whitening;

import io.github.tensorseed.Arguments;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Expression.Definition;
import io.github.tensorseed.Expression.Scope;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Nonlinearity;
import java.util.Map;

/// The initializers that look at data, as definitions for [Expression#parse(String, Map)].
///
/// ```java
/// Expression.parse("zca(data=x.npy, eps=0.1)", FromData.DEFINITIONS)
/// ```
public final class FromData {
  /// They find the data where their texts say it is; relative paths begin in the working folder.
  public static final Map<String, Definition> DEFINITIONS = definitions(DataFiles.asNamed());

  private FromData() {}

  /// The same for data that is elsewhere.
  public static Map<String, Definition> definitions(DataFiles files) {
    return Map.of(
        "zca(data, eps=auto, kind=auto, ddof=1, layout=auto)", (a, scope) -> new Zca(a.text("data"),
            a.given("eps") ? new Epsilon.Absolute(a.number("eps")) : Epsilon.standard(),
            a.given("kind") ? a.word("kind", Whitening.Kind.class) : null, ddof(a), layout(a, scope), files),
        "zca_coloring(data, ddof=1)", (a, _) -> new ZcaColoring(a.text("data"), ddof(a), files),
        "patch_whitening(data, eps=0.0005, centered=false, first=5000, images=chw, layout=auto)", (a, scope) -> new PatchWhitening(
            a.text("data"), a.number("eps"), a.flag("centered"), a.whole("first"), a.word("images", PatchWhitening.Order.class),
            layout(a, scope), files),
        "lsuv(data, activation=relu, below='', first=1000, layout=auto)", (a, scope) -> new LsuvDense(a.text("data"),
            a.word("activation", Nonlinearity.class), a.text("below"), a.whole("first"), layout(a, scope), files),
        "mean_cov_resize(data, scale=1)", (a, _) -> new MeanCovResize(a.text("data"), a.number("scale"), files));
  }

  private static int ddof(Arguments a) {
    long ddof = a.whole("ddof");
    if (ddof != 0 && ddof != 1) {
      throw new IllegalArgumentException("ddof = " + ddof + ": it is 1 for the unbiased covariance, or 0");
    }
    return (int) ddof;
  }

  private static Fans.Layout layout(Arguments a, Scope scope) {
    return a.given("layout") ? a.word("layout", Fans.Layout.class) : scope.layout();
  }
}
