// The driver's result codes, and the exception that carries one inside the emulator.
#pragma once
#include <cstdarg>
#include <string>

// Seen by the stand-ins for NVIDIA's libraries, which are written against these types.
#define EXPORTED __attribute__((visibility("default")))

namespace emulator {

enum Code : int {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_CONTEXT = 201,
  NO_BINARY_FOR_GPU = 209,
  INVALID_PTX = 218,
  UNSUPPORTED_PTX_VERSION = 222,
  FILE_NOT_FOUND = 301,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  NOT_READY = 600,
  ILLEGAL_ADDRESS = 700,
  LAUNCH_OUT_OF_RESOURCES = 701,
  CONTEXT_IS_DESTROYED = 709,
  MISALIGNED_ADDRESS = 716,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801,
  STREAM_CAPTURE_UNSUPPORTED = 900,
  STREAM_CAPTURE_INVALIDATED = 901,
};

// A call or a kernel that goes wrong: what the host is told, and what the log says.
struct EXPORTED Fault {
  Code code;
  std::string message;
  // What a library tells its caller, if not what the code stands for.
  int status = 0;
};

// How a library tells of faults: by statuses of its own.
struct Library {
  int notInitialized;
  int outOfMemory;
  int invalidValue;
  int failed;
  // When the context was lost before.
  int lost;
  int unsupported;
  // Null for a number that is no status.
  const char* (*name)(int status);

  // What one of the driver's codes becomes.
  int status(int code) const;
};

// Null for a number that is no result code.
const char* codeName(int code);
// The name, or "code N" where there is none.
std::string codeText(int code);

// A code after which the context, and with it the process, is of no more use.
bool isSticky(int code);

EXPORTED std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

}  // namespace emulator
