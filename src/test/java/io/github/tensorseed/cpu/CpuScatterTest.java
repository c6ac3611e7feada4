package io.github.tensorseed.cpu;

import io.github.tensorseed.whitening.ScatterContract;

class CpuScatterTest extends ScatterContract {
  CpuScatterTest() {
    super(CpuDevice.open(2));
  }
}
