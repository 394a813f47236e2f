package io.promptgrad.llm.instruction;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Message;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where instruction, demonstrations and example stand in a conversation. All parts are texts with
 * {@link Fields}.
 *
 * @param system the system message with {@code {instruction}}; "" for none
 * @param user the user message, with {@code {question}}, and {@code {instruction}} or {@code
 *     {demonstrations}} where they belong here; the example's own fields may be used too
 * @param question how an example's fields make up {@code {question}}; "" joins all their values
 * @param demonstration a solved example, with {@code {question}} and {@code {answer}}
 */
public record ChatLayout(String system, String user, String question, String demonstration) {

  /** Where OPRO puts the instruction (Yang et al. 2023, section 5.1). */
  public enum Position {
    /** A line of its own before the question. */
    BEFORE_QUESTION,
    /** Within the question, before its text. */
    QUESTION_BEGIN,
    /** Within the question, behind its text. */
    QUESTION_END,
    /** As the beginning of the answer. */
    ANSWER_BEGIN
  }

  /** Refuses a layout that shows no instruction or no question. */
  public ChatLayout {
    if (!(system + user).contains("{instruction}") || user.isBlank()) {
      throw new InvalidInputException(
          "The layout shows no {instruction} or has no user message; put {instruction} and {question} where they belong.");
    }
  }

  /** The instruction as system message, demonstrations and question as user message. */
  public static ChatLayout chat() {
    return new ChatLayout(
        "{instruction}", "{demonstrations}{question}", "", "{question}\n{answer}\n\n");
  }

  /** OPRO's layouts in one user message, with or without {@code Q:} and {@code A:}. */
  public static ChatLayout opro(Position position, boolean labels) {
    String q = labels ? "Q: " : "";
    String a = labels ? "\n\nA:" : "";
    String user =
        switch (position) {
          case BEFORE_QUESTION -> "{instruction}\n\n{demonstrations}" + q + "{question}" + a;
          case QUESTION_BEGIN -> "{demonstrations}" + q + "{instruction}\n{question}" + a;
          case QUESTION_END -> "{demonstrations}" + q + "{question}\n{instruction}" + a;
          case ANSWER_BEGIN -> {
            if (!labels) {
              throw new InvalidInputException(
                  "An instruction at the beginning of the answer needs the labels Q: and A:.");
            }
            yield "{demonstrations}" + q + "{question}\n\nA: {instruction}";
          }
        };
    return new ChatLayout("", user, "", q + "{question}" + a + " {answer}\n\n");
  }

  /** Returns the question of an example. */
  public String question(Example example) {
    return question.isEmpty() ? example.text() : Fields.fill(question, example.fields());
  }

  /** Returns the conversation that asks an example. */
  public List<Message> messages(InstructionPrompt prompt, Example example) {
    Map<String, String> values = new LinkedHashMap<>(example.fields());
    values.put("instruction", prompt.instruction());
    values.put("question", question(example));
    StringBuilder shown = new StringBuilder();
    for (InstructionPrompt.Demonstration one : prompt.demonstrations()) {
      shown.append(
          Fields.fill(demonstration, Map.of("question", one.question(), "answer", one.answer())));
    }
    values.put("demonstrations", shown.toString());
    List<Message> messages = new ArrayList<>();
    String above = Fields.fill(system, values).strip();
    if (!above.isEmpty()) {
      messages.add(Message.system(above));
    }
    messages.add(Message.user(Fields.fill(user, values).strip()));
    return messages;
  }
}
