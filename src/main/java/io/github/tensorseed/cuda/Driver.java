package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.tensorseed.DeviceUnavailableException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// NVIDIA's driver, as this machine has it, asked without JCuda: whose classes fail with a stack trace in the message, and tell the reason
/// only once.
final class Driver {
  private static final String LIBRARY = "libcuda.so.1";

  /// CUDA 11.0 is the first that takes the text of the kernels.
  private static final int OLDEST = 11_000;

  private static final int MAJOR = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
  private static final int MINOR = 76;
  private static final int NO_DEVICE = 100;
  private static final int LONGEST_NAME = 256;

  /// What the only look found: a driver does not come or go while a process runs.
  private static final class Look {
    static final @Nullable Driver FOUND;
    static final @Nullable DeviceUnavailableException PROBLEM;

    static {
      Driver found = null;
      DeviceUnavailableException problem = null;
      try {
        found = new Driver();
      } catch (DeviceUnavailableException e) {
        problem = e;
      }
      FOUND = found;
      PROBLEM = problem;
    }
  }

  private final SharedLibrary library;
  private final int version;
  private final int devices;

  /// The driver.
  ///
  /// @throws DeviceUnavailableException if there is none, or none that can be used, with the reason and the remedy
  static Driver require() {
    if (Look.PROBLEM != null) {
      throw new DeviceUnavailableException(String.valueOf(Look.PROBLEM.getMessage()), Look.PROBLEM);
    }
    return Objects.requireNonNull(Look.FOUND);
  }

  private Driver() {
    try {
      library = SharedLibrary.open(LIBRARY, List.of());
    } catch (IOException e) {
      throw new DeviceUnavailableException("NVIDIA's driver is not to be had (" + e.getMessage() + "); install it, give a container the GPU"
          + " (--gpus all), or take the device cpu, which gives the same bits", e);
    }
    requireInitialized(library.call("cuInit", FunctionDescriptor.of(JAVA_INT, JAVA_INT), 0));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment number = arena.allocate(JAVA_INT);
      FunctionDescriptor intoInt = FunctionDescriptor.of(JAVA_INT, ADDRESS);
      require("cuDriverGetVersion", library.call("cuDriverGetVersion", intoInt, number));
      version = number.get(JAVA_INT, 0);
      if (version < OLDEST) {
        throw new DeviceUnavailableException("NVIDIA's driver has CUDA " + text(version) + ", and the kernels need " + text(OLDEST)
            + "; install driver 450 or a newer one");
      }
      int code = library.call("cuDeviceGetCount", intoInt, number);
      devices = code == 0 ? number.get(JAVA_INT, 0) : 0;
      requireInitialized(code == 0 && devices == 0 ? NO_DEVICE : code);
    }
  }

  private void requireInitialized(int code) {
    String reason = switch (code) {
      case 0 -> "";
      case NO_DEVICE -> "NVIDIA's driver sees no GPU (CUDA_ERROR_NO_DEVICE, 100); nvidia-smi must list one, and CUDA_VISIBLE_DEVICES not hide it";
      case 34 -> LIBRARY + " is the stub of a toolkit, not a driver (CUDA_ERROR_STUB_LIBRARY, 34); take its folder out of LD_LIBRARY_PATH";
      case 802 -> "the GPUs are not ready (CUDA_ERROR_SYSTEM_NOT_READY, 802); start NVIDIA's fabric manager";
      case 803 -> "the driver's library and kernel module are of different versions (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803);"
          + " restart the machine";
      case 804 -> "the driver's compatibility library does not go with this GPU (CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804);"
          + " take its folder out of LD_LIBRARY_PATH";
      default -> "NVIDIA's driver does not start (cuInit failed with " + name(code) + "); see whether nvidia-smi works, and the kernel's log";
    };
    if (!reason.isEmpty()) {
      throw new DeviceUnavailableException(reason);
    }
  }

  private void require(String call, int code) {
    if (code != 0) {
      throw new DeviceUnavailableException(call + " of NVIDIA's driver failed with " + name(code) + "; see whether nvidia-smi works");
    }
  }

  /// As in `CUDA_ERROR_UNKNOWN (999)`.
  private String name(int code) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocate(ADDRESS);
      int known = library.call("cuGetErrorName", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS), code, name);
      return (known == 0 ? name.get(SharedLibrary.text(), 0).getString(0) : "error") + " (" + code + ")";
    }
  }

  /// How many GPUs there are.
  int devices() {
    return devices;
  }

  /// What the driver says of a GPU.
  Gpu gpu(int ordinal) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment number = arena.allocate(JAVA_LONG);
      require("cuDeviceGet", library.call("cuDeviceGet", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), number, ordinal));
      int device = number.get(JAVA_INT, 0);
      MemorySegment name = arena.allocate(LONGEST_NAME);
      FunctionDescriptor naming = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
      require("cuDeviceGetName", library.call("cuDeviceGetName", naming, name, LONGEST_NAME - 1, device));
      require("cuDeviceTotalMem", library.call("cuDeviceTotalMem_v2", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), number, device));
      long memory = number.get(JAVA_LONG, 0);
      return new Gpu(ordinal, name.getString(0), memory, attribute(number, MAJOR, device) + "." + attribute(number, MINOR, device),
          text(version));
    }
  }

  private int attribute(MemorySegment number, int attribute, int device) {
    FunctionDescriptor types = FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
    require("cuDeviceGetAttribute", library.call("cuDeviceGetAttribute", types, number, attribute, device));
    return number.get(JAVA_INT, 0);
  }

  /// As in `11.7` for 11070.
  private static String text(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }
}
