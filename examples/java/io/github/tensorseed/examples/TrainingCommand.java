package io.github.tensorseed.examples;

import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceException;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.cuda.CudaDevice;
import io.github.tensorseed.cuda.Gpu;
import io.github.tensorseed.examples.Training.Change;
import io.github.tensorseed.examples.Training.Result;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Why first weights matter: dense networks learn Fashion-MNIST from several kinds of them, on the host or in a program's own CUDA context.
@Command(
    name = "training",
    description = "Trains dense networks on Fashion-MNIST from several kinds of first weights, and draws their losses.",
    mixinStandardHelpOptions = true)
final class TrainingCommand implements Callable<Integer> {
  private static final int WRONG_INPUT = 2;
  private static final int BATCH = 200;
  private static final List<Integer> WIDE = List.of(256, 128);
  private static final List<Integer> DEEP = Collections.nCopies(20, 64);
  private static final List<String> STRATEGIES =
      List.of("he_normal()", "xavier_normal()", "orthogonal(gain=sqrt(2))", "normal(0, 0.01)", "normal(0, 0.5)", "zeros()");

  @Option(names = "--device", paramLabel = "DEVICE", defaultValue = "cpu", description = "cpu or cuda:N. Default: ${DEFAULT-VALUE}.")
  String device = "cpu";

  @Option(names = "--data", paramLabel = "FOLDER",
      defaultValue = "${sys:fashion.mnist:-/usr/share/datasets/fashion-mnist}",
      description = "Where the four files of Fashion-MNIST are; where they are not, 500 images from examples. Default: ${DEFAULT-VALUE}.")
  Path data = Path.of("");

  @Option(names = "--epochs", paramLabel = "N", defaultValue = "6",
      description = "How often the wide network sees each image; the deep one a third as often. Default: ${DEFAULT-VALUE}.")
  int epochs = 1;

  @Option(names = "--seed", paramLabel = "SEED", defaultValue = "42",
      description = "Of weights, order and noise. Default: ${DEFAULT-VALUE}.")
  long seed;

  @Option(names = "--threads", paramLabel = "N", defaultValue = "1",
      description = "Threads of the host; on a busy machine products as small as these lose by a second one. Default: ${DEFAULT-VALUE}.")
  int threads = 1;

  @Option(names = "--out", paramLabel = "FOLDER", defaultValue = "target/training",
      description = "Where curves.json, wide.svg, deep.svg and the like go. Default: ${DEFAULT-VALUE}.")
  Path out = Path.of("");

  public static void main(String[] arguments) {
    System.setProperty("java.awt.headless", "true");
    System.exit(new CommandLine(new TrainingCommand()).setExecutionExceptionHandler((fault, line, _) -> {
      if (!(fault instanceof IllegalArgumentException || fault instanceof IOException || fault instanceof DeviceException)) {
        throw fault;
      }
      line.getErr().println("training: " + fault.getMessage());
      return WRONG_INPUT;
    }).execute(arguments));
  }

  @Override
  public Integer call() throws IOException {
    if (epochs < 1) {
      throw new IllegalArgumentException("--epochs " + epochs + ": at least 1 is needed");
    }
    List<Result> results;
    if (device.equals("cpu")) {
      try (Device cpu = CpuDevice.open(threads)) {
        results = run(cpu);
      }
    } else if (device.matches("cuda:\\d{1,3}")) {
      results = runOnGpu(Integer.parseInt(device.substring("cuda:".length())));
    } else {
      throw new IllegalArgumentException("--device " + device + ": cpu or cuda:N is wanted");
    }
    Curves.write(out, seed, device, results);
    System.out.println("curves are in " + out);
    return 0;
  }

  /// As in a program that computes on the GPU already: context and stream are its own, and all that is done here is put on that stream.
  private List<Result> runOnGpu(int ordinal) throws IOException {
    if (ordinal >= Gpu.all().size()) {
      throw new IllegalArgumentException("--device " + device + ": there are " + Gpu.all().size() + " GPUs");
    }
    CUdevice gpu = new CUdevice();
    CUcontext context = new CUcontext();
    CUstream stream = new CUstream();
    require(JCudaDriver.cuDeviceGet(gpu, ordinal));
    require(JCudaDriver.cuCtxCreate(context, 0, gpu)); // and is current now
    try {
      require(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
      try (CudaDevice attached = CudaDevice.attach(stream)) {
        return run(attached);
      } finally {
        require(JCudaDriver.cuStreamDestroy(stream));
      }
    } finally {
      require(JCudaDriver.cuCtxDestroy(context));
    }
  }

  private static void require(int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw new DeviceException("the driver says " + CUresult.stringFor(code));
    }
  }

  private static List<Training> trainings() {
    List<Training> trainings = new ArrayList<>();
    STRATEGIES.forEach(weights -> trainings.add(new Training("wide", WIDE, 0.1, weights, Change.NONE)));
    STRATEGIES.forEach(weights -> trainings.add(new Training("deep", DEEP, 0.01, weights, Change.NONE)));
    trainings.add(new Training("deep", DEEP, 0.01, "he_normal()", Change.RESET));
    trainings.add(new Training("deep", DEEP, 0.01, "he_normal()", Change.NOISE));
    return trainings;
  }

  private List<Result> run(Device device) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      LabelledImages train;
      LabelledImages test;
      if (Files.exists(data.resolve("train-images-idx3-ubyte.gz"))) {
        train = LabelledImages.read(data, "train", arena);
        test = LabelledImages.read(data, "t10k", arena);
      } else {
        LabelledImages all = LabelledImages.read(Path.of("examples"), "fashion-mnist-500", arena);
        train = all.slice(0, 400);
        test = all.slice(400, 500);
      }
      System.out.printf("%,d images to learn from, %,d others to tell; %s, %s%n", train.count(), test.count(), device.name(),
          device.linearAlgebra().library());
      System.out.printf("%-8s %-28s %12s %12s %10s %8s%n", "network", "first weights", "first epoch", "last loss", "accuracy", "seconds");
      List<Result> results = new ArrayList<>();
      for (Training training : trainings()) {
        int times = training.hidden().equals(DEEP) ? Math.max(1, epochs / 3) : epochs;
        Result result = training.run(device, train, test, Math.min(BATCH, train.count() / 20), times, RandomStream.of(seed));
        System.out.printf(Locale.ROOT, "%-8s %-28s %12.4f %12.4f %9.2f%% %8.1f%n", training.network(), training.strategy(),
            result.firstEpoch(), result.loss(), 100 * result.accuracy(), result.seconds());
        results.add(result);
      }
      return results;
    }
  }
}
