// A module of PTX in the form that the interpreter runs.
//
// 128 threads are interpreted at a time. Each register is an array of one value per thread, so an instruction is one loop that the host's
// compiler has made into vector instructions.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace emulator {

constexpr int LANES = 128;

// Runs one instruction in all lanes. Operands are the places of arrays in the register file: the destination's, then the sources'.
using Compute = void (*)(char* registers, const uint32_t* operands);

constexpr int OPERANDS = 5;

enum class Action : uint8_t { COMPUTE, LOAD, LOAD_PARAMETER, STORE, BRANCH, RETURN };

// How a register or operand may be used: PTX lets untyped bits meet any type of their width, and integers only integers.
struct Kind {
  int bits;
  char family;  // 'p'redicate, 'b'its, 'i'nteger, 'f'loat

  bool accepts(Kind other) const {
    bool untyped = family != 'p' && other.family != 'p' && (family == 'b' || other.family == 'b');
    return bits == other.bits && (family == other.family || untyped);
  }
};

constexpr uint32_t NONE = ~uint32_t{0};

struct Instruction {
  Action action = Action::COMPUTE;
  Compute compute = nullptr;
  // COMPUTE: destination and sources. Loads and stores: the registers of the vector, whose count is `elements`.
  uint32_t operands[OPERANDS] = {NONE, NONE, NONE, NONE, NONE};
  // The predicate that guards it, or NONE.
  uint32_t guard = NONE;
  bool guardNegated = false;
  // Loads and stores: the register with the address, or NONE for the parameter block itself, and what is added to it.
  uint32_t base = NONE;
  int64_t offset = 0;
  uint8_t elements = 0;
  uint8_t elementBytes = 0;
  uint8_t registerBytes = 0;
  bool isSigned = false;
  // BRANCH: the index of the instruction to go on with.
  uint32_t target = NONE;
  // The start of a basic block, and the number of PTX instructions in it.
  bool leader = false;
  uint32_t blockLength = 0;
  // 0 for the second and later parts of one PTX instruction.
  uint8_t cost = 1;
  int line = 0;
};

struct Parameter {
  std::string name;
  uint32_t offset;
  uint32_t bytes;
};

enum class Special : uint8_t { TID, NTID, CTAID, NCTAID };

// An array of the register file that holds what it holds before the first instruction.
struct Constant {
  uint32_t place;
  uint8_t bytes;
  uint64_t bits;
};

struct SpecialRegister {
  uint32_t place;
  Special which;
  int axis;
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  uint32_t parameterBytes = 0;
  std::vector<Instruction> code;
  std::vector<Constant> constants;
  std::vector<SpecialRegister> specials;
  // The size of the register file, and the place in it where masked results wait.
  uint32_t registerBytes = 0;
  uint32_t scratch = 0;
  // From .maxntid, or 1024.
  uint32_t maxThreads = 1024;
};

struct Program {
  std::vector<Kernel> kernels;

  const Kernel* find(const std::string& name) const {
    for (const Kernel& kernel : kernels) {
      if (kernel.name == name) {
        return &kernel;
      }
    }
    return nullptr;
  }
};

// Reads PTX text for a driver (11070 for CUDA 11.7) and a compute capability (80). Throws Fault INVALID_PTX, UNSUPPORTED_PTX_VERSION or
// NO_BINARY_FOR_GPU, with the line; whatever it does not know is refused.
std::shared_ptr<const Program> parse(const std::string& text, int driver, int sm);

}  // namespace emulator
