// A call of a routine on matrices: what it checks at once, and what it finds when its stream gets there.
#pragma once
#include <algorithm>
#include <cstring>

#include "openblas.h"

namespace emulator {

// Numbers in device memory, from the first to the last that a matrix or vector may touch. Checked when they are used.
template <class T>
struct Span {
  Driver* driver;
  int device;
  Address address;
  size_t count;

  // Null if there are none.
  T* get() const {
    return count == 0 ? nullptr : reinterpret_cast<T*>(aligned(*driver, device, address, count, sizeof(T), sizeof(T)));
  }

  // All bits set, a NaN: for memory whose contents nobody may rely on.
  void poison() const {
    if (count != 0) {
      memset(static_cast<void*>(get()), 0xFF, count * sizeof(T));
    }
  }

  template <class U>
  bool overlaps(const Span<U>& other) const {
    bool both = count != 0 && other.count != 0;
    return both && address < other.address + other.count * sizeof(U) && other.address < address + count * sizeof(T);
  }
};

// What a handle holds, at least.
struct RoutineState {
  const Context* context;
  Handle stream = 0;
};

template <class State>
int create(const Library& library, const char* name, const char* kind, Handle* handle) {
  return call(library, name, Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    if (openblas() == nullptr) {
      refuse(library.notInitialized, "TENSORSEED_OPENBLAS names no library that can be loaded");
    }
    auto state = std::make_shared<State>();
    state->context = &driver.current();
    wanted(handle, "handle") = driver.libraryHandles.add({state->context, kind, state});
  });
}

class Routine {
 public:
  // A handle is for the context that was current when it was made.
  Routine(Driver& theDriver, const char* theName, const RoutineState& state, const Library& library)
      : driver(theDriver), name(theName), stream(state.stream), invalid(library.invalidValue) {
    if (state.context != &driver.current()) {
      throw Fault{INVALID_CONTEXT, "the handle belongs to another context than the current one"};
    }
  }

  void require(bool holds, const char* rule) const {
    if (!holds) {
      refuse(invalid, rule);
    }
  }

  void requireSizes(long m, long n, long k = 0) const { require(m >= 0 && n >= 0 && k >= 0, "a negative size"); }

  // What is no operation, fill, side or diagonal of a real matrix.
  void requireOperation(int operation) const { require(operation >= 0 && operation <= 2, "an operation that is none"); }
  void requireBinary(int choice) const { require(choice == 0 || choice == 1, "a side, fill or diagonal that is none"); }

  template <class T>
  Span<T> span(Address address, size_t count) const {
    require(count == 0 || address != 0, "a null pointer");
    return {&driver, driver.current().device, address, count};
  }

  template <class T>
  Span<T> matrix(Address address, long rows, long columns, long leading) const {
    require(leading >= std::max(1L, rows), "a leading dimension less than the rows");
    return span<T>(address, rows == 0 || columns == 0 ? 0 : (columns - 1) * leading + rows);
  }

  template <class T>
  Span<T> vector(Address address, long count, long increment) const {
    require(increment != 0, "an increment of 0");
    return span<T>(address, count <= 0 ? 0 : (count - 1) * std::abs(increment) + 1);
  }

  void submit(std::function<void()> body) const { emulator::submit(driver, name, stream, std::move(body)); }

  // The host gets a result: it waits.
  void wait() const {
    driver.refuseInCapture();
    Stream& queue = driver.stream(stream);
    queue.legacy ? driver.streams.waitBlocking(driver.current()) : driver.streams.wait(queue);
    driver.usable();
  }

 private:
  Driver& driver;
  const char* name;
  Handle stream;
  int invalid;
};

}  // namespace emulator
