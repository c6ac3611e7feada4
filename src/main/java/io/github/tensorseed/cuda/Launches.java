package io.github.tensorseed.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.stream.Collectors;

/// The launches that nobody has waited for: an asynchronous error is one of theirs. Only the latest are remembered.
final class Launches {
  private static final int REMEMBERED = 8;

  private record Launch(long number, String kernel, long count, long start) {
    @Override
    public String toString() {
      return kernel + " of " + count + " elements from " + start;
    }
  }

  private final Deque<Launch> latest = new ArrayDeque<>();
  private long last;
  private long waited;

  synchronized void add(String kernel, long count, long start) {
    if (latest.size() == REMEMBERED) {
      latest.removeFirst();
    }
    latest.addLast(new Launch(++last, kernel, count, start));
  }

  /// The number of the last launch, for [#waitedFor].
  synchronized long last() {
    return last;
  }

  /// All launches up to and with this one have ended without an error.
  synchronized void waitedFor(long number) {
    waited = Math.max(waited, number);
    latest.removeIf(launch -> launch.number <= waited);
  }

  /// Those that nobody has waited for, in words.
  @Override
  public synchronized String toString() {
    if (last == waited) {
      return "no launches since the last wait";
    }
    long forgotten = last - waited - latest.size();
    return "launches since the last wait: " + (forgotten == 0 ? "" : forgotten + " and then ")
        + latest.stream().map(Launch::toString).collect(Collectors.joining(", "));
  }
}
