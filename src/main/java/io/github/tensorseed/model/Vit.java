package io.github.tensorseed.model;

import io.github.tensorseed.Shape;
import java.util.List;

/// ViT: A. Dosovitskiy et al., arXiv 2010.11929; names and initializers as in transformers' `modeling_vit.py`: truncated normals with
/// absolute bounds of two, which at the usual 0.02 truncate nothing.
final class Vit {
  private Vit() {}

  static List<Parameter> parameters(ModelConfig config, String head) {
    long width = config.size("hidden_size");
    long inner = config.size("intermediate_size");
    long channels = config.size("num_channels", 3);
    long[] image = config.extent("image_size", 224);
    long[] patch = config.extent("patch_size", 16);
    long positions = (image[0] / patch[0]) * (image[1] / patch[1]) + 1;
    boolean bias = config.flag("qkv_bias", true);
    String weights = "truncated_normal(0, initializer_range, -2, 2)";
    Parameters out = new Parameters(weights);
    String body = head.equals("Model") ? "" : "vit.";

    out.add(body + "embeddings.cls_token", weights, 1, 1, width);
    if (head.equals("ForMaskedImageModeling")) {
      out.add(body + "embeddings.mask_token", "zeros()", 1, 1, width);
    }
    out.add(body + "embeddings.position_embeddings", weights, 1, positions, width);
    out.conv2d(body + "embeddings.patch_embeddings.projection", channels, width, patch[0], patch[1]);
    out.repeat(body + "encoder.layer", config.size("num_hidden_layers"), layer -> {
      out.linear(layer + "attention.attention.query", width, width, bias);
      out.linear(layer + "attention.attention.key", width, width, bias);
      out.linear(layer + "attention.attention.value", width, width, bias);
      out.linear(layer + "attention.output.dense", width, width, true);
      out.linear(layer + "intermediate.dense", width, inner, true);
      out.linear(layer + "output.dense", inner, width, true);
      out.layerNorm(layer + "layernorm_before", width);
      out.layerNorm(layer + "layernorm_after", width);
    });
    out.layerNorm(body + "layernorm", width);
    switch (head) {
      case "Model" -> out.linear(body + "pooler.dense", width, config.size("pooler_output_size", width), true);
      case "ForImageClassification" -> {
        if (config.labels() > 0) {
          out.linear("classifier", width, config.labels(), true);
        }
      }
      default -> {
        long stride = config.size("encoder_stride", 16);
        out.conv2d("decoder.0", width, Shape.of(stride, stride, channels).elements(), 1, 1);
      }
    }
    return out.list();
  }
}
