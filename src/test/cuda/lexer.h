// PTX text as words, numbers and punctuation, each with its line.
#pragma once
#include <cstdint>
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

std::vector<std::string> split(const std::string& text, char separator);

// Where a reader is in the text.
class Cursor {
 public:
  explicit Cursor(const std::string& text) : input(tokens(text)) {}

  const Token& peek(size_t ahead = 0) const;
  Token next();
  bool accept(const char* text);
  void expect(const char* text);
  std::string word();
  uint32_t size() { return static_cast<uint32_t>(integer(word())); }
  uint64_t integer(const std::string& text) const;
  [[noreturn]] void refuse(const std::string& what) const { refusePtx(peek().line, what); }

 private:
  std::vector<Token> input;
  size_t position = 0;
};

}  // namespace emulator
