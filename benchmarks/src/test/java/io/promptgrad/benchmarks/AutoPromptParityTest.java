package io.promptgrad.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.benchmarks.AutoPromptStep.Choice;
import io.promptgrad.benchmarks.StepWorkload.Step;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.AutoPrompt;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.models.BundledModel;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is measured is the step that the search does. */
class AutoPromptParityTest {

  private static final int EXAMPLES = 10;
  private static final int CANDIDATES = 6;
  private static final List<String> WORDS =
      List.of("the", "story", "is", "a", "slow", "but", "warm", "film", "about", "music", "and");

  @TempDir Path cache;

  @Test
  void measuredSteps_onASearchOfAutoPrompt_chooseAndCostTheSame() {
    try (LanguageModel model =
        LanguageModel.load(BundledModel.MINI_ROBERTA.folder(cache), TinyRoberta.OPTIONS)) {
      LabelTokens labels =
          new LabelTokens(List.of("no", "yes"), new int[][] {{300, 301, 302}, {400, 401, 402}});
      Cloze cloze = new Cloze(model, PromptTemplate.parse("{text} [T] [T] [T] [P] ."), labels);
      Task task = new Task("words", sentences(EXAMPLES), sentences(1), sentences(1));
      AutoPromptConfig config =
          AutoPromptConfig.defaults()
              .withCandidates(CANDIDATES)
              .withExamples(EXAMPLES, EXAMPLES); // all of them, so that the draw does not matter
      AutoPrompt search = new AutoPrompt(model, task, cloze, config, new RandomSource(3));
      TokenFilter filter =
          TokenFilter.of(
              model.tokenizer(), model.spec().vocabulary(), config.filter(), labels.flat());
      List<ClozeExample> train = cloze.encode(task.train());
      int devTokens = cloze.encode(task.dev()).get(0).length();

      for (int s = 1; s <= 3; s++) {
        StepReport report = search.step(s);
        List<Candidate> tried = report.candidates().subList(1, report.candidates().size());
        int position = (Integer) tried.get(0).details().get("position");
        Step step = new Step(report.candidates().get(0).tokenIds(), position, train, train);
        StepWorkload workload = new StepWorkload(labels, filter, CANDIDATES, List.of(step));
        Choice plain = new AutoPromptStep(model, workload, StepVariant.PLAIN).run(step);
        Choice ours = new AutoPromptStep(model, workload, StepVariant.PRUNING).run(step);

        List<Integer> ids = new ArrayList<>();
        tried.forEach(candidate -> ids.add(candidate.tokenIds()[position]));
        int winner =
            IntStream.range(0, tried.size())
                .filter(c -> tried.get(c).status() == Candidate.Status.ACCEPTED)
                .findFirst()
                .orElse(-1);
        assertThat(plain.candidates()).isEqualTo(ids);
        assertThat(plain.winner()).isEqualTo(winner);
        assertThat(ours.decidesAs(plain)).isTrue();
        // The search also scores its one dev example: at first, and after each change.
        int devRuns = (s == 1 ? 1 : 0) + (winner >= 0 ? 1 : 0);
        assertThat(ours.forwardTokens())
            .isEqualTo(report.cost().forwardTokens() - (long) devRuns * devTokens);
      }
    }
  }

  private static List<Example> sentences(int n) {
    Random random = new Random(n);
    List<Example> drawn = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      List<String> words = new ArrayList<>();
      for (int w = random.nextInt(3, 15); w > 0; w--) {
        words.add(WORDS.get(random.nextInt(WORDS.size())));
      }
      String label = random.nextBoolean() ? "yes" : "no";
      drawn.add(new Example("row:" + (i + 1), Map.of("text", String.join(" ", words)), label));
    }
    return drawn;
  }
}
