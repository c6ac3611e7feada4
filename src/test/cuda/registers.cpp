#include "registers.h"

#include <algorithm>

namespace emulator {
namespace {

// The numbers that an instruction reads and writes.
struct Access {
  std::vector<uint32_t*> reads;
  std::vector<uint32_t*> writes;
};

Access access(Instruction& code) {
  Access found;
  auto note = [](std::vector<uint32_t*>& list, uint32_t& number) {
    if (number != NONE) {
      list.push_back(&number);
    }
  };
  bool load = code.action == Action::LOAD || code.action == Action::LOAD_PARAMETER;
  for (int i = 0; i < OPERANDS; i++) {
    bool written = load || (code.action == Action::COMPUTE && i == 0);
    note(written ? found.writes : found.reads, code.operands[i]);
  }
  note(found.reads, code.base);
  note(found.reads, code.guard);
  return found;
}

// From where to where in the text a register is alive. Each instruction has two moments.
struct Interval {
  uint32_t number;
  uint32_t start = NONE;
  uint32_t end = 0;

  void cover(uint32_t moment) {
    start = std::min(start, moment);
    end = std::max(end, moment);
  }
};

struct Block {
  uint32_t first;
  uint32_t last;
  std::vector<uint32_t> successors;
  std::vector<bool> reads;   // before it is written in the block
  std::vector<bool> writes;  // in all lanes
  std::vector<bool> alive;   // at the start
};

std::vector<Block> blocks(Kernel& kernel, size_t count) {
  std::vector<Block> out;
  std::vector<uint32_t> blockOf(kernel.code.size());
  for (uint32_t i = 0; i < kernel.code.size(); i++) {
    Instruction& code = kernel.code[i];
    if (code.leader) {
      out.push_back({i, i, {}, std::vector<bool>(count), std::vector<bool>(count), {}});
    }
    Block& block = out.back();
    block.last = i;
    blockOf[i] = static_cast<uint32_t>(out.size() - 1);
    Access found = access(code);
    auto read = [&](uint32_t number) {
      if (!block.writes[number]) {
        block.reads[number] = true;
      }
    };
    for (uint32_t* number : found.reads) {
      read(*number);
    }
    for (uint32_t* number : found.writes) {
      if (code.guard != NONE) {
        // Where the guard is false the old value lives on.
        read(*number);
      } else {
        block.writes[*number] = true;
      }
    }
  }
  for (uint32_t b = 0; b < out.size(); b++) {
    const Instruction& last = kernel.code[out[b].last];
    if (last.action == Action::BRANCH) {
      out[b].successors.push_back(blockOf[last.target]);
    }
    bool leaves = (last.action == Action::BRANCH || last.action == Action::RETURN) && last.guard == NONE;
    if (!leaves) {
      out[b].successors.push_back(b + 1);
    }
    out[b].alive = out[b].reads;
  }
  return out;
}

void findAlive(std::vector<Block>& all) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t b = all.size(); b-- > 0;) {
      for (uint32_t successor : all[b].successors) {
        for (size_t i = 0; i < all[b].alive.size(); i++) {
          if (all[successor].alive[i] && !all[b].writes[i] && !all[b].alive[i]) {
            all[b].alive[i] = true;
            changed = true;
          }
        }
      }
    }
  }
}

std::vector<Interval> intervals(Kernel& kernel, size_t count) {
  std::vector<Block> all = blocks(kernel, count);
  findAlive(all);
  std::vector<Interval> out(count);
  for (const Block& block : all) {
    for (uint32_t i = 0; i < count; i++) {
      if (block.alive[i]) {
        out[i].cover(2 * block.first);
      }
      for (uint32_t successor : block.successors) {
        if (all[successor].alive[i]) {
          out[i].cover(2 * block.last + 1);
        }
      }
    }
  }
  for (uint32_t i = 0; i < kernel.code.size(); i++) {
    // An instruction that computes may write where it reads; a load writes its first register before it has read the last address.
    bool computes = kernel.code[i].action == Action::COMPUTE;
    Access found = access(kernel.code[i]);
    for (uint32_t* number : found.reads) {
      out[*number].cover(2 * i + !computes);
    }
    for (uint32_t* number : found.writes) {
      out[*number].cover(2 * i + computes);
    }
  }
  for (uint32_t i = 0; i < count; i++) {
    out[i].number = i;
  }
  return out;
}

}  // namespace

uint32_t Registers::add(Kind kind) {
  kinds.push_back(kind);
  return static_cast<uint32_t>(kinds.size() - 1);
}

uint32_t Registers::constant(Kind kind, uint64_t bits) {
  bits &= ~uint64_t{0} >> (64 - kind.bits);
  auto [entry, fresh] = constants.try_emplace({kind.bits, bits}, 0);
  if (fresh) {
    entry->second = add({kind.bits, kind.family == 'p' ? 'p' : 'b'});
  }
  return entry->second;
}

uint32_t Registers::special(Special which, int axis) {
  auto [entry, fresh] = specials.try_emplace({which, axis}, 0);
  if (fresh) {
    entry->second = add({32, 'i'});
  }
  return entry->second;
}

void Registers::place(Kernel& kernel) {
  std::vector<uint32_t> places(kinds.size(), NONE);
  uint32_t top = LANES * 8;
  kernel.scratch = 0;
  auto take = [&](uint32_t number) {
    uint32_t place = top;
    top += static_cast<uint32_t>(LANES * kinds[number].bits / 8);
    return places[number] = place;
  };
  for (auto& [value, number] : constants) {
    kernel.constants.push_back({take(number), static_cast<uint8_t>(value.first / 8), value.second});
  }
  for (auto& [special, number] : specials) {
    kernel.specials.push_back({take(number), special.first, special.second});
  }

  std::vector<Interval> order = intervals(kernel, kinds.size());
  std::sort(order.begin(), order.end(), [](const Interval& a, const Interval& b) { return a.start < b.start; });
  std::vector<Interval> alive;
  std::map<int, std::vector<uint32_t>> unused;
  for (const Interval& interval : order) {
    if (interval.start == NONE || places[interval.number] != NONE) {
      continue;
    }
    auto ended = std::partition(alive.begin(), alive.end(), [&](const Interval& other) { return other.end >= interval.start; });
    for (auto over = ended; over != alive.end(); ++over) {
      unused[kinds[over->number].bits].push_back(places[over->number]);
    }
    alive.erase(ended, alive.end());
    std::vector<uint32_t>& free = unused[kinds[interval.number].bits];
    if (free.empty()) {
      take(interval.number);
    } else {
      places[interval.number] = free.back();
      free.pop_back();
    }
    alive.push_back(interval);
  }
  kernel.registerBytes = top;
  for (Instruction& code : kernel.code) {
    Access found = access(code);
    for (uint32_t* number : found.reads) {
      *number = places[*number];
    }
    for (uint32_t* number : found.writes) {
      *number = places[*number];
    }
  }
}

}  // namespace emulator
