// CURAND_RNG_PSEUDO_XORWOW: 4096 generators of Marsaglia ("Xorshift RNGs", 2003, section 3.1), each 2^67 steps after the one before it,
// draw in turn; a draw takes as many words as its law needs. Compared with NVIDIA's generator on the host.
#include <array>
#include <vector>

#include "sequence.h"

namespace curand {
namespace {

constexpr int BITS = 160;
using State = std::array<uint32_t, 5>;
// The images of the single bits.
using Steps = std::vector<State>;

State next(const State& v) {
  uint32_t t = v[0] ^ (v[0] >> 2);
  return {v[1], v[2], v[3], v[4], (v[4] ^ (v[4] << 4)) ^ (t ^ (t << 1))};
}

State image(const Steps& steps, const State& v) {
  State result{};
  for (int bit = 0; bit < BITS; bit++) {
    if ((v[bit / 32] >> (bit % 32) & 1) != 0) {
      for (int i = 0; i < 5; i++) {
        result[i] ^= steps[bit][i];
      }
    }
  }
  return result;
}

Steps twice(const Steps& steps) {
  Steps result;
  for (const State& step : steps) {
    result.push_back(image(steps, step));
  }
  return result;
}

Steps one() {
  Steps result;
  for (int bit = 0; bit < BITS; bit++) {
    State single{};
    single[bit / 32] = 1u << (bit % 32);
    result.push_back(next(single));
  }
  return result;
}

Steps power(int exponent) {
  Steps result = one();
  for (int i = 0; i < exponent; i++) {
    result = twice(result);
  }
  return result;
}

struct Generator {
  State v;
  uint32_t d;

  uint32_t word() {
    v = next(v);
    d += 362437;
    return v[4] + d;
  }

  double unit64() {
    uint32_t low = word();
    return uniform64(low, word());
  }

  void skip(uint64_t count) {
    d += static_cast<uint32_t>(count) * 362437;
    for (Steps steps = count == 0 ? Steps() : one(); count != 0; count >>= 1, steps = twice(steps)) {
      if (count % 2 != 0) {
        v = image(steps, v);
      }
    }
  }
};

class Xorwow : public Sequence {
 public:
  void start(const Start& from) override {
    static const Steps jump = power(67);
    uint32_t s0 = static_cast<uint32_t>(from.seed) ^ 0xAAD26B49;
    uint32_t s1 = static_cast<uint32_t>(from.seed >> 32) ^ 0xF7DCEFDD;
    uint32_t t0 = 1099087573 * s0;
    uint32_t t1 = 2591861531u * s1;
    Generator generator{{123456789 + t0, 362436069 ^ t0, 521288629 + t1, 88675123 ^ t1, 5783321 + t0}, 6615241 + t1 + t0};
    uint64_t count = from.legacy ? 4096 : 64;
    turn = from.offset % count;
    generators.clear();
    // Steps of one matrix may come in any order: all skip alike first, and those before the turn one step more.
    generator.skip(from.offset / count);
    for (uint64_t i = 0; i < count; i++) {
      generators.push_back(generator);
      if (i < turn) {
        generators.back().word();
      }
      // 2^67 steps leave d as it is.
      generator.v = image(jump, generator.v);
    }
  }

  void generate(const Request& request, void* out) override {
    for (size_t i = 0; i < request.count; i++) {
      switch (request.law) {
        case Law::WORDS: static_cast<uint32_t*>(out)[i] = draw().word(); break;
        case Law::UNIFORM: static_cast<float*>(out)[i] = uniform(draw().word()); break;
        case Law::UNIFORM64: static_cast<double*>(out)[i] = draw().unit64(); break;
        default: pair(request, i++, out);
      }
    }
  }

 private:
  Generator& draw() {
    Generator& drawn = generators[turn];
    turn = (turn + 1) % generators.size();
    return drawn;
  }

  // Values i and i + 1, if there is one.
  void pair(const Request& request, size_t i, void* out) {
    Generator& drawn = draw();
    double first;
    double second;
    if (request.wide()) {
      double u = drawn.unit64();
      double t = drawn.unit64();
      first = normal64(u, t, false);
      second = normal64(u, t, true);
    } else {
      uint32_t x = drawn.word();
      uint32_t y = drawn.word();
      first = normal(x, y, false);
      second = normal(x, y, true);
    }
    storeNormal(request, i, first, out);
    if (i + 1 < request.count) {
      storeNormal(request, i + 1, second, out);
    }
  }

  std::vector<Generator> generators;
  uint64_t turn = 0;
};

}  // namespace

std::unique_ptr<Sequence> xorwow() { return std::make_unique<Xorwow>(); }

}  // namespace curand
