package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Generator;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.device.Devices;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// Where values are computed.
final class DeviceOptions {
  @Spec(Spec.Target.MIXEE) CommandSpec command = CommandSpec.create();

  @Option(names = "--device", paramLabel = "DEVICE", defaultValue = "auto",
      description = "auto, cpu, cuda:N, or several as in cuda:0,cuda:1. The bits are the same, except through linear algebra."
          + " Default: ${DEFAULT-VALUE}.")
  String name = "auto";

  @Option(names = "--generator", paramLabel = "GENERATOR", defaultValue = "tensorseed",
      description = "tensorseed; or, on a GPU, NVIDIA's cuRAND: curand (Philox, whose uniforms have the same bits, and its normals others) or"
          + " curand-xorwow. Default: ${DEFAULT-VALUE}.")
  String generator = "tensorseed";

  @Mixin ThreadOptions threads = new ThreadOptions();

  int threads() {
    return threads.count();
  }

  /// @throws IllegalArgumentException for a name that means none
  Generator generator() {
    return Generator.of(generator);
  }

  /// Begins, where the host may be the device, to compile what it needs for a law and a dtype.
  void prepare(Distribution law, DType dtype) {
    if (!name.startsWith("cuda") && generator() == Generator.TENSORSEED) {
      CpuDevice.prepare(law, dtype);
    }
  }

  /// Opens the device and, if the choice was ours and the report is for a person, says which one it is and why.
  Device open() {
    return open(command, name, threads(), generator());
  }

  /// The same, for other options of a command.
  static Device open(CommandSpec command, String name, int threads, Generator generator) {
    if (!name.equals("auto")) {
      return Devices.open(name, threads, generator);
    }
    Devices.Choice choice = Devices.choose(threads, generator);
    OptionSpec json = command.findOption("--json");
    if (json == null || !Boolean.TRUE.equals(json.getValue())) {
      command.commandLine().getErr().println("device: " + choice.reason());
    }
    return choice.device();
  }
}
