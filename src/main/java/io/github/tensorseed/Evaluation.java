package io.github.tensorseed;

import io.github.tensorseed.Syntax.Node;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.stream.Stream;

/// Works out numbers and words of a text, for one tensor.
record Evaluation(String source, Expression.Scope scope) {
  private static final List<String> FUNCTIONS = List.of("exp", "gain", "log", "max", "min", "sqrt");
  private static final List<String> NAMES = List.of("fan_in", "fan_out", "pi", "rank");

  /// The value of `node`, which is finite, as is that of each of its parts.
  ///
  /// @throws ExpressionException for unknown names and for what is not finite
  double number(Node node) {
    double value = switch (node) {
      case Syntax.Literal literal -> literal.value();
      case Syntax.Name name -> variable(name);
      case Syntax.Negative negative -> -number(negative.of());
      case Syntax.Chain chain -> chain(chain);
      case Syntax.Power power -> StrictMath.pow(number(power.base()), number(power.exponent()));
      case Syntax.Call call -> function(call);
      case Syntax.Text text -> throw at(text, text(text.start(), text.end()) + " is text, and a number is wanted here");
    };
    return finite(value, node.start(), node.end());
  }

  /// The integer `node`.
  long whole(Node node) {
    double value = number(node);
    if (value != Math.rint(value) || Math.abs(value) > 0x1p53) {
      throw at(node, text(node.start(), node.end()) + " = " + Numbers.text(value) + " must be an integer");
    }
    return (long) value;
  }

  /// The constant that `node` names in lower case.
  <E extends Enum<E>> E word(Node node, Class<E> type) {
    E[] constants = type.getEnumConstants();
    return constants[word(node, Stream.of(constants).map(constant -> constant.name().toLowerCase(Locale.ROOT)).toList())];
  }

  /// Which of `words` is `node`.
  int word(Node node, List<String> words) {
    int index = node instanceof Syntax.Name name ? words.indexOf(name.name()) : -1;
    if (index < 0) {
      throw at(node, "'" + text(node.start(), node.end()) + "' is none of the words " + String.join(", ", words));
    }
    return index;
  }

  /// The text `node`: quoted, bare, or whatever reads as a number and has no space in it, as in `data/train`.
  String text(Node node) {
    if (node instanceof Syntax.Text text) {
      return text.text();
    }
    int length = node.end() - node.start();
    if (Syntax.bareLength(source, node.start()) < length) {
      throw at(node, text(node.start(), node.end()) + " is no text; put it in quotes");
    }
    return source.substring(node.start(), node.end());
  }

  private double variable(Syntax.Name name) {
    return switch (name.name()) {
      case "fan_in" -> fans(name).in();
      case "fan_out" -> fans(name).out();
      case "pi" -> Math.PI;
      case "rank" -> scope.shape().rank();
      default -> {
        Double value = scope.variables().get(name.name());
        if (value == null) {
          TreeSet<String> known = new TreeSet<>(scope.variables().keySet());
          known.addAll(NAMES);
          throw at(name, "unknown name '" + name.name() + "'" + Nearest.hint(name.name(), known));
        }
        yield value;
      }
    };
  }

  private Fans fans(Syntax.Name name) {
    try {
      return scope.fans(scope.layout());
    } catch (IllegalArgumentException e) {
      throw new ExpressionException(source, name.start(), name.name() + ": " + e.getMessage(), e);
    }
  }

  private double chain(Syntax.Chain chain) {
    double value = number(chain.first());
    for (Syntax.Step step : chain.steps()) {
      double operand = number(step.operand());
      value = finite(switch (step.operator()) {
        case '+' -> value + operand;
        case '-' -> value - operand;
        case '*' -> value * operand;
        default -> value / operand;
      }, chain.start(), step.end());
    }
    return value;
  }

  private double function(Syntax.Call call) {
    List<Syntax.Argument> arguments = call.arguments();
    int most = switch (call.name()) {
      case "sqrt", "log", "exp" -> 1;
      case "gain" -> 2;
      case "min", "max" -> Integer.MAX_VALUE;
      default -> throw at(call, "unknown function '" + call.name() + "'" + Nearest.hint(call.name(), FUNCTIONS));
    };
    if (arguments.isEmpty() || arguments.size() > most) {
      throw at(call, call.name() + " of " + arguments.size() + " arguments; it takes "
          + (most == 1 ? "1" : most == 2 ? "1 or 2" : "1 or more"));
    }
    for (Syntax.Argument argument : arguments) {
      if (argument.keyword() != null) {
        throw new ExpressionException(source, argument.start(), call.name() + " has no argument '" + argument.keyword() + "'", null);
      }
    }
    Node first = arguments.getFirst().value();
    if (call.name().equals("gain")) {
      Nonlinearity nonlinearity = word(first, Nonlinearity.class);
      return Math.sqrt(arguments.size() == 1 ? nonlinearity.scale() : leaky(nonlinearity, arguments.get(1).value()));
    }
    double value = number(first);
    for (Syntax.Argument argument : arguments.subList(1, arguments.size())) {
      double other = number(argument.value());
      value = call.name().equals("min") ? Math.min(value, other) : Math.max(value, other);
    }
    return switch (call.name()) {
      case "sqrt" -> Math.sqrt(value);
      case "log" -> StrictMath.log(value);
      case "exp" -> StrictMath.exp(value);
      default -> value;
    };
  }

  /// The squared gain of a leaky ReLU of this slope.
  double leaky(Nonlinearity nonlinearity, Node slope) {
    if (nonlinearity != Nonlinearity.LEAKY_RELU) {
      throw at(slope, nonlinearity + " has no slope; only leaky_relu has one");
    }
    return Nonlinearity.leakyScale(number(slope));
  }

  private double finite(double value, int start, int end) {
    if (!Double.isFinite(value)) {
      throw new ExpressionException(source, start, text(start, end) + " is " + value + ", and every number must be finite", null);
    }
    return value;
  }

  /// A part of the text, shortened if it is long.
  private String text(int start, int end) {
    return end - start <= 60 ? source.substring(start, end) : source.substring(start, start + 57) + "...";
  }

  private ExpressionException at(Node node, String fault) {
    return new ExpressionException(source, node.start(), fault, null);
  }
}
