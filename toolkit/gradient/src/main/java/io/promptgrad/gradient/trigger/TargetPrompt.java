package io.promptgrad.gradient.trigger;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.prompt.Prompt;
import java.util.Arrays;
import java.util.List;

/**
 * Tokens that make a model go on with wanted texts.
 *
 * @param texts where they stand
 * @param tokenIds the trigger
 * @param tokens the trigger as the vocabulary spells it
 * @param trigger the trigger as text
 * @param survivesText whether the trigger's text encodes to the same ids, which is what a service
 *     that takes text would see
 */
public record TargetPrompt(
    List<TargetText> texts,
    int[] tokenIds,
    List<String> tokens,
    String trigger,
    boolean survivesText)
    implements Prompt {

  /** Copies lists and ids. */
  public TargetPrompt {
    texts = List.copyOf(texts);
    tokenIds = tokenIds.clone();
    tokens = List.copyOf(tokens);
  }

  static TargetPrompt of(List<TargetText> texts, int[] ids, Tokenizer tokenizer) {
    String text = tokenizer.decode(ids);
    return new TargetPrompt(
        texts,
        ids,
        Arrays.stream(ids).mapToObj(tokenizer::token).toList(),
        text,
        Arrays.equals(tokenizer.encode(text), ids));
  }

  @Override
  public String kind() {
    return "trigger";
  }

  @Override
  public String text() {
    return texts.get(0).with(trigger);
  }

  @Override
  public int[] tokenIds() {
    return tokenIds.clone();
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("kind", kind()).put("text", text()).put("trigger", trigger);
    json.set("token_ids", Json.array(tokenIds));
    json.set("tokens", Json.tree(tokens));
    json.put("survives_text", survivesText);
    texts.forEach(text -> json.withArray("texts").add(text.toJson()));
    return json;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TargetPrompt that
        && texts.equals(that.texts)
        && Arrays.equals(tokenIds, that.tokenIds);
  }

  @Override
  public int hashCode() {
    return 31 * texts.hashCode() + Arrays.hashCode(tokenIds);
  }
}
