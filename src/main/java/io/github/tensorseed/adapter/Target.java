package io.github.tensorseed.adapter;

import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.Printable;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.model.Glob;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// A module that gets an adapter.
///
/// @param module its name, which is that of its weight without `.weight`
/// @param transposed whether the weight is stored as \[in, out\], which is what transformers' Conv1D does
public record Target(String module, StoredTensor weight, boolean transposed) {
  private static final String WEIGHT = ".weight";

  /// In one of the layers, which are numbered: embeddings, heads and last norms are not.
  private static final Pattern IN_A_LAYER = Pattern.compile("(.*\\.)?\\d+\\..+");

  /// Lookups, whose adapters are of another form.
  private static final Pattern LOOKUP = Pattern.compile("(.*\\.)?(wte|wpe|relative_attention_bias|[^.]*embed[^.]*)");

  /// What sends tokens to experts.
  private static final Pattern ROUTER = Pattern.compile("(.*\\.)?(gate|router)");

  /// The models whose layers are Conv1D, and the names of those.
  private static final Set<String> CONV1D_MODELS = Set.of("gpt2", "openai-gpt", "imagegpt", "decision_transformer");
  private static final Pattern CONV1D = Pattern.compile("(.*\\.)?(c_attn|q_attn|c_proj|c_fc)");

  private static final int LISTED = 40;

  /// The inputs of the module.
  public long in() {
    return weight.shape().extent(transposed ? 0 : 1);
  }

  /// The outputs of the module.
  public long out() {
    return weight.shape().extent(transposed ? 1 : 0);
  }

  /// The modules whose names match one of `globs`; without globs the linear layers of attention and MLP, that is every `*.weight` of two
  /// dimensions below a numbered layer that is neither an embedding nor a router of experts.
  ///
  /// @param modelType what the configuration says, by which the layout of weights is known
  /// @throws IllegalArgumentException if there are none, or if a glob matches none; with the modules that could be matched
  public static List<Target> of(Checkpoint checkpoint, String modelType, List<String> globs) {
    List<Target> matrices = checkpoint.tensors().stream()
        .filter(tensor -> tensor.name().endsWith(WEIGHT) && tensor.shape().rank() == 2 && !LOOKUP.matcher(module(tensor)).matches())
        .map(tensor -> new Target(module(tensor), tensor,
            CONV1D_MODELS.contains(modelType) && CONV1D.matcher(module(tensor)).matches()))
        .toList();
    if (globs.isEmpty()) {
      List<Target> layers = matrices.stream()
          .filter(target -> IN_A_LAYER.matcher(target.module).matches() && !ROUTER.matcher(target.module).matches()).toList();
      return required(layers, "no linear layer below a numbered one", matrices);
    }
    Set<String> modules = new TreeSet<>();
    for (String text : globs) {
      Glob glob = new Glob(text);
      List<Target> matched = matrices.stream().filter(target -> glob.matches(target.module)).toList();
      required(matched, "no module matches --target '" + text + "'", matrices).forEach(target -> modules.add(target.module));
    }
    return matrices.stream().filter(target -> modules.contains(target.module)).toList();
  }

  private static String module(StoredTensor tensor) {
    return tensor.name().endsWith(WEIGHT) ? tensor.name().substring(0, tensor.name().length() - WEIGHT.length()) : tensor.name();
  }

  private static List<Target> required(List<Target> targets, String fault, List<Target> matrices) {
    if (targets.isEmpty()) {
      Map<String, Long> kinds = new TreeMap<>(matrices.stream()
          .collect(Collectors.groupingBy(target -> target.module.replaceAll("(?<![^.])\\d+(?![^.])", "*"), Collectors.counting())));
      throw new IllegalArgumentException(fault + "; " + (kinds.isEmpty() ? "there is no *.weight of two dimensions" : "there are "
          + kinds.entrySet().stream().limit(LISTED)
              .map(kind -> Printable.of(kind.getKey()) + (kind.getValue() > 1 ? " (" + kind.getValue() + ")" : ""))
              .collect(Collectors.joining(", ")) + (kinds.size() > LISTED ? ", ..." : "")));
    }
    return targets;
  }

  /// Names by which PEFT finds these modules and no others, which it looks for at the ends of names: the last parts of the names if they
  /// will do, else the names.
  static List<String> names(List<Target> targets, Checkpoint checkpoint) {
    Set<String> modules = targets.stream().map(Target::module).collect(Collectors.toSet());
    Set<String> last = new TreeSet<>();
    modules.forEach(module -> last.add(lastPart(module)));
    boolean others = checkpoint.tensors().stream()
        .map(tensor -> tensor.name().contains(".") ? tensor.name().substring(0, tensor.name().lastIndexOf('.')) : tensor.name())
        .anyMatch(module -> last.contains(lastPart(module)) && !modules.contains(module));
    return new ArrayList<>(others ? new TreeSet<>(modules) : last);
  }

  private static String lastPart(String module) {
    return module.substring(module.lastIndexOf('.') + 1);
  }
}
