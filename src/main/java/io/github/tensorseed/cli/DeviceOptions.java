package io.github.tensorseed.cli;

import io.github.tensorseed.Device;
import io.github.tensorseed.device.Devices;
import picocli.CommandLine.Option;

/// Where values are computed.
final class DeviceOptions {
  @Option(names = "--device", paramLabel = "DEVICE", defaultValue = "auto",
      description = "auto, cpu or cuda:N. The bits are the same. Default: ${DEFAULT-VALUE}.")
  String name = "auto";

  @Option(names = "--threads", paramLabel = "N", description = "Threads of the host. Default: all cores. The bits are the same.")
  int threads = Runtime.getRuntime().availableProcessors();

  int threads() {
    if (threads < 1 || threads > 1024) {
      throw new IllegalArgumentException("--threads " + threads + ": give 1 to 1024");
    }
    return threads;
  }

  Device open() {
    return Devices.open(name, threads());
  }
}
