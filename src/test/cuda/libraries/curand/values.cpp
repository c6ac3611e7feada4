#include <cmath>

#include "sequence.h"

namespace curand {

float uniform(uint32_t word) { return static_cast<float>(word) * 0x1p-32f + 0x1p-33f; }

double uniform64(uint32_t low, uint32_t high) {
  return static_cast<double>(low ^ static_cast<uint64_t>(high) << 21) * 0x1p-53 + 0x1p-54;
}

float normal(uint32_t x, uint32_t y, bool second) {
  constexpr float TURN = 6.2831855f * 0x1p-32f;
  float angle = static_cast<float>(y) * TURN + TURN / 2;
  float radius = std::sqrt(-2 * std::log(uniform(x)));
  return radius * (second ? std::cos(angle) : std::sin(angle));
}

double normal64(double u, double t, bool second) {
  double angle = 2 * M_PI * t;
  return std::sqrt(-2 * std::log(u)) * (second ? std::cos(angle) : std::sin(angle));
}

void storeNormal(const Request& request, size_t i, double unit, void* out) {
  if (request.wide()) {
    double value = std::fma(request.deviation, unit, request.mean);
    static_cast<double*>(out)[i] = request.law == Law::LOG_NORMAL64 ? std::exp(value) : value;
  } else {
    float value = std::fma(static_cast<float>(request.deviation), static_cast<float>(unit), static_cast<float>(request.mean));
    static_cast<float*>(out)[i] = request.law == Law::LOG_NORMAL ? std::exp(value) : value;
  }
}

}  // namespace curand
