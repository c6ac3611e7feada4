package io.github.tensorseed.cpu;

import io.github.tensorseed.whitening.InitializersFromDataContract;

class CpuInitializersFromDataTest extends InitializersFromDataContract {
  CpuInitializersFromDataTest() {
    super(CpuDevice.open(2));
  }
}
