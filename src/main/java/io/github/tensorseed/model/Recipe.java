package io.github.tensorseed.model;

import io.github.tensorseed.Expression;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Nearest;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.FromData;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Ordered rules that say how the tensors of a model are initialized; for each tensor the first rule that matches its name counts.
///
/// ```
/// # residual projections of layer l
/// *layers.{l}.*o_proj.weight = normal(0, 0.02 / sqrt(2 * (l + 1)))
/// *.bias                     = zeros()
/// *                          = normal(0, initializer_range)
/// ```
///
/// In a pattern `*` is any characters, dots included, `?` is one, and `{l}` is a whole run of digits, taken as the variable l. An
/// expression is what [Expression#parse] reads; beside the variables of patterns it may use fan_in, fan_out, rank, the numeric keys of the
/// model's configuration, and for a bias layer_fan_in and layer_fan_out, the fans of the weight beside it. `#` at the beginning of a
/// line or after a space, and not in quotes, begins a comment.
public final class Recipe {
  private static final int MOST_BYTES = 1 << 20;
  private static final String EXAMPLE = "(width_mult=8)";
  private static final Pattern CALL = Pattern.compile("([a-z0-9-]+)\\((.*)\\)");
  private static final List<String> BUILT_IN = List.of("gpt2", "llama", "vit", "neox", "megatron", "olmo", "torchtitan", "deepnorm", "mup",
      "fixup", "torch-default", "keras-default");

  /// One rule.
  ///
  /// @param where what messages call it
  record Rule(String where, Glob glob, Expression expression) {}

  private final List<Rule> rules;
  private final Map<String, Double> variables;
  private final boolean everyRuleMatches;

  private Recipe(List<Rule> rules, Map<String, Double> variables, boolean everyRuleMatches) {
    this.rules = rules;
    this.variables = variables;
    this.everyRuleMatches = everyRuleMatches;
  }

  /// A built-in recipe, or one from a file. A built-in one may be given variables, as in `mup(width_mult=8)`.
  ///
  /// @throws IllegalArgumentException for an unknown name, with the nearest, or a faulty rule, with line and column
  /// @throws IOException if the file cannot be read
  public static Recipe of(String nameOrPath) throws IOException {
    Matcher call = CALL.matcher(nameOrPath);
    String name = call.matches() ? call.group(1) : nameOrPath;
    if (BUILT_IN.contains(name)) {
      return builtIn(name, call.matches() ? call.group(2) : "");
    }
    try {
      Path path = Path.of(nameOrPath);
      if (Files.isRegularFile(path)) {
        return read(path);
      }
    } catch (InvalidPathException e) {
      // Then it was meant as a name.
    }
    throw new IllegalArgumentException("unknown recipe '" + nameOrPath + "': it is neither the name of a built-in recipe nor the path of a"
        + " file" + Nearest.hint(name, BUILT_IN));
  }

  /// The names of the built-in recipes.
  public static List<String> builtInNames() {
    return BUILT_IN;
  }

  private static Recipe builtIn(String name, String arguments) {
    try (InputStream in = Resources.open("recipes/" + name + ".recipe")) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      // Written for the names of several families, so for one model some of its rules match nothing.
      String source = "recipe " + name + " (it takes variables, as in " + name + EXAMPLE + ")";
      return new Recipe(rules(text, source), variables(name, arguments), false);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, Double> variables(String name, String arguments) {
    Map<String, Double> variables = new TreeMap<>();
    for (String argument : arguments.isBlank() ? new String[0] : arguments.split(",", -1)) {
      String[] parts = argument.split("=", -1);
      try {
        if (parts.length != 2 || !parts[0].strip().matches("[A-Za-z_]\\w*")) {
          throw new NumberFormatException();
        }
        double value = Double.parseDouble(parts[1]);
        if (!Double.isFinite(value)) {
          throw new NumberFormatException();
        }
        variables.put(parts[0].strip(), value);
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException("recipe " + name + ": '" + argument.strip() + "' must be a variable and its value, as in "
            + name + EXAMPLE, e);
      }
    }
    return variables;
  }

  private static Recipe read(Path path) throws IOException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(path)) {
      bytes = in.readNBytes(MOST_BYTES + 1);
    }
    if (bytes.length > MOST_BYTES) {
      throw new IOException(path + ": larger than " + MOST_BYTES + " bytes, so it is no recipe");
    }
    String text = new String(bytes, StandardCharsets.UTF_8);
    return parse(path.toString(), text.startsWith("\ufeff") ? text.substring(1) : text); // as some editors begin a file
  }

  /// Reads the rules of a text. Each has to match a tensor of the model for which it is used.
  ///
  /// @param source what messages call it
  /// @throws IllegalArgumentException for a faulty rule, with line and column
  public static Recipe parse(String source, String text) {
    return new Recipe(rules(text, source), Map.of(), true);
  }

  /// The recipe of rules that are given one by one, each `GLOB=EXPRESSION`.
  static Recipe ofSets(List<String> sets) {
    List<Rule> rules = new ArrayList<>();
    for (String set : sets) {
      rules.add(rule("--set '" + set + "'", set));
    }
    return new Recipe(rules, Map.of(), true);
  }

  private static List<Rule> rules(String text, String source) {
    List<Rule> rules = new ArrayList<>();
    int number = 0;
    for (String line : text.split("\n", -1)) {
      number++;
      String content = withoutComment(line);
      if (!content.isBlank()) {
        rules.add(rule(source + " line " + number, content));
      }
    }
    return rules;
  }

  private static String withoutComment(String line) {
    char quote = 0;
    int equals = line.indexOf('=');
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      if (quote != 0) {
        quote = c == quote ? 0 : quote;
      } else if (c == '#' && (i == 0 || Character.isWhitespace(line.charAt(i - 1)))) {
        return line.substring(0, i);
      } else if ((c == '\'' || c == '"') && equals >= 0 && equals < i) {
        quote = c;
      }
    }
    return line;
  }

  private static Rule rule(String where, String text) {
    int equals = text.indexOf('=');
    if (equals < 0) {
      throw new IllegalArgumentException(where + " column " + (text.stripTrailing().length() + 1)
          + ": expected '=', as in *.bias = zeros()");
    }
    try {
      // Spaces in place of the pattern, so that the columns of a complaint are those of the line.
      String expression = " ".repeat(equals + 1) + text.substring(equals + 1);
      return new Rule(where, new Glob(text.substring(0, equals).strip()), Expression.parse(expression, FromData.DEFINITIONS));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(where + ": " + e.getMessage(), e);
    }
  }

  /// The initializer of the first rule that matches a name, for programs that have no configuration of a model: its expression knows the
  /// variables of the pattern and of the recipe, and takes weights to be \[out, in, kernel...\].
  ///
  /// @throws IllegalArgumentException if no rule matches
  public Initializer initializer(String name) {
    for (Rule rule : rules) {
      Map<String, Double> captured = rule.glob().match(name);
      if (captured != null) {
        Map<String, Double> known = new HashMap<>(captured);
        variables.forEach(known::putIfAbsent);
        return new Bound(rule, known);
      }
    }
    throw new IllegalArgumentException("no rule matches '" + name + "'; add one, as in '* = normal(0, 0.02)' at the end of the recipe");
  }

  /// An expression, and what it may refer to.
  private record Bound(Rule rule, Map<String, Double> variables) implements Initializer {
    @Override
    public Initializer resolve(Shape whole) {
      try {
        return rule.expression().resolve(new Expression.Scope(whole, Fans.Layout.OIHW, null, variables));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(rule.where() + ": " + e.getMessage(), e);
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
    public String toString() {
      return rule.expression().toString();
    }
  }

  List<Rule> rules() {
    return rules;
  }

  /// Values that go before those of the model's configuration.
  Map<String, Double> variables() {
    return variables;
  }

  /// Whether a rule that matches nothing is a fault.
  boolean everyRuleMatches() {
    return everyRuleMatches;
  }
}
