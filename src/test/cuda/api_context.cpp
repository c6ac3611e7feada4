// Initialisation, devices and contexts.
#include <algorithm>
#include <cstring>

#include "entry.h"

using namespace emulator;

namespace {

void checkDevice(const Driver& driver, int device) {
  if (device < 0 || device >= driver.control.options.devices) {
    throw Fault{INVALID_DEVICE, format("device %d of %d", device, driver.control.options.devices)};
  }
}

Context* find(Driver& driver, Handle handle) {
  if (handle == 0) {
    return nullptr;
  }
  for (auto& context : driver.contexts) {
    if (context->handle == handle) {
      return context.get();
    }
  }
  throw Fault{INVALID_CONTEXT, format("0x%llx is no context", static_cast<unsigned long long>(handle))};
}

Handle handleOf(const Context* context) { return context == nullptr ? 0 : context->handle; }

void push(Context* context) {
  if (contextStack.depth == ContextStack::DEPTH) {
    throw Fault{INVALID_VALUE, "too many contexts pushed"};
  }
  contextStack.entries[contextStack.depth++] = context;
}

Context* pop() {
  if (contextStack.depth == 0) {
    throw Fault{INVALID_CONTEXT, "this thread has no current context"};
  }
  return contextStack.entries[--contextStack.depth];
}

int attribute(const Driver& driver, int which, int device) {
  int sm = driver.control.options.sm;
  switch (which) {
    case 1: return 1024;         // threads in a block
    case 2: case 3: return 1024; // block x, y
    case 4: return 64;           // block z
    case 5: return 0x7fffffff;   // grid x
    case 6: case 7: return 65535;
    case 8: return 48 << 10;     // shared memory of a block
    case 9: return 64 << 10;     // constant memory
    case 10: return 32;          // warp
    case 12: return 65536;       // registers of a block
    case 13: return 1410000;     // kHz
    case 15: case 19: return 1;  // copies overlap with kernels, host memory can be mapped
    case 16: return 4;           // multiprocessors: few, so that kernels stride
    case 17: return 0;           // no limit of a kernel's time
    case 18: case 32: case 35: return 0;  // discrete, no ECC, no TCC
    case 20: return 0;           // compute mode: default
    case 31: return 1;           // concurrent kernels
    case 33: return device + 1;  // PCI bus
    case 34: case 50: return 0;
    case 36: return 1215000;
    case 37: return 5120;        // bits of the memory bus
    case 38: return 40 << 20;    // second cache
    case 39: return 2048;        // threads of a multiprocessor
    case 40: return 2;           // copy engines
    case 41: return 1;           // unified addresses
    case 75: return sm / 10;
    case 76: return sm % 10;
    case 78: return 1;           // stream priorities
    case 83: case 89: return 0;  // no managed memory
    case 99: return 1;           // host memory can be registered
    case 115: return 0;          // no memory pools
    default: throw Fault{INVALID_VALUE, format("the attribute %d is not emulated", which)};
  }
}

}  // namespace

ENTRY cuInit(unsigned flags) {
  return call("cuInit", Rule::ANYTIME, [&](Driver& driver) {
    if (flags != 0) {
      throw Fault{INVALID_VALUE, "flags must be 0"};
    }
    if (driver.control.options.devices == 0) {
      throw Fault{NO_DEVICE, "no devices"};
    }
    driver.initialised = true;
  });
}

ENTRY cuDriverGetVersion(int* version) {
  return call("cuDriverGetVersion", Rule::ANYTIME, [&](Driver& driver) { wanted(version, "version") = driver.control.options.driver; });
}

ENTRY cuGetErrorName(int code, const char** name) {
  return call("cuGetErrorName", Rule::ANYTIME, [&](Driver&) {
    wanted(name, "name") = codeName(code);
    if (*name == nullptr) {
      throw Fault{INVALID_VALUE, format("%d is no code", code)};
    }
  });
}

ENTRY cuGetErrorString(int code, const char** text) {
  return call("cuGetErrorString", Rule::ANYTIME, [&](Driver&) {
    wanted(text, "text") = codeName(code) == nullptr ? nullptr : "an error of the emulated driver";
    if (*text == nullptr) {
      throw Fault{INVALID_VALUE, format("%d is no code", code)};
    }
  });
}

ENTRY cuDeviceGetCount(int* count) {
  return call("cuDeviceGetCount", Rule::INIT, [&](Driver& driver) { wanted(count, "count") = driver.control.options.devices; });
}

ENTRY cuDeviceGet(int* device, int ordinal) {
  return call("cuDeviceGet", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, ordinal);
    wanted(device, "device") = ordinal;
  });
}

ENTRY cuDeviceGetName(char* name, int length, int device) {
  return call("cuDeviceGetName", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    std::string text = format("Emulated GPU %d", device);
    strncpy(&wanted(name, "name"), text.c_str(), std::max(length, 0));
    if (length > 0) {
      name[length - 1] = 0;
    }
  });
}

ENTRY cuDeviceGetUuid(char* uuid, int device) {
  return call("cuDeviceGetUuid", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    memcpy(&wanted(uuid, "uuid"), "emulated device", 16);
    uuid[15] = static_cast<char>(device);
  });
}

ENTRY cuDeviceGetPCIBusId(char* text, int length, int device) {
  return call("cuDeviceGetPCIBusId", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    if (length < 13) {
      throw Fault{INVALID_VALUE, "13 characters are needed"};
    }
    strcpy(&wanted(text, "text"), format("0000:%02x:00.0", device + 1).c_str());
  });
}

ENTRY cuDeviceTotalMem_v2(size_t* bytes, int device) {
  return call("cuDeviceTotalMem_v2", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    wanted(bytes, "bytes") = driver.memory->totalBytes();
  });
}

ENTRY cuDeviceGetAttribute(int* value, int which, int device) {
  return call("cuDeviceGetAttribute", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    wanted(value, "value") = attribute(driver, which, device);
  });
}

ENTRY cuDeviceComputeCapability(int* major, int* minor, int device) {
  return call("cuDeviceComputeCapability", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    wanted(major, "major") = driver.control.options.sm / 10;
    wanted(minor, "minor") = driver.control.options.sm % 10;
  });
}

ENTRY cuDeviceCanAccessPeer(int* can, int device, int peer) {
  return call("cuDeviceCanAccessPeer", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    checkDevice(driver, peer);
    wanted(can, "can") = 0;
  });
}

ENTRY cuDevicePrimaryCtxRetain(Handle* context, int device) {
  return call("cuDevicePrimaryCtxRetain", Rule::INIT, [&](Driver& driver) {
    Context& primary = driver.primary(device);
    if (primary.references++ == 0) {
      driver.activate(primary);
    }
    wanted(context, "context") = primary.handle;
  });
}

ENTRY cuDevicePrimaryCtxRelease_v2(int device) {
  return call("cuDevicePrimaryCtxRelease_v2", Rule::GIVE_BACK, [&](Driver& driver) {
    Context& primary = driver.primary(device);
    if (primary.references == 0) {
      throw Fault{INVALID_CONTEXT, "the primary context is not retained"};
    }
    if (--primary.references == 0) {
      driver.destroy(primary);
    }
  });
}

ENTRY cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) {
  return call("cuDevicePrimaryCtxGetState", Rule::INIT, [&](Driver& driver) {
    wanted(active, "active") = driver.primary(device).active;
    wanted(flags, "flags") = 0;
  });
}

ENTRY cuCtxCreate_v2(Handle* handle, unsigned, int device) {
  return call("cuCtxCreate_v2", Rule::INIT, [&](Driver& driver) {
    checkDevice(driver, device);
    Context& made = driver.addContext(device, false);
    driver.activate(made);
    push(&made);
    wanted(handle, "context") = made.handle;
  });
}

ENTRY cuCtxDestroy_v2(Handle handle) {
  return call("cuCtxDestroy_v2", Rule::GIVE_BACK, [&](Driver& driver) {
    Context* context = find(driver, handle);
    if (context == nullptr || context->primary || !context->active) {
      throw Fault{INVALID_CONTEXT, "not a live context that cuCtxCreate made"};
    }
    driver.destroy(*context);
    if (contextStack.depth > 0 && contextStack.entries[contextStack.depth - 1] == context) {
      pop();
    }
  });
}

ENTRY cuCtxSetCurrent(Handle handle) {
  return call("cuCtxSetCurrent", Rule::INIT, [&](Driver& driver) {
    Context* context = find(driver, handle);
    if (contextStack.depth > 0) {
      pop();
    }
    if (context != nullptr) {
      push(context);
    }
  });
}

ENTRY cuCtxGetCurrent(Handle* handle) {
  return call("cuCtxGetCurrent", Rule::INIT, [&](Driver&) {
    wanted(handle, "context") = contextStack.depth == 0 ? 0 : handleOf(contextStack.entries[contextStack.depth - 1]);
  });
}

ENTRY cuCtxPushCurrent_v2(Handle handle) {
  return call("cuCtxPushCurrent_v2", Rule::INIT, [&](Driver& driver) {
    Context* context = find(driver, handle);
    if (context == nullptr) {
      throw Fault{INVALID_VALUE, "no context to push"};
    }
    push(context);
  });
}

ENTRY cuCtxPopCurrent_v2(Handle* handle) {
  return call("cuCtxPopCurrent_v2", Rule::INIT, [&](Driver&) {
    Context* popped = pop();
    if (handle != nullptr) {
      *handle = handleOf(popped);
    }
  });
}

ENTRY cuCtxGetDevice(int* device) {
  return call("cuCtxGetDevice", Rule::CONTEXT, [&](Driver& driver) { wanted(device, "device") = driver.current().device; });
}

ENTRY cuCtxGetApiVersion(Handle handle, unsigned* version) {
  return call("cuCtxGetApiVersion", Rule::INIT, [&](Driver& driver) {
    find(driver, handle);
    wanted(version, "version") = 3020;
  });
}

ENTRY cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return call("cuCtxGetStreamPriorityRange", Rule::CONTEXT, [&](Driver&) {
    wanted(least, "least") = 0;
    wanted(greatest, "greatest") = -5;
  });
}

ENTRY cuCtxSynchronize() {
  return call("cuCtxSynchronize", Rule::WAIT, [&](Driver& driver) {
    driver.refuseInCapture();
    driver.streams.waitAll(driver.current());
  });
}
