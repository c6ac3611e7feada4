package io.github.tensorseed.cpu;

import io.github.tensorseed.whitening.BatchesContract;

class CpuBatchesTest extends BatchesContract {
  CpuBatchesTest() {
    super(CpuDevice.open(2));
  }
}
