package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import io.github.tensorseed.Fork;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// What sparse tensors keep for their next chunks must not add up.
class SparsePlanTest {

  /// Weights of 126 layers, as many columns as those of Llama 3.1 405B have, whose tables are 229 MB together; the process has 100.
  @Test
  void tablesOfManyTensors() throws IOException, InterruptedException {
    Fork fork = Fork.run(Map.of(), List.of("-Xmx100m"), SparsePlanTest.class);
    assertThat(fork.out()).as(fork.err()).isEqualToIgnoringNewLines("126 layers");
  }

  public static void main(String[] arguments) {
    List<TensorSpec> tensors = new ArrayList<>();
    for (int layer = 0; layer < 126; layer++) {
      for (int i = 0; i < 7; i++) {
        tensors.add(new TensorSpec(layer + "." + i, DType.BF16, Shape.of(2, i == 6 ? 53_248 : 16_384), Initializers.sparse(0.5, 0.01)));
      }
    }
    try (CpuDevice device = CpuDevice.open(1)) {
      for (TensorSpec spec : tensors) {
        try (Tensor tensor = device.allocate(DType.BF16, Slice.of(spec.shape()).along(1, 0, 16))) {
          spec.initializer().fill(tensor, RandomStream.of(1).named(spec.name()));
        }
      }
    }
    System.out.println("126 layers");
  }
}
