package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.Locale;
import java.util.Objects;

/**
 * One message of a conversation.
 *
 * @param from who says it
 * @param text what is said
 */
public record Message(From from, String text) {

  /** Who says something in a conversation. */
  public enum From {
    /** Instructions that stand above the conversation. */
    SYSTEM,
    /** The one who asks. */
    USER,
    /** The model. */
    ASSISTANT
  }

  /** Refuses nulls. */
  public Message {
    Objects.requireNonNull(from, "from");
    Objects.requireNonNull(text, "text");
  }

  /** A message of the one who asks. */
  public static Message user(String text) {
    return new Message(From.USER, text);
  }

  /** A message above the conversation. */
  public static Message system(String text) {
    return new Message(From.SYSTEM, text);
  }

  /** A message of the model. */
  public static Message assistant(String text) {
    return new Message(From.ASSISTANT, text);
  }

  /** Returns this as {@code {"role": "user", "content": "..."}}. */
  public ObjectNode toJson() {
    return Json.object().put("role", from.name().toLowerCase(Locale.ROOT)).put("content", text);
  }
}
