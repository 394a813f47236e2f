package io.promptgrad.lm.arch;

import static java.util.Map.entry;

import io.promptgrad.input.InvalidInputException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * A model's architecture and the names of its weights, both read from {@code config.json}.
 *
 * <p>Each family is one class with two methods: from the configuration to a {@link
 * TransformerSpec}, and from the spec to a {@link WeightMap}. To add one, write that class and list
 * it here.
 */
public record Architecture(TransformerSpec spec, WeightMap weights) {

  private static final Map<String, Function<ConfigReader, Architecture>> FAMILIES =
      new TreeMap<>(
          Map.ofEntries(
              entry("albert", Albert::read),
              entry("bert", Bert::read),
              entry("camembert", Roberta::read),
              entry("distilbert", Distilbert::read),
              entry("electra", Electra::read),
              entry("gemma", Gemma::read),
              entry("gemma2", Gemma2::read),
              entry("gemma3_text", Gemma3::read),
              entry("gpt2", Gpt2::read),
              entry("gpt_neo", GptNeo::read),
              entry("gpt_neox", GptNeoX::read),
              entry("llama", Llama::read),
              entry("mistral", Mistral::read),
              entry("olmo2", Olmo2::read),
              entry("openai-gpt", OpenAiGpt::read),
              entry("opt", Opt::read),
              entry("phi", Phi::read),
              entry("phi3", Phi3::read),
              entry("qwen2", Qwen2::read),
              entry("qwen3", Qwen3::read),
              entry("roberta", Roberta::read),
              entry("t5", T5::read),
              entry("xlm-roberta", Roberta::read)));

  /**
   * Reads {@code config.json} of a model folder.
   *
   * @throws InvalidInputException if the file is missing or malformed, the family is unknown, or a
   *     key that changes the computation is not supported
   */
  public static Architecture read(Path directory) {
    ConfigReader config = ConfigReader.open(directory.resolve("config.json"));
    String family = config.text("model_type", "");
    Function<ConfigReader, Architecture> reader = FAMILIES.get(family);
    if (reader == null) {
      throw config.wrong(
          "model_type",
          (family.isEmpty() ? "is missing" : "is \"" + family + "\", an unknown architecture")
              + "; supported are "
              + String.join(", ", FAMILIES.keySet()));
    }
    Architecture architecture = reader.apply(config);
    config.refuseTheRest();
    return architecture;
  }
}
