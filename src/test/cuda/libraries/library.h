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

__attribute__((noinline)) inline int unsupported(const Library& library, const char* name) {
  return call(library, name, Rule::ANYTIME, [](Driver&) { throw Fault{NOT_SUPPORTED, "not emulated"}; });
}

[[noreturn]] inline void refuse(int status, std::string message) { throw Fault{LAUNCH_FAILED, std::move(message), status}; }

// The object of a live handle.
template <class T>
T* live(Driver& driver, const char* kind, Handle handle, int otherwise) {
  auto found = driver.libraryHandles.all().find(handle);
  if (found == driver.libraryHandles.all().end() || found->second.kind != std::string(kind)) {
    refuse(otherwise, format("0x%llx is none of the live %s", static_cast<unsigned long long>(handle), kind));
  }
  return static_cast<T*>(found->second.object.get());
}

inline int destroy(const Library& library, const char* name, const char* kind, Handle handle, int otherwise) {
  return call(library, name, Rule::DESTROY, [&](Driver& driver) {
    live<void>(driver, kind, handle, otherwise);
    driver.libraryHandles.take(handle);
  });
}

// Work of a library on a stream, which counts as a kernel that somebody has to wait for.
inline void submit(Driver& driver, const char* name, Handle stream, std::function<void()> body) {
  Stream& queue = driver.stream(stream);
  driver.streams.submit(queue, Task{&queue, name, true, driver.control.calls(), std::move(body), {}});
}

// Device memory that a library's kernel touches, in a task: a number of things of some size, however large both are.
inline char* aligned(Driver& driver, int device, Address address, size_t count, size_t size, size_t alignment) {
  char* host = driver.memory->at(device, address, count > SIZE_MAX / size ? SIZE_MAX : count * size);
  if (address % alignment != 0) {
    throw Fault{MISALIGNED_ADDRESS, format("0x%llx is no multiple of %zu", static_cast<unsigned long long>(address), alignment)};
  }
  return host;
}

}  // namespace emulator
