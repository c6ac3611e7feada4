#include "driver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace emulator {

thread_local ContextStack contextStack;

namespace {

void writeReport() {
  Driver& driver = Driver::get();
  // At exit another thread may hold the lock for good.
  std::unique_lock<std::recursive_mutex> lock(driver.mutex, std::try_to_lock);
  const std::string& path = driver.control.options.report;
  if (lock.owns_lock() && !path.empty()) {
    if (FILE* file = fopen(path.c_str(), "w")) {
      std::string text = report(driver);
      fwrite(text.data(), 1, text.size(), file);
      fclose(file);
    }
  }
}

}  // namespace

Driver& Driver::get() {
  static Driver* driver = new Driver();
  return *driver;
}

Driver::Driver() {
  const char* text = getenv("TENSORSEED_EMULATOR");
  try {
    reset(text == nullptr ? "" : text);
  } catch (const Fault& fault) {
    fprintf(stderr, "TENSORSEED_EMULATOR: %s\n", fault.message.c_str());
    abort();
  }
  atexit(writeReport);
}

void Driver::reset(const std::string& text) {
  Control fresh;
  fresh.apply(text);
  control = fresh;
  initialised = false;
  memory = std::make_unique<Memory>(control.options.memory);
  for (auto& context : contexts) {
    // Other threads may still have it on their stacks: it stays, and is inactive.
    context->active = false;
    streams.drop(*context);
    context.release();
  }
  contexts.clear();
  streams = Streams();
  applyOptions();
  auto all = [](auto&) { return true; };
  streamHandles.removeIf(all);
  events.removeIf(all);
  modules.removeIf(all);
  functions.removeIf(all);
  graphs.removeIf(all);
  executables.removeIf(all);
  libraryHandles.removeIf(all);
  destroyedWithContext.clear();
}

void Driver::configure(const std::string& text) {
  control.apply(text);
  applyOptions();
}

void Driver::applyOptions() {
  const Options& options = control.options;
  memory->limit = options.memory;
  streams.setMode(options.mode == "lazy" ? Mode::LAZY : options.mode == "random" ? Mode::RANDOM : Mode::EAGER, options.seed);
}

int Driver::call(const char* name, Rule rule, const std::function<void()>& body, const Library* library) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  Fault injected = control.count(name);
  bool releases = rule == Rule::RELEASE || rule == Rule::GIVE_BACK || rule == Rule::DESTROY;
  bool inContext = rule == Rule::CONTEXT || rule == Rule::WAIT || rule == Rule::RELEASE;
  try {
    Context* context = currentOrNull();
    if (isSticky(injected.code) && injected.status == 0 && context != nullptr) {
      context->lost = injected.code;
    }
    if (injected.code != SUCCESS && !releases) {
      throw injected;
    }
    if (rule != Rule::ANYTIME && rule != Rule::DESTROY && !initialised) {
      throw Fault{NOT_INITIALIZED, "cuInit comes first"};
    }
    Code lost = inContext ? current().lost : SUCCESS;
    if (lost != SUCCESS && !releases) {
      throw Fault{lost, "the context is lost"};
    }
    streams.shuffle();
    body();
    if (rule == Rule::WAIT) {
      lost = current().lost;
    }
    if (lost != SUCCESS) {
      throw Fault{lost, "the context is lost"};
    }
    if (injected.code != SUCCESS) {
      injected.message += "; what was to be released is released";
      throw injected;
    }
    return SUCCESS;
  } catch (const Fault& fault) {
    int result = library == nullptr ? fault.code : fault.status != 0 ? fault.status : library->status(fault.code);
    if (fault.code != NOT_READY) {
      const char* ofLibrary = library == nullptr ? nullptr : library->name(result);
      std::string named = ofLibrary == nullptr ? codeText(result) : ofLibrary;
      log(format("%s (call %ld): %s: %s", name, control.calls(), named.c_str(), fault.message.c_str()));
    }
    return result;
  } catch (const std::bad_alloc&) {
    log(format("%s (call %ld): the host has no more memory", name, control.calls()));
    return library == nullptr ? OUT_OF_MEMORY : library->status(OUT_OF_MEMORY);
  }
}

void Driver::log(const std::string& line) { control.log(line); }

void Driver::kernelRuns() {
  Fault injected = control.count("kernel");
  if (injected.code != SUCCESS) {
    throw injected;
  }
}

void Driver::refuseInCapture() {
  bool broken = false;
  for (auto& stream : streams.all()) {
    if (stream->capture != nullptr && stream->context == &current()) {
      stream->captureBroken = true;
      broken = true;
    }
  }
  if (broken) {
    throw Fault{STREAM_CAPTURE_UNSUPPORTED, "not while a stream is being captured"};
  }
}

Context* Driver::currentOrNull() const {
  return contextStack.depth == 0 ? nullptr : contextStack.entries[contextStack.depth - 1];
}

Context& Driver::current() {
  Context* context = currentOrNull();
  if (context == nullptr) {
    throw Fault{INVALID_CONTEXT, "this thread has no current context"};
  }
  if (!context->active) {
    throw Fault{CONTEXT_IS_DESTROYED, "the thread's current context was destroyed or released"};
  }
  return *context;
}

Context& Driver::usable() {
  Context& context = current();
  if (context.lost != SUCCESS) {
    throw Fault{context.lost, "the context is lost"};
  }
  return context;
}

Stream& Driver::stream(Handle handle) {
  // 1 and 2 are the driver's names for the legacy stream and the per-thread stream.
  Stream& found = handle <= 1 ? *current().legacy : handle == 2 ? *current().perThread : *streamHandles.at(handle);
  if (found.context != &current()) {
    throw Fault{INVALID_HANDLE, "the stream belongs to another context"};
  }
  return found;
}

Context& Driver::primary(int device) {
  if (device < 0 || device >= control.options.devices) {
    throw Fault{INVALID_DEVICE, format("device %d of %d", device, control.options.devices)};
  }
  for (auto& context : contexts) {
    if (context->primary && context->device == device) {
      return *context;
    }
  }
  return addContext(device, true);
}

Context& Driver::addContext(int device, bool primary) {
  contexts.push_back(std::make_unique<Context>(Context{device, primary, 0xC000000000000010 + 16 * contexts.size()}));
  return *contexts.back();
}

void Driver::activate(Context& context) {
  context.active = true;
  context.legacy = streams.create(context, 0, true);
  context.perThread = streams.create(context, 0, false);
}

void Driver::destroy(Context& context) {
  auto mine = [&](const auto& entry) { return entry.second.context == &context; };
  auto note = [&](const char* kind, long count) {
    if (count > 0) {
      destroyedWithContext.push_back(format("%ld %s of device %d", count, kind, context.device));
    }
  };
  long allocations = 0;
  for (auto& [start, allocation] : memory->all()) {
    allocations += allocation.context == &context && allocation.host != nullptr && !allocation.pinned;
  }
  note("allocations", allocations);
  note("modules", std::count_if(modules.all().begin(), modules.all().end(), mine));
  note("events", std::count_if(events.all().begin(), events.all().end(), mine));
  auto myStream = [&](const auto& entry) { return entry.second->context == &context; };
  note("handles of libraries", std::count_if(libraryHandles.all().begin(), libraryHandles.all().end(), mine));
  note("streams", std::count_if(streamHandles.all().begin(), streamHandles.all().end(), myStream));
  // Work that nobody waited for is dropped: what it would have written is lost, as its author deserves to see.
  memory->releaseAll(context);
  streams.drop(context);
  auto gone = [&](auto& object) { return object.context == &context; };
  modules.removeIf(gone);
  functions.removeIf(gone);
  events.removeIf(gone);
  libraryHandles.removeIf(gone);
  streamHandles.removeIf([&](Stream* stream) { return stream->context == &context; });
  context.active = false;
}

}  // namespace emulator
