package io.github.tensorseed.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// The example inside DL4J: four epochs of 500 images.
class Dl4jTrainingTest {
  private static List<Double> losses(String weights) throws IOException {
    try (CpuDevice cpu = CpuDevice.open(1); Arena arena = Arena.ofConfined(); Tensor pixels = cpu.allocate(DType.F32, Shape.of(500, 784))) {
      LabelledImages images = LabelledImages.read(Path.of("examples"), "fashion-mnist-500", arena);
      byte[] labels = images.copyTo(pixels, IntStream.range(0, 500).toArray(), 0, 500, arena.allocate(pixels.bytes()));
      return Dl4jTraining.run(pixels.toFloats(), labels, weights, 42, 4);
    }
  }

  private static double mean(List<Double> losses, int from, int to) {
    return losses.subList(from, to).stream().mapToDouble(Double::doubleValue).average().orElseThrow();
  }

  /// It began at 2.6, and 0.45 was measured in the last epoch.
  @Test
  void aGoodBeginningLearns() throws IOException {
    List<Double> losses = losses("he_normal()");
    assertThat(losses).hasSize(40);
    assertThat(losses.getFirst()).isGreaterThan(2);
    assertThat(mean(losses, 30, 40)).isLessThan(0.7);
  }

  /// Of zeros only the last bias learns, and the first loss is that of ten equal shares.
  @Test
  void zerosDoNot() throws IOException {
    List<Double> losses = losses("zeros()");
    assertThat(losses.getFirst()).isCloseTo(Math.log(10), within(1e-5));
    assertThat(mean(losses, 30, 40)).isCloseTo(Math.log(10), within(0.05));
  }
}
