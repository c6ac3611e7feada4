// Device memory and pinned host memory.
//
// Device addresses start at 0x00A5000000000000, which no host pointer can be: a host that dereferences one crashes. No address is given out
// twice, allocations have a gap between them, and freed ones are remembered, so each access outside is told apart and named. Fresh memory
// holds 0xFF bytes, a NaN in every floating type.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "codes.h"

namespace emulator {

using Address = uint64_t;
struct Context;

struct Allocation {
  Address start;
  size_t bytes;
  // Where the bytes are; null once freed.
  char* host;
  // Pinned memory belongs to no device and is seen by all.
  bool pinned;
  // Registered memory is the caller's own.
  bool registered;
  const Context* context;
  int device;
  // The number of the API call that made it.
  long call;
};

class EXPORTED Memory {
 public:
  explicit Memory(uint64_t bytesPerDevice) : limit(bytesPerDevice) {}
  ~Memory();

  Address allocate(const Context& context, size_t bytes, long call);
  void release(Address start);

  void* allocatePinned(const Context& context, size_t bytes, long call);
  void registerPinned(const Context& context, void* start, size_t bytes, long call);
  void releasePinned(const void* start, bool registered);

  // The allocation that holds the address, freed ones too; null if there is none.
  const Allocation* find(Address address) const;

  // The host's view of bytes that a kernel or copy on the device may touch; ILLEGAL_ADDRESS if it may not.
  char* at(int device, Address address, size_t bytes) const;

  uint64_t freeBytes(int device) const;
  uint64_t totalBytes() const { return limit; }

  // Frees what a context still has; returns the same as the report will list it.
  void releaseAll(const Context& context);

  const std::map<Address, Allocation>& all() const { return allocations; }

  uint64_t limit;

 private:
  // The reason why an access is not allowed.
  std::string describe(Address address, size_t bytes) const;

  std::map<Address, Allocation> allocations;
  std::map<int, uint64_t> used;
  std::map<int, Address> next;
};

}  // namespace emulator
