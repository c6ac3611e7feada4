package io.github.tensorseed.cpu;

import io.github.tensorseed.whitening.WhiteningContract;

class CpuWhiteningTest extends WhiteningContract {
  CpuWhiteningTest() {
    super(CpuDevice.open(2));
  }
}
