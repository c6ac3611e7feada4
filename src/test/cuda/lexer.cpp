#include "lexer.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "codes.h"

namespace emulator {
namespace {

bool inWord(char c) { return isalnum(static_cast<unsigned char>(c)) || (c != 0 && strchr("_$%.", c) != nullptr); }

}  // namespace

bool Token::isWord() const { return !text.empty() && inWord(text[0]); }

void refusePtx(int line, const std::string& what) { throw Fault{INVALID_PTX, "PTX line " + std::to_string(line) + ": " + what}; }

std::vector<Token> tokens(const std::string& text) {
  std::vector<Token> out;
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    char c = text[i];
    if (c == '\n') {
      line++;
      i++;
    } else if (isspace(static_cast<unsigned char>(c))) {
      i++;
    } else if (text.compare(i, 2, "//") == 0) {
      i = text.find('\n', i);
      i = i == std::string::npos ? text.size() : i;
    } else if (text.compare(i, 2, "/*") == 0) {
      size_t end = text.find("*/", i + 2);
      if (end == std::string::npos) {
        refusePtx(line, "a comment that does not end");
      }
      for (; i < end + 2; i++) {
        line += text[i] == '\n';
      }
    } else if (c == '"') {
      size_t end = text.find_first_of("\"\n", i + 1);
      if (end == std::string::npos || text[end] == '\n') {
        refusePtx(line, "a string that does not end");
      }
      out.push_back({text.substr(i, end + 1 - i), line});
      i = end + 1;
    } else if (inWord(c)) {
      size_t end = i;
      while (end < text.size() && inWord(text[end])) {
        end++;
      }
      out.push_back({text.substr(i, end - i), line});
      i = end;
    } else if (strchr("{}[]()<>,;:@!+-", c) != nullptr) {
      out.push_back({std::string(1, c), line});
      i++;
    } else {
      refusePtx(line, std::string("the character '") + c + "'");
    }
  }
  out.push_back({"", line});
  return out;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

const Token& Cursor::peek(size_t ahead) const { return input[std::min(position + ahead, input.size() - 1)]; }

Token Cursor::next() {
  Token token = peek();
  position += position + 1 < input.size();
  return token;
}

bool Cursor::accept(const char* text) {
  bool here = peek().text == text;
  position += here;
  return here;
}

void Cursor::expect(const char* text) {
  if (!accept(text)) {
    refuse(std::string("'") + text + "' is wanted, not '" + peek().text + "'");
  }
}

std::string Cursor::word() {
  if (!peek().isWord()) {
    refuse("a name is wanted, not '" + peek().text + "'");
  }
  return next().text;
}

uint64_t Cursor::integer(const std::string& text) const {
  errno = 0;
  char* end = nullptr;
  uint64_t value = strtoull(text.c_str(), &end, 0);
  bool digits = !text.empty() && isdigit(static_cast<unsigned char>(text[0]));
  // PTX marks unsigned ones with a U.
  if (!digits || errno != 0 || (*end != 0 && strcmp(end, "U") != 0)) {
    refuse("'" + text + "' is no integer");
  }
  return value;
}

}  // namespace emulator
