// Device memory, pinned memory, copies and memsets.
#include <cstring>

#include "entry.h"

using namespace emulator;

namespace {

// A place that a copy reads or writes: the device's, checked at the call and again when the copy runs; the host's; or whichever holds the
// address, by unified addressing.
enum class Side { DEVICE, HOST, EITHER };

struct Place {
  Side side;
  Address address;
};

Place onDevice(Address address) { return {Side::DEVICE, address}; }
Place onHost(const void* address) { return {Side::HOST, reinterpret_cast<Address>(address)}; }
Place either(Address address) { return {Side::EITHER, address}; }

// No host has addresses of more than 47 bits.
Place decided(const Driver& driver, Place place) {
  bool device = place.address >> 47 != 0 || driver.memory->find(place.address) != nullptr;
  return place.side != Side::EITHER ? place : Place{device ? Side::DEVICE : Side::HOST, place.address};
}

char* resolve(const Driver& driver, int device, Place place, size_t bytes) {
  return place.side == Side::DEVICE ? driver.memory->at(device, place.address, bytes) : reinterpret_cast<char*>(place.address);
}

void check(const Driver& driver, int device, Place place, size_t bytes) {
  if (place.side == Side::HOST && place.address == 0) {
    throw Fault{INVALID_VALUE, "host memory at null"};
  }
  try {
    resolve(driver, device, place, bytes);
  } catch (const Fault& fault) {
    throw Fault{INVALID_VALUE, fault.message};
  }
}

void copy(Driver& driver, const char* name, Stream& stream, Place target, Place source, size_t bytes) {
  int device = driver.current().device;
  Place to = decided(driver, target);
  Place from = decided(driver, source);
  if (bytes == 0) {
    return;
  }
  check(driver, device, to, bytes);
  check(driver, device, from, bytes);
  driver.streams.submit(stream, Task{&stream, name, false, driver.control.calls(), [&driver, device, to, from, bytes] {
    memmove(resolve(driver, device, to, bytes), resolve(driver, device, from, bytes), bytes);
  }, {}});
}

int copyAsync(const char* name, Place to, Place from, size_t bytes, Handle stream) {
  return call(name, Rule::CONTEXT, [&](Driver& driver) { copy(driver, name, driver.stream(stream), to, from, bytes); });
}

// A copy that the host waits for goes through stream 0, and so comes after the work of blocking streams only.
int copyNow(const char* name, Place to, Place from, size_t bytes) {
  return call(name, Rule::WAIT, [&](Driver& driver) {
    driver.refuseInCapture();
    Stream& stream = *driver.current().legacy;
    copy(driver, name, stream, to, from, bytes);
    driver.streams.wait(stream);
  });
}

template <class Unit>
void set(Driver& driver, const char* name, Stream& stream, Address to, Unit value, size_t count) {
  int device = driver.current().device;
  size_t bytes = count * sizeof(Unit);
  if (count == 0) {
    return;
  }
  if (bytes / sizeof(Unit) != count || to % sizeof(Unit) != 0) {
    throw Fault{INVALID_VALUE, "a length that overflows, or an address that is not aligned"};
  }
  check(driver, device, onDevice(to), bytes);
  driver.streams.submit(stream, Task{&stream, name, false, driver.control.calls(), [&driver, device, to, value, bytes] {
    char* at = driver.memory->at(device, to, bytes);
    for (size_t i = 0; i < bytes; i += sizeof value) {
      memcpy(at + i, &value, sizeof value);
    }
  }, {}});
}

// A memset without a stream does not wait either.
template <class Unit>
int setAsync(const char* name, Address to, Unit value, size_t count, Handle stream) {
  return call(name, Rule::CONTEXT, [&](Driver& driver) { set(driver, name, driver.stream(stream), to, value, count); });
}

}  // namespace

ENTRY cuMemAlloc_v2(Address* address, size_t bytes) {
  return call("cuMemAlloc_v2", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    wanted(address, "address") = driver.memory->allocate(driver.current(), bytes, driver.control.calls());
  });
}

// It does not wait: the driver's documentation does not say that it does. Work that still uses the memory fails.
ENTRY cuMemFree_v2(Address address) {
  return call("cuMemFree_v2", Rule::RELEASE, [&](Driver& driver) {
    if (address != 0) {
      driver.memory->release(address);
    }
  });
}

ENTRY cuMemGetInfo_v2(size_t* available, size_t* total) {
  return call("cuMemGetInfo_v2", Rule::CONTEXT, [&](Driver& driver) {
    wanted(available, "free") = driver.memory->freeBytes(driver.current().device);
    wanted(total, "total") = driver.memory->totalBytes();
  });
}

ENTRY cuMemGetAddressRange_v2(Address* start, size_t* bytes, Address address) {
  return call("cuMemGetAddressRange_v2", Rule::CONTEXT, [&](Driver& driver) {
    const Allocation* found = driver.memory->find(address);
    if (found == nullptr || found->host == nullptr) {
      throw Fault{NOT_FOUND, "no allocation is there"};
    }
    if (start != nullptr) {
      *start = found->start;
    }
    if (bytes != nullptr) {
      *bytes = found->bytes;
    }
  });
}

// Memory type, device ordinal and the like, for those who are handed a raw address.
ENTRY cuPointerGetAttribute(void* value, int which, Address address) {
  return call("cuPointerGetAttribute", Rule::INIT, [&](Driver& driver) {
    const Allocation* found = driver.memory->find(address);
    if (found == nullptr || found->host == nullptr) {
      throw Fault{INVALID_VALUE, "no allocation is there"};
    }
    wanted(static_cast<char*>(value), "value");
    switch (which) {
      case 1: *static_cast<Handle*>(value) = found->context->handle; break;
      case 2: *static_cast<int*>(value) = found->pinned ? 1 : 2; break;
      case 3: *static_cast<Address*>(value) = address; break;
      case 9: *static_cast<int*>(value) = found->pinned ? found->context->device : found->device; break;
      default: throw Fault{INVALID_VALUE, format("the attribute %d is not emulated", which)};
    }
  });
}

ENTRY cuMemHostAlloc(void** host, size_t bytes, unsigned) {
  return call("cuMemHostAlloc", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    wanted(host, "host") = driver.memory->allocatePinned(driver.current(), bytes, driver.control.calls());
  });
}

ENTRY cuMemAllocHost_v2(void** host, size_t bytes) {
  return call("cuMemAllocHost_v2", Rule::CONTEXT, [&](Driver& driver) {
    driver.refuseInCapture();
    wanted(host, "host") = driver.memory->allocatePinned(driver.current(), bytes, driver.control.calls());
  });
}

// It waits for all work, or work that still uses the memory would crash the process.
ENTRY cuMemFreeHost(void* host) {
  return call("cuMemFreeHost", Rule::RELEASE, [&](Driver& driver) {
    driver.streams.finish(driver.current());
    driver.memory->releasePinned(host, false);
  });
}

ENTRY cuMemHostRegister_v2(void* host, size_t bytes, unsigned) {
  return call("cuMemHostRegister_v2", Rule::CONTEXT,
      [&](Driver& driver) { driver.memory->registerPinned(driver.current(), host, bytes, driver.control.calls()); });
}

ENTRY cuMemHostUnregister(void* host) {
  return call("cuMemHostUnregister", Rule::RELEASE, [&](Driver& driver) {
    driver.streams.finish(driver.current());
    driver.memory->releasePinned(host, true);
  });
}

ENTRY cuMemHostGetDevicePointer_v2(Address* address, void* host, unsigned) {
  return call("cuMemHostGetDevicePointer_v2", Rule::CONTEXT, [&](Driver& driver) {
    const Allocation* found = driver.memory->find(reinterpret_cast<Address>(host));
    if (found == nullptr || !found->pinned) {
      throw Fault{INVALID_VALUE, "not pinned memory"};
    }
    wanted(address, "address") = reinterpret_cast<Address>(host);
  });
}

ENTRY cuMemcpyHtoD_v2(Address to, const void* from, size_t bytes) {
  return copyNow("cuMemcpyHtoD_v2", onDevice(to), onHost(from), bytes);
}
ENTRY cuMemcpyDtoH_v2(void* to, Address from, size_t bytes) {
  return copyNow("cuMemcpyDtoH_v2", onHost(to), onDevice(from), bytes);
}
ENTRY cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, Handle stream) {
  return copyAsync("cuMemcpyHtoDAsync_v2", onDevice(to), onHost(from), bytes, stream);
}
ENTRY cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, Handle stream) {
  return copyAsync("cuMemcpyDtoHAsync_v2", onHost(to), onDevice(from), bytes, stream);
}
ENTRY cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Handle stream) {
  return copyAsync("cuMemcpyDtoDAsync_v2", onDevice(to), onDevice(from), bytes, stream);
}
// Between places of one device it need not wait.
ENTRY cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) {
  return copyAsync("cuMemcpyDtoD_v2", onDevice(to), onDevice(from), bytes, 0);
}
ENTRY cuMemcpy(Address to, Address from, size_t bytes) {
  return copyNow("cuMemcpy", either(to), either(from), bytes);
}
ENTRY cuMemcpyAsync(Address to, Address from, size_t bytes, Handle stream) {
  return copyAsync("cuMemcpyAsync", either(to), either(from), bytes, stream);
}

ENTRY cuMemsetD8_v2(Address to, unsigned char value, size_t count) { return setAsync("cuMemsetD8_v2", to, value, count, 0); }
ENTRY cuMemsetD16_v2(Address to, unsigned short value, size_t count) { return setAsync("cuMemsetD16_v2", to, value, count, 0); }
ENTRY cuMemsetD32_v2(Address to, unsigned value, size_t count) { return setAsync("cuMemsetD32_v2", to, value, count, 0); }
ENTRY cuMemsetD8Async(Address to, unsigned char value, size_t count, Handle stream) {
  return setAsync("cuMemsetD8Async", to, value, count, stream);
}
ENTRY cuMemsetD16Async(Address to, unsigned short value, size_t count, Handle stream) {
  return setAsync("cuMemsetD16Async", to, value, count, stream);
}
ENTRY cuMemsetD32Async(Address to, unsigned value, size_t count, Handle stream) {
  return setAsync("cuMemsetD32Async", to, value, count, stream);
}
