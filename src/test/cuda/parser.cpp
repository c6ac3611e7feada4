// PTX text to kernels. Only what is known for certain is accepted: the instructions of the table in operations.h, loads and stores of
// parameters and global memory, branches, and the directives that surround them.
#include <algorithm>

#include "body.h"
#include "codes.h"
#include "lexer.h"

namespace emulator {
namespace {

// CUDA 10.2 reads PTX up to 6.5, 11.x up to 7.x, 12.x up to 8.x, and so on.
int newestPtx(int driver) {
  int major = driver / 1000;
  int minor = driver % 1000 / 10;
  return major >= 11 ? (major - 4) * 10 + minor : major == 10 ? 63 + minor : 60;
}

class Parser {
 public:
  Parser(const std::string& ptx, int driverVersion, int capability) : text(ptx), driver(driverVersion), device(capability) {}

  std::shared_ptr<const Program> module() {
    header();
    auto program = std::make_shared<Program>();
    while (!text.peek().text.empty()) {
      if (text.peek().text == ".visible" || text.peek().text == ".weak") {
        text.next();
      }
      text.expect(".entry");
      Kernel kernel = entry();
      if (program->find(kernel.name) != nullptr) {
        text.refuse("the entry " + kernel.name + " is there twice");
      }
      program->kernels.push_back(std::move(kernel));
    }
    return program;
  }

 private:
  void header() {
    text.expect(".version");
    std::string version = text.word();
    std::vector<std::string> parts = split(version, '.');
    if (parts.size() != 2) {
      text.refuse("the version '" + version + "'");
    }
    int newest = newestPtx(driver);
    if (text.integer(parts[0]) * 10 + text.integer(parts[1]) > static_cast<uint64_t>(newest)) {
      throw Fault{UNSUPPORTED_PTX_VERSION, format("PTX %s, and a driver of CUDA %d.%d reads PTX up to %d.%d", version.c_str(),
          driver / 1000, driver % 1000 / 10, newest / 10, newest % 10)};
    }
    text.expect(".target");
    std::string name = text.word();
    if (name.rfind("sm_", 0) != 0) {
      text.refuse("the target '" + name + "'");
    }
    target = static_cast<int>(text.integer(name.substr(3)));
    if (target > device) {
      throw Fault{NO_BINARY_FOR_GPU, "PTX for " + name + format(", and the device is sm_%d", device)};
    }
    text.expect(".address_size");
    text.expect("64");
  }

  Kernel entry() {
    Kernel kernel;
    kernel.name = text.word();
    if (text.accept("(") && !text.accept(")")) {
      do {
        parameter(kernel);
      } while (text.accept(","));
      text.expect(")");
    }
    while (text.peek().text != "{") {
      performance(kernel);
    }
    text.expect("{");
    parseBody(text, kernel, target);
    return kernel;
  }

  void parameter(Kernel& kernel) {
    text.expect(".param");
    uint32_t align = 0;
    if (text.accept(".align")) {
      align = text.size();
    }
    uint32_t bytes = typeNamed(text, text.word()).kind.bits / 8;
    uint32_t count = 1;
    std::string name = text.word();
    if (text.accept("[")) {
      count = text.size();
      text.expect("]");
    }
    align = std::max(align, bytes);
    if ((align & (align - 1)) != 0 || align > 128 || bytes * uint64_t{count} > 4096) {
      text.refuse("the alignment or size of " + name);
    }
    uint32_t offset = (kernel.parameterBytes + align - 1) & ~(align - 1);
    kernel.parameters.push_back({name, offset, bytes * count});
    kernel.parameterBytes = offset + bytes * count;
  }

  void performance(Kernel& kernel) {
    if (text.accept(".maxntid") || text.accept(".reqntid")) {
      uint32_t threads = text.size();
      while (text.accept(",")) {
        threads *= text.size();
      }
      kernel.maxThreads = threads;
    } else if (text.accept(".minnctapersm") || text.accept(".maxnreg")) {
      text.size();
    } else {
      text.refuse("the directive '" + text.peek().text + "'");
    }
  }

  Cursor text;
  int driver;
  int device;
  int target = 0;
};

}  // namespace

std::shared_ptr<const Program> parse(const std::string& text, int driver, int sm) { return Parser(text, driver, sm).module(); }

}  // namespace emulator
