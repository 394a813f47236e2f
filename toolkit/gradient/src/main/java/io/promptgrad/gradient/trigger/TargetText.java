package io.promptgrad.gradient.trigger;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import io.promptgrad.lm.chat.ChatTemplate;
import io.promptgrad.lm.chat.Conversation;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * A text with a place for a trigger, and the text that a causal model is to go on with.
 *
 * <p>The parts are tokenised one by one, as in GCG's programs, because the trigger is tokens and
 * not text: at the seams the ids may differ from those of the whole text written out. {@link
 * TargetPrompt} says whether they do.
 *
 * @param before what stands before the trigger
 * @param after what stands between the trigger and the target
 * @param target what the model is to say
 */
public record TargetText(String before, String after, String target) {

  /** Marks the trigger's place in a template. */
  public static final String PLACE = "{trigger}";

  /** Refuses an empty target. */
  public TargetText {
    if (target.isEmpty()) {
      throw new InvalidInputException("A target is empty; write what the model is to say.");
    }
  }

  /**
   * Reads a text with {@link #PLACE} in it; without one the trigger stands at its end.
   *
   * @throws InvalidInputException if it is there twice
   */
  public static TargetText of(String text, String target) {
    int at = text.indexOf(PLACE);
    if (at < 0) {
      return new TargetText(text, "", target);
    }
    String after = text.substring(at + PLACE.length());
    if (after.contains(PLACE)) {
      throw new InvalidInputException(
          "The text '%s' has the place %s twice; leave one.".formatted(text, PLACE));
    }
    return new TargetText(text.substring(0, at), after, target);
  }

  /**
   * A conversation in a model's own chat template. Without {@link #PLACE} in a message the trigger
   * stands at the end of the last one, behind a blank.
   *
   * @param now what templates that write today's date take for it, so that a run can be repeated
   */
  public static TargetText chat(
      ChatTemplate template, Conversation conversation, String target, LocalDateTime now) {
    boolean placed =
        conversation.messages().stream()
            .anyMatch(message -> message.path("content").asText("").contains(PLACE));
    Conversation asked = conversation;
    if (!placed) {
      List<JsonNode> messages = new ArrayList<>(conversation.messages());
      ObjectNode last = messages.get(messages.size() - 1).deepCopy();
      last.put("content", last.path("content").asText("") + " " + PLACE);
      messages.set(messages.size() - 1, last);
      asked =
          new Conversation(
              messages,
              conversation.tools(),
              conversation.documents(),
              true,
              conversation.variables());
    }
    return of(template.render(asked, now), target);
  }

  /** The whole text with a trigger written out, up to where the model answers. */
  public String with(String trigger) {
    return before + trigger + after;
  }

  /**
   * As tokens of a model, with the token that its sequences begin with in front, once.
   *
   * @throws InvalidInputException if the model does not read from left to right
   */
  TargetSequence encode(String id, LanguageModel model, int slots) {
    requireCausal(model);
    Tokenizer tokenizer = model.tokenizer();
    return TargetSequence.continuation(
        id, beginning(model), slots, tokenizer.encode(after), tokenizer.encode(target));
  }

  /** The tokens before the trigger, with the one that a model's sequences begin with in front. */
  public int[] beginning(LanguageModel model) {
    Tokenizer tokenizer = model.tokenizer();
    int[] ids = tokenizer.encode(before);
    int[] empty = tokenizer.encodeWithSpecials("");
    int[] specials =
        IntStream.of(empty)
            .filter(token -> tokenizer.specials().bos().equals(OptionalInt.of(token)))
            .limit(1)
            .toArray();
    boolean there = specials.length == 1 && ids.length > 0 && ids[0] == specials[0];
    if (specials.length == 0 || there) {
      return ids;
    }
    return IntStream.concat(Arrays.stream(specials), Arrays.stream(ids)).toArray();
  }

  static void requireCausal(LanguageModel model) {
    boolean causal = model.spec().objective() == Objective.CAUSAL && !model.spec().encoderDecoder();
    if (!causal) {
      throw new InvalidInputException(
          "%s (%s) does not continue texts from left to right, so it cannot be given a text to say; take a causal model, or a task with labels."
              .formatted(model.path(), model.spec().family()));
    }
  }

  ObjectNode toJson() {
    return Json.object().put("before", before).put("after", after).put("target", target);
  }
}
