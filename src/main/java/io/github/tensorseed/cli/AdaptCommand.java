package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.adapter.Adapter;
import io.github.tensorseed.adapter.AdapterWriter;
import io.github.tensorseed.adapter.Method;
import io.github.tensorseed.adapter.Target;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `tensorseed adapt`.
@Command(
    name = "adapt",
    description = "Makes a low-rank adapter for a checkpoint, as PEFT loads it: LoRA, PiSSA or OLoRA.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "Each layer adds alpha / rank B A to its weight. LoRA's B is zero, and its values have the same bits everywhere; of PiSSA and OLoRA",
      "the product is a part of the weight, so --out has the rest, a whole checkpoint, and the adapter in pissa_init or olora_init below.",
      "",
      "Without --target every *.weight of two dimensions below a numbered layer gets one, but embeddings and routers of experts.",
      "",
      "Examples:",
      "  tensorseed adapt gpt2 --method lora --rank 16 --alpha 32 --seed 1 --out gpt2-lora",
      "  tensorseed adapt llama --method pissa --rank 64 --target '*.q_proj' --target '*.v_proj' --out llama-pissa",
    })
final class AdaptCommand implements Callable<Integer> {
  /// The methods by their names on the command line.
  enum Name { LORA, PISSA, OLORA }

  /// What LoRA's A is.
  enum Init { KAIMING, GAUSSIAN }

  @Spec CommandSpec spec = CommandSpec.create();

  @Parameters(paramLabel = "CHECKPOINT", description = "A folder with config.json and safetensors, whoever wrote them.")
  Path checkpoint = Path.of("");

  @Option(names = "--method", required = true, paramLabel = "lora|pissa|olora", description = "How the adapter begins.")
  Name method = Name.LORA;

  @Option(names = "--rank", required = true, paramLabel = "R", description = "Rows of A and columns of B.")
  int rank;

  @Option(names = "--alpha", paramLabel = "N", description = "The product counts alpha / rank times. Default: the rank.")
  @Nullable Integer alpha;

  @Option(names = "--target", paramLabel = "GLOB",
      description = "Modules to adapt: * is any characters, dots included. May be given several times.")
  List<String> targets = new ArrayList<>();

  @Option(names = "--init", paramLabel = "kaiming|gaussian",
      description = "LoRA's A: uniform within 1 / sqrt(inputs), or normal with a standard deviation of 1 / rank. Default: kaiming.")
  @Nullable Init init;

  @Option(names = "--niter", paramLabel = "N",
      description = "PiSSA by a randomised decomposition with so many power iterations. Default: 4 if the smaller extent of a matrix is"
          + " above 4096 and more than 8 times the rank, else the exact one.")
  @Nullable Integer iterations;

  @Option(names = "--dtype", paramLabel = "DTYPE", defaultValue = "F32",
      description = "Of A and B; the weights keep theirs. Default: ${DEFAULT-VALUE}.")
  String dtype = "F32";

  @Mixin SeedOption seed = new SeedOption();

  @Option(names = "--out", required = true, paramLabel = "DIR", description = "The folder to write, which appears when all of it is there.")
  Path out = Path.of("");

  @Option(names = "--force", description = "Replaces a folder that has nothing but what tensorseed wrote.")
  boolean force;

  @Mixin DeviceOptions device = new DeviceOptions();

  @Option(names = "--json", description = "Reports in JSON.")
  boolean json;

  @Override
  public Integer call() throws IOException {
    Adapter adapter = new Adapter(method(), rank, alpha == null ? rank : alpha, DType.of(dtype), seed.key());
    if (!Files.isDirectory(checkpoint)) {
      throw new IllegalArgumentException(checkpoint + (Files.exists(checkpoint) ? " is no folder" : ": no such folder")
          + "; give one with config.json and safetensors");
    }
    long started = System.nanoTime();
    Report report;
    try (Checkpoint opened = Checkpoint.open(checkpoint)) {
      List<Target> modules = Target.of(opened, ModelConfig.read(checkpoint).modelType(), targets);
      long parameters = modules.stream().mapToLong(target -> (target.in() + target.out()) * rank).sum();
      long bytes = adapter.changesWeights() ? opened.tensors().stream().mapToLong(StoredTensor::bytes).sum()
          : parameters * adapter.dtype().bytes();
      try (Device on = device.open(); Progress progress = new Progress("adapt", bytes)) {
        new AdapterWriter(on, device.threads(), progress).write(adapter, opened, checkpoint, modules, out, force);
        report = new Report(out.toString(), out.resolve(adapter.subfolder()).toString(), method.name().toLowerCase(Locale.ROOT), rank,
            adapter.alpha(), modules.stream().map(Target::module).toList(), parameters, adapter.seed(), on.name(),
            (System.nanoTime() - started) * 1e-9);
      }
    }
    spec.commandLine().getOut().println(json ? Json.text(report) : report.text());
    return 0;
  }

  private Method method() {
    if (init != null && method != Name.LORA) {
      throw new IllegalArgumentException("--init is for --method lora; the others begin with the weights");
    }
    if (iterations != null && method != Name.PISSA) {
      throw new IllegalArgumentException("--niter is for --method pissa");
    }
    return switch (method) {
      case LORA -> new Method.Lora(init == Init.GAUSSIAN);
      case PISSA -> new Method.Pissa(iterations == null ? OptionalInt.empty() : OptionalInt.of(iterations));
      case OLORA -> new Method.Olora();
    };
  }

  /// What was made.
  ///
  /// @param adapter the folder with `adapter_config.json`
  /// @param parameters of the adapter
  record Report(String out, String adapter, String method, int rank, int alpha, List<String> modules, long parameters, long seed,
      String device, double seconds) {
    String text() {
      return String.format(Locale.ROOT, "%s: %s of rank %d, alpha %d, for %s, %s, in %.2f s", adapter, method, rank, alpha,
          Units.count(modules.size(), "module"), Units.count(parameters, "parameter"), seconds);
    }
  }
}
