// Streams, events, and graphs captured from a stream.
#include "entry.h"

using namespace emulator;

namespace {

constexpr unsigned DISABLE_TIMING = 2;

int create(const char* name, Handle* stream, unsigned flags) {
  return call(name, Rule::CONTEXT, [&](Driver& driver) {
    if (flags > 1) {
      throw Fault{INVALID_VALUE, format("the flags %u", flags)};
    }
    wanted(stream, "stream") = driver.streamHandles.add(driver.streams.create(driver.current(), flags, false));
  });
}

// Questions and waits are not for a stream that is being captured.
void refuseCaptured(Stream& stream) {
  if (stream.capture != nullptr) {
    stream.captureBroken = true;
    throw Fault{STREAM_CAPTURE_UNSUPPORTED, "the stream is being captured"};
  }
}

}  // namespace

ENTRY cuStreamCreate(Handle* stream, unsigned flags) { return create("cuStreamCreate", stream, flags); }
ENTRY cuStreamCreateWithPriority(Handle* stream, unsigned flags, int) { return create("cuStreamCreateWithPriority", stream, flags); }

// Work already submitted still runs if something waits for it.
ENTRY cuStreamDestroy_v2(Handle stream) {
  return call("cuStreamDestroy_v2", Rule::RELEASE, [&](Driver& driver) { driver.streamHandles.take(stream); });
}

ENTRY cuStreamSynchronize(Handle stream) {
  return call("cuStreamSynchronize", Rule::WAIT, [&](Driver& driver) {
    Stream& waited = driver.stream(stream);
    refuseCaptured(waited);
    if (waited.legacy) {
      driver.streams.waitBlocking(driver.current());
    } else {
      driver.streams.wait(waited);
    }
  });
}

ENTRY cuStreamQuery(Handle stream) {
  return call("cuStreamQuery", Rule::WAIT, [&](Driver& driver) {
    Stream& asked = driver.stream(stream);
    refuseCaptured(asked);
    if (!driver.streams.query(asked)) {
      throw Fault{NOT_READY, "work is pending"};
    }
  });
}

ENTRY cuStreamWaitEvent(Handle stream, Handle event, unsigned) {
  return call("cuStreamWaitEvent", Rule::CONTEXT, [&](Driver& driver) {
    Stream& waiting = driver.stream(stream);
    const TaskPointer& recorded = driver.events.at(event).recorded;
    // An event that was never recorded is no obstacle. Inside a capture, work runs in the order in which it was captured.
    if (recorded != nullptr) {
      std::vector<TaskPointer> after;
      if (waiting.capture == nullptr) {
        after.push_back(recorded);
      }
      driver.streams.submit(waiting, Task{&waiting, "cuStreamWaitEvent", false, driver.control.calls(), [] {}, after});
    }
  });
}

ENTRY cuStreamGetFlags(Handle stream, unsigned* flags) {
  return call("cuStreamGetFlags", Rule::CONTEXT, [&](Driver& driver) { wanted(flags, "flags") = driver.stream(stream).flags; });
}

ENTRY cuStreamGetCtx(Handle stream, Handle* context) {
  return call("cuStreamGetCtx", Rule::CONTEXT, [&](Driver& driver) { wanted(context, "context") = driver.stream(stream).context->handle; });
}

ENTRY cuEventCreate(Handle* event, unsigned flags) {
  return call("cuEventCreate", Rule::CONTEXT, [&](Driver& driver) {
    if (flags > 3) {
      throw Fault{INVALID_VALUE, format("the flags %u", flags)};
    }
    wanted(event, "event") = driver.events.add({&driver.current(), flags});
  });
}

ENTRY cuEventDestroy_v2(Handle event) {
  return call("cuEventDestroy_v2", Rule::RELEASE, [&](Driver& driver) { driver.events.take(event); });
}

ENTRY cuEventRecord(Handle event, Handle stream) {
  return call("cuEventRecord", Rule::CONTEXT, [&](Driver& driver) {
    Event& recorded = driver.events.at(event);
    Stream& queue = driver.stream(stream);
    if (recorded.context != queue.context) {
      throw Fault{INVALID_HANDLE, "the event belongs to another context"};
    }
    recorded.recorded = driver.streams.submit(queue, Task{&queue, "cuEventRecord", false, driver.control.calls(), [] {}, {}});
  });
}

ENTRY cuEventSynchronize(Handle event) {
  return call("cuEventSynchronize", Rule::WAIT, [&](Driver& driver) {
    driver.refuseInCapture();
    TaskPointer recorded = driver.events.at(event).recorded;
    if (recorded != nullptr) {
      driver.streams.wait(recorded);
    }
  });
}

ENTRY cuEventQuery(Handle event) {
  return call("cuEventQuery", Rule::WAIT, [&](Driver& driver) {
    driver.refuseInCapture();
    TaskPointer recorded = driver.events.at(event).recorded;
    if (recorded != nullptr && !driver.streams.query(recorded)) {
      throw Fault{NOT_READY, "work is pending"};
    }
  });
}

ENTRY cuEventElapsedTime(float* milliseconds, Handle start, Handle end) {
  return call("cuEventElapsedTime", Rule::CONTEXT, [&](Driver& driver) {
    Event& first = driver.events.at(start);
    Event& last = driver.events.at(end);
    if (((first.flags | last.flags) & DISABLE_TIMING) != 0 || first.recorded == nullptr || last.recorded == nullptr) {
      throw Fault{INVALID_HANDLE, "an event without timing, or never recorded"};
    }
    if (!first.recorded->done || !last.recorded->done) {
      throw Fault{NOT_READY, "work is pending"};
    }
    std::chrono::duration<float, std::milli> elapsed = last.recorded->finished - first.recorded->finished;
    wanted(milliseconds, "milliseconds") = elapsed.count();
  });
}

// --- graphs
ENTRY cuStreamBeginCapture_v2(Handle stream, int) {
  return call("cuStreamBeginCapture_v2", Rule::CONTEXT, [&](Driver& driver) {
    Stream& captured = driver.stream(stream);
    if (captured.legacy || captured.capture != nullptr) {
      throw Fault{captured.legacy ? STREAM_CAPTURE_UNSUPPORTED : static_cast<Code>(401), "stream 0, or a stream that is being captured"};
    }
    captured.capture = std::make_unique<Graph>();
    captured.captureBroken = false;
  });
}

ENTRY cuStreamIsCapturing(Handle stream, int* status) {
  return call("cuStreamIsCapturing", Rule::CONTEXT, [&](Driver& driver) {
    Stream& asked = driver.stream(stream);
    wanted(status, "status") = asked.capture == nullptr ? 0 : asked.captureBroken ? 2 : 1;
  });
}

ENTRY cuStreamEndCapture(Handle stream, Handle* graph) {
  return call("cuStreamEndCapture", Rule::CONTEXT, [&](Driver& driver) {
    Stream& captured = driver.stream(stream);
    if (captured.capture == nullptr) {
      throw Fault{static_cast<Code>(401), "the stream is not being captured"};
    }
    std::shared_ptr<const Graph> made = std::move(captured.capture);
    wanted(graph, "graph") = 0;
    if (captured.captureBroken) {
      throw Fault{STREAM_CAPTURE_INVALIDATED, "a call that no capture may contain came between"};
    }
    *graph = driver.graphs.add(made);
  });
}

ENTRY cuGraphInstantiate_v2(Handle* executable, Handle graph, Handle*, char*, size_t) {
  return call("cuGraphInstantiate_v2", Rule::CONTEXT,
      [&](Driver& driver) { wanted(executable, "executable") = driver.executables.add(driver.graphs.at(graph)); });
}

ENTRY cuGraphLaunch(Handle executable, Handle stream) {
  return call("cuGraphLaunch", Rule::CONTEXT, [&](Driver& driver) {
    driver.streams.launch(driver.stream(stream), *driver.executables.at(executable), driver.control.calls());
  });
}

ENTRY cuGraphExecDestroy(Handle executable) {
  return call("cuGraphExecDestroy", Rule::RELEASE, [&](Driver& driver) { driver.executables.take(executable); });
}

ENTRY cuGraphDestroy(Handle graph) {
  return call("cuGraphDestroy", Rule::RELEASE, [&](Driver& driver) { driver.graphs.take(graph); });
}
