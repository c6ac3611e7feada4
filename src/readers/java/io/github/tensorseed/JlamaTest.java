package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.tjake.jlama.safetensors.SafeTensorSupport;
import com.github.tjake.jlama.safetensors.WeightLoader;
import com.github.tjake.jlama.tensor.AbstractTensor;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.checkpoint.ShardLayout;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.model.Plan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whether jlama-core, which reads safetensors with code of its own, finds in our files what we put there.
class JlamaTest {
  private static final long SEED = 42;

  @TempDir Path dir;

  @Test
  void gpt2InOneFile() throws Exception {
    Plan plan = Plan.of("gpt2", null, null, List.of());
    assertThat(readBack(plan, ShardLayout.DEFAULT_SHARD_SIZE)).isEqualTo(124_439_808);
    assertThat(plan.tensors()).hasSize(148);
  }

  @Test
  void llamaInShardsOfBfloat16() throws Exception {
    Path config = Files.writeString(dir.resolve("llama.json"), """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 256, "intermediate_size": 688, "vocab_size": 4000,
         "num_attention_heads": 8, "num_key_value_heads": 4, "num_hidden_layers": 4, "initializer_range": 0.02, "torch_dtype": "bfloat16"}
        """);
    Plan plan = Plan.of(config.toString(), null, null, List.of());
    assertThat(readBack(plan, 1_000_000)).isEqualTo(plan.parameters());
  }

  /// Writes the plan, and compares every byte that jlama loads with what the initializers give.
  ///
  /// @return the number of values
  @SuppressWarnings("try") // jlama declares a close() that may be interrupted
  private long readBack(Plan plan, long shardSize) throws Exception {
    Path model = dir.resolve("model");
    long values = 0;
    try (Device device = CpuDevice.open()) {
      new CheckpointWriter(device, 2).write(ShardLayout.of(plan.tensors(), SEED, shardSize), model, plan.config(), Existing.REFUSE, Part.WHOLE);
      try (WeightLoader weights = SafeTensorSupport.loadWeights(model.toFile())) {
        assertThat(weights.tensorInfoMap()).hasSameSizeAs(plan.tensors());
        for (TensorSpec spec : plan.tensors()) {
          try (Tensor expected = device.allocate(spec.type().dtype().orElseThrow(), spec.shape()); AbstractTensor<?, ?> loaded = weights.load(spec.name())) {
            spec.initializer().fill(expected, RandomStream.of(SEED).named(spec.name()));
            assertThat(loaded.getMemorySegment().mismatch(expected.memory())).as(spec.name()).isEqualTo(-1);
            values += loaded.size();
          }
        }
      }
    }
    return values;
  }
}
