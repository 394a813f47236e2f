package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.AnswerVocabulary;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.MeanReciprocalRank;
import io.promptgrad.metric.PrecisionAtK;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** AutoPrompt where answers are words: objective, filters, masks, the prompt found. */
class FactSearchTest {

  @TempDir static Path folder;
  static LanguageModel model;
  static Cloze cloze;

  private static final PromptTemplate TEMPLATE = PromptTemplate.parse("{sub_label} [T] [T] [P] .");
  private static final AutoPromptConfig CONFIG =
      AutoPromptConfig.defaults()
          .withCandidates(6)
          .withExamples(16, 16)
          .withObjective(AutoPromptConfig.Objective.LIKELIHOOD)
          .withReplacedMasks(true)
          .withFilter(
              Set.of(
                  TokenFilter.Rule.SPECIAL,
                  TokenFilter.Rule.CAPITALISED,
                  TokenFilter.Rule.LABELS,
                  TokenFilter.Rule.SUBJECTS));

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder);
    cloze =
        new Cloze(
            model,
            TEMPLATE,
            AnswerVocabulary.of(List.of("red", "green", "blue", "Paris", "up"), model.tokenizer())
                .labels());
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static Example fact(String id, String subject, String object) {
    return new Example(id, Map.of("sub_label", subject), object);
  }

  private static Task task() {
    List<Example> train = new ArrayList<>();
    List<Example> dev = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      train.add(
          fact("train:" + i, i % 2 == 0 ? "film" : "book ending", i % 2 == 0 ? "red" : "green"));
      dev.add(fact("dev:" + i, "plot cast", "Paris"));
    }
    return new Task("facts", train, dev, List.of(fact("test:1", "dull", "blue")));
  }

  private static AutoPrompt search(AutoPromptConfig config) {
    return new AutoPrompt(model, task(), cloze, config, new PrecisionAtK(1), new RandomSource(3));
  }

  private static int id(String token) {
    return model.tokenizer().id(token).orElseThrow();
  }

  /**
   * Objects and subjects of train and dev are out; other answers and test's subject may be used.
   */
  @Test
  void candidates_neverNameObjectsOrSubjects() {
    AutoPromptConfig all = CONFIG.withCandidates(1000);
    Set<Integer> tried = new HashSet<>();
    for (Candidate candidate : search(all).step(1).candidates()) {
      Arrays.stream(candidate.tokenIds()).forEach(tried::add);
    }
    tried.remove(id("[MASK]")); // the trigger that the step starts from
    for (String banned :
        List.of(
            "red", "green", "Paris", "film", "book", "ending", "plot", "cast", "London", "[SEP]")) {
      assertThat(tried).as(banned).doesNotContain(id(banned));
    }
    assertThat(tried).contains(id("blue"), id("up"), id("dull"), id("the"));
  }

  @Test
  void step_whileMasksAreLeft_alwaysMovesAndTheResultHasNone() {
    AutoPrompt search = search(CONFIG);
    int mask = id("[MASK]");
    boolean masked = true;
    int step = 0;
    while (masked) {
      step++;
      assertThat(step).isLessThan(30);
      StepReport report = search.step(step);
      assertThat(report.candidates()).anyMatch(c -> c.status() == Candidate.Status.ACCEPTED);
      assertThat(report.newBest()).isTrue(); // a best prompt with masks is no best prompt
      masked = Arrays.stream(search.best().prompt().tokenIds()).anyMatch(id -> id == mask);
    }
    // From here on it moves only to what is better on the examples, and may stay.
    boolean stayed = false;
    for (int more = step + 1; more < step + 20; more++) {
      StepReport report = search.step(more);
      stayed |=
          report.candidates().stream().noneMatch(c -> c.status() == Candidate.Status.ACCEPTED);
    }
    assertThat(stayed).isTrue();
  }

  @Test
  void search_byTheLikelihood_raisesIt() {
    AutoPrompt search = search(CONFIG.withReplacedMasks(false));
    double first = search.step(1).candidates().get(0).score();
    double last = 0;
    for (int step = 2; step <= 25; step++) {
      last = search.step(step).score();
    }
    assertThat(last).isGreaterThan(first * 1.5);
  }

  @Test
  void prompt_savedAndRead_answersTheSame() {
    AutoPrompt search = search(CONFIG);
    search.step(1);
    TriggerPrompt found = (TriggerPrompt) search.best().prompt();
    TriggerPrompt read = TriggerPrompt.fromJson(found.toJson(), model.tokenizer());
    assertThat(read).isEqualTo(found);
    assertThat(found.toJson().path("answers")).hasSize(5);
    assertThat(found.toJson().has("verbalizer")).isFalse();
    ClozeEvaluator evaluator =
        new ClozeEvaluator(model, new PrecisionAtK(1), List.of(new MeanReciprocalRank()));
    EvalReport report = evaluator.evaluate(read, task().train());
    assertThat(report.outcomes()).allMatch(o -> o.rank() >= 1 && o.rank() <= 5);
    assertThat(report.outcomes()).allMatch(o -> (o.rank() == 1) == o.correct());
    assertThat(report.outcomes().get(0).scores()).containsOnlyKeys("red");
    var moved = found.toJson();
    moved.withObject("/answers").put("red", 7);
    assertThatThrownBy(() -> TriggerPrompt.fromJson(Json.tree(moved), model.tokenizer()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("answer 'red'");
  }

  @Test
  void search_withAnObjectiveOverLabels_isRefused() {
    for (AutoPromptConfig.Objective objective :
        List.of(AutoPromptConfig.Objective.ACCURACY, AutoPromptConfig.Objective.LABEL_LIKELIHOOD)) {
      assertThatThrownBy(() -> search(CONFIG.withObjective(objective)))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("use the objective likelihood");
    }
  }

  @Test
  void search_filterOfSubjectsWithoutSubjects_isRefused() {
    Task sentences = TinyModels.task(4, 4, 4);
    Cloze other =
        new Cloze(
            model,
            PromptTemplate.parse("{sentence} [T] [P]"),
            Verbalizer.parse(Map.of("negative", List.of("bad"), "positive", List.of("good"))));
    assertThatThrownBy(() -> new AutoPrompt(model, sentences, other, CONFIG, new RandomSource(1)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("sub_label");
  }
}
