package io.promptgrad.llm.instruction;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.prompt.Prompt;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * An instruction, and demonstrations that go with it.
 *
 * @param instruction what the model shall do; may be empty
 * @param demonstrations solved examples, in the order in which they are shown
 */
public record InstructionPrompt(String instruction, List<Demonstration> demonstrations)
    implements Prompt {

  /**
   * A solved example.
   *
   * @param question as the layout shows an example's question
   * @param answer as the model should write it
   */
  public record Demonstration(String question, String answer) {

    /** Refuses nulls. */
    public Demonstration {
      Objects.requireNonNull(question, "question");
      Objects.requireNonNull(answer, "answer");
    }
  }

  /** Copies the list. */
  public InstructionPrompt {
    Objects.requireNonNull(instruction, "instruction");
    demonstrations = List.copyOf(demonstrations);
  }

  /** An instruction without demonstrations. */
  public static InstructionPrompt of(String instruction) {
    return new InstructionPrompt(instruction, List.of());
  }

  @Override
  public String kind() {
    return "instruction";
  }

  /** Returns the instruction, and the demonstrations below it. */
  @Override
  public String text() {
    StringBuilder text = new StringBuilder(instruction);
    for (Demonstration shown : demonstrations) {
      text.append("\n\n").append(shown.question()).append('\n').append(shown.answer());
    }
    return text.toString();
  }

  @Override
  public int[] tokenIds() {
    return new int[0];
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = Json.object().put("kind", kind()).put("text", text());
    json.put("instruction", instruction);
    ArrayNode all = json.putArray("demonstrations");
    for (Demonstration shown : demonstrations) {
      all.addObject().put("question", shown.question()).put("answer", shown.answer());
    }
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static InstructionPrompt fromJson(JsonNode json) {
    List<Demonstration> all = new ArrayList<>();
    json.path("demonstrations")
        .forEach(
            shown ->
                all.add(
                    new Demonstration(
                        shown.path("question").asText(), shown.path("answer").asText())));
    return new InstructionPrompt(json.path("instruction").asText(), all);
  }
}
