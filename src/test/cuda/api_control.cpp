// What tests set and ask while a process runs.
#include <cstdio>
#include <cstring>

#include "entry.h"

using namespace emulator;

namespace {

// Copies as much as fits, with a zero at the end; returns the whole length without it.
long copyText(const std::string& text, char* out, long capacity) {
  if (out != nullptr && capacity > 0) {
    snprintf(out, static_cast<size_t>(capacity), "%s", text.c_str());
  }
  return static_cast<long>(text.size());
}

int apply(const char* options, bool fresh) {
  Driver& driver = Driver::get();
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  try {
    fresh ? driver.reset(options) : driver.configure(options);
    return SUCCESS;
  } catch (const Fault& fault) {
    driver.log(fault.message);
    return fault.code;
  }
}

}  // namespace

// Applies options on top of the present ones.
ENTRY emulator_configure(const char* options) { return apply(options, false); }

// As if the process had just started with these options: all handles and addresses are void.
ENTRY emulator_reset(const char* options) { return apply(options, true); }

extern "C" __attribute__((visibility("default"))) long emulator_report(char* out, long capacity) {
  Driver& driver = Driver::get();
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  return copyText(report(driver), out, capacity);
}

// The number of calls of a function so far; "*" for all.
extern "C" __attribute__((visibility("default"))) long emulator_calls(const char* function) {
  Driver& driver = Driver::get();
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  return driver.control.calls(function);
}
