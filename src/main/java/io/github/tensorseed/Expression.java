package io.github.tensorseed;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// An initializer as text: `he_normal(fan=out, nonlinearity=relu)`, `normal(0, 0.02/sqrt(2*n_layer)) with row(0) = 0`.
///
/// Arguments are given in order or by name; parentheses may be left out where all have defaults. Numbers know `+ - * / ^` (`^` binds
/// most tightly, and to the right), `sqrt`, `log`, `exp`, `min`, `max`, `gain(nonlinearity, slope)`, `pi`, `rank`, `fan_in`, `fan_out` and
/// the variables of the scope; they are computed in double, and must stay finite. [#signatures] lists the initializers.
///
/// ```java
/// Initializer law = Expression.parse("normal(0, 0.02/sqrt(2*n_layer))")
///     .resolve(Scope.of(Shape.of(768, 3072)).with(Map.of("n_layer", 12.)));
/// ```
public final class Expression implements Initializer {

  /// What an expression may refer to.
  ///
  /// @param shape of the whole logical tensor
  /// @param layout where the fans are in the shape
  /// @param fans of the weight, where they are not those of the shape: fused and grouped weights state their logical fans. They count
  ///     instead of the layout, unless the expression itself names a layout
  /// @param variables numbers by name
  public record Scope(Shape shape, Fans.Layout layout, @Nullable Fans fans, Map<String, Double> variables) {
    public Scope {
      variables = Map.copyOf(variables);
    }

    /// A tensor of this shape, laid out as PyTorch does, without variables.
    public static Scope of(Shape shape) {
      return new Scope(shape, Fans.Layout.OIHW, null, Map.of());
    }

    /// The given fans, or those of the shape in `layout`.
    ///
    /// @throws IllegalArgumentException if the shape has none
    public Fans fans(Fans.Layout layout) {
      return fans != null ? fans : layout.of(shape);
    }
  }

  /// Makes an initializer from arguments, as the caller's own classes do to come back from their text.
  ///
  /// ```java
  /// Expression.parse("mine(scale=2)", Map.of("mine(scale=1)", (arguments, scope) -> new Mine(arguments.number("scale"))))
  /// ```
  @FunctionalInterface
  public interface Definition {
    Initializer of(Arguments arguments, Scope scope);
  }

  /// A definition and what it takes.
  record Named(Syntax.Tree signature, Definition definition) {
    String name() {
      return signature.call().name();
    }
  }

  private final Syntax.Tree tree;
  private final String source;
  private final Named named;
  private final Map<String, Syntax.Node> arguments;

  private Expression(Syntax.Tree tree, String source, Named named) {
    this.tree = tree;
    this.source = source;
    this.named = named;
    arguments = Arguments.bind(source, tree.call(), named.signature());
  }

  /// Reads the text of an initializer.
  ///
  /// @throws ExpressionException if it is none; the message shows where
  public static Expression parse(String text) {
    return parse(text, Map.of());
  }

  /// Reads the text of an initializer, which may be one of the caller's own.
  ///
  /// @param own definitions by signature, as in `mine(scale=1)`: the parameters in order, with their defaults
  /// @throws ExpressionException if it is none; the message shows where
  /// @throws IllegalArgumentException if a signature has the name of a known initializer
  public static Expression parse(String text, Map<String, Definition> own) {
    Map<String, Named> known = Definitions.ALL;
    if (!own.isEmpty()) {
      known = new HashMap<>(known);
      for (Map.Entry<String, Definition> entry : own.entrySet()) {
        Named added = new Named(Syntax.parse(entry.getKey()), entry.getValue());
        if (known.put(added.name(), added) != null) {
          throw new IllegalArgumentException("the initializer '" + added.name() + "' is already known; give it another name");
        }
      }
    }
    Syntax.Tree tree = Syntax.parse(text);
    Syntax.Call call = tree.call();
    Named named = known.get(call.name());
    if (named == null) {
      throw new ExpressionException(text, call.start(), "unknown initializer '" + call.name() + "'"
          + Nearest.hint(call.name(), known.keySet().stream().sorted().toList()), null);
    }
    return new Expression(tree, text, named);
  }

  /// What every known initializer takes, as in `normal(mean, std)` or `identity(gain=1)`, by name.
  public static List<String> signatures() {
    return Definitions.ALL.values().stream().map(known -> known.signature().text()).sorted(Comparator.naturalOrder()).toList();
  }

  @Override
  public Initializer resolve(Shape whole) {
    return resolve(Scope.of(whole));
  }

  /// The initializer for one tensor: nothing in it depends on fans or variables any more, and its text alone gives the values.
  ///
  /// @throws ExpressionException if it has no values there; the message shows where
  public Initializer resolve(Scope scope) {
    Arguments values = new Arguments(named.signature(), arguments, source, scope);
    Initializer initializer = at(tree.call().start(), () -> named.definition().of(values, scope).resolve(scope.shape()));
    Evaluation numbers = new Evaluation(source, scope);
    for (Syntax.Row row : tree.rows()) {
      Initializer inner = initializer;
      long index = numbers.whole(row.index());
      double value = numbers.number(row.value());
      initializer = at(row.start(), () -> new WithRow(inner, index, value).resolve(scope.shape()));
    }
    return initializer;
  }

  /// Says where in the text a fault of its initializer is.
  private Initializer at(int position, Supplier<Initializer> made) {
    try {
      return made.get();
    } catch (ExpressionException e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw new ExpressionException(source, position, String.valueOf(e.getMessage()), e);
    }
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    resolve(tensor.slice().whole()).fill(tensor, stream);
  }

  @Override
  public void fill(Tensor tensor, RandomStream seed, String name) {
    resolve(tensor.slice().whole()).fill(tensor, seed, name);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Expression expression && tree.text().equals(expression.tree.text());
  }

  @Override
  public int hashCode() {
    return tree.text().hashCode();
  }

  /// What was parsed, with spaces only behind commas and around `with` and its `=`.
  @Override
  public String toString() {
    return tree.text();
  }
}
