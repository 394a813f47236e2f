package io.promptgrad.llm.textgrad;

import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * A model that is asked for feedback and for new texts.
 *
 * @param model the model
 * @param sampling how its answers are drawn
 * @param sample names the draws of this engine, such as {@code 0/12} for seed and step
 * @param attempts answers to one question before going without
 */
public record TextEngine(Llm model, Sampling sampling, String sample, int attempts) {

  /** Refuses less than one attempt. */
  public TextEngine {
    if (attempts < 1) {
      throw new IllegalArgumentException("attempts must be at least 1, but is " + attempts);
    }
  }

  /** Returns this with draws of another name. */
  public TextEngine named(String draws) {
    return new TextEngine(model, sampling, draws, attempts);
  }

  /** Returns what is read from an answer; empty if nothing could be read from any. */
  public <T> Optional<T> ask(String system, String user, Function<String, Optional<T>> reader) {
    for (int n = 0; n < attempts; n++) {
      String draw = sample + (n == 0 ? "" : "/again" + n);
      ChatReply reply;
      try {
        reply =
            model.chat(
                new ChatRequest(
                    List.of(Message.system(system), Message.user(user)), sampling, draw));
      } catch (CallFailedException e) {
        return Optional.empty(); // refused, and it always will be
      }
      Optional<T> value = reader.apply(reply.text());
      if (value.isPresent()) {
        return value;
      }
    }
    return Optional.empty();
  }

  /** Returns an answer that is not blank. */
  public Optional<String> ask(String system, String user) {
    return ask(system, user, text -> text.isBlank() ? Optional.empty() : Optional.of(text.strip()));
  }
}
