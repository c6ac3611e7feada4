// CURAND_RNG_PSEUDO_PHILOX4_32_10 as STREAM.md defines it.
#include "sequence.h"

namespace curand {
namespace {

class Philox : public Sequence {
 public:
  void start(const Start& from) override {
    seed = from.seed;
    offset = from.offset;
    made = 0;
    subsequences = from.legacy ? 65536 : 64;
    known = ~uint64_t{0};
  }

  void generate(const Request& request, void* out) override {
    for (size_t i = 0; i < request.count; i++) {
      uint64_t n = offset + made + i;
      switch (request.law) {
        case Law::WORDS: static_cast<uint32_t*>(out)[i] = word(n); break;
        case Law::UNIFORM: static_cast<float*>(out)[i] = uniform(word(n)); break;
        case Law::UNIFORM64: static_cast<double*>(out)[i] = unit64(made + i, n % 2); break;
        case Law::NORMAL:
        case Law::LOG_NORMAL: storeNormal(request, i, normal(word(n / 2 * 2), word(n / 2 * 2 + 1), n % 2 != 0), out); break;
        case Law::NORMAL64:
        case Law::LOG_NORMAL64: storeNormal(request, i, normal64(unit64(made + i, 0), unit64(made + i, 1), n % 2 != 0), out); break;
      }
    }
    made += request.count;
  }

 private:
  uint32_t word(uint64_t n) {
    block(n / 4 % subsequences, n / 4 / subsequences);
    return lanes[n % 4];
  }

  // The first or the second double of the block that holds the n-th since the start. Each subsequence draws four at a time, from its own
  // place, which the offset has set: as words, the later ones of a round are one block ahead.
  double unit64(uint64_t n, uint64_t half) {
    uint64_t place = offset % 4 + n;
    uint64_t first = offset / 4 + place / 4 % subsequences;
    block(first % subsequences, first / subsequences + place / 4 / subsequences * 2 + place % 4 / 2);
    return uniform64(lanes[2 * half], lanes[2 * half + 1]);
  }

  void block(uint64_t subsequence, uint64_t counter) {
    if (known == subsequence && knownCounter == counter) {
      return;
    }
    known = subsequence;
    knownCounter = counter;
    lanes[0] = static_cast<uint32_t>(counter);
    lanes[1] = static_cast<uint32_t>(counter >> 32);
    lanes[2] = static_cast<uint32_t>(subsequence);
    lanes[3] = static_cast<uint32_t>(subsequence >> 32);
    auto key0 = static_cast<uint32_t>(seed);
    auto key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; round++) {
      uint64_t product0 = uint64_t{0xD2511F53} * lanes[0];
      uint64_t product1 = uint64_t{0xCD9E8D57} * lanes[2];
      lanes[0] = static_cast<uint32_t>(product1 >> 32) ^ lanes[1] ^ key0;
      lanes[1] = static_cast<uint32_t>(product1);
      lanes[2] = static_cast<uint32_t>(product0 >> 32) ^ lanes[3] ^ key1;
      lanes[3] = static_cast<uint32_t>(product0);
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
  }

  uint64_t seed = 0;
  uint64_t offset = 0;
  uint64_t made = 0;
  uint64_t subsequences = 1;
  uint64_t known = ~uint64_t{0};
  uint64_t knownCounter = 0;
  uint32_t lanes[4];
};

}  // namespace

std::unique_ptr<Sequence> philox() { return std::make_unique<Philox>(); }

}  // namespace curand
