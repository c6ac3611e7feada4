// Handles of cuSOLVER's dense routines, and the frame around these.
#pragma once
#include <vector>

#include "../routine.h"

namespace cusolver {

using emulator::Address;
using emulator::Driver;
using emulator::Handle;
using emulator::Span;

using State = emulator::RoutineState;

class Routine : public emulator::Routine {
 public:
  using emulator::Routine::Routine;

  // The routine itself, which gets the place of LAPACK's answer. The workspace must be as large as the library has asked for, and holds
  // nothing that lasts.
  //
  // The options may have it fail by its info, or be wrong without a word: the last number of the result is off then.
  template <class T>
  void solve(Span<T> result, Address workspace, int available, int needed, Address info, const std::function<void(int*)>& body) const {
    require(available >= needed, "a workspace smaller than bufferSize says");
    Span<T> work = span<T>(workspace, available);
    Span<int> answer = span<int>(info, 1);
    emulator::Options options = Driver::get().control.options;
    submit([=] {
      work.poison();
      int code = 0;
      body(&code);
      *answer.get() = options.info == 0 ? code : options.info;
      if (options.error != 0 && result.count != 0) {
        result.get()[result.count - 1] += static_cast<T>(options.error);
      }
    });
  }
};

// A routine with a live handle and a current context.
int run(const char* name, Handle handle, const std::function<void(Routine&)>& body);

// How many numbers of workspace a routine wants for matrices of this size. Any number would do; it is more than none, and depends on both.
inline int workspace(long rows, long columns) { return static_cast<int>(64 + 32 * columns + rows); }

}  // namespace cusolver

#define NAME_OF(symbol) #symbol
#define NAME_OF_EXPANDED(symbol) NAME_OF(symbol)
#define NAME(routine) NAME_OF_EXPANDED(ROUTINE(routine))
