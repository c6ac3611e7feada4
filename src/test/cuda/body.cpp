#include "body.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "codes.h"
#include "operations.h"
#include "registers.h"

namespace emulator {
namespace {

// Types as they stand behind a dot; widths in bits, predicates as in the register file.
const std::map<std::string, Type> TYPES = {
    {"pred", {P::kind, false}}, {"b8", {{8, 'b'}, false}}, {"u8", {{8, 'i'}, false}}, {"s8", {{8, 'i'}, true}},
    {"b16", {B16::kind, false}}, {"u16", {U16::kind, false}}, {"s16", {S16::kind, true}}, {"b32", {B32::kind, false}},
    {"u32", {U32::kind, false}}, {"s32", {S32::kind, true}}, {"f32", {F32::kind, false}}, {"b64", {B64::kind, false}},
    {"u64", {U64::kind, false}}, {"s64", {S64::kind, true}}, {"f64", {F64::kind, false}}};

class Body {
 public:
  Body(Cursor& from, Kernel& into, int capability) : text(from), kernel(into), target(capability), scopes(1) {}

  void parse() {
    for (int depth = 1; depth > 0;) {
      statement(depth);
    }
    finish();
  }

 private:
  void statement(int& depth) {
    if (text.accept("{")) {
      depth++;
      scopes.emplace_back();
    } else if (text.accept("}")) {
      depth--;
      scopes.pop_back();
    } else if (text.accept(".reg")) {
      declare();
    } else if (text.accept(".pragma")) {
      if (text.next().text != "\"nounroll\"") {
        text.refuse("a pragma other than nounroll");
      }
      text.expect(";");
    } else if (text.peek(1).text == ":") {
      std::string label = text.word();
      text.expect(":");
      if (!labels.emplace(label, kernel.code.size()).second) {
        text.refuse("the label " + label + " is there twice");
      }
    } else {
      instruction();
    }
  }

  void declare() {
    Kind kind = typeNamed(text, text.word()).kind;
    if (kind.bits == 8 && kind.family != 'p') {
      text.refuse("registers of 8 bits");
    }
    do {
      std::string name = text.word();
      bool family = text.accept("<");
      uint32_t count = family ? text.size() : 1;
      if (family) {
        text.expect(">");
      }
      if (count > 100000) {
        text.refuse("that many registers");
      }
      for (uint32_t i = 0; i < count; i++) {
        std::string one = family ? name + std::to_string(i) : name;
        if (!scopes.back().emplace(one, registers.add(kind)).second) {
          text.refuse("the register " + one + " is there twice");
        }
      }
    } while (text.accept(","));
    text.expect(";");
  }

  // The number of a register in the file, checked for the use.
  uint32_t reg(const std::string& name, Kind use) {
    uint32_t found = reg(name);
    if (!registers.kind(found).accepts(use)) {
      text.refuse("the register " + name + " has another type than the instruction, or another width");
    }
    return found;
  }
  uint32_t reg(const std::string& name) const {
    for (size_t i = scopes.size(); i-- > 0;) {
      auto found = scopes[i].find(name);
      if (found != scopes[i].end()) {
        return found->second;
      }
    }
    text.refuse("'" + name + "' is no register");
  }

  void instruction() {
    Instruction made;
    made.line = text.peek().line;
    if (text.accept("@")) {
      made.guardNegated = text.accept("!");
      made.guard = reg(text.word(), P::kind);
    }
    std::string name = text.word();
    if (target < 80 && (name.find(".bf16") != std::string::npos || name.find(".NaN") != std::string::npos)) {
      text.refuse(name + " needs .target sm_80");
    }
    if (name.rfind("ld.", 0) == 0 || name.rfind("st.", 0) == 0) {
      memory(made, name);
    } else if (name == "bra" || name == "bra.uni") {
      made.action = Action::BRANCH;
      jumps.push_back({kernel.code.size(), text.word(), made.line});
      kernel.code.push_back(made);
    } else if (name == "ret" || name == "exit") {
      made.action = Action::RETURN;
      kernel.code.push_back(made);
    } else if (name.rfind("mov.", 0) == 0) {
      move(made, name);
    } else if (name.rfind("cvt.", 0) == 0) {
      convert(made, name);
    } else {
      compute(made, name);
    }
    if (!text.accept(";")) {
      text.refuse(name + ": ';' is wanted, not '" + text.peek().text + "'");
    }
  }

  const Operation& operation(const std::string& key, const std::string& name) const {
    auto found = operations().find(key);
    if (found == operations().end()) {
      size_t dot = name.find('.');
      bool unrounded = dot != std::string::npos && operations().count(name.substr(0, dot) + ".rn" + name.substr(dot)) > 0;
      text.refuse(unrounded ? name + " without .rn: the driver's own compiler might fuse it"
                            : "the instruction " + name + " is unknown, or not with these widths");
    }
    return found->second;
  }

  void compute(Instruction& made, const std::string& name) {
    const Operation& wanted = operation(name, name);
    made.operands[0] = reg(text.word(), wanted.destination);
    for (size_t i = 0; i < wanted.sources.size(); i++) {
      text.expect(",");
      made.operands[i + 1] = source(wanted.sources[i]);
    }
    emit(made, wanted);
  }

  void emit(Instruction made, const Operation& operation) {
    made.compute = operation.compute;
    made.registerBytes = static_cast<uint8_t>(operation.destination.bits / 8);
    kernel.code.push_back(made);
  }

  // A register or a literal.
  uint32_t source(Kind use) {
    bool negative = text.accept("-");
    std::string name = text.word();
    if (!isdigit(static_cast<unsigned char>(name[0])) && !negative) {
      return reg(name, use);
    }
    if (use.family == 'f') {
      return registers.constant(use, realBits(name, use, negative));
    }
    uint64_t value = text.integer(name);
    if (use.family == 'p') {
      return registers.constant(use, value != 0);
    }
    uint64_t limit = negative ? uint64_t{1} << (use.bits - 1) : ~uint64_t{0} >> (64 - use.bits);
    if (value > limit) {
      text.refuse("the literal " + name + " is wider than the operand");
    }
    return registers.constant(use, negative ? -value : value);
  }

  uint64_t realBits(const std::string& literal, Kind use, bool negative) const {
    size_t digits = use.bits == 32 ? 8 : 16;
    const char* prefix = use.bits == 32 ? "0f" : "0d";
    bool hex = literal.size() == digits + 2 && std::all_of(literal.begin() + 2, literal.end(), [](unsigned char c) { return isxdigit(c); });
    if (negative || literal.compare(0, 2, prefix) != 0 || !hex) {
      text.refuse(format("'%s' is no literal of that width: %s and %zu hexadecimal digits are wanted", literal.c_str(), prefix, digits));
    }
    return strtoull(literal.c_str() + 2, nullptr, 16);
  }

  void convert(Instruction& made, const std::string& name) {
    uint32_t to = reg(text.word());
    text.expect(",");
    uint32_t from = reg(text.word());
    std::string key = name + " " + std::to_string(registers.kind(to).bits) + " " + std::to_string(registers.kind(from).bits);
    const Operation& wanted = operation(key, name);
    made.operands[0] = to;
    made.operands[1] = from;
    if (!registers.kind(to).accepts(wanted.destination) || !registers.kind(from).accepts(wanted.sources[0])) {
      text.refuse(name + ": a register has another type than the instruction");
    }
    if (name == "cvt.rn.bf16x2.f32") {
      text.expect(",");
      made.operands[2] = reg(text.word(), F32::kind);
    }
    emit(made, wanted);
  }

  void move(Instruction& made, const std::string& name) {
    const Operation& wanted = operation(name, name);
    Kind kind = wanted.destination;
    if (text.accept("{")) {
      std::vector<std::string> parts = list();
      text.expect(",");
      uint32_t from = reg(text.word(), kind);
      for (size_t i = 0; i < parts.size(); i++) {
        const Operation& part = operation(format("unpack %d %zu %zu", kind.bits, parts.size(), i), name);
        Instruction piece = made;
        piece.operands[0] = reg(parts[i], part.destination);
        piece.operands[1] = from;
        piece.cost = i == 0;
        emit(piece, part);
      }
      return;
    }
    made.operands[0] = reg(text.word(), kind);
    text.expect(",");
    if (text.accept("{")) {
      std::vector<std::string> parts = list();
      const Operation& pack = operation(format("pack %d %zu", kind.bits, parts.size()), name);
      for (size_t i = 0; i < parts.size(); i++) {
        made.operands[i + 1] = reg(parts[i], pack.sources[i]);
      }
      emit(made, pack);
      return;
    }
    const Parameter* parameter = findParameter(text.peek().text);
    if (parameter != nullptr && kind.bits == 64 && kind.family != 'f') {
      text.next();
      made.operands[1] = registers.constant(U64::kind, parameter->offset);
    } else if (isSpecial(text.peek().text)) {
      if (!kind.accepts(U32::kind)) {
        text.refuse("special registers have 32 bits");
      }
      made.operands[1] = special(text.next().text);
    } else {
      made.operands[1] = source(kind);
    }
    emit(made, wanted);
  }

  std::vector<std::string> list() {
    std::vector<std::string> names;
    do {
      names.push_back(text.word());
    } while (text.accept(","));
    text.expect("}");
    return names;
  }

  static bool isSpecial(const std::string& name) { return name.size() > 2 && name[name.size() - 2] == '.' && name[0] == '%'; }

  uint32_t special(const std::string& name) {
    static const std::map<std::string, Special> KNOWN = {
        {"%tid", Special::TID}, {"%ntid", Special::NTID}, {"%ctaid", Special::CTAID}, {"%nctaid", Special::NCTAID}};
    auto found = KNOWN.find(name.substr(0, name.size() - 2));
    int axis = name.back() - 'x';
    if (found == KNOWN.end() || axis < 0 || axis > 2) {
      text.refuse("the special register " + name);
    }
    return registers.special(found->second, axis);
  }

  const Parameter* findParameter(const std::string& name) const {
    for (const Parameter& parameter : kernel.parameters) {
      if (parameter.name == name) {
        return &parameter;
      }
    }
    return nullptr;
  }

  // ld.param.f64, ld.global.nc.v4.u32, st.global.v2.b64, st.u8 and so on.
  void memory(Instruction& made, const std::string& name) {
    std::vector<std::string> parts = split(name, '.');
    bool load = parts[0] == "ld";
    size_t at = 1;
    bool ofParameter = load && parts[at] == "param";
    bool global = parts[at] == "global";
    at += ofParameter || global;
    at += global && load && at < parts.size() && parts[at] == "nc";
    made.elements = 1;
    if (at < parts.size() && (parts[at] == "v2" || parts[at] == "v4")) {
      made.elements = static_cast<uint8_t>(parts[at++][1] - '0');
    }
    if (at + 1 != parts.size()) {
      text.refuse("the instruction " + name + " is unknown");
    }
    Type accessed = typeNamed(text, parts[at]);
    if (accessed.kind.family == 'p' || accessed.kind.bits / 8 * made.elements > 16) {
      text.refuse("the instruction " + name + " is unknown");
    }
    made.action = ofParameter ? Action::LOAD_PARAMETER : load ? Action::LOAD : Action::STORE;
    made.elementBytes = static_cast<uint8_t>(accessed.kind.bits / 8);
    made.isSigned = accessed.isSigned;
    if (load) {
      vector(made, accessed.kind);
      text.expect(",");
      address(made);
    } else {
      address(made);
      text.expect(",");
      vector(made, accessed.kind);
    }
    kernel.code.push_back(made);
  }

  void vector(Instruction& made, Kind accessed) {
    std::vector<std::string> names;
    if (made.elements > 1) {
      text.expect("{");
      names = list();
      if (names.size() != made.elements) {
        text.refuse("a vector of another length");
      }
    } else if (made.action == Action::STORE && (text.peek().text[0] == '-' || isdigit(static_cast<unsigned char>(text.peek().text[0])))) {
      made.operands[0] = source(accessed.bits == 8 ? B16::kind : accessed);
      made.registerBytes = static_cast<uint8_t>(std::max(accessed.bits, 16) / 8);
      return;
    } else {
      names = {text.word()};
    }
    for (size_t i = 0; i < names.size(); i++) {
      uint32_t found = reg(names[i]);
      Kind kind = registers.kind(found);
      // Registers may be wider than what is loaded or stored, as integers.
      bool wider = kind.family != 'p' && kind.family != 'f' && kind.bits > accessed.bits && accessed.family != 'f';
      if (!kind.accepts(accessed) && !wider) {
        text.refuse("the register " + names[i] + " has another type than the instruction, or a smaller width");
      }
      if (made.registerBytes != 0 && made.registerBytes != kind.bits / 8) {
        text.refuse("registers of several widths");
      }
      made.registerBytes = static_cast<uint8_t>(kind.bits / 8);
      made.operands[i] = found;
    }
  }

  void address(Instruction& made) {
    text.expect("[");
    std::string name = text.word();
    const Parameter* parameter = findParameter(name);
    if (parameter != nullptr && made.action == Action::LOAD_PARAMETER) {
      made.offset = parameter->offset;
    } else {
      made.base = reg(name, U64::kind);
    }
    if (text.accept("+")) {
      bool negative = text.accept("-");
      int64_t distance = static_cast<int64_t>(text.integer(text.word()));
      made.offset += negative ? -distance : distance;
    } else if (text.accept("-")) {
      made.offset -= static_cast<int64_t>(text.integer(text.word()));
    }
    text.expect("]");
    uint64_t bytes = uint64_t{made.elements} * made.elementBytes;
    bool aligned = made.offset % static_cast<int64_t>(bytes) == 0;
    if (parameter != nullptr && made.action == Action::LOAD_PARAMETER) {
      bool inside = made.offset >= parameter->offset && made.offset + bytes <= parameter->offset + parameter->bytes;
      if (!inside || !aligned) {
        text.refuse("a load outside of " + parameter->name + ", or not aligned");
      }
    }
  }

  // --- the whole kernel
  void finish() {
    std::vector<Instruction>& code = kernel.code;
    if (code.empty() || (code.back().action != Action::RETURN && code.back().action != Action::BRANCH) || code.back().guard != NONE) {
      text.refuse(kernel.name + " runs past its end");
    }
    code[0].leader = true;
    for (const Jump& jump : jumps) {
      auto found = labels.find(jump.label);
      if (found == labels.end() || found->second >= code.size()) {
        refusePtx(jump.line, "there is no label " + jump.label);
      }
      code[jump.from].target = static_cast<uint32_t>(found->second);
      code[found->second].leader = true;
    }
    for (size_t i = 0; i + 1 < code.size(); i++) {
      code[i + 1].leader |= code[i].action == Action::BRANCH || code[i].action == Action::RETURN;
    }
    uint32_t length = 0;
    for (size_t i = code.size(); i-- > 0;) {
      length += code[i].cost;
      if (code[i].leader) {
        code[i].blockLength = length;
        length = 0;
      }
    }
    registers.place(kernel);
  }

  struct Jump {
    size_t from;
    std::string label;
    int line;
  };

  Cursor& text;
  Kernel& kernel;
  int target;
  Registers registers;
  std::vector<std::map<std::string, uint32_t>> scopes;
  std::map<std::string, size_t> labels;
  std::vector<Jump> jumps;
};

}  // namespace

const Type& typeNamed(const Cursor& text, const std::string& name) {
  auto found = TYPES.find(name.substr(name[0] == '.'));
  if (found == TYPES.end()) {
    text.refuse("the type '" + name + "'");
  }
  return found->second;
}

void parseBody(Cursor& text, Kernel& kernel, int target) { Body(text, kernel, target).parse(); }

}  // namespace emulator
