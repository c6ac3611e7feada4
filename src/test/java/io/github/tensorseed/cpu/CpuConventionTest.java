package io.github.tensorseed.cpu;

import io.github.tensorseed.whitening.ConventionContract;

class CpuConventionTest extends ConventionContract {
  CpuConventionTest() {
    super(CpuDevice.open(2));
  }
}
