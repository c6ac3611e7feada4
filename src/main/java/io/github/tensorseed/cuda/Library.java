package io.github.tensorseed.cuda;

import io.github.tensorseed.DeviceUnavailableException;

/// NVIDIA's libraries that JCuda's classes call, each loaded when it is first needed.
enum Library {
  CURAND("libcurand.so.10", "jcuda.jcurand.JCurand"),
  CUBLAS("libcublas.so.11", "jcuda.jcublas.JCublas2"),
  CUSOLVER("libcusolver.so.11", "jcuda.jcusolver.JCusolver");

  /// The name by which JCuda's native libraries ask the system's loader for it.
  private final String soname;
  private final String jcuda;

  Library(String soname, String jcuda) {
    this.soname = soname;
    this.jcuda = jcuda;
  }

  /// Loads the library and JCuda's classes over it, unless that has been done.
  ///
  /// @throws DeviceUnavailableException if it cannot be used, with the reason and the remedy
  void require() {
    JCudaLibrary.load(jcuda);
  }

  @Override
  public String toString() {
    return soname;
  }
}
