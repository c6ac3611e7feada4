package io.github.tensorseed.cli;

import java.io.Console;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// A bar of bytes, or of something else, and their rate on a terminal's stderr, and nothing in a pipe.
final class Progress implements LongConsumer, AutoCloseable {
  private final @Nullable ProgressBar bar;

  /// @param bytes in all
  Progress(String task, long bytes) {
    this(task, bytes, " MB", 1_000_000);
  }

  /// @param size of a unit
  Progress(String task, long all, String unit, long size) {
    bar = !isTerminal(Path.of("/proc/self/fd/2"))
        ? null
        : new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(all)
            .setUnit(unit, size)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(200)
            .showSpeed()
            .build();
  }

  /// Whether stderr is a terminal.
  ///
  /// @param descriptor what Linux says that stderr is
  @SuppressWarnings("SystemConsoleNull") // it is null again from JDK 25 on where there is no terminal
  static boolean isTerminal(Path descriptor) {
    if (Files.isSymbolicLink(descriptor)) {
      try {
        return Files.readSymbolicLink(descriptor).toString().matches("/dev/(pts/|tty|console).*");
      } catch (IOException e) {
        return false;
      }
    }
    // Elsewhere Java tells only of stdin and stdout.
    Console console = System.console();
    return console != null && console.isTerminal();
  }

  @Override
  public void accept(long more) {
    if (bar != null) {
      bar.stepBy(more);
    }
  }

  /// Says more beside the bar.
  void note(String text) {
    if (bar != null) {
      bar.setExtraMessage(" " + text);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
