#include "control.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "driver.h"

namespace emulator {
namespace {

constexpr size_t LINES = 200;

[[noreturn]] void refuse(const std::string& option, const char* rule) {
  throw Fault{INVALID_VALUE, "option '" + option + "': " + rule};
}

// A whole number with an optional K, M or G behind it.
uint64_t number(const std::string& option, const std::string& text) {
  char* end = nullptr;
  uint64_t value = strtoull(text.c_str(), &end, 0);
  std::string unit = end;
  int shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  if (end == text.c_str() || shift < 0) {
    refuse(option, "a number such as 7, 64K, 64M or 2G is wanted");
  }
  return value << shift;
}

// cuMemAlloc_v2 is known to the host as cuMemAlloc.
std::string plain(const std::string& function) {
  size_t suffix = function.rfind("_v");
  return suffix != std::string::npos && function.size() == suffix + 3 ? function.substr(0, suffix) : function;
}

bool ofLibrary(const std::string& function) {
  return function.rfind("curand", 0) == 0 || function.rfind("cublas", 0) == 0 || function.rfind("cusolver", 0) == 0;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += format("\\u%04x", c);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Objects and lists of JSON, one member after another.
class Json {
 public:
  Json& open(char bracket) {
    text << bracket;
    first = true;
    return *this;
  }
  Json& close(char bracket) {
    text << bracket;
    first = false;
    return *this;
  }
  Json& key(const std::string& name) {
    item() << quoted(name) << ": ";
    first = true;
    return *this;
  }
  std::ostream& item() {
    if (!first) {
      text << ", ";
    }
    first = false;
    return text;
  }
  Json& element() {
    item();
    return *this;
  }
  template <class Value>
  Json& member(const std::string& name, const Value& value) {
    key(name).item() << value;
    return *this;
  }
  std::string str() const { return text.str(); }

 private:
  std::ostringstream text;
  bool first = true;
};

}  // namespace

void Control::apply(const std::string& text) {
  std::istringstream list(text);
  for (std::string option; std::getline(list, option, ',');) {
    if (!option.empty()) {
      applyOne(option);
    }
  }
}

void Control::applyOne(const std::string& option) {
  if (option == "eager" || option == "lazy") {
    options.mode = option;
    return;
  }
  if (option.rfind("random:", 0) == 0) {
    options.mode = "random";
    options.seed = number(option, option.substr(7));
    return;
  }
  size_t equals = option.find('=');
  std::string name = option.substr(0, equals);
  std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
  if (name == "devices") {
    options.devices = static_cast<int>(number(option, value));
  } else if (name == "memory") {
    options.memory = number(option, value);
  } else if (name == "driver") {
    options.driver = static_cast<int>(number(option, value));
  } else if (name == "sm") {
    options.sm = static_cast<int>(number(option, value));
  } else if (name == "info") {
    options.info = static_cast<int>(number(option, value));
  } else if (name == "error") {
    options.error = number(option, value) * 1e-6;
  } else if (name == "log") {
    options.log = value;
  } else if (name == "report") {
    options.report = value;
  } else if (name == "fail") {
    size_t call = value.find(':');
    size_t code = value.find(':', call + 1);
    if (call == std::string::npos || code == std::string::npos) {
      refuse(option, "fail=FUNCTION:CALL:CODE is wanted");
    }
    auto number1 = static_cast<long>(number(option, value.substr(call + 1, code - call - 1)));
    auto number2 = static_cast<int>(number(option, value.substr(code + 1)));
    if (number1 < 1 || number2 == 0) {
      refuse(option, "calls are counted from 1, and code 0 is success");
    }
    injections.push_back({plain(value.substr(0, call)), number1, static_cast<Code>(number2)});
  } else {
    refuse(option, "known are eager, lazy, random:SEED, devices=, memory=, driver=, sm=, info=, error= (in millionths), fail=, log= and report=");
  }
}

Fault Control::count(const char* function) {
  std::string name = plain(function);
  bool isCall = name != "kernel";
  total += isCall;
  long calls = ++counts[name];
  for (Injection& injection : injections) {
    bool hit = injection.function == "*" ? isCall && injection.call == total : injection.function == name && injection.call == calls;
    if (hit && !injection.fired) {
      injection.fired = true;
      bool status = injection.function != "*" && ofLibrary(name);
      return status ? Fault{LAUNCH_FAILED, "injected", injection.code} : Fault{injection.code, "injected"};
    }
  }
  return {SUCCESS, ""};
}

long Control::calls(const std::string& function) const {
  auto found = counts.find(plain(function));
  return function == "*" ? total : found == counts.end() ? 0 : found->second;
}

void Control::log(const std::string& line) {
  if (lines.size() == LINES) {
    lines.pop_front();
  }
  lines.push_back(line);
  if (!options.log.empty()) {
    if (FILE* file = options.log == "stderr" ? stderr : fopen(options.log.c_str(), "a")) {
      fprintf(file, "emulator: %s\n", line.c_str());
      file == stderr ? fflush(file) : fclose(file);
    }
  }
}

std::string report(const Driver& driver) {
  const Control& control = driver.control;
  Json json;
  json.open('{').member("mode", quoted(control.options.mode)).member("total_calls", control.calls());
  json.key("calls").open('{');
  for (auto& [name, calls] : control.counts) {
    json.member(name, calls);
  }
  json.close('}').key("kernels").open('{');
  for (auto& [name, counts] : control.kernels) {
    json.key(name).open('{').member("launches", counts.launches).member("threads", counts.threads);
    json.member("instructions", counts.instructions).close('}');
  }
  json.close('}').key("leaks").open('[');
  if (driver.memory != nullptr) {
    for (auto& [start, leak] : driver.memory->all()) {
      if (leak.host != nullptr) {
        json.element().open('{').member("kind", quoted(leak.registered ? "registered" : leak.pinned ? "pinned" : "device"));
        json.member("bytes", leak.bytes).member("device", leak.device).member("call", leak.call).close('}');
      }
    }
  }
  json.close(']').key("live").open('{');
  long contexts = 0;
  for (auto& context : driver.contexts) {
    contexts += context->active;
  }
  json.member("contexts", contexts).member("modules", driver.modules.all().size()).member("streams", driver.streamHandles.all().size());
  json.member("events", driver.events.all().size()).member("graphs", driver.graphs.all().size() + driver.executables.all().size());
  std::map<std::string, long> handles;
  for (auto& [handle, object] : driver.libraryHandles.all()) {
    handles[object.kind]++;
  }
  for (auto& [kind, count] : handles) {
    json.member(kind, count);
  }
  json.close('}').key("never_waited").open('[');
  for (auto& stream : driver.streams.all()) {
    for (auto& task : stream->unwaited) {
      if (task->kernel) {
        json.item() << quoted(task->name + format(" (call %ld)", task->call));
      }
    }
  }
  json.close(']').key("destroyed_with_context").open('[');
  for (auto& line : driver.destroyedWithContext) {
    json.item() << quoted(line);
  }
  json.close(']').key("faults").open('[');
  for (auto& injection : control.injections) {
    json.element().open('{').member("function", quoted(injection.function)).member("call", injection.call).member("code", injection.code);
    json.member("fired", injection.fired ? "true" : "false").close('}');
  }
  json.close(']').key("log").open('[');
  for (auto& line : control.lines) {
    json.item() << quoted(line);
  }
  return json.close(']').close('}').str();
}

}  // namespace emulator
