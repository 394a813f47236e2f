package io.promptgrad.llm.instruction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.TokenScore;
import io.promptgrad.llm.client.Usage;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class ScorersTest {

  private static final Usage USAGE = new Usage(1, 0, 1, false);
  private final Example example = new Example("e:1", Map.of("q", "2 + 3?"), "B");
  private final InstructionPrompt prompt = InstructionPrompt.of("Choose.");

  /** A model made of a function. */
  private static final class Scripted implements Llm {

    final Function<ChatRequest, ChatReply> chat;
    final List<ScoreRequest> scored = new ArrayList<>();

    Scripted(Function<ChatRequest, ChatReply> chat) {
      this.chat = chat;
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
      return chat.apply(request);
    }

    @Override
    public Scoring scoring() {
      return new Scoring(Scoring.Kind.GIVEN_TEXT, "scripted");
    }

    @Override
    public TextScore score(ScoreRequest request) {
      scored.add(request);
      return new TextScore(
          List.of(new TokenScore("B", -1, Map.of()), new TokenScore("!", -3, Map.of())), USAGE);
    }
  }

  private static ChatReply reply(String text) {
    return new ChatReply(text, ChatReply.Finish.STOP, List.of(), USAGE);
  }

  private static Scripted choosing(Map<String, Double> alternatives) {
    String token = alternatives.keySet().iterator().next();
    return new Scripted(
        request ->
            new ChatReply(
                token,
                ChatReply.Finish.LENGTH,
                List.of(new TokenScore(token, alternatives.get(token), alternatives)),
                USAGE));
  }

  private Outcome choice(Map<String, Double> alternatives, ChoiceScorer.Objective objective) {
    return new ChoiceScorer(
            choosing(alternatives), ChatLayout.chat(), List.of("A", "B", "C"), 10, objective)
        .score(prompt, example);
  }

  @Test
  void choice_alternatives_areSummedByLabel() {
    Map<String, Double> alternatives = new LinkedHashMap<>();
    alternatives.put("A", Math.log(0.4));
    alternatives.put(" B", Math.log(0.3));
    alternatives.put("b", Math.log(0.2));
    Outcome outcome = choice(alternatives, ChoiceScorer.Objective.ACCURACY);
    assertThat(outcome.predicted()).isEqualTo("B"); // 0.3 + 0.2 against 0.4
    assertThat(outcome.value()).isEqualTo(1);
    assertThat(outcome.rank()).isEqualTo(1);
    assertThat(outcome.scores().get("B")).isCloseTo(Math.log(0.5), within(1e-12));
    assertThat(outcome.scores().get("C")).isEqualTo(ChoiceScorer.FLOOR);
  }

  /** The original charged 23 nats for a listed label and 9.2103 for one that was not. */
  @Test
  void choice_unlikelyGold_costsNoMoreThanAnAbsentOne() {
    Map<String, Double> listed = new LinkedHashMap<>();
    listed.put("A", -0.01);
    listed.put("B", -23.0);
    double value = choice(listed, ChoiceScorer.Objective.LOG_PROBABILITY).value();
    assertThat(value).isCloseTo(-9.2103403720, within(1e-9));
    assertThat(choice(Map.of("A", -0.01), ChoiceScorer.Objective.LOG_PROBABILITY).value())
        .isEqualTo(value);
  }

  @Test
  void choice_noLabelAtAll_isWrong() {
    Outcome outcome = choice(Map.of("Sorry", -0.1), ChoiceScorer.Objective.ACCURACY);
    assertThat(outcome.value()).isZero();
  }

  @Test
  void choice_serverWithoutLogProbs_isForTheUser() {
    ChoiceScorer scorer =
        new ChoiceScorer(
            new Scripted(request -> reply("B")),
            ChatLayout.chat(),
            List.of("A", "B"),
            10,
            ChoiceScorer.Objective.ACCURACY);
    assertThatThrownBy(() -> scorer.score(prompt, example))
        .isInstanceOf(InvalidInputException.class);
  }

  @Test
  void likelihood_isTheMeanOverTheAnswersTokens() {
    Scripted model = new Scripted(request -> reply(""));
    Outcome outcome = new LikelihoodScorer(model, "{instruction} {q} ").score(prompt, example);
    assertThat(outcome.value()).isEqualTo(-2);
    assertThat(outcome.scores()).containsEntry("B", -4.0);
    assertThat(model.scored).containsExactly(new ScoreRequest("\nChoose. 2 + 3? ", "B"));
  }

  @Test
  void answer_filteredOrRefused_failsAndIsNotWrong() {
    Scripted filtered =
        new Scripted(
            request -> new ChatReply("", ChatReply.Finish.CONTENT_FILTER, List.of(), USAGE));
    Scripted refused =
        new Scripted(
            request -> {
              throw new CallFailedException(CallFailedException.Kind.REFUSED, "too long");
            });
    for (Scripted model : List.of(filtered, refused)) {
      Outcome outcome =
          new AnswerScorer(model, ChatLayout.chat(), Sampling.greedy(5), Grader.exact())
              .score(prompt, example);
      assertThat(outcome.failure()).isPresent();
      assertThat(outcome.value()).isZero();
    }
  }

  /** Reminder, expert, final answer: the expert sees its instruction alone. */
  @Test
  void conductor_threeRounds_byHand() {
    List<String> asked = new ArrayList<>();
    Scripted model =
        new Scripted(
            request -> {
              String last = request.messages().get(request.messages().size() - 1).text();
              asked.add(last);
              return reply(
                  last.startsWith("You are Expert")
                      ? "five, which is B"
                      : last.startsWith("ROUND 1")
                          ? "Let me think."
                          : last.startsWith("ROUND 2")
                              ? "Expert Adder:\n\"\"\"\nAdd 2 and 3.\n\"\"\""
                              : ">> FINAL ANSWER:\n\"\"\"\nB\n\"\"\"");
            });
    Rollout rollout =
        new ConductorScorer(model, ChatLayout.chat(), Sampling.greedy(9), 4, Grader.exact())
            .run(prompt, example);
    assertThat(rollout.outcome().value()).isEqualTo(1);
    assertThat(rollout.output()).isEqualTo("B");
    assertThat(asked).hasSize(4);
    assertThat(asked.get(1)).contains("Consult an expert");
    assertThat(asked.get(2)).isEqualTo("You are Expert Adder.\n\nAdd 2 and 3.");
    assertThat(asked.get(3)).contains("Expert Adder's output:").contains("five, which is B");
  }

  @Test
  void conductor_noFinalAnswer_failsAfterTheLastRound() {
    int[] asked = {0};
    Scripted model =
        new Scripted(
            request -> {
              asked[0]++;
              return reply("hm");
            });
    Outcome outcome =
        new ConductorScorer(model, ChatLayout.chat(), Sampling.greedy(9), 3, Grader.exact())
            .score(prompt, example);
    assertThat(outcome.failure()).contains("no final answer in 3 rounds");
    assertThat(asked[0]).isEqualTo(3);
  }

  /** An expert was asked behind the last round, and nobody saw what it said. */
  @Test
  void conductor_consultsToTheEnd_asksNoExpertInTheLastRound() {
    List<String> asked = new ArrayList<>();
    Scripted model =
        new Scripted(
            request -> {
              String last = request.messages().get(request.messages().size() - 1).text();
              asked.add(last.startsWith("You are Expert") ? "expert" : "conductor");
              return reply("Expert Adder:\n\"\"\"\nAdd.\n\"\"\"");
            });
    Outcome outcome =
        new ConductorScorer(model, ChatLayout.chat(), Sampling.greedy(9), 3, Grader.exact())
            .score(prompt, example);
    assertThat(outcome.failure()).contains("no final answer in 3 rounds");
    assertThat(asked).containsExactly("conductor", "expert", "conductor", "expert", "conductor");
  }

  // ------------------------------------------------------------------ judges

  @Test
  void judge_points_becomeZeroToOne() {
    assertThat(JudgeScorer.points("Fine. <score>5</score>")).hasValue(1);
    assertThat(JudgeScorer.points("<score>-5</score>")).hasValue(0);
    assertThat(JudgeScorer.points("<score> +1 </score>")).hasValue(0.6);
    assertThat(JudgeScorer.points("<score>3/5</score>")).hasValue(0.8);
    assertThat(JudgeScorer.points("<score>12</score>")).hasValue(1);
    assertThat(JudgeScorer.points("<score>good</score>")).isEmpty();
    assertThat(JudgeScorer.points("5")).isEmpty();
  }

  @Test
  void judge_unreadableTwice_failsTheExample() {
    int[] asked = {0};
    Scripted judge =
        new Scripted(
            request -> {
              asked[0]++;
              return reply("I like it");
            });
    Outcome outcome =
        new JudgeScorer(
                new Scripted(request -> reply("five")),
                ChatLayout.chat(),
                Sampling.greedy(5),
                judge,
                "it is right")
            .score(prompt, example);
    assertThat(outcome.failure()).contains("the judge's verdict cannot be read");
    assertThat(asked[0]).isEqualTo(2);
  }

  @Test
  void pairwise_judgeThatFavoursAPlace_isATie() {
    PairwiseJudge biased =
        new PairwiseJudge(new Scripted(request -> reply("<better>A</better>")), "short");
    assertThat(biased.compare("q", "one", "two")).contains(PairwiseJudge.Verdict.TIE);
    PairwiseJudge fair =
        new PairwiseJudge(
            new Scripted(
                request ->
                    reply(
                        request.messages().get(0).text().contains("Answer A:\none")
                            ? "<better>A</better>"
                            : "<better>b</better>")),
            "short");
    assertThat(fair.compare("q", "one", "two")).contains(PairwiseJudge.Verdict.FIRST);
    assertThat(fair.compare("q", "two", "one")).contains(PairwiseJudge.Verdict.SECOND);
    PairwiseJudge mute = new PairwiseJudge(new Scripted(request -> reply("?")), "short");
    assertThat(mute.compare("q", "one", "two")).isEmpty();
  }

  /** "long" answers are better than "brief" ones, by a judge with a liking for place A. */
  @Test
  void pairwiseScorer_againstItsRival_isOneZeroOrAHalf() {
    int[] judged = {0};
    Scripted judge =
        new Scripted(
            request -> {
              judged[0]++;
              String text = request.messages().get(0).text();
              boolean firstIsLong = text.contains("Answer A:\nlong");
              boolean secondIsLong = text.contains("Answer B:\nlong");
              return reply(
                  "<better>%s</better>".formatted(secondIsLong && !firstIsLong ? "B" : "A"));
            });
    // The model's answer is its instruction.
    Scripted model = new Scripted(request -> reply(request.messages().get(0).text()));
    PairwiseScorer scorer =
        new PairwiseScorer(
            model,
            ChatLayout.chat(),
            Sampling.greedy(5),
            new PairwiseJudge(judge, "length"),
            InstructionPrompt.of("brief"));
    Rollout won = scorer.run(InstructionPrompt.of("long one"), example);
    assertThat(won.outcome().value()).isEqualTo(1);
    assertThat(won.outcome().predicted()).isEqualTo("long one");
    assertThat(won.feedback()).contains("better than").contains("brief");
    assertThat(judged[0]).isEqualTo(2);
    // In both orders the judge says A: that is no verdict.
    assertThat(scorer.score(InstructionPrompt.of("other"), example).value()).isEqualTo(0.5);
    judged[0] = 0;
    assertThat(scorer.score(InstructionPrompt.of("brief"), example).value()).isEqualTo(0.5);
    assertThat(judged[0]).as("equal answers are not judged").isZero();
    PairwiseScorer lost =
        new PairwiseScorer(
            model,
            ChatLayout.chat(),
            Sampling.greedy(5),
            new PairwiseJudge(judge, "length"),
            InstructionPrompt.of("long"));
    assertThat(lost.score(InstructionPrompt.of("brief"), example).value()).isZero();
  }

  @Test
  void pairwiseScorer_unreadableVerdictOrFilteredRival_failsTheExample() {
    Scripted model =
        new Scripted(
            request ->
                request.messages().get(0).text().equals("bad")
                    ? new ChatReply("", ChatReply.Finish.CONTENT_FILTER, List.of(), USAGE)
                    : reply(request.messages().get(0).text()));
    for (String rival : List.of("bad", "good")) {
      Outcome outcome =
          new PairwiseScorer(
                  model,
                  ChatLayout.chat(),
                  Sampling.greedy(5),
                  new PairwiseJudge(new Scripted(request -> reply("?")), "length"),
                  InstructionPrompt.of(rival))
              .score(prompt, example);
      assertThat(outcome.failure()).isPresent();
      assertThat(outcome.value()).isZero();
    }
  }
}
