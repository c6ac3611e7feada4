package io.github.tensorseed.cpu;

import io.github.tensorseed.LinearAlgebraContract;

class CpuLinearAlgebraTest extends LinearAlgebraContract {
  CpuLinearAlgebraTest() {
    super(CpuDevice.open(2));
  }
}
