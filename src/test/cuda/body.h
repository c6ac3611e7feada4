// The bodies of kernels.
#pragma once
#include <string>

#include "lexer.h"
#include "ptx.h"

namespace emulator {

struct Type {
  Kind kind;
  bool isSigned;
};

// The type of that name, with or without its dot; refused if there is none.
const Type& typeNamed(const Cursor& text, const std::string& name);

// Reads a body from behind its opening brace to the closing one, for a kernel that has its name and parameters.
void parseBody(Cursor& text, Kernel& kernel, int target);

}  // namespace emulator
