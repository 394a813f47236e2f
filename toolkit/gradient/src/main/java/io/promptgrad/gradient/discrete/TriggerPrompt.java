package io.promptgrad.gradient.discrete;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.template.PromptTemplate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A template whose trigger slots are filled with tokens, and the label tokens that read the answer.
 * A manual prompt is one without slots.
 *
 * @param template the template
 * @param labels label tokens
 * @param tokenIds the trigger, one id for each slot
 * @param tokens the trigger as the vocabulary spells it
 * @param text the template with the trigger's tokens in place, for people
 * @param labelTokens the label tokens as the vocabulary spells them; of open labels none
 * @param labelWords the label tokens as words, for people; of open labels none
 */
public record TriggerPrompt(
    PromptTemplate template,
    LabelTokens labels,
    int[] tokenIds,
    List<String> tokens,
    String text,
    Map<String, List<String>> labelTokens,
    Map<String, List<String>> labelWords)
    implements Prompt {

  /** Checks that there is one token for each slot. */
  public TriggerPrompt {
    if (tokenIds.length != template.triggerCount()) {
      throw new IllegalArgumentException(
          tokenIds.length + " trigger tokens for " + template.triggerCount() + " slots");
    }
    tokenIds = tokenIds.clone();
    tokens = List.copyOf(tokens);
  }

  /** Makes the readable forms with the tokenizer. */
  public static TriggerPrompt of(
      PromptTemplate template, LabelTokens labels, int[] trigger, Tokenizer tokenizer) {
    List<String> tokens = new ArrayList<>();
    for (int id : trigger) {
      tokens.add(tokenizer.token(id));
    }
    String text = template.toString();
    for (int id : trigger) {
      int slot = text.indexOf("[T]");
      text = text.substring(0, slot) + tokenizer.view(id).strip() + text.substring(slot + 3);
    }
    Map<String, List<String>> entries = new LinkedHashMap<>();
    Map<String, List<String>> words = new LinkedHashMap<>();
    for (int c = 0; c < labels.size() && !labels.open(); c++) {
      int[] own = labels.ids()[c];
      entries.put(labels.labels().get(c), Arrays.stream(own).mapToObj(tokenizer::token).toList());
      words.put(
          labels.labels().get(c),
          Arrays.stream(own).mapToObj(id -> tokenizer.view(id).strip()).toList());
    }
    return new TriggerPrompt(template, labels, trigger, tokens, text, entries, words);
  }

  @Override
  public String kind() {
    return "trigger";
  }

  @Override
  public int[] tokenIds() {
    return tokenIds.clone();
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("kind", kind());
    json.put("text", text);
    json.put("template", template.toString());
    json.set("token_ids", Json.array(tokenIds));
    json.set("tokens", Json.tree(tokens));
    if (labels.open()) {
      ObjectNode answers = json.putObject("answers");
      for (int c = 0; c < labels.size(); c++) {
        answers.put(labels.labels().get(c), labels.ids()[c][0]);
      }
      return json;
    }
    ObjectNode ids = json.putObject("verbalizer");
    for (int c = 0; c < labels.size(); c++) {
      ids.set(labels.labels().get(c), Json.array(labels.ids()[c]));
    }
    json.set("label_tokens", Json.tree(labelTokens));
    json.set("label_words", Json.tree(labelWords));
    return json;
  }

  /**
   * Reads what {@link #toJson} wrote, for a model with the same vocabulary.
   *
   * @throws InvalidInputException if something is missing or the vocabulary does not fit
   */
  public static TriggerPrompt fromJson(JsonNode json, Tokenizer tokenizer) {
    if (json.path("kind").asText().equals("soft")) {
      throw new InvalidInputException(
          "This saved prompt is made of vectors, and tokens are needed here; name one that a search over tokens found.");
    }
    boolean open = json.path("answers").isObject();
    if (!json.path("template").isTextual() || !(open || json.path("verbalizer").isObject())) {
      throw new InvalidInputException(
          "This is no saved trigger prompt: it needs \"template\", \"token_ids\" and \"verbalizer\" or \"answers\".");
    }
    PromptTemplate template = PromptTemplate.parse(json.path("template").asText());
    int[] trigger = Json.ints(json.path("token_ids"));
    if (trigger.length != template.triggerCount()) {
      throw new InvalidInputException(
          "The saved prompt has %d \"token_ids\" for the %d slots [T] of its template '%s'."
              .formatted(trigger.length, template.triggerCount(), template));
    }
    requireSame(trigger, json.path("tokens"), tokenizer);
    List<String> labels = new ArrayList<>();
    List<int[]> ids = new ArrayList<>();
    json.path("answers")
        .properties()
        .forEach(
            entry -> {
              requireAnswer(entry.getKey(), entry.getValue(), tokenizer);
              labels.add(entry.getKey());
              ids.add(new int[] {entry.getValue().asInt()});
            });
    if (open) {
      return of(
          template, new LabelTokens(labels, ids.toArray(new int[0][]), true), trigger, tokenizer);
    }
    json.path("verbalizer")
        .properties()
        .forEach(
            entry -> {
              int[] own = Json.ints(entry.getValue());
              if (own.length == 0) {
                throw new InvalidInputException(
                    "The saved prompt's label '%s' has no token ids in \"verbalizer\"."
                        .formatted(entry.getKey()));
              }
              requireSame(own, json.path("label_tokens").path(entry.getKey()), tokenizer);
              labels.add(entry.getKey());
              ids.add(own);
            });
    return of(template, new LabelTokens(labels, ids.toArray(new int[0][])), trigger, tokenizer);
  }

  private static void requireAnswer(String word, JsonNode id, Tokenizer tokenizer) {
    if (!id.isInt()
        || !tokenizer.has(id.intValue())
        || !Arrays.equals(tokenizer.encodeWord(word, true), new int[] {id.intValue()})) {
      throw new InvalidInputException(
          "The prompt's answer '%s' is not the token %s in %s; a prompt works only with the vocabulary it was found for."
              .formatted(word, id, tokenizer.file()));
    }
  }

  /**
   * The ids mean nothing without their vocabulary, so every one is saved with its entry.
   *
   * @param entries as saved; an array of strings or missing
   */
  private static void requireSame(int[] ids, JsonNode entries, Tokenizer tokenizer) {
    for (int t = 0; t < ids.length; t++) {
      boolean same =
          tokenizer.has(ids[t])
              && (!entries.isArray() || tokenizer.token(ids[t]).equals(entries.path(t).asText()));
      if (!same) {
        throw new InvalidInputException(
            "The prompt's token %d ('%s') is not that token in %s; a prompt works only with the vocabulary it was found for."
                .formatted(ids[t], entries.path(t).asText("?"), tokenizer.file()));
      }
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TriggerPrompt that
        && template.equals(that.template)
        && labels.equals(that.labels)
        && Arrays.equals(tokenIds, that.tokenIds);
  }

  @Override
  public int hashCode() {
    return Objects.hash(template, labels, Arrays.hashCode(tokenIds));
  }
}
