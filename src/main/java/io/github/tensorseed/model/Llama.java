package io.github.tensorseed.model;

import java.util.List;

/// Llama and those that share its form: Mistral, Mixtral, Qwen2, Qwen3 and Gemma; names and initializers as in transformers'
/// `modeling_llama.py` and its siblings. Mixtral has the names under which it is saved, `block_sparse_moe.experts.0.w1`.
final class Llama {
  private Llama() {}

  static List<Parameter> parameters(ModelConfig config, Family family, String head) {
    long width = config.size("hidden_size");
    long inner = config.size("intermediate_size");
    long vocabulary = config.size("vocab_size");
    long heads = config.size("num_attention_heads");
    long query = heads * headWidth(config, family, width, heads);
    long groups = config.size("num_key_value_heads", keyValueHeads(config, family, heads));
    if (heads % groups != 0) {
      throw config.wrong("num_key_value_heads", groups, "a divisor of \"num_attention_heads\", " + heads);
    }
    long keyValue = groups * (query / heads);
    boolean attentionBias = switch (family) {
      case LLAMA, QWEN3, GEMMA -> config.flag("attention_bias", false);
      default -> false;
    };
    boolean queryBias = attentionBias || family == Family.QWEN2;
    boolean innerBias = family == Family.LLAMA && config.flag("mlp_bias", false);
    Parameters out = new Parameters("normal(0, initializer_range)");
    String body = head.equals("Model") ? "" : "model.";

    // All of these pass padding_idx; only Gemma's configuration has an id by default.
    out.embedding(body + "embed_tokens", vocabulary, width, config.row("pad_token_id", family == Family.GEMMA ? 0L : null, vocabulary));
    out.repeat(body + "layers", config.size("num_hidden_layers"), layer -> {
      out.linear(layer + "self_attn.q_proj", width, query, queryBias);
      out.linear(layer + "self_attn.k_proj", width, keyValue, queryBias);
      out.linear(layer + "self_attn.v_proj", width, keyValue, queryBias);
      out.linear(layer + "self_attn.o_proj", query, width, attentionBias);
      if (family == Family.QWEN3) {
        out.rmsNorm(layer + "self_attn.q_norm", query / heads);
        out.rmsNorm(layer + "self_attn.k_norm", query / heads);
      }
      if (family == Family.MIXTRAL) {
        long experts = config.size("num_local_experts", 8);
        out.linear(layer + "block_sparse_moe.gate", width, experts, false);
        out.repeat(layer + "block_sparse_moe.experts", experts, expert -> {
          out.linear(expert + "w1", width, inner, false);
          out.linear(expert + "w2", inner, width, false);
          out.linear(expert + "w3", width, inner, false);
        });
      } else {
        out.linear(layer + "mlp.gate_proj", width, inner, innerBias);
        out.linear(layer + "mlp.up_proj", width, inner, innerBias);
        out.linear(layer + "mlp.down_proj", inner, width, innerBias);
      }
      out.rmsNorm(layer + "input_layernorm", width);
      out.rmsNorm(layer + "post_attention_layernorm", width);
    });
    out.rmsNorm(body + "norm", width);
    switch (head) {
      case "ForCausalLM" -> {
        if (!config.flag("tie_word_embeddings", family == Family.GEMMA)) {
          out.linear("lm_head", width, vocabulary, false);
        }
      }
      case "ForSequenceClassification" -> out.linear("score", width, config.labels(), false);
      case "ForTokenClassification" -> out.linear("score", width, config.labels(), true);
      default -> {} // the model alone
    }
    return out.list();
  }

  private static long headWidth(ModelConfig config, Family family, long width, long heads) {
    long absent = switch (family) {
      case QWEN3 -> 128;
      case GEMMA -> 256;
      default -> width / heads;
    };
    long headWidth = config.size("head_dim", absent);
    if (headWidth == 0 || headWidth == width / heads && width % heads != 0) {
      throw config.wrong("num_attention_heads", heads, "a divisor of \"hidden_size\", " + width);
    }
    return headWidth;
  }

  /// What the implementations assume where the configuration is silent.
  private static long keyValueHeads(ModelConfig config, Family family, long heads) {
    if (config.isNull("num_key_value_heads")) {
      return heads;
    }
    return switch (family) {
      case MISTRAL, MIXTRAL -> 8;
      case QWEN2, QWEN3 -> 32;
      case GEMMA -> 16;
      default -> heads;
    };
  }
}
