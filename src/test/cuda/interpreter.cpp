#include "interpreter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <type_traits>

namespace emulator {
namespace {

using Mask = uint8_t[LANES];

int ones(const Mask& mask) {
  int count = 0;
  for (int i = 0; i < LANES; i++) {
    count += mask[i];
  }
  return count;
}

// Threads that are at the same instruction.
struct Group {
  uint32_t at;
  int active;
  alignas(64) Mask mask;
};

template <class T>
void blend(char* to, const char* from, const Mask& mask) {
  auto* d = reinterpret_cast<T*>(to);
  auto* s = reinterpret_cast<const T*>(from);
#pragma GCC ivdep
  for (int i = 0; i < LANES; i++) {
    d[i] = mask[i] ? s[i] : d[i];
  }
}

template <class T>
void fill(char* place, uint64_t bits) {
  std::fill_n(reinterpret_cast<T*>(place), LANES, static_cast<T>(bits));
}

// Calls body with a zero of the unsigned type of that many bytes.
template <class Body>
void withWidth(int bytes, Body body) {
  switch (bytes) {
    case 1: return body(uint8_t{});
    case 2: return body(uint16_t{});
    case 4: return body(uint32_t{});
    default: return body(uint64_t{});
  }
}

class Interpreter {
 public:
  Interpreter(const Launch& launched, const Memory& deviceMemory, KernelCounts& kernelCounts)
      : launch(launched), kernel(*launched.kernel), memory(deviceMemory), counts(kernelCounts),
        file(static_cast<char*>(aligned_alloc(64, (launched.kernel->registerBytes + 63) / 64 * 64)), free) {
    // Registers that were never written hold NaNs.
    memset(file.get(), 0xFF, kernel.registerBytes);
    for (const Constant& constant : kernel.constants) {
      withWidth(constant.bytes, [&](auto zero) { fill<decltype(zero)>(file.get() + constant.place, constant.bits); });
    }
  }

  void run() {
    uint64_t perBlock = uint64_t{launch.block[0]} * launch.block[1] * launch.block[2];
    uint64_t threads = perBlock * launch.grid[0] * launch.grid[1] * launch.grid[2];
    uint64_t chunks = (threads + LANES - 1) / LANES;
    uint64_t step = 1;
    if (launch.shuffle != 0 && chunks > 2) {
      step = launch.shuffle % (chunks - 1) + 1;
      while (std::gcd(step, chunks) != 1) {
        step++;
      }
    }
    uint64_t chunk = launch.shuffle % chunks;
    for (uint64_t i = 0; i < chunks; i++, chunk = (chunk + step) % chunks) {
      first = chunk * LANES;
      runChunk(static_cast<int>(std::min<uint64_t>(LANES, threads - first)), perBlock);
    }
    counts.launches++;
    counts.threads += threads;
  }

 private:
  void runChunk(int threads, uint64_t perBlock) {
    setSpecials(perBlock);
    now.at = 0;
    now.active = threads;
    for (int i = 0; i < LANES; i++) {
      now.mask[i] = i < threads;
    }
    others.clear();
    while (now.active > 0) {
      const Instruction& code = kernel.code[now.at];
      if (code.leader) {
        meet();
        counts.instructions += uint64_t{kernel.code[now.at].blockLength} * now.active;
      }
      step(kernel.code[now.at]);
    }
  }

  void setSpecials(uint64_t perBlock) {
    for (const SpecialRegister& special : kernel.specials) {
      auto* place = reinterpret_cast<uint32_t*>(file.get() + special.place);
      bool inBlock = special.which == Special::TID;
      const uint32_t* extent = inBlock || special.which == Special::NTID ? launch.block : launch.grid;
      if (special.which == Special::NTID || special.which == Special::NCTAID) {
        std::fill_n(place, LANES, extent[special.axis]);
        continue;
      }
      uint64_t below = special.axis == 0 ? 1 : special.axis == 1 ? extent[0] : uint64_t{extent[0]} * extent[1];
      for (int i = 0; i < LANES; i++) {
        uint64_t thread = first + i;
        uint64_t linear = inBlock ? thread % perBlock : thread / perBlock;
        place[i] = static_cast<uint32_t>(linear / below % extent[special.axis]);
      }
    }
  }

  // Threads that are behind go first, and those that are at the same place go on together.
  void meet() {
    while (!others.empty()) {
      auto lowest = std::min_element(others.begin(), others.end(), [](const Group& a, const Group& b) { return a.at < b.at; });
      if (lowest->at > now.at) {
        return;
      }
      if (lowest->at < now.at) {
        std::swap(*lowest, now);
        continue;
      }
      for (int i = 0; i < LANES; i++) {
        now.mask[i] |= lowest->mask[i];
      }
      now.active += lowest->active;
      others.erase(lowest);
    }
  }

  void step(const Instruction& code) {
    const Mask* mask = &now.mask;
    alignas(64) Mask guarded;
    if (code.guard != NONE) {
      auto* predicate = reinterpret_cast<const uint8_t*>(file.get() + code.guard);
      for (int i = 0; i < LANES; i++) {
        guarded[i] = now.mask[i] & (predicate[i] ^ code.guardNegated);
      }
      mask = &guarded;
    }
    switch (code.action) {
      case Action::COMPUTE: compute(code, *mask); break;
      case Action::LOAD_PARAMETER: loadParameter(code, *mask); break;
      case Action::LOAD: access<true>(code, *mask); break;
      case Action::STORE: access<false>(code, *mask); break;
      case Action::BRANCH: branch(code, *mask); return;
      case Action::RETURN: leave(*mask); return;
    }
    now.at++;
  }

  // What inactive threads hold matters only while some wait elsewhere or are left out by a guard.
  bool masked(const Instruction& code) const { return !others.empty() || code.guard != NONE; }

  void compute(const Instruction& code, const Mask& mask) {
    if (!masked(code)) {
      code.compute(file.get(), code.operands);
      return;
    }
    uint32_t operands[OPERANDS];
    std::copy_n(code.operands, OPERANDS, operands);
    operands[0] = kernel.scratch;
    code.compute(file.get(), operands);
    withWidth(code.registerBytes, [&](auto zero) {
      blend<decltype(zero)>(file.get() + code.operands[0], file.get() + kernel.scratch, mask);
    });
  }

  void branch(const Instruction& code, const Mask& taken) {
    int count = code.guard == NONE ? now.active : ones(taken);
    if (count == now.active) {
      now.at = code.target;
    } else if (count == 0) {
      now.at++;
    } else {
      Group away{code.target, count, {}};
      for (int i = 0; i < LANES; i++) {
        away.mask[i] = taken[i];
        now.mask[i] &= taken[i] ^ 1;
      }
      now.active -= count;
      now.at++;
      others.push_back(away);
    }
  }

  void leave(const Mask& leaving) {
    for (int i = 0; i < LANES; i++) {
      now.mask[i] &= leaving[i] ^ 1;
    }
    now.active = ones(now.mask);
    now.at++;
    if (now.active == 0 && !others.empty()) {
      now = others.back();
      others.pop_back();
    }
  }

  // One value, as wide as the register, from the bytes at a place; signed types are extended by their sign.
  static uint64_t extended(const char* from, int bytes, bool isSigned) {
    uint64_t value = 0;
    memcpy(&value, from, bytes);
    int spare = 64 - 8 * bytes;
    return isSigned ? static_cast<uint64_t>(static_cast<int64_t>(value << spare) >> spare) : value;
  }

  void loadParameter(const Instruction& code, const Mask& mask) {
    const char* block = launch.parameters.data();
    for (int e = 0; e < code.elements; e++) {
      withWidth(code.registerBytes, [&](auto zero) {
        using T = decltype(zero);
        char* place = file.get() + code.operands[e];
        char* to = masked(code) ? file.get() + kernel.scratch : place;
        if (code.base == NONE) {
          fill<T>(to, extended(block + code.offset + e * code.elementBytes, code.elementBytes, code.isSigned));
        } else {
          gatherParameter<T>(code, mask, e, reinterpret_cast<T*>(to));
        }
        if (to != place) {
          blend<T>(place, to, mask);
        }
      });
    }
  }

  template <class T>
  void gatherParameter(const Instruction& code, const Mask& mask, int element, T* to) {
    auto* base = reinterpret_cast<const uint64_t*>(file.get() + code.base);
    for (int i = 0; i < LANES; i++) {
      uint64_t at = base[i] + code.offset + uint64_t{code.elementBytes} * element;
      if (mask[i] && (at > launch.parameters.size() || launch.parameters.size() - at < code.elementBytes)) {
        fail(code, ILLEGAL_ADDRESS, i,
            format("byte %llu of %zu bytes of parameters", static_cast<unsigned long long>(at), launch.parameters.size()));
      }
      to[i] = mask[i] ? static_cast<T>(extended(launch.parameters.data() + at, code.elementBytes, code.isSigned)) : T{0};
    }
  }

  template <bool LOAD>
  void access(const Instruction& code, const Mask& mask) {
    uint32_t bytes = uint32_t{code.elements} * code.elementBytes;
    Address addresses[LANES];
    auto* base = reinterpret_cast<const uint64_t*>(file.get() + code.base);
    Address lowest = ~Address{0};
    Address highest = 0;
    Address low = 0;
    for (int i = 0; i < LANES; i++) {
      Address address = base[i] + code.offset;
      addresses[i] = address;
      lowest = mask[i] ? std::min(lowest, address) : lowest;
      highest = mask[i] ? std::max(highest, address) : highest;
      low |= mask[i] ? address : 0;
    }
    if (lowest > highest) {
      return;
    }
    if ((low & (bytes - 1)) != 0) {
      int lane = 0;
      while (!mask[lane] || (addresses[lane] & (bytes - 1)) == 0) {
        lane++;
      }
      fail(code, MISALIGNED_ADDRESS, lane, format("%u bytes at 0x%llx", bytes, static_cast<unsigned long long>(addresses[lane])));
    }
    // Mostly all threads touch one allocation. Else each address is looked up by itself.
    const Allocation* shared = memory.find(lowest);
    bool simple = shared != nullptr && shared->host != nullptr && (shared->pinned || shared->device == launch.device) &&
        highest - shared->start < shared->bytes && shared->bytes - (highest - shared->start) >= bytes;
    char* hosts[LANES];
    for (int i = 0; i < LANES; i++) {
      hosts[i] = !mask[i] ? nullptr : simple ? shared->host + (addresses[i] - shared->start) : lookUp(code, i, addresses[i], bytes);
    }
    withWidth(code.elementBytes, [&](auto element) {
      withWidth(code.registerBytes, [&](auto reg) { transfer<LOAD, decltype(element), decltype(reg)>(code, hosts); });
    });
  }

  // Element after element of the vector, from memory's width to the register's or back.
  template <bool LOAD, class Element, class Register>
  void transfer(const Instruction& code, char* const* hosts) {
    for (int e = 0; e < code.elements; e++) {
      auto* place = reinterpret_cast<Register*>(file.get() + code.operands[e]);
      for (int i = 0; i < LANES; i++) {
        if (hosts[i] == nullptr) {
          continue;
        }
        char* host = hosts[i] + e * sizeof(Element);
        if (LOAD) {
          Element value;
          memcpy(&value, host, sizeof value);
          auto extendedValue = static_cast<std::make_signed_t<Element>>(value);
          place[i] = code.isSigned ? static_cast<Register>(extendedValue) : static_cast<Register>(value);
        } else {
          auto value = static_cast<Element>(place[i]);
          memcpy(host, &value, sizeof value);
        }
      }
    }
  }

  char* lookUp(const Instruction& code, int lane, Address address, uint32_t bytes) {
    try {
      return memory.at(launch.device, address, bytes);
    } catch (const Fault& fault) {
      fail(code, fault.code, lane, fault.message);
    }
  }

  [[noreturn]] void fail(const Instruction& code, Code reason, int lane, const std::string& what) const {
    throw Fault{reason, format("PTX line %d of %s, thread %llu: %s", code.line, kernel.name.c_str(),
        static_cast<unsigned long long>(first + lane), what.c_str())};
  }

  const Launch& launch;
  const Kernel& kernel;
  const Memory& memory;
  KernelCounts& counts;
  std::unique_ptr<char, void (*)(void*)> file;
  // The number of the first thread of the chunk, block after block.
  uint64_t first = 0;
  Group now{};
  std::vector<Group> others;
};

}  // namespace

void interpret(const Launch& launch, const Memory& memory, KernelCounts& counts) { Interpreter(launch, memory, counts).run(); }

}  // namespace emulator
