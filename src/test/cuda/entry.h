// How entry points are written: the driver's names with C linkage, each a body inside Driver::call. Handles and addresses are numbers.
#pragma once
#include <cstddef>
#include <cstdint>

#include "driver.h"

#define ENTRY extern "C" __attribute__((visibility("default"))) int

namespace emulator {

template <class T>
T& wanted(T* pointer, const char* what) {
  if (pointer == nullptr) {
    throw Fault{INVALID_VALUE, std::string(what) + " is a null pointer"};
  }
  return *pointer;
}

inline int call(const char* name, Rule rule, const std::function<void(Driver&)>& body) {
  Driver& driver = Driver::get();
  return driver.call(name, rule, [&] { body(driver); });
}

}  // namespace emulator
