package io.github.tensorseed.model;

import io.github.tensorseed.Fans;
import java.util.List;

/// GPT-NeoX: S. Black et al., arXiv 2204.06745; names and initializers as in transformers' `modeling_gpt_neox.py`. Query, key and value
/// are fused along the outputs, head by head.
final class GptNeoX {
  private GptNeoX() {}

  static List<Parameter> parameters(ModelConfig config, String head) {
    long width = config.size("hidden_size");
    long inner = config.size("intermediate_size");
    long vocabulary = config.size("vocab_size");
    boolean bias = config.flag("attention_bias", true);
    Parameters out = new Parameters("normal(0, initializer_range)");
    String body = head.equals("Model") ? "" : "gpt_neox.";

    out.embedding(body + "embed_in", vocabulary, width, null);
    out.repeat(body + "layers", config.size("num_hidden_layers"), layer -> {
      out.layerNorm(layer + "input_layernorm", width);
      out.layerNorm(layer + "post_attention_layernorm", width);
      out.linear(layer + "attention.query_key_value", width, 3 * width, new Fans(width, width), bias);
      out.linear(layer + "attention.dense", width, width, bias);
      out.linear(layer + "mlp.dense_h_to_4h", width, inner, true);
      out.linear(layer + "mlp.dense_4h_to_h", inner, width, true);
    });
    out.layerNorm(body + "final_layer_norm", width);
    switch (head) {
      case "ForCausalLM" -> {
        if (!config.flag("tie_word_embeddings", false)) {
          out.linear("embed_out", width, vocabulary, false);
        }
      }
      case "ForSequenceClassification" -> out.linear("score", width, config.labels(), false);
      case "ForTokenClassification" -> out.linear("classifier", width, config.labels(), true);
      case "ForQuestionAnswering" -> out.linear("qa_outputs", width, 2, true);
      default -> {} // the model alone
    }
    return out.list();
  }
}
