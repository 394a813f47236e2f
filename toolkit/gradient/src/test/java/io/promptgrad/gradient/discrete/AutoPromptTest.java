package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.MacroF1;
import io.promptgrad.search.Budget;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AutoPromptTest {

  @TempDir static Path folder;
  static LanguageModel masked;
  static LanguageModel causal;
  static LanguageModel textToText;

  private static final Task TASK = TinyModels.task(64, 32, 32);
  private static final Verbalizer WORDS =
      Verbalizer.parse(Map.of("negative", List.of("bad", "awful"), "positive", List.of("good")));
  private static final AutoPromptConfig CONFIG =
      AutoPromptConfig.defaults().withCandidates(12).withExamples(32, 64);

  @BeforeAll
  static void load() {
    masked = TinyModels.masked(folder.resolve("masked"));
    causal = TinyModels.causal(folder.resolve("causal"));
    textToText = TinyModels.textToText(folder.resolve("text to text"));
  }

  @AfterAll
  static void close() {
    masked.close();
    causal.close();
    textToText.close();
  }

  private static AutoPrompt search(LanguageModel model, AutoPromptConfig config, long seed) {
    Cloze cloze = new Cloze(model, PromptTemplate.parse("{sentence} [T] [T] [T] [P]"), WORDS);
    return new AutoPrompt(model, TASK, cloze, config, new RandomSource(seed));
  }

  private static List<StepReport> steps(AutoPrompt search, int n) {
    List<StepReport> reports = new ArrayList<>();
    for (int step = 1; step <= n; step++) {
      reports.add(search.step(step));
    }
    return reports;
  }

  private static double accuracy(LanguageModel model, TriggerPrompt prompt) {
    EvalReport report =
        new ClozeEvaluator(model, new Accuracy(), List.of()).evaluate(prompt, TASK.train());
    return report.value();
  }

  /** With all of train to choose on, every accepted step must raise the score on train. */
  @Test
  void step_choosingOnAllOfTrain_neverGetsWorseAndImproves() {
    for (LanguageModel model : List.of(masked, causal, textToText)) {
      AutoPrompt search = search(model, CONFIG, 1);
      TriggerPrompt first = (TriggerPrompt) search.best().prompt();
      double last = accuracy(model, first);
      double start = last;
      for (StepReport report : steps(search, 15)) {
        assertThat(report.score()).isGreaterThanOrEqualTo(last - 1e-12);
        last = report.score();
      }
      assertThat(last).isGreaterThan(start + 0.05);
    }
  }

  @Test
  void step_acceptedCandidate_scoresAsTheEvaluatorSays() {
    AutoPrompt search = search(masked, CONFIG, 2);
    for (StepReport report : steps(search, 8)) {
      for (Candidate candidate : report.candidates()) {
        if (candidate.status() == Candidate.Status.ACCEPTED) {
          TriggerPrompt prompt =
              TriggerPrompt.of(
                  PromptTemplate.parse("{sentence} [T] [T] [T] [P]"),
                  ((TriggerPrompt) search.best().prompt()).labels(),
                  candidate.tokenIds(),
                  masked.tokenizer());
          assertThat(accuracy(masked, prompt)).isEqualTo(candidate.score());
        }
      }
    }
  }

  @Test
  void step_sameSeed_sameTrace() {
    assertThat(steps(search(masked, CONFIG, 3), 6))
        .isEqualTo(steps(search(masked, CONFIG, 3), 6))
        .isNotEqualTo(steps(search(masked, CONFIG, 4), 6));
  }

  /** Pruned candidates have other partial scores, but the path through the search is the same. */
  @Test
  void step_withoutPruning_takesTheSamePath() {
    AutoPrompt pruned = search(masked, CONFIG, 5);
    AutoPrompt plain = search(masked, CONFIG.withPruning(false), 5);
    for (int step = 1; step <= 12; step++) {
      pruned.step(step);
      plain.step(step);
      assertThat(pruned.save()).isEqualTo(plain.save());
    }
  }

  @Test
  void step_filter_keepsBannedTokensOut() {
    Set<Integer> banned = new HashSet<>();
    for (String word : List.of("good", "bad", "awful", "Paris", "London", "Film", "[CLS]")) {
      banned.add(masked.tokenizer().id(word).orElseThrow());
    }
    for (StepReport report : steps(search(masked, CONFIG.withCandidates(200), 6), 3)) {
      for (Candidate candidate : report.candidates().subList(1, report.candidates().size())) {
        int position = (int) candidate.details().get("position");
        assertThat(banned).doesNotContain(candidate.tokenIds()[position]);
      }
    }
  }

  @Test
  void step_allPositions_changesOneTokenEachAndOrdersByGain() {
    AutoPromptConfig config = CONFIG.withPositions(AutoPromptConfig.Positions.ALL);
    Set<Object> positions = new HashSet<>();
    for (StepReport report : steps(search(masked, config, 7), 4)) {
      int[] current = report.candidates().get(0).tokenIds();
      double last = Double.POSITIVE_INFINITY;
      for (Candidate candidate : report.candidates().subList(1, report.candidates().size())) {
        int changed = 0;
        for (int t = 0; t < current.length; t++) {
          changed += candidate.tokenIds()[t] != current[t] ? 1 : 0;
        }
        assertThat(changed).isEqualTo(1);
        double gain = (double) candidate.details().get("gain");
        assertThat(gain).isLessThanOrEqualTo(last);
        last = gain;
        positions.add(candidate.details().get("position"));
      }
    }
    assertThat(positions).hasSize(3);
  }

  /** The score is the geometric mean of the gold labels' probabilities, and it only rises. */
  @Test
  void step_labelLikelihood_risesAndIsWhatTheEvaluatorSays() {
    AutoPromptConfig config = CONFIG.withObjective(AutoPromptConfig.Objective.LABEL_LIKELIHOOD);
    AutoPrompt search = search(masked, config, 13);
    double last = 0;
    for (StepReport report : steps(search, 10)) {
      assertThat(report.score()).isGreaterThan(last - 1e-9).isLessThan(1);
      last = report.score();
      int[] state = report.candidates().get(0).tokenIds();
      for (Candidate candidate : report.candidates()) {
        assertThat(candidate.status()).isNotEqualTo(Candidate.Status.PRUNED);
        if (candidate.status() == Candidate.Status.ACCEPTED) {
          state = candidate.tokenIds();
        }
      }
      TriggerPrompt prompt =
          TriggerPrompt.of(
              PromptTemplate.parse("{sentence} [T] [T] [T] [P]"),
              ((TriggerPrompt) search.best().prompt()).labels(),
              state,
              masked.tokenizer());
      double mean =
          new ClozeEvaluator(masked, new Accuracy(), List.of())
              .evaluate(prompt, TASK.train()).outcomes().stream()
                  .mapToDouble(o -> o.scores().get(o.gold()))
                  .average()
                  .orElseThrow();
      assertThat(report.score()).isCloseTo(Math.exp(mean), within(1e-6));
    }
    assertThat(last).isGreaterThan(steps(search(masked, config, 13), 1).get(0).score());
  }

  @Test
  void best_neverWorseOnDevThanTheFirstTrigger() {
    AutoPrompt search = search(masked, CONFIG.withExamples(4, 4), 8);
    steps(search, 1);
    double first = search.best().dev();
    double last = first;
    for (int step = 2; step <= 20; step++) {
      StepReport report = search.step(step);
      assertThat(search.best().dev()).isGreaterThanOrEqualTo(last);
      assertThat(report.newBest()).isEqualTo(search.best().dev() > last);
      last = search.best().dev();
    }
  }

  @Test
  void reference_resultIsAnAcceptedTrigger_evenIfTheFirstWasBetter() {
    AutoPromptConfig original = CONFIG.withReference(new AutoPromptConfig.Reference(4, 4, 2));
    AutoPrompt search = search(masked, original, 9);
    int accepted = 0;
    for (int step = 1; step <= 12; step++) {
      StepReport report = search.step(step);
      accepted += report.dev().isPresent() ? 1 : 0;
      if (accepted == 1 && report.dev().isPresent()) {
        assertThat(search.best().step()).isEqualTo(step);
        assertThat(search.best().dev()).isEqualTo(report.dev().getAsDouble());
      }
      // 2 batches of 4 for the gradient, 2 of 4 for the choice
      assertThat(report.candidates().get(0).n()).isEqualTo(8);
    }
    assertThat(accepted).isPositive();
  }

  @Test
  void weights_referenceOrNot_areMeans() {
    assertThat(AutoPrompt.weights(4, Optional.empty())).containsOnly(0.25f);
    // Batches of 4, 4 and 2, each a mean, divided by 5 steps although there were but 3.
    assertThat(AutoPrompt.weights(10, Optional.of(new AutoPromptConfig.Reference(4, 4, 5))))
        .containsExactly(0.05f, 0.05f, 0.05f, 0.05f, 0.05f, 0.05f, 0.05f, 0.05f, 0.1f, 0.1f);
  }

  @Test
  void reference_theCurrentTokenIsACandidate_elseNot() {
    AutoPromptConfig all = CONFIG.withCandidates(1000).withFilter(Set.of());
    for (boolean reference : List.of(true, false)) {
      AutoPromptConfig config =
          reference ? all.withReference(new AutoPromptConfig.Reference(4, 4, 2)) : all;
      StepReport report = search(masked, config, 3).step(1);
      int[] current = report.candidates().get(0).tokenIds();
      long same =
          report.candidates().stream()
              .skip(1)
              .filter(c -> Arrays.equals(c.tokenIds(), current))
              .count();
      assertThat(same).isEqualTo(reference ? 1 : 0);
    }
  }

  @Test
  void reference_labelTokenOfIdZero_neverCounts() {
    Verbalizer withZero =
        Verbalizer.parse(Map.of("negative", List.of("bad", 0), "positive", List.of("good")));
    Cloze cloze = new Cloze(masked, PromptTemplate.parse("{sentence} [T] [P]"), withZero);
    AutoPromptConfig original = CONFIG.withReference(new AutoPromptConfig.Reference(4, 4, 2));
    TriggerPrompt prompt =
        (TriggerPrompt)
            new AutoPrompt(masked, TASK, cloze, original, new RandomSource(0)).best().prompt();
    assertThat(prompt.labels().flat()).doesNotContain(0).hasSize(2);

    Cloze onlyZero =
        new Cloze(
            masked,
            PromptTemplate.parse("{sentence} [T] [P]"),
            Verbalizer.parse(Map.of("negative", List.of(0), "positive", List.of("good"))));
    assertThatThrownBy(() -> new AutoPrompt(masked, TASK, onlyZero, original, new RandomSource(0)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("'negative'")
        .hasMessageContaining("id 0");
  }

  @Test
  void new_randomStartWithoutWordStarts_drawsFromWhatIsAllowed() {
    AutoPromptConfig drawn = CONFIG.withStart(new AutoPromptConfig.Start.RandomTokens());
    try (LanguageModel words = TinyModels.wordLevel(folder.resolve("words"))) {
      int[] first = search(words, drawn, 1).best().prompt().tokenIds();
      assertThat(first).hasSize(3).doesNotContain(0, 1, 2, 3, 4);
      assertThat(search(words, drawn, 1).best().prompt().tokenIds()).isEqualTo(first);
    }
  }

  @Test
  void best_otherMetric_isTheBestByThatMetric() {
    Cloze cloze = new Cloze(masked, PromptTemplate.parse("{sentence} [T] [T] [T] [P]"), WORDS);
    AutoPrompt search =
        new AutoPrompt(masked, TASK, cloze, CONFIG, new MacroF1(), new RandomSource(4));
    steps(search, 6);
    TriggerPrompt best = (TriggerPrompt) search.best().prompt();
    assertThat(search.best().dev())
        .isEqualTo(
            new ClozeEvaluator(masked, new MacroF1(), List.of())
                .evaluate(best, TASK.dev())
                .value());
  }

  @Test
  void fromJson_promptThatDoesNotFit_isRefused() {
    AutoPrompt search = search(masked, CONFIG, 12);
    ObjectNode saved = search.best().prompt().toJson();
    refused(saved.deepCopy().set("token_ids", Json.array(new int[] {7})), "3 slots");
    ObjectNode empty = saved.deepCopy();
    empty.withObject("/verbalizer").set("negative", Json.array(new int[0]));
    refused(empty, "'negative'");
    ObjectNode outside = saved.deepCopy();
    outside.withObject("/verbalizer").set("negative", Json.array(new int[] {999999}));
    refused(outside, "999999");
    ObjectNode other = saved.deepCopy(); // another vocabulary has another word at that id
    int bad = masked.tokenizer().id("book").orElseThrow();
    other.withObject("/verbalizer").set("positive", Json.array(new int[] {bad}));
    refused(other, "'good'");
  }

  private static void refused(JsonNode prompt, String what) {
    assertThatThrownBy(() -> TriggerPrompt.fromJson(prompt, masked.tokenizer()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(what);
  }

  @Test
  void run_resumedAfterEveryStep_equalsUninterrupted(@TempDir Path runs) {
    Path whole = runs.resolve("whole");
    Path pieces = runs.resolve("pieces");
    LoopResult expected =
        SearchLoop.of(search(masked, CONFIG, 10)).budget(Budget.ofSteps(7)).in(whole, "same").run();
    LoopResult result = null;
    for (int limit = 1; limit <= 7; limit++) {
      result =
          SearchLoop.of(search(masked, CONFIG, 10))
              .budget(Budget.ofSteps(limit))
              .in(pieces, "same")
              .run();
    }
    assertThat(result.best()).isEqualTo(expected.best());
    assertThat(result.cost()).isEqualTo(expected.cost());
  }

  @Test
  void step_cost_countsTokensAndEvaluations() {
    AutoPrompt search = search(masked, CONFIG.withPruning(false), 11);
    StepReport report = search.step(1);
    // gradient 32, first dev 32, race 64 for the current trigger and for each of 12
    long withoutAccepting = 32 + 32 + 64 + 12 * 64;
    assertThat(report.cost().evaluations())
        .isEqualTo(withoutAccepting + (report.dev().isPresent() ? 32 : 0));
    assertThat(report.cost().forwardTokens()).isGreaterThan(report.cost().evaluations() * 6);
    assertThat(report.cost().backwardTokens()).isBetween(32L * 6, 32L * 16);
  }

  @Test
  void new_templateWithoutSlot_isRefused() {
    Cloze cloze = new Cloze(masked, PromptTemplate.parse("{sentence} [P]"), WORDS);
    assertThatThrownBy(() -> new AutoPrompt(masked, TASK, cloze, CONFIG, new RandomSource(0)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("no trigger slot");
  }

  @Test
  void new_givenStart_isTakenAndChecked() {
    AutoPromptConfig given =
        CONFIG.withStart(new AutoPromptConfig.Start.Tokens(List.of("red", "green", "##s")));
    AutoPrompt search = search(masked, given, 0);
    assertThat(search.best().prompt().text()).contains("red green");
    AutoPromptConfig wrong =
        CONFIG.withStart(new AutoPromptConfig.Start.Tokens(List.of("red", "green")));
    assertThatThrownBy(() -> search(masked, wrong, 0))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("2 tokens")
        .hasMessageContaining("3 slots");
  }

  @Test
  void prompt_savedAndLoaded_isEqual() {
    AutoPrompt search = search(masked, CONFIG, 12);
    steps(search, 3);
    TriggerPrompt prompt = (TriggerPrompt) search.best().prompt();
    assertThat(TriggerPrompt.fromJson(prompt.toJson(), masked.tokenizer())).isEqualTo(prompt);
  }
}
