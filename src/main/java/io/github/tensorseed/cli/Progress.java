package io.github.tensorseed.cli;

import java.io.Console;
import java.util.function.LongConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// A bar of bytes and their rate on a terminal's stderr, and nothing in a pipe.
final class Progress implements LongConsumer, AutoCloseable {
  private final @Nullable ProgressBar bar;

  /// @param bytes in all
  Progress(String task, long bytes) {
    bar = !isTerminal()
        ? null
        : new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(bytes)
            .setUnit(" MB", 1_000_000)
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(200)
            .showSpeed()
            .build();
  }

  @SuppressWarnings("SystemConsoleNull") // it is null again from JDK 25 on where there is no terminal
  private static boolean isTerminal() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }

  @Override
  public void accept(long bytes) {
    if (bar != null) {
      bar.stepBy(bytes);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
