package io.promptgrad.llm.instruction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.instruction.InstructionPrompt.Demonstration;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InstructionTest {

  private static Example example(String text, String label) {
    return new Example("train:1", Map.of("text", text), label);
  }

  /** A prompt with braces broke other tools, and a question could inject fields. */
  @Test
  void fields_bracesInValues_areLeftAlone() {
    assertThat(Fields.fill("{a} {b} {c} {} {1}", Map.of("a", "{b}", "b", "$1\\")))
        .isEqualTo("{b} $1\\ {c} {} {1}");
  }

  @Test
  void layout_everyPosition_byHand() {
    Example example = example("2 + 3?", "5");
    InstructionPrompt prompt =
        new InstructionPrompt("Add.", List.of(new Demonstration("1 + 1?", "2")));
    assertThat(user(ChatLayout.Position.BEFORE_QUESTION, true, prompt, example))
        .isEqualTo("Add.\n\nQ: 1 + 1?\n\nA: 2\n\nQ: 2 + 3?\n\nA:");
    assertThat(user(ChatLayout.Position.QUESTION_BEGIN, true, prompt, example))
        .isEqualTo("Q: 1 + 1?\n\nA: 2\n\nQ: Add.\n2 + 3?\n\nA:");
    assertThat(user(ChatLayout.Position.QUESTION_END, false, prompt, example))
        .isEqualTo("1 + 1? 2\n\n2 + 3?\nAdd.");
    assertThat(user(ChatLayout.Position.ANSWER_BEGIN, true, prompt, example))
        .isEqualTo("Q: 1 + 1?\n\nA: 2\n\nQ: 2 + 3?\n\nA: Add.");
    assertThatThrownBy(() -> ChatLayout.opro(ChatLayout.Position.ANSWER_BEGIN, false))
        .isInstanceOf(InvalidInputException.class);
    assertThat(ChatLayout.chat().messages(prompt, example))
        .containsExactly(Message.system("Add."), Message.user("1 + 1?\n2\n\n2 + 3?"));
    assertThat(ChatLayout.chat().messages(InstructionPrompt.of(""), example))
        .containsExactly(Message.user("2 + 3?"));
  }

  private static String user(
      ChatLayout.Position position, boolean labels, InstructionPrompt prompt, Example example) {
    List<Message> messages = ChatLayout.opro(position, labels).messages(prompt, example);
    assertThat(messages).hasSize(1);
    return messages.get(0).text();
  }

  @ParameterizedTest
  @CsvSource({
    "'The answer is positive.', positive, 1",
    "'Not POSITIVE, rather negative', positive, 1", // the first label counts
    "'very positively so', positive, -1", // no whole word: no answer
    "'It is very positive.', very positive, 1",
    "'', positive, -1",
  })
  void grader_label_byHand(String answer, String gold, int value) {
    Grader grader = Grader.label(List.of("positive", "negative", "very positive"));
    check(grader.grade(example("x", gold), answer), value);
  }

  @ParameterizedTest
  @CsvSource({
    "'2 + 3 = 5', 5, 1",
    "'so 1,234.50 dollars', 1234.5, 1",
    "'The answer is 7. I checked 3 times.', 7, 1",
    "'-3', -3, 1",
    "'about 5 or 6', 5, 0",
    "'no number', 5, -1",
  })
  void grader_number_byHand(String answer, String gold, int value) {
    check(Grader.number().grade(example("x", gold), answer), value);
  }

  @ParameterizedTest
  @CsvSource({
    "'Paris.', paris, 1",
    "'Paris\nbecause', Paris, 1",
    "'in Paris', Paris, 0",
    "' ', Paris, -1",
  })
  void grader_exact_byHand(String answer, String gold, int value) {
    check(Grader.exact().grade(example("x", gold), answer), value);
  }

  /** -1 stands for an answer that could not be read. */
  private static void check(Outcome outcome, int value) {
    assertThat(outcome.failure().isPresent()).isEqualTo(value < 0);
    assertThat(outcome.value()).isEqualTo(Math.max(0, value));
    assertThat(outcome.correct()).isEqualTo(value == 1);
  }

  @Test
  void prompt_savedAndRead_isTheSame() {
    InstructionPrompt prompt =
        new InstructionPrompt("Add.", List.of(new Demonstration("1 + 1?", "2")));
    assertThat(InstructionPrompt.fromJson(prompt.toJson())).isEqualTo(prompt);
    assertThat(prompt.text()).isEqualTo("Add.\n\n1 + 1?\n2");
  }
}
