package io.github.tensorseed.cuda;

import io.github.tensorseed.DeviceUnavailableException;
import java.util.List;
import java.util.stream.IntStream;

/// A GPU that the driver sees.
///
/// @param memory in bytes
/// @param computeCapability as in `9.0`
/// @param driver version of CUDA that the driver has, as in `12.4`
public record Gpu(int ordinal, String name, long memory, String computeCapability, String driver) {

  /// All GPUs of this machine that the driver does not hide.
  ///
  /// @throws DeviceUnavailableException if there is no driver, or no GPU, with the reason and the remedy
  public static List<Gpu> all() {
    Driver driver = Driver.require();
    return IntStream.range(0, driver.devices()).mapToObj(driver::gpu).toList();
  }

  /// As in `cuda:0`.
  public String device() {
    return "cuda:" + ordinal;
  }

  /// Whether the driver only plays a GPU, as that of the tests does: how fast it is says nothing. No `is` before the name, which would put it
  /// into JSON beside the components.
  public boolean emulated() {
    return name.startsWith("Emulated GPU");
  }

  /// Volta is the first for which the kernels are made.
  boolean isSupported() {
    return Integer.parseInt(computeCapability.substring(0, computeCapability.indexOf('.'))) >= 7;
  }
}
