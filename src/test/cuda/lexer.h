// PTX text as words, numbers and punctuation, each with its line.
#pragma once
#include <string>
#include <vector>

namespace emulator {

struct Token {
  // A word has letters, digits, _ $ % and dots, as in "%tid.x", "add.rn.f32", ".reg" and "0f3F800000". All else is one character, and the
  // end of the text an empty token. A string keeps its quotes.
  std::string text;
  int line;

  bool isWord() const;
};

// Throws Fault INVALID_PTX at a character that PTX does not have.
std::vector<Token> tokens(const std::string& text);

[[noreturn]] void refusePtx(int line, const std::string& what);

}  // namespace emulator
