#include "streams.h"

#include <algorithm>

#include "driver.h"

namespace emulator {

void Streams::setMode(Mode wanted, uint64_t seed) {
  mode = wanted;
  random.seed(seed);
}

Stream* Streams::create(Context& context, unsigned flags, bool legacy) {
  streams.push_back(std::make_unique<Stream>(Stream{&context, flags, legacy}));
  return streams.back().get();
}

// Stream 0 comes after all the work of blocking streams, and their work after that of stream 0.
void Streams::order(Stream& stream, Task& task) {
  if (!stream.blocking()) {
    return;
  }
  for (auto& other : streams) {
    if (other.get() != &stream && other->context == stream.context && other->blocking() && (stream.legacy || other->legacy) &&
        !other->unwaited.empty()) {
      task.after.push_back(other->unwaited.back());
    }
  }
}

TaskPointer Streams::submit(Stream& stream, Task task) {
  task.stream = &stream;
  if (stream.capture != nullptr) {
    stream.capture->tasks.push_back(task);
    return std::make_shared<Task>(std::move(task));
  }
  order(stream, task);
  task.number = ++stream.submitted;
  auto submitted = std::make_shared<Task>(std::move(task));
  stream.pending.push_back(submitted);
  stream.unwaited.push_back(submitted);
  if (mode == Mode::EAGER) {
    complete(submitted);
  }
  return submitted;
}

void Streams::launch(Stream& stream, const Graph& graph, long call) {
  for (Task task : graph.tasks) {
    task.call = call;
    submit(stream, std::move(task));
  }
}

void Streams::runNext(Stream& stream) {
  TaskPointer task = stream.pending.front();
  for (auto& earlier : std::vector<TaskPointer>(task->after)) {
    complete(earlier);
  }
  stream.pending.pop_front();
  task->done = true;
  Context& context = *stream.context;
  if (context.lost == SUCCESS && context.active) {
    try {
      task->body();
    } catch (const Fault& fault) {
      context.lost = isSticky(fault.code) ? fault.code : LAUNCH_FAILED;
      Driver::get().log(format("%s (call %ld): %s: %s", task->name.c_str(), task->call, codeText(context.lost).c_str(), fault.message.c_str()));
    }
  }
  task->finished = std::chrono::steady_clock::now();
  // What the body holds, parameters and code, is of no use any more.
  task->body = nullptr;
}

void Streams::complete(const TaskPointer& task) {
  while (!task->done && !task->stream->pending.empty()) {
    runNext(*task->stream);
  }
}

void Streams::settle(const TaskPointer& task) {
  auto& unwaited = task->stream->unwaited;
  while (!unwaited.empty() && unwaited.front()->number <= task->number) {
    TaskPointer waited = unwaited.front();
    unwaited.pop_front();
    for (auto& earlier : waited->after) {
      settle(earlier);
    }
    waited->after.clear();
  }
}

void Streams::wait(const TaskPointer& task) {
  complete(task);
  settle(task);
}

void Streams::wait(Stream& stream) {
  if (!stream.unwaited.empty()) {
    wait(TaskPointer(stream.unwaited.back()));
  }
}

void Streams::waitBlocking(Context& context) {
  for (auto& stream : streams) {
    if (stream->context == &context && stream->blocking()) {
      wait(*stream);
    }
  }
}

void Streams::waitAll(Context& context) {
  for (auto& stream : streams) {
    if (stream->context == &context) {
      wait(*stream);
    }
  }
}

void Streams::finish(Context& context) {
  for (auto& stream : streams) {
    while (stream->context == &context && !stream->pending.empty()) {
      runNext(*stream);
    }
  }
}

bool Streams::query(Stream& stream) {
  if (stream.pending.empty()) {
    wait(stream);
    return true;
  }
  runNext(stream);
  return false;
}

bool Streams::query(const TaskPointer& task) {
  // A task that only a capture has seen is in no stream's way.
  if (task->done || task->stream->pending.empty()) {
    settle(task);
    return true;
  }
  runNext(*task->stream);
  return false;
}

void Streams::shuffle() {
  if (mode != Mode::RANDOM) {
    return;
  }
  for (uint64_t chosen = random() % 3; chosen > 0 && !streams.empty(); chosen--) {
    Stream& stream = *streams[random() % streams.size()];
    if (!stream.pending.empty()) {
      runNext(stream);
    }
  }
}

void Streams::drop(const Context& context) {
  for (auto& stream : streams) {
    if (stream->context == &context) {
      stream->pending.clear();
    }
  }
}

}  // namespace emulator
