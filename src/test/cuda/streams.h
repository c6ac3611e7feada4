// Streams, events and captured graphs: when work runs, and what has been waited for.
//
// - eager: work runs as it is submitted, as on a GPU that is always faster than the host.
// - lazy: nothing runs until the host waits for it, and then only what that needs. A forgotten wait is wrong every time.
// - random: at each call some streams run some of their work, by a seeded choice.
//
// In all modes a task counts as waited for only once the host has waited for it or for something that comes after it by the driver's rules.
#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "codes.h"

namespace emulator {

struct Context;
struct Stream;
using Time = std::chrono::steady_clock::time_point;

struct Task {
  Stream* stream;
  // What it is, for the report: a kernel's name, or the call.
  std::string name;
  bool kernel;
  long call;
  std::function<void()> body;
  // Tasks of other streams that come first.
  std::vector<std::shared_ptr<Task>> after;
  uint64_t number = 0;
  bool done = false;
  Time finished{};
};

using TaskPointer = std::shared_ptr<Task>;

// Work recorded by a capture, in the order of submission.
struct Graph {
  std::vector<Task> tasks;
};

struct Stream {
  Context* context;
  unsigned flags;
  // The stream 0: it and all streams not created NON_BLOCKING wait for each other.
  bool legacy = false;
  uint64_t submitted = 0;
  std::deque<TaskPointer> pending{};
  std::deque<TaskPointer> unwaited{};
  std::unique_ptr<Graph> capture{};
  bool captureBroken = false;

  bool blocking() const { return (flags & 1) == 0; }
};

struct Event {
  Context* context;
  unsigned flags;
  TaskPointer recorded{};
};

enum class Mode { EAGER, LAZY, RANDOM };

class EXPORTED Streams {
 public:
  void setMode(Mode mode, uint64_t seed);

  Stream* create(Context& context, unsigned flags, bool legacy);

  TaskPointer submit(Stream& stream, Task task);
  void launch(Stream& stream, const Graph& graph, long call);

  void wait(const TaskPointer& task);
  void wait(Stream& stream);
  // Stream 0 and the ones that are ordered with it.
  void waitBlocking(Context& context);
  void waitAll(Context& context);
  // Runs all the work, without counting it as waited for.
  void finish(Context& context);

  // True if nothing is pending. A program that polls gets on by one task at each question.
  bool query(Stream& stream);
  bool query(const TaskPointer& task);

  // In random mode: some streams run some of their work.
  void shuffle();

  // Forgets the work of a context that is gone.
  void drop(const Context& context);

  const std::vector<std::unique_ptr<Stream>>& all() const { return streams; }

 private:
  void order(Stream& stream, Task& task);
  void runNext(Stream& stream);
  void complete(const TaskPointer& task);
  void settle(const TaskPointer& task);

  Mode mode = Mode::EAGER;
  std::mt19937_64 random;
  std::vector<std::unique_ptr<Stream>> streams;
};

}  // namespace emulator
