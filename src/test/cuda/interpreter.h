// Runs a kernel's threads, 128 at a time.
#pragma once
#include <cstdint>
#include <vector>

#include "control.h"
#include "memory.h"
#include "ptx.h"

namespace emulator {

struct Launch {
  const Kernel* kernel;
  int device;
  uint32_t grid[3];
  uint32_t block[3];
  std::vector<char> parameters;
  // Not 0: the threads run in another order, chosen by it.
  uint64_t shuffle;
};

// Adds to the counts what was executed. Throws Fault ILLEGAL_ADDRESS or MISALIGNED_ADDRESS with the PTX line, the thread and the address.
void interpret(const Launch& launch, const Memory& memory, KernelCounts& counts);

}  // namespace emulator
