package io.github.tensorseed.model;

import io.github.tensorseed.Nearest;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The families of models whose parameters we know, each with those of its classes in transformers (4.57) that we know.
enum Family {
  GPT2("GPT2", "Model LMHeadModel ForSequenceClassification ForTokenClassification ForQuestionAnswering"),
  LLAMA("Llama", "Model ForCausalLM ForSequenceClassification ForTokenClassification"),
  MISTRAL("Mistral", "Model ForCausalLM ForSequenceClassification ForTokenClassification"),
  MIXTRAL("Mixtral", "Model ForCausalLM ForSequenceClassification ForTokenClassification"),
  QWEN2("Qwen2", "Model ForCausalLM ForSequenceClassification ForTokenClassification"),
  QWEN3("Qwen3", "Model ForCausalLM ForSequenceClassification ForTokenClassification"),
  GEMMA("Gemma", "Model ForCausalLM ForSequenceClassification ForTokenClassification"),
  GPT_NEOX("GPTNeoX", "Model ForCausalLM ForSequenceClassification ForTokenClassification ForQuestionAnswering"),
  BERT("Bert", "Model ForPreTraining ForMaskedLM LMHeadModel ForNextSentencePrediction ForSequenceClassification ForMultipleChoice"
      + " ForTokenClassification ForQuestionAnswering"),
  VIT("ViT", "Model ForImageClassification ForMaskedImageModeling");

  private final String prefix;
  private final String heads;

  Family(String prefix, String heads) {
    this.prefix = prefix;
    this.heads = heads;
  }

  /// The parameters of the class that the configuration names, in the order of its modules.
  ///
  /// @throws IllegalArgumentException if we do not know the class, or if the configuration is wrong
  static List<Parameter> parameters(ModelConfig config) {
    String architecture = config.architecture();
    config.requireOnly("quantization_config", "absent");
    Family family = of(config);
    if (family == null) {
      throw config.wrong("architectures", architecture, "a class that we have a template for"
          + Nearest.hint(architecture, allArchitectures())
          + " Templates are there for " + String.join(", ", Stream.of(values()).map(known -> known.prefix).toList())
          + "; for any other class name an existing checkpoint, with a recipe");
    }
    String head = architecture.substring(family.prefix.length());
    return switch (family) {
      case GPT2 -> Gpt2.parameters(config, head);
      case LLAMA, MISTRAL, MIXTRAL, QWEN2, QWEN3, GEMMA -> Llama.parameters(config, family, head);
      case GPT_NEOX -> GptNeoX.parameters(config, head);
      case BERT -> Bert.parameters(config, head);
      case VIT -> Vit.parameters(config, head);
    };
  }

  /// The family of the class that the configuration names; null if it names none that we know.
  static @Nullable Family of(ModelConfig config) {
    if (config.hasArchitecture()) {
      for (Family family : values()) {
        if (family.architectures().contains(config.architecture())) {
          return family;
        }
      }
    }
    return null;
  }

  /// The classes of this family.
  private List<String> architectures() {
    List<String> names = new ArrayList<>();
    for (String head : heads.split(" ", -1)) {
      names.add(prefix + head);
    }
    return names;
  }

  /// The classes that we know.
  static List<String> allArchitectures() {
    List<String> names = new ArrayList<>();
    for (Family family : values()) {
      names.addAll(family.architectures());
    }
    return names;
  }
}
