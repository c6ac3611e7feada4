package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Fans;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.model.Plan;
import io.github.tensorseed.model.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// What is to be written, as `init` and `plan` are told.
public final class PlanOptions {
  @Parameters(arity = "0..1", paramLabel = "MODEL", description = {
    "A built-in name such as gpt2 or llama-3-8b; a config.json or a folder with one; or, for a model without a template, an existing"
        + " checkpoint whose tensors are to be made anew: a folder, its index or a .safetensors file, with --recipe or --set."
  })
  @Nullable String model;

  @Option(names = "--tensor", paramLabel = "'NAME:DTYPE[d0,d1,...]=EXPRESSION'",
      description = "A single tensor, instead of a model. May be repeated.")
  List<String> tensors = List.of();

  @Option(names = "--dtype", paramLabel = "DTYPE",
      description = "f64, f32, bf16, f16, f8_e4m3 or f8_e5m2. Default: the configuration's, else f32.")
  @Nullable String dtype;

  @Option(names = "--recipe", paramLabel = "NAME|FILE",
      description = "Rules 'GLOB = EXPRESSION' that say how each tensor is initialized. Default: as the model's own implementation does.")
  @Nullable String recipe;

  @Option(names = "--set", paramLabel = "'GLOB=EXPRESSION'",
      description = "A rule that goes before the recipe's, as in --set '*.bias = zeros()'. May be repeated; the first match wins.")
  List<String> sets = List.of();

  @Option(names = "--only", paramLabel = "GLOB",
      description = "Only the tensors whose names match, with the values they have in the whole model. May be repeated.")
  List<String> only = List.of();

  @Option(names = "--missing-from", paramLabel = "DIR",
      description = "Only the tensors that this checkpoint lacks, with the values they have in the whole model.")
  @Nullable Path missingFrom;

  @Option(names = "--layout", paramLabel = "LAYOUT", defaultValue = "oihw",
      description = "For MODEL an existing checkpoint: where its weights have inputs and outputs, oihw ([out, in, k...], PyTorch) or"
          + " hwio ([k..., in, out], Keras). Default: ${DEFAULT-VALUE}.")
  Fans.Layout layout = Fans.Layout.OIHW;

  /// The plan that was asked for; maybe of nothing.
  ///
  /// @throws IllegalArgumentException for options that do not go together, and as [Plan#of]
  public Plan plan() throws IOException {
    Plan plan = whole();
    if (!only.isEmpty()) {
      plan = plan.only(only);
    }
    if (missingFrom != null) {
      try (Checkpoint existing = Checkpoint.open(missingFrom)) {
        plan = plan.missingFrom(existing.tensors().stream().map(StoredTensor::name).toList());
      }
    }
    return plan;
  }

  private Plan whole() throws IOException {
    if (!tensors.isEmpty()) {
      if (model != null || dtype != null || recipe != null || !sets.isEmpty()) {
        throw new IllegalArgumentException("--tensor says all of a tensor; it does not go with MODEL, --dtype, --recipe or --set");
      }
      return Plan.ofTensors(tensors);
    }
    if (model == null) {
      throw new IllegalArgumentException("no MODEL; give a built-in name, a path, or --tensor");
    }
    DType type = dtype == null ? null : DType.of(dtype);
    Recipe rules = recipe == null ? null : Recipe.of(recipe);
    return Plan.of(model, layout, type, rules, sets);
  }
}
