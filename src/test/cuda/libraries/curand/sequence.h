// What a generator makes, in the order of its calls.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace curand {

constexpr int XORWOW = 101;
constexpr int PHILOX = 161;

enum class Law { WORDS, UNIFORM, UNIFORM64, NORMAL, NORMAL64, LOG_NORMAL, LOG_NORMAL64 };

struct Request {
  Law law;
  size_t count;
  double mean;
  double deviation;

  bool wide() const { return law == Law::UNIFORM64 || law == Law::NORMAL64 || law == Law::LOG_NORMAL64; }
  bool normal() const { return law != Law::WORDS && law != Law::UNIFORM && law != Law::UNIFORM64; }
  size_t size() const { return wide() ? sizeof(double) : sizeof(float); }
  size_t bytes() const { return count * size(); }
};

// Where a sequence starts. The offset counts words.
struct Start {
  uint64_t seed = 0;
  uint64_t offset = 0;
  // The ordering that is promised never to change. Any other is deliberately another here.
  bool legacy = false;
};

class Sequence {
 public:
  virtual ~Sequence() = default;
  virtual void start(const Start& from) = 0;
  virtual void generate(const Request& request, void* out) = 0;
};

std::unique_ptr<Sequence> philox();
std::unique_ptr<Sequence> xorwow();
// NVIDIA's own generator on the host, from the library that the environment variable TENSORSEED_CURAND names; null without one.
std::unique_ptr<Sequence> original(int type);

// --- values from words, by the C library's functions: not the polynomials that are tested against them

float uniform(uint32_t word);
double uniform64(uint32_t low, uint32_t high);
// The first or the second normal of a pair.
float normal(uint32_t x, uint32_t y, bool second);
double normal64(double u, double t, bool second);

// Stores value i of a request, given its unit value.
void storeNormal(const Request& request, size_t i, double unit, void* out);

}  // namespace curand
