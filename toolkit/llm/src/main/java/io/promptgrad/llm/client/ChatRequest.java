package io.promptgrad.llm.client;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.util.List;
import java.util.Objects;

/**
 * A conversation that a model shall go on with, once.
 *
 * @param messages at least one
 * @param sampling how the answer is drawn
 * @param sample tells draws of the same request apart, such as {@code 0/12/3} for seed, step and
 *     number; a request with the same name of the sample gets the same answer from the cache, one
 *     with another name a fresh one. "" where only one answer is ever wanted.
 */
public record ChatRequest(List<Message> messages, Sampling sampling, String sample) {

  /** Copies the list and refuses an empty one. */
  public ChatRequest {
    messages = List.copyOf(messages);
    if (messages.isEmpty()) {
      throw new InvalidInputException("A chat request has no messages; give it at least one.");
    }
    Objects.requireNonNull(sampling, "sampling");
    Objects.requireNonNull(sample, "sample");
  }

  /** A request of one user message. */
  public static ChatRequest of(String text, Sampling sampling, String sample) {
    return new ChatRequest(List.of(Message.user(text)), sampling, sample);
  }

  /** Returns everything that an answer depends on, for keys of the cache. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    ArrayNode all = json.putArray("messages");
    messages.forEach(message -> all.add(message.toJson()));
    json.set("sampling", sampling.toJson());
    return json.put("sample", sample);
  }
}
