// PTX text to kernels. Only what is known for certain is accepted: the instructions of the table in operations.h, loads and stores of
// parameters and global memory, branches, and the directives that surround them.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "codes.h"
#include "lexer.h"
#include "operations.h"
#include "registers.h"

namespace emulator {
namespace {

struct Type {
  Kind kind;
  bool isSigned;
};

// Types as they stand behind a dot; widths in bits, predicates as in the register file.
const std::map<std::string, Type> TYPES = {
    {"pred", {P::kind, false}}, {"b8", {{8, 'b'}, false}}, {"u8", {{8, 'i'}, false}}, {"s8", {{8, 'i'}, true}},
    {"b16", {B16::kind, false}}, {"u16", {U16::kind, false}}, {"s16", {S16::kind, true}}, {"b32", {B32::kind, false}},
    {"u32", {U32::kind, false}}, {"s32", {S32::kind, true}}, {"f32", {F32::kind, false}}, {"b64", {B64::kind, false}},
    {"u64", {U64::kind, false}}, {"s64", {S64::kind, true}}, {"f64", {F64::kind, false}}};

// CUDA 10.2 reads PTX up to 6.5, 11.x up to 7.x, 12.x up to 8.x, and so on.
int newestPtx(int driver) {
  int major = driver / 1000;
  int minor = driver % 1000 / 10;
  return major >= 11 ? (major - 4) * 10 + minor : major == 10 ? 63 + minor : 60;
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

class Parser {
 public:
  Parser(const std::string& text, int driverVersion, int capability) : input(tokens(text)), driver(driverVersion), device(capability) {}

  std::shared_ptr<const Program> module() {
    header();
    auto program = std::make_shared<Program>();
    while (!peek().text.empty()) {
      if (peek().text == ".visible" || peek().text == ".weak") {
        next();
      }
      expect(".entry");
      Kernel kernel = entry();
      if (program->find(kernel.name) != nullptr) {
        refuse("the entry " + kernel.name + " is there twice");
      }
      program->kernels.push_back(std::move(kernel));
    }
    return program;
  }

 private:
  // --- tokens
  const Token& peek() const { return input[position]; }
  Token next() { return input[position + 1 < input.size() ? position++ : position]; }
  bool accept(const char* text) {
    bool here = peek().text == text;
    position += here;
    return here;
  }
  void expect(const char* text) {
    if (!accept(text)) {
      refuse(std::string("'") + text + "' is wanted, not '" + peek().text + "'");
    }
  }
  std::string word() {
    if (!peek().isWord()) {
      refuse("a name is wanted, not '" + peek().text + "'");
    }
    return next().text;
  }
  [[noreturn]] void refuse(const std::string& what) const { refusePtx(peek().line, what); }

  uint64_t integer(const std::string& text) const {
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
  uint32_t size() { return static_cast<uint32_t>(integer(word())); }

  // --- the module
  void header() {
    expect(".version");
    std::string version = word();
    std::vector<std::string> parts = split(version, '.');
    if (parts.size() != 2) {
      refuse("the version '" + version + "'");
    }
    if (integer(parts[0]) * 10 + integer(parts[1]) > static_cast<uint64_t>(newestPtx(driver))) {
      int newest = newestPtx(driver);
      throw Fault{UNSUPPORTED_PTX_VERSION, "PTX " + version + ", and a driver of CUDA " + format("%d.%d", driver / 1000, driver % 1000 / 10) +
          format(" reads PTX up to %d.%d", newest / 10, newest % 10)};
    }
    expect(".target");
    std::string name = word();
    if (name.rfind("sm_", 0) != 0) {
      refuse("the target '" + name + "'");
    }
    target = static_cast<int>(integer(name.substr(3)));
    if (target > device) {
      throw Fault{NO_BINARY_FOR_GPU, "PTX for " + name + format(", and the device is sm_%d", device)};
    }
    expect(".address_size");
    expect("64");
  }

  Kernel entry() {
    kernel = Kernel();
    registers = Registers();
    scopes.assign(1, {});
    labels.clear();
    jumps.clear();
    kernel.name = word();
    if (accept("(") && !accept(")")) {
      do {
        parameter();
      } while (accept(","));
      expect(")");
    }
    while (peek().text != "{") {
      performance();
    }
    expect("{");
    for (int depth = 1; depth > 0;) {
      statement(depth);
    }
    finish();
    return std::move(kernel);
  }

  const Type& type(const std::string& name) const {
    auto found = TYPES.find(name);
    if (found == TYPES.end()) {
      refuse("the type '" + name + "'");
    }
    return found->second;
  }
  const Type& dottedType(const std::string& text) const { return type(text.substr(text[0] == '.')); }

  void parameter() {
    expect(".param");
    uint32_t align = 0;
    if (accept(".align")) {
      align = size();
    }
    uint32_t bytes = dottedType(word()).kind.bits / 8;
    uint32_t count = 1;
    std::string name = word();
    if (accept("[")) {
      count = size();
      expect("]");
    }
    align = std::max(align, bytes);
    if ((align & (align - 1)) != 0 || align > 128 || bytes * uint64_t{count} > 4096) {
      refuse("the alignment or size of " + name);
    }
    uint32_t offset = (kernel.parameterBytes + align - 1) & ~(align - 1);
    kernel.parameters.push_back({name, offset, bytes * count});
    kernel.parameterBytes = offset + bytes * count;
  }

  void performance() {
    if (accept(".maxntid") || accept(".reqntid")) {
      uint32_t threads = size();
      while (accept(",")) {
        threads *= size();
      }
      kernel.maxThreads = threads;
    } else if (accept(".minnctapersm") || accept(".maxnreg")) {
      size();
    } else {
      refuse("the directive '" + peek().text + "'");
    }
  }

  // --- the body
  void statement(int& depth) {
    if (accept("{")) {
      depth++;
      scopes.emplace_back();
    } else if (accept("}")) {
      depth--;
      scopes.pop_back();
    } else if (accept(".reg")) {
      declare();
    } else if (accept(".pragma")) {
      if (next().text != "\"nounroll\"") {
        refuse("a pragma other than nounroll");
      }
      expect(";");
    } else if (input[std::min(position + 1, input.size() - 1)].text == ":") {
      std::string label = word();
      expect(":");
      if (!labels.emplace(label, kernel.code.size()).second) {
        refuse("the label " + label + " is there twice");
      }
    } else {
      instruction();
    }
  }

  void declare() {
    Kind kind = dottedType(word()).kind;
    if (kind.bits == 8 && kind.family != 'p') {
      refuse("registers of 8 bits");
    }
    do {
      std::string name = word();
      bool family = accept("<");
      uint32_t count = family ? size() : 1;
      if (family) {
        expect(">");
      }
      if (count > 100000) {
        refuse("that many registers");
      }
      for (uint32_t i = 0; i < count; i++) {
        std::string one = family ? name + std::to_string(i) : name;
        if (!scopes.back().emplace(one, registers.add(kind)).second) {
          refuse("the register " + one + " is there twice");
        }
      }
    } while (accept(","));
    expect(";");
  }

  // The number of a register in the file, checked for the use.
  uint32_t reg(const std::string& name, Kind use) {
    uint32_t found = reg(name);
    if (!registers.kind(found).accepts(use)) {
      refuse("the register " + name + " has another type than the instruction, or another width");
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
    refuse("'" + name + "' is no register");
  }

  void instruction() {
    Instruction made;
    made.line = peek().line;
    if (accept("@")) {
      made.guardNegated = accept("!");
      made.guard = reg(word(), P::kind);
    }
    std::string name = word();
    if (name.rfind("ld.", 0) == 0 || name.rfind("st.", 0) == 0) {
      memory(made, name);
    } else if (name == "bra" || name == "bra.uni") {
      made.action = Action::BRANCH;
      jumps.push_back({kernel.code.size(), word(), made.line});
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
    if (!accept(";")) {
      refuse(name + ": ';' is wanted, not '" + peek().text + "'");
    }
  }

  const Operation& operation(const std::string& key, const std::string& name) const {
    auto found = operations().find(key);
    if (found == operations().end()) {
      size_t dot = name.find('.');
      bool unrounded = dot != std::string::npos && operations().count(name.substr(0, dot) + ".rn" + name.substr(dot)) > 0;
      refuse(unrounded ? name + " without .rn: the driver's own compiler might fuse it" : "the instruction " + name + ", or these widths, are unknown");
    }
    return found->second;
  }

  void compute(Instruction& made, const std::string& name) {
    const Operation& wanted = operation(name, name);
    made.operands[0] = reg(word(), wanted.destination);
    for (size_t i = 0; i < wanted.sources.size(); i++) {
      expect(",");
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
    bool negative = accept("-");
    std::string text = word();
    if (!isdigit(static_cast<unsigned char>(text[0])) && !negative) {
      return reg(text, use);
    }
    if (use.family == 'f') {
      return registers.constant(use, realBits(text, use, negative));
    }
    uint64_t value = integer(text);
    if (use.family == 'p') {
      return registers.constant(use, value != 0);
    }
    uint64_t limit = negative ? uint64_t{1} << (use.bits - 1) : ~uint64_t{0} >> (64 - use.bits);
    if (value > limit) {
      refuse("the literal " + text + " is wider than the operand");
    }
    return registers.constant(use, negative ? -value : value);
  }

  uint64_t realBits(const std::string& text, Kind use, bool negative) const {
    size_t digits = use.bits == 32 ? 8 : 16;
    const char* prefix = use.bits == 32 ? "0f" : "0d";
    bool hex = text.size() == digits + 2 && std::all_of(text.begin() + 2, text.end(), [](unsigned char c) { return isxdigit(c); });
    if (negative || text.compare(0, 2, prefix) != 0 || !hex) {
      refuse("'" + text + "' is no literal of that width: " + prefix + " and " + std::to_string(digits) + " hexadecimal digits are wanted");
    }
    return strtoull(text.c_str() + 2, nullptr, 16);
  }

  void convert(Instruction& made, const std::string& name) {
    if (name.find(".bf16") != std::string::npos && target < 80) {
      refuse(name + " needs .target sm_80");
    }
    uint32_t to = reg(word());
    expect(",");
    uint32_t from = reg(word());
    std::string key = name + " " + std::to_string(registers.kind(to).bits) + " " + std::to_string(registers.kind(from).bits);
    const Operation& wanted = operation(key, name);
    made.operands[0] = to;
    made.operands[1] = from;
    if (!registers.kind(to).accepts(wanted.destination) || !registers.kind(from).accepts(wanted.sources[0])) {
      refuse(name + ": a register has another type than the instruction");
    }
    if (name == "cvt.rn.bf16x2.f32") {
      expect(",");
      made.operands[2] = reg(word(), F32::kind);
    }
    emit(made, wanted);
  }

  void move(Instruction& made, const std::string& name) {
    const Operation& wanted = operation(name, name);
    Kind kind = wanted.destination;
    if (accept("{")) {
      std::vector<std::string> parts = list();
      expect(",");
      uint32_t from = reg(word(), kind);
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
    made.operands[0] = reg(word(), kind);
    expect(",");
    if (accept("{")) {
      std::vector<std::string> parts = list();
      const Operation& pack = operation(format("pack %d %zu", kind.bits, parts.size()), name);
      for (size_t i = 0; i < parts.size(); i++) {
        made.operands[i + 1] = reg(parts[i], pack.sources[i]);
      }
      emit(made, pack);
      return;
    }
    const Parameter* parameter = findParameter(peek().text);
    if (parameter != nullptr && kind.bits == 64 && kind.family != 'f') {
      next();
      made.operands[1] = registers.constant(U64::kind, parameter->offset);
    } else if (isSpecial(peek().text)) {
      if (!kind.accepts(U32::kind)) {
        refuse("special registers have 32 bits");
      }
      made.operands[1] = special(next().text);
    } else {
      made.operands[1] = source(kind);
    }
    emit(made, wanted);
  }

  std::vector<std::string> list() {
    std::vector<std::string> names;
    do {
      names.push_back(word());
    } while (accept(","));
    expect("}");
    return names;
  }

  static bool isSpecial(const std::string& name) { return name.size() > 2 && name[name.size() - 2] == '.' && name[0] == '%'; }

  uint32_t special(const std::string& name) {
    static const std::map<std::string, Special> KNOWN = {
        {"%tid", Special::TID}, {"%ntid", Special::NTID}, {"%ctaid", Special::CTAID}, {"%nctaid", Special::NCTAID}};
    auto found = KNOWN.find(name.substr(0, name.size() - 2));
    int axis = name.back() - 'x';
    if (found == KNOWN.end() || axis < 0 || axis > 2) {
      refuse("the special register " + name);
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
      refuse("the instruction " + name + " is unknown");
    }
    Type accessed = type(parts[at]);
    if (accessed.kind.family == 'p' || accessed.kind.bits / 8 * made.elements > 16) {
      refuse("the instruction " + name + " is unknown");
    }
    made.action = ofParameter ? Action::LOAD_PARAMETER : load ? Action::LOAD : Action::STORE;
    made.elementBytes = static_cast<uint8_t>(accessed.kind.bits / 8);
    made.isSigned = accessed.isSigned;
    if (load) {
      vector(made, accessed.kind);
      expect(",");
      address(made);
    } else {
      address(made);
      expect(",");
      vector(made, accessed.kind);
    }
    kernel.code.push_back(made);
  }

  void vector(Instruction& made, Kind accessed) {
    std::vector<std::string> names;
    if (made.elements > 1) {
      expect("{");
      names = list();
      if (names.size() != made.elements) {
        refuse("a vector of another length");
      }
    } else if (made.action == Action::STORE && (peek().text[0] == '-' || isdigit(static_cast<unsigned char>(peek().text[0])))) {
      made.operands[0] = source(accessed.bits == 8 ? B16::kind : accessed);
      made.registerBytes = static_cast<uint8_t>(std::max(accessed.bits, 16) / 8);
      return;
    } else {
      names = {word()};
    }
    for (size_t i = 0; i < names.size(); i++) {
      uint32_t found = reg(names[i]);
      Kind kind = registers.kind(found);
      // Registers may be wider than what is loaded or stored, as integers.
      bool wider = kind.family != 'p' && kind.family != 'f' && kind.bits > accessed.bits && accessed.family != 'f';
      if (!kind.accepts(accessed) && !wider) {
        refuse("the register " + names[i] + " has another type than the instruction, or a smaller width");
      }
      if (made.registerBytes != 0 && made.registerBytes != kind.bits / 8) {
        refuse("registers of several widths");
      }
      made.registerBytes = static_cast<uint8_t>(kind.bits / 8);
      made.operands[i] = found;
    }
  }

  void address(Instruction& made) {
    expect("[");
    std::string name = word();
    const Parameter* parameter = findParameter(name);
    if (parameter != nullptr && made.action == Action::LOAD_PARAMETER) {
      made.offset = parameter->offset;
    } else {
      made.base = reg(name, U64::kind);
    }
    if (accept("+")) {
      bool negative = accept("-");
      int64_t distance = static_cast<int64_t>(integer(word()));
      made.offset += negative ? -distance : distance;
    } else if (accept("-")) {
      made.offset -= static_cast<int64_t>(integer(word()));
    }
    expect("]");
    uint64_t bytes = uint64_t{made.elements} * made.elementBytes;
    bool aligned = made.offset % static_cast<int64_t>(bytes) == 0;
    if (parameter != nullptr && made.action == Action::LOAD_PARAMETER) {
      bool inside = made.offset >= parameter->offset && made.offset + bytes <= parameter->offset + parameter->bytes;
      if (!inside || !aligned) {
        refuse("a load outside of " + parameter->name + ", or not aligned");
      }
    }
  }

  // --- the whole kernel
  void finish() {
    std::vector<Instruction>& code = kernel.code;
    if (code.empty() || (code.back().action != Action::RETURN && code.back().action != Action::BRANCH) || code.back().guard != NONE) {
      refuse(kernel.name + " runs past its end");
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

  std::vector<Token> input;
  size_t position = 0;
  int driver;
  int device;
  int target = 0;
  Kernel kernel;
  Registers registers;
  std::vector<std::map<std::string, uint32_t>> scopes;
  std::map<std::string, size_t> labels;
  std::vector<Jump> jumps;
};

}  // namespace

std::shared_ptr<const Program> parse(const std::string& text, int driver, int sm) { return Parser(text, driver, sm).module(); }

}  // namespace emulator
