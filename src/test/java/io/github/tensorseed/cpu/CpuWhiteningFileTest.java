package io.github.tensorseed.cpu;

import io.github.tensorseed.whitening.WhiteningFileContract;

class CpuWhiteningFileTest extends WhiteningFileContract {
  CpuWhiteningFileTest() {
    super(CpuDevice.open(2));
  }
}
