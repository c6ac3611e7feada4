package io.github.tensorseed.cli;

import io.github.tensorseed.Device;
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
      description = "auto, cpu or cuda:N. The bits are the same. Default: ${DEFAULT-VALUE}.")
  String name = "auto";

  @Mixin ThreadOptions threads = new ThreadOptions();

  int threads() {
    return threads.count();
  }

  /// Opens the device and, if the choice was ours and the report is for a person, says which one it is and why.
  Device open() {
    Device device = Devices.open(name, threads());
    OptionSpec json = command.findOption("--json");
    if (name.equals("auto") && (json == null || !Boolean.TRUE.equals(json.getValue()))) {
      command.commandLine().getErr().println("device: " + Devices.choice(threads()));
    }
    return device;
  }
}
