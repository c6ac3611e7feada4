package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.Fork;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
class TargetLockTest {
  private final Path folder;

  TargetLockTest(@TempDir Path folder) {
    this.folder = folder;
  }

  /// Processes lock and remove the file again and again; whoever finds another's mark was let in beside it.
  @Test
  void oneHolderAtATimeThoughTheFileComesAndGoes() throws Exception {
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      Callable<Fork> process = () -> fork(1500);
      for (Future<Fork> ended : threads.invokeAll(Collections.nCopies(5, process))) {
        assertThat(ended.get().out().strip()).as(ended.get().err()).isEqualTo("1500 times");
      }
    }
    assertThat(folder).isEmptyDirectory();
  }

  private Fork fork(int times) throws IOException, InterruptedException {
    return Fork.run(Map.of(), List.of("-Xmx32m"), TargetLockTest.class, folder.toString(), String.valueOf(times));
  }

  /// A writer that is refused must not take the locks of the one that holds them along, as closing its channel would; nor must one that ends.
  @Test
  void refusedInTheSameProcessAndThenInAnother() throws IOException, InterruptedException {
    Path file = folder.resolve("lock");
    try (TargetLock _ = TargetLock.acquire(file, new Part(1, 2), 4)) {
      for (Path name : List.of(file, folder.resolve("../" + folder.getFileName() + "/lock"))) {
        for (Part part : List.of(Part.WHOLE, new Part(1, 2), new Part(1, 3))) {
          assertThatThrownBy(() -> TargetLock.acquire(name, part, 4)).hasMessageContaining("another run is writing to");
        }
      }
      TargetLock.acquire(file, new Part(2, 2), 4).close();
      assertThat(fork(0).out()).contains("another run is writing to");
    }
    assertThat(file).doesNotExist();
    TargetLock.acquire(file, Part.WHOLE, 4).close();
  }

  public static void main(String[] arguments) throws IOException {
    Path file = Path.of(arguments[0], "lock");
    int times = Integer.parseInt(arguments[1]);
    if (times == 0) {
      try (TargetLock _ = TargetLock.acquire(file, Part.WHOLE, 4)) {
        System.out.println("let in");
      } catch (IOException e) {
        System.out.println(e.getMessage());
      }
      return;
    }
    for (int held = 0; held < times; ) {
      try (TargetLock _ = TargetLock.acquire(file, Part.WHOLE, 4)) {
        Files.delete(Files.createFile(file.resolveSibling("mark")));
        held++;
      } catch (IOException e) {
        if (!String.valueOf(e.getMessage()).startsWith("another run")) {
          throw e;
        }
      }
    }
    System.out.println(times + " times");
  }
}
