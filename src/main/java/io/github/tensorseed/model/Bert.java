package io.github.tensorseed.model;

import java.util.List;

/// BERT: J. Devlin et al., arXiv 1810.04805; names and initializers as in transformers' `modeling_bert.py`.
final class Bert {
  private Bert() {}

  static List<Parameter> parameters(ModelConfig config, String head) {
    long width = config.size("hidden_size");
    long inner = config.size("intermediate_size");
    long vocabulary = config.size("vocab_size");
    config.requireOnly("position_embedding_type", "absolute");
    config.requireOnly("add_cross_attention", "false");
    Parameters out = new Parameters("normal(0, initializer_range)");
    String body = head.equals("Model") ? "" : "bert.";

    out.embedding(body + "embeddings.word_embeddings", vocabulary, width, config.row("pad_token_id", 0L, vocabulary));
    out.embedding(body + "embeddings.position_embeddings", config.size("max_position_embeddings"), width, null);
    out.embedding(body + "embeddings.token_type_embeddings", config.size("type_vocab_size", 2), width, null);
    out.layerNorm(body + "embeddings.LayerNorm", width);
    out.repeat(body + "encoder.layer", config.size("num_hidden_layers"), layer -> {
      out.linear(layer + "attention.self.query", width, width, true);
      out.linear(layer + "attention.self.key", width, width, true);
      out.linear(layer + "attention.self.value", width, width, true);
      out.linear(layer + "attention.output.dense", width, width, true);
      out.layerNorm(layer + "attention.output.LayerNorm", width);
      out.linear(layer + "intermediate.dense", width, inner, true);
      out.linear(layer + "output.dense", inner, width, true);
      out.layerNorm(layer + "output.LayerNorm", width);
    });
    switch (head) {
      case "Model", "ForPreTraining", "ForNextSentencePrediction", "ForSequenceClassification", "ForMultipleChoice" ->
          out.linear(body + "pooler.dense", width, width, true);
      default -> {} // the others do not pool
    }
    switch (head) {
      case "ForPreTraining", "ForMaskedLM", "LMHeadModel" -> {
        out.linear("cls.predictions.transform.dense", width, width, true);
        out.layerNorm("cls.predictions.transform.LayerNorm", width);
        if (!config.flag("tie_word_embeddings", true)) {
          out.linear("cls.predictions.decoder", width, vocabulary, false);
        }
        out.add("cls.predictions.bias", "zeros()", vocabulary);
      }
      case "ForSequenceClassification", "ForTokenClassification" -> out.linear("classifier", width, config.labels(), true);
      case "ForMultipleChoice" -> out.linear("classifier", width, 1, true);
      case "ForQuestionAnswering" -> out.linear("qa_outputs", width, config.labels(), true);
      default -> {} // the model alone
    }
    if (head.equals("ForPreTraining") || head.equals("ForNextSentencePrediction")) {
      out.linear("cls.seq_relationship", width, 2, true);
    }
    return out.list();
  }
}
