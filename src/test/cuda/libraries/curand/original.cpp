// NVIDIA's own generator, which works on the host without a GPU.
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "../library.h"
#include "sequence.h"

namespace curand {
namespace {

using Generator = void*;
constexpr int LEGACY = 103;

class Calls {
 public:
  explicit Calls(const char* path) : library(dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)) {
    if (library == nullptr) {
      emulator::refuse(203, std::string("TENSORSEED_CURAND: ") + dlerror());
    }
  }

  template <class... Arguments>
  void operator()(const char* name, Arguments... arguments) const {
    auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
    int status = function == nullptr ? 203 : function(arguments...);
    if (status != 0) {
      emulator::refuse(status, std::string("the original ") + name);
    }
  }

 private:
  void* library;
};

const Calls* calls() {
  static const char* path = getenv("TENSORSEED_CURAND");
  static const Calls* loaded = path == nullptr || *path == 0 ? nullptr : new Calls(path);
  return loaded;
}

class Original : public Sequence {
 public:
  Original(const Calls& functions, int wanted) : call(functions), type(wanted) { call("curandCreateGeneratorHost", &generator, type); }
  ~Original() override { call("curandDestroyGenerator", generator); }

  void start(const Start& from) override {
    position = from.offset;
    // Other orderings are deliberately others, and that library gives the same for all.
    own = from.legacy ? nullptr : type == PHILOX ? philox() : xorwow();
    if (own != nullptr) {
      own->start(from);
      return;
    }
    call("curandSetGeneratorOrdering", generator, LEGACY);
    call("curandSetPseudoRandomGeneratorSeed", generator, static_cast<unsigned long long>(from.seed));
    call("curandSetGeneratorOffset", generator, static_cast<unsigned long long>(position));
  }

  void generate(const Request& request, void* out) override {
    if (own != nullptr) {
      own->generate(request, out);
    } else if (type == PHILOX && !request.wide()) {
      generateWords(request, out);  // doubles go on otherwise than by an offset, which counts words
    } else {
      run(request, out);
    }
    position += request.count;
  }

 private:
  // The last count % 4 words after an offset that is a positive multiple of 4, and what continues calls of awkward lengths, are wrong in
  // the library: each call starts anew here, and makes a multiple of 4.
  void generateWords(Request request, void* out) {
    call("curandSetGeneratorOffset", generator, static_cast<unsigned long long>(position));
    size_t bytes = request.bytes();
    std::vector<char> whole(request.count % 4 == 0 ? 0 : bytes + 32);
    if (whole.empty()) {
      run(request, out);
    } else {
      request.count = (request.count + 3) / 4 * 4;
      run(request, whole.data());
      memcpy(out, whole.data(), bytes);
    }
  }

  void run(const Request& request, void* out) {
    auto mean = static_cast<float>(request.mean);
    auto deviation = static_cast<float>(request.deviation);
    size_t count = request.count;
    switch (request.law) {
      case Law::WORDS: call("curandGenerate", generator, out, count); break;
      case Law::UNIFORM: call("curandGenerateUniform", generator, out, count); break;
      case Law::UNIFORM64: call("curandGenerateUniformDouble", generator, out, count); break;
      case Law::NORMAL: call("curandGenerateNormal", generator, out, count, mean, deviation); break;
      case Law::NORMAL64: call("curandGenerateNormalDouble", generator, out, count, request.mean, request.deviation); break;
      case Law::LOG_NORMAL: call("curandGenerateLogNormal", generator, out, count, mean, deviation); break;
      case Law::LOG_NORMAL64: call("curandGenerateLogNormalDouble", generator, out, count, request.mean, request.deviation); break;
    }
  }

  const Calls& call;
  int type;
  Generator generator = nullptr;
  uint64_t position = 0;
  std::unique_ptr<Sequence> own;
};

}  // namespace

std::unique_ptr<Sequence> original(int type) {
  const Calls* functions = calls();
  return functions == nullptr ? nullptr : std::make_unique<Original>(*functions, type);
}

}  // namespace curand
