#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace emulator {
namespace {

constexpr Address BASE = 0x00A5000000000000;
// Devices are this far apart.
constexpr int DEVICE_BITS = 44;
constexpr uint64_t GRAIN = 512;
constexpr uint64_t GAP = 64 << 10;
constexpr int POISON = 0xFF;
// More than this is not touched in one piece: the host may not have that many pages.
constexpr size_t POISONED = size_t{512} << 20;

uint64_t rounded(uint64_t bytes) { return (bytes + GRAIN - 1) / GRAIN * GRAIN; }

char* mapped(size_t bytes) {
  void* host = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (host == MAP_FAILED) {
    throw Fault{OUT_OF_MEMORY, "the host has no more memory"};
  }
  memset(host, POISON, std::min(bytes, POISONED));
  return static_cast<char*>(host);
}

}  // namespace

Memory::~Memory() {
  for (auto& [start, allocation] : allocations) {
    if (allocation.host != nullptr && !allocation.registered) {
      munmap(allocation.host, allocation.bytes);
    }
  }
}

uint64_t Memory::freeBytes(int device) const {
  auto found = used.find(device);
  uint64_t taken = found == used.end() ? 0 : found->second;
  return taken > limit ? 0 : limit - taken;
}

Address Memory::allocate(const Context& context, size_t bytes, long call) {
  if (bytes == 0) {
    throw Fault{INVALID_VALUE, "an allocation of no bytes"};
  }
  uint64_t available = freeBytes(context.device);
  if (bytes > available || rounded(bytes) > available) {
    throw Fault{OUT_OF_MEMORY, format("%zu bytes wanted, %llu free", bytes, static_cast<unsigned long long>(available))};
  }
  char* host = mapped(bytes);
  Address& position = next.try_emplace(context.device, BASE + (static_cast<Address>(context.device) << DEVICE_BITS)).first->second;
  Address start = position;
  position += rounded(bytes) + GAP;
  used[context.device] += rounded(bytes);
  allocations[start] = {start, bytes, host, false, false, &context, context.device, call};
  return start;
}

void Memory::release(Address start) {
  auto found = allocations.find(start);
  if (found == allocations.end() || found->second.pinned) {
    throw Fault{INVALID_VALUE, "not the start of an allocation: " + describe(start, 1)};
  }
  Allocation& allocation = found->second;
  if (allocation.host == nullptr) {
    throw Fault{INVALID_VALUE, "freed twice: " + describe(start, 1)};
  }
  munmap(allocation.host, allocation.bytes);
  allocation.host = nullptr;
  used[allocation.device] -= rounded(allocation.bytes);
}

void* Memory::allocatePinned(const Context& context, size_t bytes, long call) {
  if (bytes == 0) {
    throw Fault{INVALID_VALUE, "an allocation of no bytes"};
  }
  char* host = mapped(bytes);
  auto start = reinterpret_cast<Address>(host);
  allocations[start] = {start, bytes, host, true, false, &context, -1, call};
  return host;
}

void Memory::registerPinned(const Context& context, void* start, size_t bytes, long call) {
  auto address = reinterpret_cast<Address>(start);
  if (bytes == 0 || start == nullptr) {
    throw Fault{INVALID_VALUE, "no bytes to register"};
  }
  if (find(address) != nullptr || find(address + bytes - 1) != nullptr) {
    throw Fault{static_cast<Code>(712), "already pinned: " + describe(address, bytes)};
  }
  allocations[address] = {address, bytes, static_cast<char*>(start), true, true, &context, -1, call};
}

void Memory::releasePinned(const void* start, bool registered) {
  auto found = allocations.find(reinterpret_cast<Address>(start));
  if (found == allocations.end() || !found->second.pinned || found->second.registered != registered) {
    throw Fault{registered ? static_cast<Code>(713) : INVALID_VALUE, format("not pinned memory: %p", start)};
  }
  if (!registered) {
    munmap(found->second.host, found->second.bytes);
  }
  allocations.erase(found);
}

const Allocation* Memory::find(Address address) const {
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin()) {
    return nullptr;
  }
  const Allocation& candidate = std::prev(after)->second;
  return address - candidate.start < candidate.bytes ? &candidate : nullptr;
}

char* Memory::at(int device, Address address, size_t bytes) const {
  const Allocation* found = find(address);
  bool allowed = found != nullptr && found->host != nullptr && (found->pinned || found->device == device) &&
      bytes <= found->bytes - (address - found->start);
  if (!allowed) {
    throw Fault{ILLEGAL_ADDRESS, describe(address, bytes)};
  }
  return found->host + (address - found->start);
}

std::string Memory::describe(Address address, size_t bytes) const {
  std::string access = format("%zu bytes at 0x%llx", bytes, static_cast<unsigned long long>(address));
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin()) {
    return access + ", where nothing was ever allocated";
  }
  const Allocation& below = std::prev(after)->second;
  return access + format(", %lld from the start of %zu bytes of device %d (call %ld)%s", static_cast<long long>(address - below.start),
      below.bytes, below.device, below.call, below.host == nullptr ? ", which are freed" : "");
}

void Memory::releaseAll(const Context& context) {
  for (auto& [start, allocation] : allocations) {
    if (allocation.context == &context && allocation.host != nullptr && !allocation.pinned) {
      release(start);
    }
  }
}

}  // namespace emulator
