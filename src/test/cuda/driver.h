// The state of the emulated driver, and the frame around each of its calls.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "codes.h"
#include "control.h"
#include "memory.h"
#include "ptx.h"
#include "streams.h"

namespace emulator {

using Handle = uint64_t;

struct Context {
  int device;
  bool primary;
  Handle handle;
  bool active = false;
  int references = 0;
  // The sticky code after which each call of this context fails with the same.
  Code lost = SUCCESS;
  Stream* legacy = nullptr;
  Stream* perThread = nullptr;
};

struct Module {
  const Context* context;
  std::shared_ptr<const Program> program;
  long call;
};

struct Function {
  const Context* context;
  std::shared_ptr<const Program> program;
  const Kernel* kernel;
  Handle module;
};

// A generator of cuRAND, a handle of cuBLAS or cuSOLVER.
struct LibraryHandle {
  // Null for one that needs no device.
  const Context* context;
  const char* kind;
  std::shared_ptr<void> object;
};

// Objects by handles that no pointer of the host's equals and that are never used twice.
template <class T>
class Table {
 public:
  Table(const char* kind, uint64_t first) : what(kind), next(first) {}

  Handle add(T object) {
    next += 16;
    objects.emplace(next, std::move(object));
    return next;
  }

  T& at(Handle handle) {
    auto found = objects.find(handle);
    if (found == objects.end()) {
      throw Fault{INVALID_HANDLE, format("0x%llx is no live %s", static_cast<unsigned long long>(handle), what)};
    }
    return found->second;
  }

  T take(Handle handle) {
    T object = std::move(at(handle));
    objects.erase(handle);
    return object;
  }

  template <class Condition>
  void removeIf(Condition condition) {
    for (auto entry = objects.begin(); entry != objects.end();) {
      entry = condition(entry->second) ? objects.erase(entry) : std::next(entry);
    }
  }

  const std::map<Handle, T>& all() const { return objects; }

 private:
  const char* what;
  Handle next;
  std::map<Handle, T> objects;
};

// What a call needs and does, for the frame around it.
enum class Rule {
  ANYTIME,   // before cuInit too
  INIT,      // after cuInit
  CONTEXT,   // with a current context that is not lost
  WAIT,      // the same, and it reports what went wrong while it waited
  RELEASE,   // the same, and it gives back even when it reports an earlier error, as the driver's documentation allows
  GIVE_BACK, // as RELEASE, without a current context
  DESTROY,   // as GIVE_BACK, before cuInit too
};

class EXPORTED Driver {
 public:
  // Never destroyed: a static destructor would run while threads of the JVM are still here.
  static Driver& get();

  // Every entry point, the driver's or a library's: counts, injects, checks, runs, turns what is thrown into a code.
  int call(const char* name, Rule rule, const std::function<void()>& body, const Library* library = nullptr);

  Context& current();
  // The current context, which must not be lost.
  Context& usable();
  Stream& stream(Handle handle);
  Context& primary(int device);
  Context& addContext(int device, bool primary);
  void activate(Context& context);
  void destroy(Context& context);

  void log(const std::string& line);
  // Faults wanted of the N-th kernel that runs.
  void kernelRuns();
  // Throws if the current call may not be made while a stream is being captured.
  void refuseInCapture();

  // Applies options on top of the present ones.
  void configure(const std::string& text);
  // As if the process had just started, with these options.
  void reset(const std::string& text);

  std::recursive_mutex mutex;
  Control control;
  bool initialised = false;
  std::unique_ptr<Memory> memory;
  Streams streams;
  std::vector<std::unique_ptr<Context>> contexts;
  Table<Stream*> streamHandles{"stream", 0x5700000000000000};
  Table<Event> events{"event", 0x5E00000000000000};
  Table<Module> modules{"module", 0x5D00000000000000};
  Table<Function> functions{"function", 0x5F00000000000000};
  Table<std::shared_ptr<const Graph>> graphs{"graph", 0x5C00000000000000};
  Table<std::shared_ptr<const Graph>> executables{"executable graph", 0x5B00000000000000};
  // What a context still had when it was destroyed: leaks too, though the driver frees them.
  std::vector<std::string> destroyedWithContext;
  Table<LibraryHandle> libraryHandles{"handle of a library", 0x5800000000000000};

 private:
  Driver();
  void applyOptions();
  Context* currentOrNull() const;
};

// The contexts that a thread has pushed; a plain array, so that nothing is destroyed when the thread ends.
struct ContextStack {
  static constexpr int DEPTH = 16;
  Context* entries[DEPTH];
  int depth;
};
extern thread_local ContextStack contextStack;

}  // namespace emulator
