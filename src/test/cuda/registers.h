// The virtual registers of a kernel while it is being read, and their places in the register file afterwards.
#pragma once
#include <map>
#include <tuple>
#include <vector>

#include "ptx.h"

namespace emulator {

class Registers {
 public:
  uint32_t add(Kind kind);
  Kind kind(uint32_t number) const { return kinds[number]; }

  // A register that holds the same bits in all lanes, from the start.
  uint32_t constant(Kind kind, uint64_t bits);
  uint32_t special(Special which, int axis);

  // Gives each register that the code uses a place, and turns the numbers in the code into places. Registers that are never alive together
  // share one: a text has thousands of them, each written once, and the host's first cache has room for some dozens.
  void place(Kernel& kernel);

 private:
  std::vector<Kind> kinds;
  std::map<std::pair<int, uint64_t>, uint32_t> constants;
  std::map<std::pair<Special, int>, uint32_t> specials;
};

}  // namespace emulator
