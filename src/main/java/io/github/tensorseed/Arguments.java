package io.github.tensorseed;

import io.github.tensorseed.Syntax.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The arguments of an initializer's text, worked out for one tensor.
public final class Arguments {
  private final Syntax.Tree signature;
  private final Map<String, Node> written;
  private final Evaluation text;
  private final Evaluation defaults;

  Arguments(Syntax.Tree signature, Map<String, Node> written, String source, Expression.Scope scope) {
    this.signature = signature;
    this.written = written;
    text = new Evaluation(source, scope);
    defaults = new Evaluation(signature.text(), scope);
  }

  /// The arguments of `call` by the parameters of `signature`.
  ///
  /// @throws ExpressionException for arguments that are unknown, missing, too many or given twice
  static Map<String, Node> bind(String source, Syntax.Call call, Syntax.Tree signature) {
    List<Syntax.Argument> parameters = signature.call().arguments();
    List<String> names = new ArrayList<>();
    for (Syntax.Argument parameter : parameters) {
      names.add(name(parameter));
    }
    Map<String, Node> values = new HashMap<>();
    for (Syntax.Argument argument : call.arguments()) {
      String name = argument.keyword();
      if (name == null && values.size() == names.size()) {
        throw new ExpressionException(source, argument.start(), "one argument too many for " + signature.text(), null);
      }
      if (name == null) {
        name = names.get(values.size());
      } else if (!names.contains(name)) {
        throw new ExpressionException(source, argument.start(), call.name() + " has no argument '" + name + "'"
            + (names.isEmpty() ? "; it has none" : Nearest.hint(name, names)), null);
      }
      if (values.put(name, argument.value()) != null) {
        throw new ExpressionException(source, argument.start(), "the argument '" + name + "' is given twice", null);
      }
    }
    for (Syntax.Argument parameter : parameters) {
      if (parameter.keyword() == null && !values.containsKey(name(parameter))) {
        throw new ExpressionException(source, call.end() - 1,
            "the argument '" + name(parameter) + "' of " + signature.text() + " is missing", null);
      }
    }
    return Map.copyOf(values);
  }

  private static String name(Syntax.Argument parameter) {
    if (parameter.keyword() != null) {
      return parameter.keyword();
    }
    if (parameter.value() instanceof Syntax.Name name) {
      return name.name();
    }
    throw new IllegalArgumentException("a signature lists names, as in mine(scale, shift=0)");
  }

  /// Whether the text gives this argument, and not as the word that is its default.
  public boolean given(String parameter) {
    Node value = written.get(parameter);
    return value != null
        && !(value instanceof Syntax.Name(_, _, String word) && standard(parameter) instanceof Syntax.Name(_, _, String standard)
            && word.equals(standard));
  }

  /// The number of this argument; it is finite.
  ///
  /// @throws ExpressionException if it cannot be worked out; the message shows where
  public double number(String parameter) {
    return evaluation(parameter).number(value(parameter));
  }

  /// The integer of this argument.
  ///
  /// @throws ExpressionException if it is none
  public long whole(String parameter) {
    return evaluation(parameter).whole(value(parameter));
  }

  /// The truth of this argument: the word `true` or `false`.
  ///
  /// @throws ExpressionException if it is another
  public boolean flag(String parameter) {
    return evaluation(parameter).word(value(parameter), List.of("false", "true")) == 1;
  }

  /// The constant that this argument names in lower case.
  ///
  /// @throws ExpressionException if there is none of that name
  public <E extends Enum<E>> E word(String parameter, Class<E> type) {
    return evaluation(parameter).word(value(parameter), type);
  }

  /// The text of this argument, as of a path: in quotes, or a word without spaces.
  ///
  /// @throws ExpressionException if it is none
  public String text(String parameter) {
    return evaluation(parameter).text(value(parameter));
  }

  /// A text as it stands in an initializer's own, in quotes.
  ///
  /// @throws IllegalArgumentException if it has both kinds of quotes
  public static String quoted(String text) {
    if (text.indexOf('\'') < 0) {
      return "'" + text + "'";
    }
    if (text.indexOf('"') < 0) {
      return '"' + text + '"';
    }
    throw new IllegalArgumentException("the text " + text + " has both kinds of quotes, between which it cannot stand in an expression");
  }

  /// The squared gain of the leaky ReLU that has this argument as its slope.
  double leaky(Nonlinearity nonlinearity, String slope) {
    return evaluation(slope).leaky(nonlinearity, value(slope));
  }

  private Evaluation evaluation(String parameter) {
    return written.containsKey(parameter) ? text : defaults;
  }

  private Node value(String parameter) {
    Node value = written.get(parameter);
    return value != null ? value : standard(parameter);
  }

  private Node standard(String parameter) {
    for (Syntax.Argument candidate : signature.call().arguments()) {
      if (name(candidate).equals(parameter)) {
        return candidate.value();
      }
    }
    throw new IllegalArgumentException(signature.text() + " has no parameter '" + parameter + "'");
  }
}
