package io.github.tensorseed.model;

import io.github.tensorseed.Expression;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.checkpoint.StoredType;
import io.github.tensorseed.checkpoint.TensorSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The rules that a plan is made with, in their order: those set one by one, then the recipe's, or without a recipe what the template
/// of the model says.
final class Rules {
  private final List<Recipe.Rule> ordered = new ArrayList<>();
  private final Set<Recipe.Rule> unused = new LinkedHashSet<>();
  private final boolean fallBack;
  private final Map<String, Double> variables;
  private final Map<String, Expression> defaults = new HashMap<>();

  Rules(@Nullable Recipe recipe, List<String> sets, Map<String, Double> variables) {
    Map<String, Double> all = new HashMap<>(variables);
    this.fallBack = recipe == null;
    add(Recipe.ofSets(sets));
    if (recipe != null) {
      add(recipe);
      all.putAll(recipe.variables());
    }
    this.variables = Map.copyOf(all);
  }

  private void add(Recipe recipe) {
    ordered.addAll(recipe.rules());
    if (recipe.everyRuleMatches()) {
      unused.addAll(recipe.rules());
    }
  }

  /// The tensor with the initializer of the first rule that matches it.
  ///
  /// @throws IllegalArgumentException if none does, or if its expression has no values for the tensor
  TensorSpec apply(Parameter parameter, StoredType type) {
    // A rule that an earlier one always goes before is no fault: --set may well put a whole recipe out of use.
    unused.removeIf(rule -> rule.glob().match(parameter.name()) != null);
    for (Recipe.Rule rule : ordered) {
      Map<String, Double> captured = rule.glob().match(parameter.name());
      if (captured != null) {
        return resolve(parameter, type, rule.expression(), captured, rule.where());
      }
    }
    if (!fallBack || parameter.initializer() == null) {
      throw new IllegalArgumentException("no rule matches tensor '" + parameter.name() + "' " + parameter.shape()
          + "; add one, as in '* = normal(0, 0.02)' at the end of the recipe");
    }
    Expression expression = defaults.computeIfAbsent(parameter.initializer(), Expression::parse);
    return resolve(parameter, type, expression, Map.of(), "the model's own rule");
  }

  private TensorSpec resolve(Parameter parameter, StoredType type, Expression expression, Map<String, Double> captured, String where) {
    Map<String, Double> scope = variables;
    Fans layer = parameter.layer();
    if (layer != null || !captured.isEmpty()) {
      scope = new HashMap<>(variables);
      if (layer != null) {
        scope.put("layer_fan_in", layer.in());
        scope.put("layer_fan_out", layer.out());
      }
      scope.putAll(captured);
    }
    Initializer initializer;
    try {
      initializer = expression.resolve(new Expression.Scope(parameter.shape(), parameter.layout(), parameter.fans(), scope));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "tensor '" + parameter.name() + "' " + parameter.shape() + ", " + where + ": " + e.getMessage(), e);
    }
    return new TensorSpec(parameter.name(), type, parameter.shape(), initializer);
  }

  /// @throws IllegalArgumentException if a rule matched no tensor
  void requireAllUsed() {
    for (Recipe.Rule rule : unused) {
      throw new IllegalArgumentException(rule.where() + ": the pattern '" + rule.glob() + "' matches no tensor");
    }
  }
}
