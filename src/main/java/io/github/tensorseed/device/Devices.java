package io.github.tensorseed.device;

import io.github.tensorseed.Device;
import io.github.tensorseed.DeviceUnavailableException;
import io.github.tensorseed.cpu.CpuDevice;
import java.util.List;

/// The devices of this machine.
public final class Devices {
  private Devices() {}

  /// What could be found out about one device.
  ///
  /// @param details what it is or, if it cannot be used, why, and the remedy
  public record Diagnosis(String device, boolean usable, String details) {}

  /// Looks at every device that this library knows.
  public static List<Diagnosis> diagnose() {
    return List.of(
        new Diagnosis("cpu", true, Runtime.getRuntime().availableProcessors() + " cores, " + CpuDevice.engine()),
        new Diagnosis("cuda", false, "this version computes on the host only; use --device cpu, which gives the same bits"));
  }

  /// Which device `auto` means here, and why.
  ///
  /// @param threads of the host
  public static String choice(int threads) {
    return "cpu (" + threads + (threads == 1 ? " thread, " : " threads, ") + CpuDevice.engine() + "); no CUDA engine in this version";
  }

  /// Opens a device by its name.
  ///
  /// @param name `cpu`, or `auto` for the best device that can be used
  /// @throws DeviceUnavailableException if it cannot be used here, with the reason
  /// @throws IllegalArgumentException for a name that means no device
  public static Device open(String name) {
    return open(name, Runtime.getRuntime().availableProcessors());
  }

  /// Opens a device by its name; on the host that many threads fill.
  public static Device open(String name, int threads) {
    if (name.equals("auto") || name.equals("cpu")) {
      return CpuDevice.open(threads);
    }
    if (name.matches("cuda:\\d+")) {
      throw new DeviceUnavailableException("device " + name + ": this version computes on the host only; use cpu, which gives the same bits");
    }
    throw new IllegalArgumentException("unknown device '" + name + "'; known: auto, cpu, cuda:N");
  }
}
