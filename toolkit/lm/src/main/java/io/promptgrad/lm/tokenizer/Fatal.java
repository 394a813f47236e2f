package io.promptgrad.lm.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Optional;

/**
 * What the native library takes for granted and ends the process by: a panic in it cannot be
 * caught. Each check here was an abort of tokenizers 0.21, found with damaged files or in its
 * sources.
 *
 * <p>Not among them, because only running them tells: regular expressions that backtrack without
 * end, and damaged tables of a Precompiled normalizer.
 */
final class Fatal {

  private static final int LONGEST = 1024;

  private Fatal() {}

  /** What is wrong, as a part of a sentence; empty if nothing is. */
  static Optional<String> in(TokenizerJson tokenizer) {
    JsonNode model = tokenizer.part("model");
    if (model.has("merges") && !model.path("continuing_subword_prefix").asText("").isEmpty()) {
      // It cuts the prefix off the second part of every merge, whether it is there or not.
      return Optional.of("its BPE model has a continuing_subword_prefix, which is not supported");
    }
    if (tokenizer.kind() == TokenizerKind.UNIGRAM) {
      // It keeps its vocabulary as a tree as deep as the longest token, and takes it apart
      // recursively.
      for (String token : tokenizer.vocabulary().keySet()) {
        if (token.length() > LONGEST) {
          return Optional.of(
              "its Unigram model has a token of %,d characters, where %,d are the most"
                  .formatted(token.length(), LONGEST));
        }
      }
    }
    return inTemplate(tokenizer.part("post_processor"))
        .or(() -> inSteps(tokenizer.part("decoder")))
        .or(() -> inSteps(tokenizer.part("pre_tokenizer")));
  }

  private static Optional<String> inTemplate(JsonNode processor) {
    for (JsonNode part : processor.path("processors")) {
      Optional<String> problem = inTemplate(part);
      if (problem.isPresent()) {
        return problem;
      }
    }
    JsonNode declared = processor.path("special_tokens");
    for (JsonNode token : declared) {
      if (token.path("ids").size() != token.path("tokens").size()) {
        return Optional.of("a special token of its post_processor has other ids than tokens");
      }
    }
    for (String kind : new String[] {"single", "pair"}) {
      for (JsonNode piece : processor.path(kind)) {
        JsonNode special = piece.path("SpecialToken").path("id");
        if (special.isTextual() && !declared.has(special.textValue())) {
          return Optional.of(
              "its post_processor uses the special token %s without declaring it"
                  .formatted(special.textValue()));
        }
        if (kind.equals("single") && piece.path("Sequence").path("id").asText("").equals("B")) {
          return Optional.of("its post_processor puts a second text behind a single one");
        }
      }
    }
    return Optional.empty();
  }

  /** A step of splitting or decoding, or a list of them. */
  private static Optional<String> inSteps(JsonNode step) {
    for (String list : new String[] {"decoders", "pretokenizers"}) {
      for (JsonNode part : step.path(list)) {
        Optional<String> problem = inSteps(part);
        if (problem.isPresent()) {
          return problem;
        }
      }
    }
    return switch (step.path("type").asText("")) {
      case "Strip" ->
          step.path("stop").asLong(0) > 0 // it counts back beyond the first character
              ? Optional.of(
                  "its decoder strips the ends of tokens (Strip with stop), which is not supported")
              : Optional.empty();
      case "FixedLength" ->
          step.path("length").asLong(1) < 1
              ? Optional.of("its pre_tokenizer cuts text into pieces of length 0")
              : Optional.empty();
      default -> Optional.empty();
    };
  }
}
