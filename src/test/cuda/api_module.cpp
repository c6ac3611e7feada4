// Modules and launches.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>

#include "entry.h"
#include "interpreter.h"

using namespace emulator;

namespace {

constexpr int ERROR_LOG_BUFFER = 5;
constexpr int ERROR_LOG_BYTES = 6;

// Writes the reason where the caller's options ask for it: an option's value stands in the pointer itself, a buffer is pointed to.
void writeErrorLog(const std::string& message, unsigned count, const int* options, void* const* values) {
  char* buffer = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < count; i++) {
    if (options[i] == ERROR_LOG_BUFFER) {
      buffer = static_cast<char*>(values[i]);
    } else if (options[i] == ERROR_LOG_BYTES) {
      bytes = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(values[i]));
    }
  }
  if (buffer != nullptr && bytes > 0) {
    snprintf(buffer, bytes, "%s", message.c_str());
  }
}

// A program, which is mostly the one that was asked for before: parsing takes longer than a test with it.
std::shared_ptr<const Program> parsed(const std::string& text, int version, int sm) {
  struct Last {
    std::string text;
    int version = 0;
    int sm = 0;
    std::shared_ptr<const Program> program;
  };
  static Last last;
  if (last.program == nullptr || last.text != text || last.version != version || last.sm != sm) {
    last = {text, version, sm, parse(text, version, sm)};
  }
  return last.program;
}

Handle load(Driver& driver, const std::string& text) {
  const Options& options = driver.control.options;
  return driver.modules.add({&driver.current(), parsed(text, options.driver, options.sm), driver.control.calls()});
}

std::vector<char> packed(const Kernel& kernel, void* const* parameters, void* const* extra) {
  std::vector<char> block(kernel.parameterBytes);
  if (parameters != nullptr) {
    for (size_t i = 0; i < kernel.parameters.size(); i++) {
      const Parameter& parameter = kernel.parameters[i];
      memcpy(block.data() + parameter.offset, &wanted(static_cast<char*>(parameters[i]), "a kernel's parameter"), parameter.bytes);
    }
    return block;
  }
  // Pairs of a tag (1: buffer, 2: its size) and a pointer, 0 at the end.
  const void* buffer = nullptr;
  size_t bytes = 0;
  for (size_t i = 0; extra != nullptr && extra[i] != nullptr; i += 2) {
    auto tag = reinterpret_cast<uintptr_t>(extra[i]);
    if (tag == 1) {
      buffer = extra[i + 1];
    } else if (tag == 2) {
      bytes = *static_cast<size_t*>(extra[i + 1]);
    } else {
      throw Fault{INVALID_VALUE, "an unknown tag among the extra parameters"};
    }
  }
  if (bytes != block.size()) {
    throw Fault{INVALID_VALUE, format("%zu bytes of parameters, %zu are wanted", bytes, block.size())};
  }
  if (bytes > 0) {
    memcpy(block.data(), &wanted(static_cast<const char*>(buffer), "the parameters' buffer"), bytes);
  }
  return block;
}

void checkShape(const Kernel& kernel, const uint32_t* grid, const uint32_t* block, uint32_t sharedBytes) {
  uint64_t threads = uint64_t{block[0]} * block[1] * block[2];
  if (threads == 0 || grid[0] == 0 || grid[1] == 0 || grid[2] == 0) {
    throw Fault{INVALID_VALUE, "a launch of no threads"};
  }
  bool blockFits = block[0] <= 1024 && block[1] <= 1024 && block[2] <= 64 && threads <= 1024;
  if (!blockFits || grid[0] > 0x7fffffff || grid[1] > 65535 || grid[2] > 65535) {
    throw Fault{INVALID_VALUE,
        format("a grid of %u x %u x %u blocks of %u x %u x %u", grid[0], grid[1], grid[2], block[0], block[1], block[2])};
  }
  if (threads > kernel.maxThreads) {
    throw Fault{LAUNCH_OUT_OF_RESOURCES, format("%llu threads in a block of a kernel made for %u", static_cast<unsigned long long>(threads),
        kernel.maxThreads)};
  }
  if (sharedBytes > 48 << 10) {
    throw Fault{INVALID_VALUE, "that much shared memory"};
  }
}

}  // namespace

ENTRY cuModuleLoadDataEx(Handle* module, const char* image, unsigned count, const int* options, void* const* values) {
  return call("cuModuleLoadDataEx", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    wanted(module, "module");
    try {
      *module = load(driver, &wanted(image, "image"));
    } catch (const Fault& fault) {
      writeErrorLog(fault.message, count, options, values);
      throw;
    }
  });
}

ENTRY cuModuleLoadData(Handle* module, const char* image) {
  return call("cuModuleLoadData", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    wanted(module, "module") = load(driver, &wanted(image, "image"));
  });
}

ENTRY cuModuleLoad(Handle* module, const char* path) {
  return call("cuModuleLoad", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    std::ifstream file(&wanted(path, "path"));
    std::stringstream text;
    text << file.rdbuf();
    if (!file) {
      throw Fault{FILE_NOT_FOUND, path};
    }
    wanted(module, "module") = load(driver, text.str());
  });
}

ENTRY cuModuleUnload(Handle module) {
  return call("cuModuleUnload", Rule::RELEASE, [&](Driver& driver) {
    driver.modules.take(module);
    driver.functions.removeIf([&](const Function& function) { return function.module == module; });
  });
}

ENTRY cuModuleGetFunction(Handle* function, Handle module, const char* name) {
  return call("cuModuleGetFunction", Rule::CONTEXT, [&](Driver& driver) {
    const Module& from = driver.modules.at(module);
    const Kernel* kernel = from.program->find(&wanted(name, "name"));
    if (kernel == nullptr) {
      throw Fault{NOT_FOUND, format("the module has no entry %s", name)};
    }
    wanted(function, "function") = driver.functions.add({from.context, from.program, kernel, module});
  });
}

ENTRY cuFuncGetAttribute(int* value, int which, Handle function) {
  return call("cuFuncGetAttribute", Rule::CONTEXT, [&](Driver& driver) {
    const Function& of = driver.functions.at(function);
    switch (which) {
      case 0: wanted(value, "value") = static_cast<int>(of.kernel->maxThreads); break;
      case 1: case 2: case 3: wanted(value, "value") = 0; break;  // shared, constant and local bytes
      case 4: wanted(value, "value") = 32; break;                 // registers
      default: throw Fault{INVALID_VALUE, format("the attribute %d is not emulated", which)};
    }
  });
}

ENTRY cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Handle function, int threads, size_t) {
  return call("cuOccupancyMaxActiveBlocksPerMultiprocessor", Rule::CONTEXT, [&](Driver& driver) {
    driver.functions.at(function);
    if (threads < 1 || threads > 1024) {
      throw Fault{INVALID_VALUE, format("blocks of %d threads", threads)};
    }
    wanted(blocks, "blocks") = 2048 / threads;
  });
}

ENTRY cuLaunchKernel(Handle function, uint32_t gridX, uint32_t gridY, uint32_t gridZ, uint32_t blockX, uint32_t blockY, uint32_t blockZ,
    uint32_t sharedBytes, Handle stream, void* const* parameters, void* const* extra) {
  return call("cuLaunchKernel", Rule::CONTEXT, [&](Driver& driver) {
    Stream& queue = driver.stream(stream);
    const Function& launched = driver.functions.at(function);
    if (launched.context != queue.context) {
      throw Fault{INVALID_HANDLE, "the function belongs to another context"};
    }
    if (parameters != nullptr && extra != nullptr) {
      throw Fault{INVALID_VALUE, "parameters are given twice"};
    }
    Launch launch{launched.kernel, queue.context->device, {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, {}, driver.control.options.seed};
    checkShape(*launch.kernel, launch.grid, launch.block, sharedBytes);
    launch.parameters = packed(*launch.kernel, parameters, extra);
    // The program stays until the launch has run, even if the module is unloaded.
    auto run = [&driver, launch, program = launched.program] {
      driver.kernelRuns();
      interpret(launch, *driver.memory, driver.control.kernels[launch.kernel->name]);
    };
    driver.streams.submit(queue, Task{&queue, launch.kernel->name, true, driver.control.calls(), run, {}});
  });
}
