// What a test sets and asks: options, faults to inject, counts, log and report.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "codes.h"

namespace emulator {

class Driver;

// TENSORSEED_EMULATOR="lazy,devices=2,memory=64M,driver=11070,sm=80,fail=cuMemAlloc:3:2,log=FILE,report=FILE"
struct Options {
  std::string mode = "eager";
  uint64_t seed = 0;
  int devices = 1;
  uint64_t memory = uint64_t{4} << 30;
  int driver = 11070;
  // Compute capability times ten.
  int sm = 80;
  // What decompositions of cuSOLVER say in their info besides what LAPACK does, and what is added to a number of their result.
  int info = 0;
  double error = 0;
  std::string log;
  std::string report;
};

// The call of this number (from 1) to the function ("*": to any, "kernel": the kernel of this number that runs) fails with the code, which
// for a function of a library is a status of that library.
struct Injection {
  std::string function;
  long call;
  Code code;
  bool fired = false;
};

struct KernelCounts {
  long launches = 0;
  uint64_t threads = 0;
  uint64_t instructions = 0;
};

class EXPORTED Control {
 public:
  // Applies options on top of the present ones. Throws Fault INVALID_VALUE for what is none.
  void apply(const std::string& text);

  // Counts a call and returns what it is to fail with: SUCCESS, or the code of an injection.
  Fault count(const char* function);

  // The number of calls so far, which is the number of the present one.
  long calls() const { return total; }
  long calls(const std::string& function) const;

  void log(const std::string& line);

  Options options;
  std::vector<Injection> injections;
  std::map<std::string, KernelCounts> kernels;
  std::deque<std::string> lines;
  std::map<std::string, long> counts;

 private:
  void applyOne(const std::string& option);

  long total = 0;
};

// The JSON report of what was called, what leaked, what is still there and what nobody waited for.
std::string report(const Driver& driver);

}  // namespace emulator
