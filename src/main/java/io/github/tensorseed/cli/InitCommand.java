package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.checkpoint.ShardLayout;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.model.Plan;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `tensorseed init`.
@Command(
    name = "init",
    description = "Writes the first weights of a model, or of single tensors, as safetensors.",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footer = {
      "",
      "Every value is a function of the seed, the tensor's name and the place in the tensor: not of threads, devices, shards or other tensors.",
      "Those that come through linear algebra (orthogonal, zca, ...) are so within 1e-5 of the tensor's largest magnitude.",
      "",
      "Examples:",
      "  tensorseed init gpt2 --seed 42 --out gpt2",
      "  tensorseed init llama-3-8b --dtype bf16 --out llama --part 1/4      one of four machines",
      "  tensorseed init config.json --recipe olmo --set '*.bias = zeros()' --out weights",
      "  tensorseed init --tensor 'w:BF16[4096,4096]=he_normal(fan=out)' --out w.safetensors",
    })
final class InitCommand implements Callable<Integer> {
  private static final Pattern PART = Pattern.compile("(\\d{1,9})/(\\d{1,9})");

  @Spec CommandSpec spec = CommandSpec.create();

  @Mixin PlanOptions options = new PlanOptions();

  @Option(names = "--out", required = true, paramLabel = "PATH",
      description = "The folder to write a model to; with --tensor a file, .safetensors or, for one tensor, .npy.")
  Path out = Path.of("");

  @Mixin SeedOption seed = new SeedOption();

  @Option(names = "--shard-size", paramLabel = "SIZE", defaultValue = "5GB",
      description = "Bytes of values per file, as in 5GB or 500MiB; a larger tensor has a file of its own. Default: ${DEFAULT-VALUE}.")
  String shardSize = "5GB";

  @Option(names = "--part", paramLabel = "K/N", defaultValue = "1/1",
      description = "Writes every N-th file, from the K-th on: N machines make one checkpoint.")
  String part = "1/1";

  @Option(names = "--resume", description = "Goes on where an interrupted run of the same plan ended; finished files stay untouched.")
  boolean resume;

  @Option(names = "--force", description = "Deletes the files of an earlier run of tensorseed in the folder first, and only those.")
  boolean force;

  @Mixin DeviceOptions device = new DeviceOptions();

  @Option(names = "--json", description = "Reports in JSON.")
  boolean json;

  @Override
  public Integer call() throws IOException {
    if (resume && force) {
      throw new IllegalArgumentException("--resume keeps what is there and --force deletes it; give one of them");
    }
    long key = seed.key();
    long size = Units.size(shardSize);
    Part share = part(part);
    if (options.model != null) {
      // Most of a model is normal. The plan, by which others are known, takes the time that these kernels need.
      device.prepare(new Distribution.Normal(0, 1), options.dtype == null ? DType.BF16 : DType.of(options.dtype));
    }
    Plan plan = options.plan();
    PrintWriter stdout = spec.commandLine().getOut();
    PrintWriter stderr = spec.commandLine().getErr();
    if (plan.tensors().isEmpty()) {
      stdout.println(json ? Json.text(new Report(out.toString(), key, 0, 0, 0, 0, null, List.of(), List.of(), List.of())) : "nothing is missing");
      return 0;
    }
    if (plan.tensors().stream().anyMatch(tensor -> tensor.type().name().startsWith("F8"))) {
      stderr.println("note: FP8 weights are written without scales; most loaders of FP8 models expect some");
    }
    if (!options.tensors.isEmpty() && (resume || share.count() > 1)) {
      throw new IllegalArgumentException("--resume and --part are for models; with --tensor there is one file");
    }
    ShardLayout layout = options.tensors.isEmpty() ? ShardLayout.of(plan.tensors(), key, size, device.generator()) : null;
    List<TensorSpec> tensors = layout == null ? plan.tensors()
        : layout.shards().stream().filter(share::includes).flatMap(shard -> shard.tensors().stream()).toList();
    long bytes = tensors.stream().mapToLong(TensorSpec::bytes).sum();
    long started = System.nanoTime();
    CheckpointWriter.Result result;
    String name;
    try (Device opened = device.open(); Progress progress = new Progress("init", bytes)) {
      CheckpointWriter writer = new CheckpointWriter(opened, device.threads(), progress);
      result = layout == null ? writeFile(writer, tensors, key)
          : writer.write(layout, out, plan.config(), resume ? Existing.RESUME : force ? Existing.FORCE : Existing.REFUSE, share);
      name = opened.name();
    }
    double seconds = (System.nanoTime() - started) * 1e-9;
    Report report = new Report(out.toString(), key, tensors.size(), tensors.stream().mapToLong(tensor -> tensor.shape().elements()).sum(),
        bytes, seconds, name, result.written(), result.kept(),
        tensors.stream().filter(TensorSpec::byLinearAlgebra).map(TensorSpec::name).toList());
    stdout.println(json ? Json.text(report) : report.text());
    return 0;
  }

  private CheckpointWriter.Result writeFile(CheckpointWriter writer, List<TensorSpec> tensors, long key) throws IOException {
    String name = String.valueOf(out.getFileName());
    String format = name.toLowerCase(Locale.ROOT);
    if (format.endsWith(".safetensors")) {
      writer.writeSafetensors(tensors, key, out, force);
    } else if (format.endsWith(".npy")) {
      if (force && Files.exists(out)) {
        throw new IllegalArgumentException("--force replaces only files that say they are tensorseed's, which npy files cannot; delete " + out);
      }
      if (tensors.size() != 1) {
        throw new IllegalArgumentException("an npy file holds one tensor, not " + tensors.size() + "; write .safetensors");
      }
      writer.writeNpy(tensors.getFirst(), key, out);
    } else {
      throw new IllegalArgumentException("--out " + out + ": with --tensor it must end in .safetensors or .npy");
    }
    return new CheckpointWriter.Result(List.of(name), List.of());
  }

  private static Part part(String text) {
    Matcher matcher = PART.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException("--part " + text + ": write K/N, as in 1/4");
    }
    return new Part(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
  }

  /// What a run did: of a checkpoint's part, what is in the part.
  ///
  /// @param device that made the values; null if there were none to make
  /// @param written names of files
  /// @param kept names of files that an earlier run had finished
  /// @param byLinearAlgebra names of tensors whose last bits are outside the promise of one seed
  record Report(String out, long seed, int tensors, long parameters, long bytes, double seconds, @Nullable String device,
      List<String> written, List<String> kept, List<String> byLinearAlgebra) {
    private static final int NAMED = 3;

    String text() {
      return done() + (byLinearAlgebra.isEmpty() ? "" : System.lineSeparator() + outside());
    }

    private String outside() {
      int more = byLinearAlgebra.size() - NAMED;
      return "through linear algebra, so not the same to the last bit elsewhere: "
          + byLinearAlgebra.stream().limit(NAMED).collect(Collectors.joining(", ")) + (more > 0 ? " and " + more + " more" : "");
    }

    private String done() {
      return String.format(Locale.ROOT, "%s: %s, %s, %s; %s written%s in %.2f s, seed %d", out, Units.count(tensors, "tensor"),
          Units.count(parameters, "parameter"), Units.bytes(bytes), Units.count(written.size(), "file"),
          kept.isEmpty() ? "" : ", " + kept.size() + " kept", seconds, seed);
    }
  }
}
