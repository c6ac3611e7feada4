package io.github.tensorseed.cuda;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Generator;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.ShardLayout;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.cli.CommandRun;
import io.github.tensorseed.cpu.ScalarDevice;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.FromData;
import io.github.tensorseed.whitening.InitializersFromDataContract;
import io.github.tensorseed.whitening.Whitening;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jcuda.jcublas.cublasStatus;
import jcuda.jcurand.curandStatus;
import jcuda.jcusolver.cusolverStatus;
import org.jspecify.annotations.Nullable;

/// Every call of the driver that a scenario makes fails once, as a program on the emulated driver. Its arguments are the driver's mode and
/// the scenario: `device` opens, fills, copies and closes, `curand` does so with that generator; `whitening` learns from rows on the device
/// and whitens them, `initializers` fills a tensor by each law that goes through linear algebra, one after the other; `checkpoint` writes
/// one through small buffers, and `init` is the command, which may leave no file that is not complete.
final class Faults {
  private static final long CHUNK = 64 << 10;
  private static final int ELEMENTS = 40_000;
  private static final Pattern INJECTED = Pattern.compile("(\\w+?)(?:_v\\d)? \\(call \\d+\\): \\w+: injected.*");

  private static final Emulator DRIVER = Emulator.ofProcess();

  /// What the device calls of NVIDIA's libraries.
  private static final List<String> LIBRARIES = List.of("curandCreateGenerator", "curandSetStream", "curandSetGeneratorOrdering",
      "curandSetPseudoRandomGeneratorSeed", "curandSetGeneratorOffset", "curandGenerateNormal", "curandDestroyGenerator", "cublasCreate",
      "cublasSetStream", "cublasDgeam", "cublasSgemm", "cublasDgemm", "cublasSgemv", "cublasDgemv", "cublasSger", "cublasDger", "cublasSsyrk", "cublasDsyrk", "cublasDcopy",
      "cublasDdgmm", "cublasSaxpy", "cublasDaxpy", "cublasDestroy", "cusolverDnCreate", "cusolverDnSetStream",
      "cusolverDnDsyevd_bufferSize", "cusolverDnDsyevd", "cusolverDnDgeqrf_bufferSize", "cusolverDnDgeqrf",
      "cusolverDnDorgqr_bufferSize", "cusolverDnDorgqr", "cusolverDnDestroy");

  /// What the driver's 1 is to the libraries, whose calls begin like this.
  private static final Map<String, Integer> INVALID_VALUE = Map.of("curan", curandStatus.CURAND_STATUS_OUT_OF_RANGE,
      "cubla", cublasStatus.CUBLAS_STATUS_INVALID_VALUE, "cusol", cusolverStatus.CUSOLVER_STATUS_INVALID_VALUE);

  private interface Scenario {
    /// Does something.
    ///
    /// @return what it is told of a fault
    @Nullable DeviceException run() throws Exception;
  }

  /// Functions after whose fault the device was opened again: once for each, which takes as long as everything else.
  private final Set<String> reopened = new HashSet<>();
  private final String mode;

  private Faults(String mode) {
    this.mode = mode;
  }

  public static void main(String[] arguments) throws Exception {
    Driver.require(); // the only look at the driver
    Faults faults = new Faults(arguments[0]);
    List<Scenario> scenarios = switch (arguments[1]) {
      case "device" -> List.of(() -> device(Generator.TENSORSEED));
      case "curand" -> List.of(() -> device(Generator.CURAND));
      case "whitening" -> List.of(() -> onDevice(Faults::whitening));
      case "initializers" -> initializers(Path.of(arguments[2]));
      case "checkpoint" -> List.of(new Checkpoints(Path.of(arguments[2])));
      default -> List.of(new Init(Path.of(arguments[2])));
    };
    for (Scenario scenario : scenarios) {
      faults.run(scenario);
    }
  }

  private void run(Scenario scenario) throws Exception {
    int ordinary = 0;
    while (atCall(scenario, "*", ordinary + 1, 1)) {
      ordinary++;
    }
    int memory = 0;
    while (atCall(scenario, "cuMemAlloc", memory + 1, Codes.OUT_OF_MEMORY)) {
      memory++;
    }
    int sticky = 0;
    for (String function : new String[] {"kernel", "cuLaunchKernel", "cuEventSynchronize", "cuStreamSynchronize"}) {
      for (int call = 1; atCall(scenario, function, call, 700); call++) {
        sticky++;
      }
    }
    int statuses = 0;
    for (String function : LIBRARIES) {
      int code = function.startsWith("curand") ? curandStatus.CURAND_STATUS_ALLOCATION_FAILED
          : function.startsWith("cublas") ? cublasStatus.CUBLAS_STATUS_EXECUTION_FAILED : cusolverStatus.CUSOLVER_STATUS_EXECUTION_FAILED;
      for (int call = 1; atCall(scenario, function, call, code); call++) {
        statuses++;
      }
    }
    System.out.println(statuses + " of libraries, " + ordinary + " ordinary, " + memory + " of memory, " + sticky + " sticky");
  }

  /// Lets one call fail, in a thread of its own, on whose stack of contexts nobody else has put something.
  ///
  /// @return whether there was such a call
  private boolean atCall(Scenario scenario, String function, int call, int code) throws Exception {
    DRIVER.reset(mode);
    require(DRIVER.call("cuInit", 0) == 0, "cuInit");
    String place = function + ":" + (function.equals("*") ? call + DRIVER.calls("*") : call) + ":" + code;
    DRIVER.configure("fail=" + place);
    AtomicReference<@Nullable Throwable> problem = new AtomicReference<>();
    AtomicReference<@Nullable DeviceException> told = new AtomicReference<>();
    Thread thread = new Thread(() -> {
      try {
        told.set(scenario.run());
      } catch (Throwable e) {
        problem.set(e);
      }
    });
    thread.start();
    thread.join();
    if (problem.get() != null) {
      throw new AssertionError("at " + place, problem.get());
    }
    JsonNode report = new ObjectMapper().readTree(DRIVER.report());
    if (!report.get("faults").get(0).get("fired").asText().equals("true")) {
      require(told.get() == null, "nothing failed, but " + told.get());
      return false;
    }
    check(place, code, told.get(), report);
    return true;
  }

  private void check(String place, int code, @Nullable DeviceException told, JsonNode report) {
    if (told == null) {
      throw new AssertionError("at " + place + " nobody was told; " + report.get("log"));
    }
    String call = place.startsWith("kernel") ? place : injected(report);
    boolean library = Codes.isOfLibrary(call);
    int status = library && place.startsWith("*") ? INVALID_VALUE.get(call.substring(0, 5)) : code;
    String name = Codes.text(call, status).replaceFirst(".* failed with ", "");
    String message = String.valueOf(told.getMessage());
    if (code == Codes.OUT_OF_MEMORY && !library) {
      require(message.contains("cuda:0 has no room for "), "at " + place + ": " + message);
    } else {
      require(message.contains(name), "at " + place + ": " + message);
      // A kernel's fault is told by whichever call comes next.
      require(place.startsWith("kernel") || message.contains(injected(report)), "at " + place + " failed " + injected(report) + ": " + message);
    }
    if (Codes.losesContext(code)) {
      require(message.contains("launch") && message.contains("start the program anew"), "at " + place + ": " + message);
    } else {
      requireNothing(report, place);
    }
    require(report.get("leaks").isEmpty(), "at " + place + " leaks " + report.get("leaks"));
    if (!Codes.losesContext(code) && !reopened.add(injected(report))) {
      return;
    }
    Thread opening = new Thread(() -> reopen(place, code));
    AtomicReference<@Nullable Throwable> problem = new AtomicReference<>();
    opening.setUncaughtExceptionHandler((_, e) -> problem.set(e));
    opening.start();
    try {
      opening.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    require(problem.get() == null, "at " + place + ": " + problem.get());
  }

  private static void requireNothing(JsonNode report, String place) {
    for (JsonNode count : report.get("live")) {
      require(count.asInt() == 0, "at " + place + " are left " + report.get("live"));
    }
    require(report.get("destroyed_with_context").isEmpty(), "at " + place + ": " + report.get("destroyed_with_context") + report.get("log"));
  }

  private static void reopen(String place, int code) {
    try (CudaDevice again = CudaDevice.open(0, Generator.TENSORSEED, CHUNK)) {
      require(!Codes.losesContext(code), "at " + place + ": a lost context was opened");
      again.synchronize();
    } catch (DeviceUnavailableException e) {
      require(Codes.losesContext(code) && String.valueOf(e.getMessage()).contains("the CUDA context is lost"), "at " + place + ": " + e);
    }
  }

  private static String injected(JsonNode report) {
    for (JsonNode line : report.get("log")) {
      Matcher matcher = INJECTED.matcher(line.asText());
      if (matcher.matches()) {
        return matcher.group(1);
      }
    }
    throw new AssertionError("no injected fault in " + report.get("log"));
  }

  private static void require(boolean holds, String otherwise) {
    if (!holds) {
      throw new AssertionError(otherwise);
    }
  }

  private static @Nullable DeviceException device(Generator generator) {
    return onDevice(generator, device -> {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment host = arena.allocate(4L * ELEMENTS);
        Distribution law = new Distribution.Normal(0, 1);
        try (Tensor tensor = device.allocate(DType.F32, Shape.of(ELEMENTS))) {
          device.fill(tensor, law, RandomStream.of(42));
          device.clear(tensor);
          device.write(tensor, 64, host.asSlice(64));
          device.read(tensor, 0, host);
          device.synchronize();
        }
        device.fill(host, DType.BF16, Slice.of(Shape.of(ELEMENTS)), law, RandomStream.of(42));
      }
    });
  }

  private static @Nullable DeviceException onDevice(Consumer<CudaDevice> work) {
    return onDevice(Generator.TENSORSEED, work);
  }

  /// Opens a device, works on it and closes it.
  ///
  /// @return what is told first
  private static @Nullable DeviceException onDevice(Generator generator, Consumer<CudaDevice> work) {
    DeviceException told = null;
    CudaDevice device;
    try {
      device = CudaDevice.open(0, generator, CHUNK);
    } catch (DeviceUnavailableException e) {
      return e;
    }
    try {
      work.accept(device);
    } catch (DeviceException e) {
      told = e;
    }
    try {
      device.close();
    } catch (DeviceException e) {
      told = told == null ? e : told;
    }
    require(device.allocatedBytes() == 0, device.allocatedBytes() + " bytes are allocated after closing");
    return told;
  }

  private static void whitening(CudaDevice device) {
    try (Tensor rows = device.allocate(DType.F32, Shape.of(20, 2)); Tensor white = device.allocate(DType.F32, Shape.of(20, 2));
         Covariance covariance = Covariance.open(device, 2, Precision.MIXED)) {
      device.fill(rows, new Distribution.Normal(5, 1), RandomStream.of(42));
      covariance.add(rows);
      try (Whitening whitening = Whitening.fit(covariance, Options.of(Kind.ZCA))) {
        whitening.apply(rows, white);
      }
      device.synchronize();
    }
  }

  /// All that comes through linear algebra, of as few numbers as there can be.
  private static List<Scenario> initializers(Path folder) throws IOException {
    byte[] idx = new byte[16 + 4 * 9];
    ByteBuffer.wrap(idx).putInt(0x803).putInt(4).putInt(3).putInt(3);
    for (int i = 16; i < idx.length; i++) {
      idx[i] = (byte) (i * i * 7);
    }
    Path images = Files.write(folder.resolve("images-idx3-ubyte"), idx);
    Path rows = InitializersFromDataContract.npy(folder.resolve("rows.npy"), new double[] {1, 2, 3, 5, 4, 1, 6, 7}, 4, 2);
    return List.of(
        filling("orthogonal", DType.F32, 3, 2),
        filling("delta_orthogonal", DType.F32, 2, 1, 3),
        filling("patch_whitening(data='" + images + "')", DType.BF16, 2, 1, 2, 1),
        filling("zca(data='" + rows + "')", DType.F32, 2, 2),
        filling("zca(data='" + images + "')", DType.F32, 1), // by the Gram side
        filling("zca_coloring(data='" + rows + "')", DType.F32, 2, 2),
        filling("zca_coloring(data='" + rows + "')", DType.F32, 2),
        filling("lsuv(data='" + rows + "', below='a[2, 2]')", DType.F32, 1, 2),
        filling("mean_cov_resize(data='" + rows + "')", DType.F32, 5, 2));
  }

  private static Scenario filling(String text, DType dtype, long... extents) {
    Initializer initializer = Expression.parse(text, FromData.DEFINITIONS).resolve(Shape.of(extents));
    return () -> onDevice(device -> {
      try (Tensor tensor = device.allocate(dtype, Shape.of(extents))) {
        initializer.fill(tensor, RandomStream.of(42), "w");
        device.synchronize();
      }
    });
  }

  /// Five tensors in two files.
  private static final class Checkpoints implements Scenario {
    private static final List<TensorSpec> TENSORS = List.of(
        new TensorSpec("a", DType.BF16, Shape.of(300, 200), new Distribution.Normal(0, 0.02)),
        new TensorSpec("b", DType.F32, Shape.of(64), new Distribution.Constant(1)),
        new TensorSpec("c", DType.BF16, Shape.of(200, 333), new Distribution.Uniform(-1, 1)),
        new TensorSpec("d", DType.F16, Shape.of(7), new Distribution.Signs(0.5)),
        new TensorSpec("e", DType.F64, Shape.of(50, 50), new Distribution.TruncatedNormal(0, 1, -2, 2)));

    private final ShardLayout layout = ShardLayout.of(TENSORS, 42, 160_000);
    private final Path folder;
    private final Path expected;

    Checkpoints(Path folder) throws IOException {
      this.folder = folder;
      expected = Files.createDirectory(folder.resolve("expected"));
      try (Device cpu = ScalarDevice.open()) {
        write(cpu, expected);
      }
      require(layout.shards().size() == 2, layout.shards() + "");
    }

    private void write(Device device, Path directory) throws IOException {
      new CheckpointWriter(device, 2).write(layout, directory, null, CheckpointWriter.Existing.REFUSE, CheckpointWriter.Part.WHOLE);
    }

    @Override
    public @Nullable DeviceException run() throws IOException {
      Path directory = Files.createTempDirectory(folder, "faults");
      DeviceException told = null;
      try (CudaDevice device = CudaDevice.open(0, Generator.TENSORSEED, CHUNK)) {
        write(device, directory);
      } catch (DeviceException e) {
        told = e;
      }
      requireComplete(directory, expected, told);
      return told;
    }
  }

  /// Whatever a run has left is as it has to be, and it is all there unless somebody was told why not.
  private static void requireComplete(Path directory, Path expected, @Nullable DeviceException told) throws IOException {
    Set<Path> left = names(directory);
    Set<Path> all = names(expected);
    require(all.size() >= 3 && all.containsAll(left), "left are " + left + " of " + all + ", and told was " + told);
    require(told != null || left.equals(all), "left are " + left + " of " + all + ", and nobody was told why");
    for (Path name : left) {
      require(Files.mismatch(directory.resolve(name), expected.resolve(name)) < 0, name + " is not complete, and told was " + told);
      Files.delete(directory.resolve(name));
    }
    Files.delete(directory);
  }

  private static Set<Path> names(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(Path::getFileName).collect(Collectors.toSet());
    }
  }

  /// The command, for five tensors in two files.
  private static final class Init implements Scenario {
    private final Path folder;
    private final Path config;
    private final Path expected;

    Init(Path folder) throws IOException {
      this.folder = folder;
      expected = folder.resolve("expected");
      config = Files.writeString(folder.resolve("config.json"), """
          {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "vocab_size": 500,
           "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 1, "initializer_range": 0.02, "torch_dtype": "bfloat16"}
          """);
      CommandRun run = run(expected, "cpu");
      require(run.code() == 0, run.err());
    }

    private CommandRun run(Path out, String device) {
      return CommandRun.of("init", config.toString(), "--out", out.toString(), "--device", device, "--only", "*self_attn*", "--only", "*embed*",
          "--shard-size", "70KB", "--threads", "1");
    }

    @Override
    public @Nullable DeviceException run() throws IOException {
      Path directory = Files.createTempDirectory(folder, "init");
      CommandRun run = run(directory, "cuda:0");
      DeviceException told = null;
      if (run.code() != 0) {
        List<String> lines = run.err().lines().filter(line -> line.startsWith("tensorseed: ")).toList();
        require(run.code() == 2 && lines.size() == 1 && !run.err().contains("\tat "), run.toString());
        told = new DeviceException(lines.getFirst());
      }
      requireComplete(directory, expected, told);
      return told;
    }
  }
}
