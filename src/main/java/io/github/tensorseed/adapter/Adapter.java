package io.github.tensorseed.adapter;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.Shape;
import io.github.tensorseed.adapter.Method.Lora;
import io.github.tensorseed.adapter.Method.Olora;
import io.github.tensorseed.adapter.Method.Pissa;
import io.github.tensorseed.checkpoint.TensorFile;
import io.github.tensorseed.checkpoint.TensorSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// What is to be made for each module: a \[rank, in\] and b \[out, rank\], of which the layer adds alpha / rank b a to its weight.
///
/// @param dtype of a and b
/// @param seed of what is random, on the streams of the tensors' names
public record Adapter(Method method, int rank, int alpha, DType dtype, long seed) {
  static final String WEIGHTS = "adapter_model.safetensors";
  static final String CONFIG = "adapter_config.json";

  private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  public Adapter {
    if (rank < 1 || alpha < 1) {
      throw new IllegalArgumentException("rank " + rank + " and alpha " + alpha + ": both must be at least 1");
    }
    if (dtype == DType.F8_E4M3 || dtype == DType.F8_E5M2) {
      throw new IllegalArgumentException("adapters in " + dtype + ": PEFT loads F32, BF16, F16 and F64");
    }
  }

  double scale() {
    return (double) alpha / rank;
  }

  /// Whether the weights of the checkpoint become others.
  public boolean changesWeights() {
    return !(method instanceof Lora);
  }

  /// Where the adapter is below the folder that is written: in the folder itself, unless the changed weights are there.
  public String subfolder() {
    return switch (method) {
      case Lora _ -> "";
      case Pissa _ -> "pissa_init";
      case Olora _ -> "olora_init";
    };
  }

  static String a(Target target) {
    return "base_model.model." + target.module() + ".lora_A.weight";
  }

  static String b(Target target) {
    return "base_model.model." + target.module() + ".lora_B.weight";
  }

  /// The tensors of the adapter, in the order in which they are made.
  SequencedMap<String, TensorFile.Entry> entries(List<Target> targets) {
    SequencedMap<String, TensorFile.Entry> entries = new LinkedHashMap<>();
    for (Target target : targets) {
      entries.put(a(target), new TensorFile.Entry(dtype, Shape.of(rank, target.in())));
      entries.put(b(target), new TensorFile.Entry(dtype, Shape.of(target.out(), rank)));
    }
    return entries;
  }

  /// The same with the laws of `lora`.
  List<TensorSpec> specs(Lora lora, List<Target> targets) {
    List<TensorSpec> specs = new ArrayList<>();
    for (Target target : targets) {
      specs.add(new TensorSpec(a(target), dtype, Shape.of(rank, target.in()), lora.a(rank)));
      specs.add(new TensorSpec(b(target), dtype, Shape.of(target.out(), rank), Initializers.zeros()));
    }
    return specs;
  }

  /// The text of `adapter_config.json`, with every key that PEFT's `LoraConfig` needs to build the layers. The first values of PiSSA and
  /// OLoRA must not be computed again when they are loaded, so `init_lora_weights` is true there, as in PEFT's own example.
  ///
  /// @param base the model on which the adapter is to be put
  /// @param modules as PEFT looks for them
  /// @param transposed whether layers store \[in, out\]; where only some do, PEFT itself sets it right for the others
  byte[] config(String base, List<String> modules, boolean transposed) {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("peft_type", "LORA");
    keys.put("task_type", null);
    keys.put("base_model_name_or_path", base);
    keys.put("revision", null);
    keys.put("inference_mode", false);
    keys.put("r", rank);
    keys.put("lora_alpha", alpha);
    keys.put("lora_dropout", 0.0);
    keys.put("target_modules", modules);
    keys.put("fan_in_fan_out", transposed);
    keys.put("bias", "none");
    keys.put("init_lora_weights", method instanceof Lora(boolean gaussian) && gaussian ? "gaussian" : (Object) true);
    keys.put("modules_to_save", null);
    keys.put("rank_pattern", Map.of());
    keys.put("alpha_pattern", Map.of());
    keys.put("use_rslora", false);
    keys.put("use_dora", false);
    try {
      return JSON.writeValueAsBytes(keys);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a configuration is no JSON", e);
    }
  }
}
