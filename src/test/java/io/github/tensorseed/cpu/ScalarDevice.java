package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.util.List;

/// The definition of every value as a device, for the tests of others.
public final class ScalarDevice {
  private ScalarDevice() {}

  public static CpuDevice open() {
    return CpuDevice.open(1, new ScalarKernels());
  }

  /// Laws with ordinary parameters and with such as are at the edges.
  public static List<Distribution> laws() {
    return KernelComparison.LAWS;
  }

  /// Whether `law` has values in `dtype`.
  public static boolean applies(Distribution law, DType dtype) {
    return KernelComparison.applies(law, dtype);
  }
}
