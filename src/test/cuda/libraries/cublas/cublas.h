// Handles of cuBLAS, and the frame around its routines.
#pragma once
#include "../routine.h"

namespace cublas {

using emulator::Address;
using emulator::Driver;
using emulator::Handle;
using emulator::Span;

struct State : emulator::RoutineState {
  bool scalarsOnDevice = false;
  int mathMode = 0;
  Address workspace = 0;
  size_t workspaceBytes = 0;
};

// A scalar that a routine reads: the host's at the call, or the device's when it runs.
template <class T>
struct Scalar {
  T value;
  Span<T> onDevice;

  T get() const { return onDevice.count == 0 ? value : *onDevice.get(); }
};

class Routine : public emulator::Routine {
 public:
  Routine(Driver& driver, const char* name, const State& theState, const emulator::Library& library)
      : emulator::Routine(driver, name, theState, library), state(theState) {}

  template <class T>
  Scalar<T> scalar(const T* pointer) const {
    require(pointer != nullptr, "a scalar at a null pointer");
    auto address = reinterpret_cast<Address>(pointer);
    if (state.scalarsOnDevice) {
      return {T(), span<T>(address, 1)};
    }
    requireHost(address);
    return {*pointer, {}};
  }

  // Where a routine leaves its one result. The host's is there when the call returns.
  template <class T>
  void result(T* pointer, const std::function<T()>& compute) const {
    require(pointer != nullptr, "a result at a null pointer");
    auto address = reinterpret_cast<Address>(pointer);
    if (state.scalarsOnDevice) {
      Span<T> out = span<T>(address, 1);
      submit([=] { *out.get() = compute(); });
    } else {
      requireHost(address);
      submit([=] { *pointer = compute(); });
      wait();
    }
  }

  // The program's workspace holds nothing that lasts.
  void submit(const std::function<void()>& body) const {
    Span<char> workspace = span<char>(state.workspace, state.workspaceBytes);
    emulator::Routine::submit([=] {
      body();
      workspace.poison();
    });
  }

 private:
  void requireHost(Address address) const {
    require(address >> 47 == 0, "a scalar in device memory, and the pointer mode is HOST");
  }

  const State& state;
};

// A routine with a live handle and a current context.
int run(const char* name, Handle handle, const std::function<void(Routine&)>& body);

}  // namespace cublas
