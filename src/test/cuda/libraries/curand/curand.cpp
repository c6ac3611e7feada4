// libcurand.so.10: the host API over the emulated driver's memory and streams. What a program sets is taken at the call; what it generates
// is made when the stream gets there.
#include "../library.h"
#include "sequence.h"

using namespace emulator;

namespace {

enum Status : int {
  NO_GENERATOR = 101,
  ALLOCATION_FAILED = 102,
  TYPE_ERROR = 103,
  OUT_OF_RANGE = 104,
  LENGTH_NOT_MULTIPLE = 105,
  LAUNCH_FAILURE = 201,
  PREEXISTING_FAILURE = 202,
  INITIALIZATION_FAILED = 203,
  INTERNAL_ERROR = 999,
};

const char* statusName(int status) {
  switch (status) {
    case 100: return "CURAND_STATUS_VERSION_MISMATCH";
    case 101: return "CURAND_STATUS_NOT_INITIALIZED";
    case 102: return "CURAND_STATUS_ALLOCATION_FAILED";
    case 103: return "CURAND_STATUS_TYPE_ERROR";
    case 104: return "CURAND_STATUS_OUT_OF_RANGE";
    case 105: return "CURAND_STATUS_LENGTH_NOT_MULTIPLE";
    case 106: return "CURAND_STATUS_DOUBLE_PRECISION_REQUIRED";
    case 201: return "CURAND_STATUS_LAUNCH_FAILURE";
    case 202: return "CURAND_STATUS_PREEXISTING_FAILURE";
    case 203: return "CURAND_STATUS_INITIALIZATION_FAILED";
    case 204: return "CURAND_STATUS_ARCH_MISMATCH";
    case 999: return "CURAND_STATUS_INTERNAL_ERROR";
    default: return nullptr;
  }
}

const Library CURAND = {INITIALIZATION_FAILED, ALLOCATION_FAILED, OUT_OF_RANGE, LAUNCH_FAILURE, PREEXISTING_FAILURE, INTERNAL_ERROR,
    statusName};
const char* const KIND = "curand generators";
// A kernel may store as much as this at once, and the library says nothing of what it does.
constexpr size_t WIDEST_STORE = 16;

struct Generator {
  int type;
  // Null for one that writes to the host's memory.
  const Context* context;
  std::shared_ptr<curand::Sequence> sequence;
  curand::Start start{};
  bool started = false;
  Handle stream = 0;
};

Generator& live(Driver& driver, Handle handle) { return *emulator::live<Generator>(driver, KIND, handle, NO_GENERATOR); }

int create(const char* name, Handle* handle, int type, bool onHost) {
  return call(CURAND, name, onHost ? Rule::ANYTIME : Rule::CONTEXT, [&](Driver& driver) {
    if (type == 100) {
      type = curand::XORWOW;
    }
    if (type != curand::XORWOW && type != curand::PHILOX) {
      refuse(TYPE_ERROR, format("type %d: the emulated ones are 100 and 101 (XORWOW) and 161 (Philox)", type));
    }
    Context* context = nullptr;
    if (!onHost) {
      driver.refuseInCapture();
      context = &driver.current();
    }
    std::shared_ptr<curand::Sequence> sequence = curand::original(type);
    if (sequence == nullptr) {
      sequence = type == curand::PHILOX ? curand::philox() : curand::xorwow();
    }
    auto generator = std::make_shared<Generator>(Generator{type, context, sequence});
    wanted(handle, "generator") = driver.libraryHandles.add({context, KIND, generator});
  });
}

// Changes something about a generator.
int set(const char* name, Handle handle, const std::function<void(Generator&)>& change) {
  return call(CURAND, name, Rule::ANYTIME, [&](Driver& driver) { change(live(driver, handle)); });
}

void run(curand::Sequence& sequence, bool first, const curand::Start& start, const curand::Request& request, void* out) {
  if (first) {
    sequence.start(start);
  }
  sequence.generate(request, out);
}

void onDevice(Driver& driver, const char* name, Generator& generator, Address address, const curand::Request& request) {
  Context& context = driver.usable();
  if (generator.context != &context) {
    refuse(LAUNCH_FAILURE, "the generator belongs to another context than the current one");
  }
  if (request.normal() && request.count % 2 != 0) {
    refuse(LENGTH_NOT_MULTIPLE, format("%zu normals: they come in pairs", request.count));
  }
  if (request.count == 0) {
    return;
  }
  auto sequence = generator.sequence;
  bool first = !generator.started;
  submit(driver, name, generator.stream, [=, &driver, device = context.device, start = generator.start] {
    run(*sequence, first, start, request, aligned(driver, device, address, request.count, request.size(), WIDEST_STORE));
  });
}

int generate(const char* name, Handle handle, Address address, const curand::Request& request) {
  return call(CURAND, name, Rule::ANYTIME, [&](Driver& driver) {
    Generator& generator = live(driver, handle);
    if (generator.context == nullptr) {
      run(*generator.sequence, !generator.started, generator.start, request, reinterpret_cast<void*>(address));
    } else {
      onDevice(driver, name, generator, address, request);
    }
    generator.started = generator.started || request.count > 0;
    // A new seed goes on where the last one stopped, unless an offset is set too.
    generator.start.offset += request.count;
  });
}

}  // namespace

ENTRY curandCreateGenerator(Handle* generator, int type) { return create("curandCreateGenerator", generator, type, false); }
ENTRY curandCreateGeneratorHost(Handle* generator, int type) { return create("curandCreateGeneratorHost", generator, type, true); }

ENTRY curandDestroyGenerator(Handle generator) {
  return destroy(CURAND, "curandDestroyGenerator", KIND, generator, NO_GENERATOR);
}

ENTRY curandSetStream(Handle generator, Handle stream) {
  return set("curandSetStream", generator, [&](Generator& changed) { changed.stream = stream; });
}

ENTRY curandSetPseudoRandomGeneratorSeed(Handle generator, unsigned long long seed) {
  return set("curandSetPseudoRandomGeneratorSeed", generator, [&](Generator& changed) {
    changed.start.seed = seed;
    changed.started = false;
  });
}

ENTRY curandSetGeneratorOffset(Handle generator, unsigned long long offset) {
  return set("curandSetGeneratorOffset", generator, [&](Generator& changed) {
    changed.start.offset = offset;
    changed.started = false;
  });
}

ENTRY curandSetGeneratorOrdering(Handle generator, int ordering) {
  return set("curandSetGeneratorOrdering", generator, [&](Generator& changed) {
    // BEST, DEFAULT, SEEDED (of XORWOW), LEGACY
    if (ordering < 100 || ordering > 103 || (ordering == 102 && changed.type == curand::PHILOX)) {
      refuse(OUT_OF_RANGE, format("ordering %d", ordering));
    }
    changed.start.legacy = ordering == 103;
    changed.started = false;
  });
}

ENTRY curandSetQuasiRandomGeneratorDimensions(Handle generator, unsigned) {
  return set("curandSetQuasiRandomGeneratorDimensions", generator, [](Generator&) { refuse(TYPE_ERROR, "a pseudorandom generator"); });
}

ENTRY curandGenerateSeeds(Handle generator) {
  return set("curandGenerateSeeds", generator, [](Generator&) {});
}

ENTRY curandGenerate(Handle generator, Address out, size_t count) {
  return generate("curandGenerate", generator, out, {curand::Law::WORDS, count, 0, 0});
}

ENTRY curandGenerateUniform(Handle generator, Address out, size_t count) {
  return generate("curandGenerateUniform", generator, out, {curand::Law::UNIFORM, count, 0, 0});
}

ENTRY curandGenerateUniformDouble(Handle generator, Address out, size_t count) {
  return generate("curandGenerateUniformDouble", generator, out, {curand::Law::UNIFORM64, count, 0, 0});
}

ENTRY curandGenerateNormal(Handle generator, Address out, size_t count, float mean, float deviation) {
  return generate("curandGenerateNormal", generator, out, {curand::Law::NORMAL, count, mean, deviation});
}

ENTRY curandGenerateNormalDouble(Handle generator, Address out, size_t count, double mean, double deviation) {
  return generate("curandGenerateNormalDouble", generator, out, {curand::Law::NORMAL64, count, mean, deviation});
}

ENTRY curandGenerateLogNormal(Handle generator, Address out, size_t count, float mean, float deviation) {
  return generate("curandGenerateLogNormal", generator, out, {curand::Law::LOG_NORMAL, count, mean, deviation});
}

ENTRY curandGenerateLogNormalDouble(Handle generator, Address out, size_t count, double mean, double deviation) {
  return generate("curandGenerateLogNormalDouble", generator, out, {curand::Law::LOG_NORMAL64, count, mean, deviation});
}

// Words of 64 bits are for quasirandom generators only.
ENTRY curandGenerateLongLong(Handle generator, Address, size_t) {
  return set("curandGenerateLongLong", generator, [](Generator&) { refuse(TYPE_ERROR, "a generator of 32 bits"); });
}

ENTRY curandGetVersion(int* version) {
  return call(CURAND, "curandGetVersion", Rule::ANYTIME, [&](Driver&) { wanted(version, "version") = 10300; });
}

ENTRY curandGetProperty(int property, int* value) {
  return call(CURAND, "curandGetProperty", Rule::ANYTIME, [&](Driver&) {
    if (property < 0 || property > 2) {
      refuse(OUT_OF_RANGE, format("property %d", property));
    }
    wanted(value, "value") = property == 0 ? 10 : property == 1 ? 3 : 0;
  });
}

// The other functions that the natives of JCuda 11.7.0 refer to.
#define STUB(name) \
  ENTRY name() { return unsupported(CURAND, #name); }

STUB(curandCreatePoissonDistribution)
STUB(curandDestroyDistribution)
STUB(curandGeneratePoisson)
STUB(curandGetDirectionVectors32)
STUB(curandGetDirectionVectors64)
STUB(curandGetScrambleConstants32)
STUB(curandGetScrambleConstants64)
