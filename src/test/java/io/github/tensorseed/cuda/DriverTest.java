package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import io.github.tensorseed.cli.Main;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a user is told who has no driver that can be used: one line, with the reason and the remedy.
class DriverTest {
  @TempDir Path dir;

  /// Runs the command with a folder that comes first where the system looks for libraries.
  private static Fork command(Path libraries, List<String> flags, String... arguments) throws Exception {
    return Fork.run(Map.of("LD_LIBRARY_PATH", libraries.toString()), flags, Main.class, arguments);
  }

  private static void assertRefused(Fork fork, String... messages) {
    assertThat(fork.code()).isEqualTo(2);
    assertThat(fork.err().lines().filter(line -> !line.startsWith("WARNING"))).singleElement().asString()
        .startsWith("tensorseed: device cuda:0: ").contains(messages).doesNotContain("Exception", "Error:", "jcuda.");
  }

  @Test
  void damagedLibraryIsNamedWithTheLoadersReason() throws Exception {
    Files.writeString(dir.resolve("libcuda.so.1"), "not a library");
    Path out = dir.resolve("x.safetensors");
    String[] init = {"init", "--tensor", "w:F32[3]=zeros()", "--out", out.toString(), "--device", "cuda:0"};
    assertRefused(command(dir, Fork.FLAGS, init), "libcuda.so.1: file too short", "install it", "or take the device cpu");
    assertThat(out).doesNotExist();
    init[init.length - 1] = "auto";
    Fork auto = command(dir, Fork.FLAGS, init);
    assertThat(auto.code()).isZero();
    assertThat(auto.err()).contains("device: cpu (", "; no cuda: NVIDIA's driver is not to be had", "file too short");
    Fork devices = command(dir, Fork.FLAGS, "devices");
    assertThat(devices.code()).isZero();
    assertThat(devices.out()).containsPattern("(?m)^cuda +no +NVIDIA's driver is not to be had .*file too short");
  }

  @Test
  void deniedNativeAccessIsNamed() throws Exception {
    List<String> flags = List.of("--add-modules", "jdk.incubator.vector", "--illegal-native-access=deny");
    assertRefused(command(dir, flags, "init", "--tensor", "w:F32[3]=zeros()", "--out", dir.resolve("x.npy").toString(), "--device", "cuda:0"),
        "--enable-native-access=ALL-UNNAMED");
  }

  /// The CPU computes without a class of JCuda on the class path.
  @Test
  void hostNeedsNoJCuda() throws Exception {
    String classPath = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
        .filter(entry -> !entry.contains("jcu")).collect(Collectors.joining(File.pathSeparator));
    Files.writeString(dir.resolve("libcuda.so.1"), "not a library");
    for (String device : new String[] {"cpu", "auto"}) {
      Path out = dir.resolve(device + ".safetensors");
      Fork fork = Fork.run(Map.of("LD_LIBRARY_PATH", dir.toString()), Fork.FLAGS, classPath, Main.class.getName(),
          "init", "--tensor", "w:F32[300]=normal(0, 1)", "--out", out.toString(), "--device", device);
      assertThat(fork.code()).as(fork.err()).isZero();
      assertThat(out).exists();
    }
  }

  /// Not even where there is a GPU that could be used.
  @Test
  void hostTouchesNoClassOfJCuda() throws Exception {
    List<String> flags = Stream.concat(Fork.FLAGS.stream(), Stream.of("-verbose:class")).toList();
    Fork fork = Fork.run(Fork.environment("eager"), flags, Main.class,
        "init", "--tensor", "w:F32[300]=normal(0, 1)", "--out", dir.resolve("x.safetensors").toString(), "--device", "cpu");
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(fork.out()).contains(" io.github.tensorseed.cpu.CpuDevice ").doesNotContain(" jcuda.", " io.github.tensorseed.cuda.");
  }
}
