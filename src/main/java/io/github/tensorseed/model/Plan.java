package io.github.tensorseed.model;

import io.github.tensorseed.DType;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.ShardLayout;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.checkpoint.StoredType;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.whitening.FromData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What is to be written: tensors with names, dtypes, shapes and resolved initializers, and the configuration to write beside them.
///
/// ```java
/// Plan plan = Plan.of("llama-3.2-1b", null, null, List.of("*.o_proj.weight = zeros()"));
/// ```
///
/// @param tensors in the order of the model's modules
/// @param config the text of a config.json, or null if there is none to write
public record Plan(List<TensorSpec> tensors, @Nullable String config) {
  private static final Pattern TENSOR = Pattern.compile("(.+?):(\\w+)\\[([^\\[\\]]*)]\\s*=", Pattern.DOTALL);
  private static final String INDEX = "model.safetensors.index.json";
  private static final String SINGLE = "model.safetensors";

  /// @throws IllegalArgumentException if two tensors have the same name, or all of them together more than 2^63 - 1 bytes
  public Plan {
    tensors = List.copyOf(tensors);
    ShardLayout.totalBytes(tensors);
  }

  /// The plan of a model. A folder with weights of a class that we have no template for is planned [#like] them, and so is a
  /// `.safetensors` file.
  ///
  /// @param model a built-in name, or the path of a config.json, of a folder with one, or of an existing checkpoint: a folder with
  ///     `model.safetensors` or an index of shards, that index, or a `.safetensors` file
  /// @param layout where the axes of inputs and outputs are, for plans like a checkpoint
  /// @param dtype what to write; null for the configuration's, or F32 if it has none, or what each tensor of the checkpoint has
  /// @param recipe null for what the model's own implementation does
  /// @param sets rules `GLOB=EXPRESSION` that go before the recipe's
  /// @throws IllegalArgumentException for an unknown name, a wrong configuration, a tensor that no rule matches, or a rule that matches
  ///     nothing, unless it is one of a built-in recipe
  /// @throws IOException if a file cannot be read, or is malformed
  public static Plan of(String model, Fans.Layout layout, @Nullable DType dtype, @Nullable Recipe recipe, List<String> sets)
      throws IOException {
    Path checkpoint = ModelConfig.isBuiltIn(model) ? null : checkpoint(model);
    if (checkpoint == null) {
      return of(ModelConfig.of(model), dtype, recipe, sets);
    }
    Path beside = configBeside(checkpoint);
    if (Files.isDirectory(checkpoint) && Files.isRegularFile(beside)) {
      ModelConfig config = ModelConfig.read(beside);
      if (Family.of(config) != null) {
        return of(config, dtype, recipe, sets);
      }
    }
    return like(checkpoint, layout, dtype, recipe, sets);
  }

  /// As the other, with PyTorch's layout.
  public static Plan of(String model, @Nullable DType dtype, @Nullable Recipe recipe, List<String> sets) throws IOException {
    return of(model, Fans.Layout.OIHW, dtype, recipe, sets);
  }

  /// The file, or the folder with weights, that `model` is the path of; null if it is no path of weights.
  private static @Nullable Path checkpoint(String model) {
    Path path;
    try {
      path = Path.of(model);
    } catch (InvalidPathException _) {
      return null;
    }
    if (path.endsWith(INDEX)) {
      return path.toAbsolutePath().getParent();
    }
    if (Files.isDirectory(path)) {
      boolean weights = Stream.of(INDEX, SINGLE).anyMatch(name -> Files.exists(path.resolve(name), LinkOption.NOFOLLOW_LINKS));
      return weights ? path : null;
    }
    return model.endsWith(".safetensors") ? path : null;
  }

  private static Path configBeside(Path checkpoint) {
    return Files.isDirectory(checkpoint) ? checkpoint.resolve("config.json") : checkpoint.resolveSibling("config.json");
  }

  /// As the others, for a configuration that is there already.
  public static Plan of(ModelConfig config, @Nullable DType dtype, @Nullable Recipe recipe, List<String> sets) {
    DType written = dtype != null ? dtype : config.dtype().orElse(DType.F32);
    Rules rules = new Rules(recipe, sets, config.variables());
    List<TensorSpec> tensors = new ArrayList<>();
    for (Parameter parameter : Family.parameters(config)) {
      tensors.add(rules.apply(parameter, StoredType.of(written)));
    }
    rules.requireAllUsed();
    return new Plan(tensors, config.json(written));
  }

  /// The plan of a checkpoint with the same tensors as an existing one, for models that we have no template for. A `config.json` beside
  /// it gives variables to the recipe, and is what is written beside the new one.
  ///
  /// @param checkpoint a `.safetensors` file, or a folder with `model.safetensors` or an index of shards
  /// @param layout where the axes of inputs and outputs are
  /// @param dtype what to write; null for what each tensor has
  /// @param recipe null if `sets` say it all
  /// @throws IllegalArgumentException as [#of(String, Fans.Layout, DType, Recipe, List)], and for tensors of integers or booleans without a
  ///     rule that gives them a constant
  public static Plan like(Path checkpoint, Fans.Layout layout, @Nullable DType dtype, @Nullable Recipe recipe, List<String> sets)
      throws IOException {
    if (recipe == null && sets.isEmpty()) {
      throw new IllegalArgumentException("a plan like " + checkpoint + " needs a recipe, or rules, as in '* = normal(0, 0.02)':"
          + " a checkpoint does not say how its tensors were initialized");
    }
    List<StoredTensor> stored;
    try (Checkpoint existing = Checkpoint.open(checkpoint)) {
      stored = existing.tensors();
    }
    if (stored.isEmpty() || stored.size() > Parameters.MOST) {
      throw new IllegalArgumentException(checkpoint + " has " + stored.size() + " tensors; a plan is made like 1 to " + Parameters.MOST);
    }
    Path beside = configBeside(checkpoint);
    boolean configured = Files.isRegularFile(beside, LinkOption.NOFOLLOW_LINKS);
    ModelConfig config = configured ? ModelConfig.read(beside) : ModelConfig.empty();
    Map<String, Fans> weights = new HashMap<>();
    for (StoredTensor tensor : stored) {
      if (tensor.shape().rank() >= 2 && tensor.name().endsWith("weight")) {
        weights.put(tensor.name(), layout.of(tensor.shape()));
      }
    }
    Rules rules = new Rules(recipe, sets, config.variables());
    List<TensorSpec> tensors = new ArrayList<>();
    for (StoredTensor tensor : stored) {
      Fans layer = tensor.name().endsWith("bias") ? weights.get(tensor.name().replaceFirst("bias$", "weight")) : null;
      StoredType type = dtype == null || tensor.type().dtype().isEmpty() ? tensor.type() : StoredType.of(dtype);
      tensors.add(rules.apply(new Parameter(tensor.name(), tensor.shape(), layout, null, layer, null), type));
    }
    rules.requireAllUsed();
    DType largest = tensors.stream().filter(tensor -> tensor.type().dtype().isPresent())
        .max(Comparator.comparingLong(tensor -> tensor.shape().elements())).flatMap(tensor -> tensor.type().dtype()).orElse(DType.F32);
    return new Plan(tensors, configured ? config.json(largest) : null);
  }

  /// The plan of single tensors, each written as `NAME:DTYPE[d0,d1,...]=EXPRESSION`.
  ///
  /// @throws IllegalArgumentException for a faulty text, with the column
  public static Plan ofTensors(List<String> texts) {
    return new Plan(texts.stream().map(Plan::tensor).toList(), null);
  }

  private static TensorSpec tensor(String text) {
    Matcher matcher = TENSOR.matcher(text);
    if (!matcher.lookingAt()) {
      throw new IllegalArgumentException("'" + text + "' is no tensor: expected NAME:DTYPE[d0,d1,...]=EXPRESSION,"
          + " as in 'a.weight:BF16[64,32]=he_normal()'");
    }
    try {
      long[] extents = matcher.group(3).isBlank() ? new long[0]
          : Stream.of(matcher.group(3).split(",", -1)).mapToLong(extent -> Long.parseLong(extent.strip())).toArray();
      String expression = " ".repeat(matcher.end()) + text.substring(matcher.end());
      Shape shape = Shape.of(extents);
      return new TensorSpec(matcher.group(1), DType.of(matcher.group(2)), shape, Expression.parse(expression, FromData.DEFINITIONS).resolve(shape));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("'" + text + "' column " + (matcher.start(3) + 1)
          + ": the shape must be whole numbers below 2^63", e);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("'" + text + "': " + e.getMessage(), e);
    }
  }

  /// The part of this plan whose names match one of the patterns. Their values are what they are in the whole.
  ///
  /// @throws IllegalArgumentException if a pattern is wrong or matches no tensor
  public Plan only(List<String> globs) {
    Set<String> kept = new HashSet<>();
    for (String text : globs) {
      Glob glob = new Glob(text);
      List<String> matching = tensors.stream().map(TensorSpec::name).filter(name -> glob.match(name) != null).toList();
      if (matching.isEmpty()) {
        throw new IllegalArgumentException("pattern '" + text + "' matches no tensor"
            + (tensors.isEmpty() ? "" : "; names look like '" + tensors.getFirst().name() + "'"));
      }
      kept.addAll(matching);
    }
    return new Plan(tensors.stream().filter(tensor -> kept.contains(tensor.name())).toList(), config);
  }

  /// The part of this plan that an existing checkpoint lacks; maybe nothing.
  ///
  /// @param existing the names of its tensors
  public Plan missingFrom(Collection<String> existing) {
    Set<String> names = new HashSet<>(existing);
    return new Plan(tensors.stream().filter(tensor -> !names.contains(tensor.name())).toList(), config);
  }

  /// The number of values.
  public long parameters() {
    return tensors.stream().mapToLong(tensor -> tensor.shape().elements()).sum();
  }

  /// The size of all values.
  public long bytes() {
    return ShardLayout.totalBytes(tensors);
  }
}
