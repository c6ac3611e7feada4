package io.github.tensorseed.cli;

import picocli.CommandLine.Option;

/// How many threads work.
final class ThreadOptions {
  @Option(names = "--threads", paramLabel = "N", description = "Threads of the host. Default: all cores.")
  int threads = Runtime.getRuntime().availableProcessors();

  /// @throws IllegalArgumentException if that is none, or more than any machine has use for
  int count() {
    if (threads < 1 || threads > 1024) {
      throw new IllegalArgumentException("--threads " + threads + ": give 1 to 1024");
    }
    return threads;
  }
}
