// How the stand-ins for NVIDIA's libraries are written: as the driver's entry points are, with statuses of their own.
#pragma once
#include <memory>
#include <utility>

#include "../entry.h"

namespace emulator {

inline int call(const Library& library, const char* name, Rule rule, const std::function<void(Driver&)>& body) {
  Driver& driver = Driver::get();
  return driver.call(name, rule, [&] { body(driver); }, &library);
}

inline int unsupported(const Library& library, const char* name) {
  return call(library, name, Rule::ANYTIME, [](Driver&) { throw Fault{NOT_SUPPORTED, "not emulated"}; });
}

[[noreturn]] inline void refuse(int status, std::string message) { throw Fault{LAUNCH_FAILED, std::move(message), status}; }

// The object of a live handle; null for what is none.
template <class T>
T* find(Driver& driver, const char* kind, Handle handle) {
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  auto found = driver.libraryHandles.all().find(handle);
  bool live = found != driver.libraryHandles.all().end() && found->second.kind == std::string(kind);
  return live ? static_cast<T*>(found->second.object.get()) : nullptr;
}

// Work of a library on a stream, which counts as a kernel that somebody has to wait for.
inline void submit(Driver& driver, const char* name, Handle stream, std::function<void()> body) {
  Stream& queue = driver.stream(stream);
  driver.streams.submit(queue, Task{&queue, name, true, driver.control.calls(), std::move(body), {}});
}

// Device memory that a library's kernel touches, in a task.
inline char* aligned(Driver& driver, int device, Address address, size_t bytes, size_t alignment) {
  char* host = driver.memory->at(device, address, bytes);
  if (address % alignment != 0) {
    throw Fault{MISALIGNED_ADDRESS, format("0x%llx is no multiple of %zu", static_cast<unsigned long long>(address), alignment)};
  }
  return host;
}

}  // namespace emulator
