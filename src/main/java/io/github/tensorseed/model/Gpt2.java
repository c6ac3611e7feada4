package io.github.tensorseed.model;

import io.github.tensorseed.Fans;
import java.util.List;

/// GPT-2: A. Radford et al., Language models are unsupervised multitask learners, 2019; names and initializers as in transformers'
/// `modeling_gpt2.py`. Its linear maps are Conv1D, \[in, out\]; the attention's query, key and value are fused along the outputs.
final class Gpt2 {
  private Gpt2() {}

  static List<Parameter> parameters(ModelConfig config, String head) {
    long width = config.size("n_embd");
    long inner = config.size("n_inner", 4 * width);
    long vocabulary = config.size("vocab_size");
    config.requireOnly("add_cross_attention", "false");
    Parameters out = new Parameters("normal(0, initializer_range)");
    String residual = "normal(0, initializer_range / sqrt(2 * n_layer))";
    Fans square = new Fans(width, width);
    String body = head.equals("Model") ? "" : "transformer.";

    out.embedding(body + "wte", vocabulary, width, null);
    out.embedding(body + "wpe", config.size("n_positions"), width, null);
    out.repeat(body + "h", config.size("n_layer"), block -> {
      out.layerNorm(block + "ln_1", width);
      out.conv1d(block + "attn.c_attn", width, 3 * width, square, "normal(0, initializer_range)");
      out.conv1d(block + "attn.c_proj", width, width, square, residual);
      out.layerNorm(block + "ln_2", width);
      out.conv1d(block + "mlp.c_fc", width, inner, new Fans(width, inner), "normal(0, initializer_range)");
      out.conv1d(block + "mlp.c_proj", inner, width, new Fans(inner, width), residual);
    });
    out.layerNorm(body + "ln_f", width);
    switch (head) {
      case "LMHeadModel" -> {
        if (!config.flag("tie_word_embeddings", true)) {
          out.linear("lm_head", width, vocabulary, false);
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
