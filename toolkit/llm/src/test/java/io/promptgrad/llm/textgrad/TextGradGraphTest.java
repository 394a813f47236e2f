package io.promptgrad.llm.textgrad;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class TextGradGraphTest {

  /** A model that keeps what it was asked. */
  private static final class Scripted implements Llm {

    final List<String> asked = new ArrayList<>();
    final Function<String, String> answers;

    Scripted(Function<String, String> answers) {
      this.answers = answers;
    }

    @Override
    public String model() {
      return "scripted";
    }

    @Override
    public String identity() {
      return "scripted";
    }

    @Override
    public ChatReply chat(ChatRequest request) {
      String text = request.messages().get(1).text();
      asked.add(text);
      return new ChatReply(
          answers.apply(text), ChatReply.Finish.STOP, List.of(), new Usage(1, 0, 1, false));
    }

    @Override
    public Scoring scoring() {
      return new Scoring(Scoring.Kind.NONE, "none");
    }

    @Override
    public TextScore score(ScoreRequest request) {
      throw new IllegalStateException("scoring() says that this model does not score");
    }
  }

  private static TextEngine engine(Llm model) {
    return new TextEngine(model, Sampling.greedy(100), "0", 3);
  }

  /** prompt -> answer -> loss: two calls, the last one first, each with the feedback behind it. */
  @Test
  void backward_chain_handsFeedbackOn() {
    Scripted model =
        new Scripted(text -> text.contains("<VARIABLE>four</VARIABLE>") ? "say five" : "be exact");
    LlmCall call = new LlmCall(model, Sampling.greedy(10), false);
    Variable prompt = Variable.parameter("Add.", "system prompt");
    Variable question = Variable.constant("2 + 3", "question");
    Variable answer = call.answered(prompt, question, "four", "answer");
    TextFunction loss = new TextFunction("compares with five", texts -> "wrong");
    loss.forward(List.of(answer), "comparison").backward(engine(model));

    assertThat(model.asked).hasSize(2);
    assertThat(model.asked.get(0))
        .contains("<FUNCTION_PURPOSE>compares with five</FUNCTION_PURPOSE>")
        .contains("Make the output better");
    assertThat(model.asked.get(1))
        .contains("<LM_SYSTEM_PROMPT>Add.</LM_SYSTEM_PROMPT>")
        .contains("say five")
        .doesNotContain("Make the output better");
    assertThat(answer.gradientText()).isEqualTo("say five");
    assertThat(prompt.gradientText()).isEqualTo("be exact");
    assertThat(question.gradients()).isEmpty();
  }

  /** The original's sum adds two gradients to each part, and at the root an empty one. */
  @Test
  void backward_sumOfABatch_givesEachPartItsOwnFeedback() {
    Scripted model = new Scripted(text -> "feedback " + (text.contains("one") ? 1 : 2));
    LlmCall call = new LlmCall(model, Sampling.greedy(10), false);
    Variable prompt = Variable.parameter("Add.", "system prompt");
    List<Variable> losses = new ArrayList<>();
    for (String text : List.of("one", "two")) {
      Variable answer = call.answered(prompt, Variable.constant("?", "question"), text, "answer");
      losses.add(new TextFunction("compares", t -> "wrong").forward(List.of(answer), "loss"));
    }
    TextFunction.sum(losses).backward(engine(model));
    assertThat(losses).allSatisfy(loss -> assertThat(loss.gradients()).isEmpty());
    assertThat(prompt.gradients())
        .extracting(Variable.Gradient::feedback)
        .containsExactlyInAnyOrder("feedback 1", "feedback 2");
    assertThat(model.asked).hasSize(4);
  }

  @Test
  void backward_feedbackOnASummary_reachesEveryPart() {
    Scripted model = new Scripted(text -> "answer");
    Variable a = Variable.parameter("a", "part");
    Variable b = Variable.parameter("b", "part");
    Variable summary = TextFunction.aggregate(List.of(a, b), engine(model));
    summary.addGradient(new Variable.Gradient("shorter", ""));
    summary.backward(engine(model));
    assertThat(a.gradientText()).isEqualTo("shorter");
    assertThat(b.gradientText()).isEqualTo("shorter");
  }

  /** A variable that is used twice gets feedback from both uses, after both have theirs. */
  @Test
  void backward_sharedVariable_isVisitedAfterAllItsUses() {
    Scripted model = new Scripted(text -> "f");
    TextFunction function = new TextFunction("joins", texts -> String.join("", texts));
    Variable shared = Variable.parameter("x", "shared");
    Variable middle = function.forward(List.of(shared), "middle");
    Variable end = function.forward(List.of(middle, shared), "end");
    end.backward(engine(model));
    assertThat(shared.gradients()).hasSize(2);
    assertThat(middle.gradients()).hasSize(1);
    assertThatThrownBy(() -> end.set("y")).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void rewrite_readsTheTag_triesAgainAndKnowsThePast() {
    int[] n = {0};
    Scripted model =
        new Scripted(text -> n[0]++ == 0 ? "no tag" : "<IMPROVED_VARIABLE>b</IMPROVED_VARIABLE>");
    Variable parameter = Variable.parameter("a", "prompt");
    TextualGradientDescent descent =
        new TextualGradientDescent(List.of("at most ten words"), List.of(), false);
    assertThat(descent.rewrite(parameter, List.of(), engine(model))).isEmpty(); // no feedback
    parameter.addGradient(new Variable.Gradient("longer", "the conversation"));
    assertThat(descent.rewrite(parameter, List.of("Version: z"), engine(model))).contains("b");
    assertThat(parameter.value()).isEqualTo("a");
    assertThat(model.asked).hasSize(2);
    assertThat(model.asked.get(0))
        .contains("<FEEDBACK>longer</FEEDBACK>")
        .contains("Version: z")
        .contains("at most ten words")
        .doesNotContain("<EXAMPLES>");
  }

  @Test
  void shortened_longText_keepsTenWordsAtEachEnd() {
    StringBuilder text = new StringBuilder();
    for (int i = 1; i <= 21; i++) {
      text.append(i).append(' ');
    }
    assertThat(Variable.constant(text.toString(), "r").shortened())
        .isEqualTo("1 2 3 4 5 6 7 8 9 10 (...) 12 13 14 15 16 17 18 19 20 21");
    assertThat(Variable.constant("1 2", "r").shortened()).isEqualTo("1 2");
  }
}
