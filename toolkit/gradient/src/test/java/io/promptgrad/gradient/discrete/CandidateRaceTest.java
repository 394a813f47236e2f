package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CandidateRaceTest {

  @TempDir static Path folder;
  static LanguageModel model;
  static Cloze cloze;
  static List<ClozeExample> examples;

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder);
    cloze =
        new Cloze(
            model,
            PromptTemplate.parse("{sentence} [T] [T] [P] ."),
            Verbalizer.parse(Map.of("negative", List.of("bad", "awful"), "positive", "good")));
    examples = cloze.encode(TinyModels.task(48, 2, 2).train());
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static List<int[]> triggers(int n, Random random) {
    List<int[]> triggers = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      triggers.add(new int[] {5 + random.nextInt(50), 5 + random.nextInt(50)});
    }
    return triggers;
  }

  private static CandidateRace race(CandidateRace.Options options) {
    return new CandidateRace(
        new LabelScorer(model), cloze.labels(), CandidateRace.Objective.ACCURACY, options);
  }

  /** Exact pruning may skip work but never change which candidate wins, or by how much. */
  @Test
  void run_pruned_choosesAsUnpruned() {
    Random random = new Random(1);
    int pruned = 0;
    int won = 0;
    for (int trial = 0; trial < 60; trial++) {
      List<int[]> candidates = triggers(8, random);
      int[] current = triggers(1, random).get(0);
      // Small rounds, so that there is something to prune between them.
      CandidateRace.Result fast =
          race(new CandidateRace.Options(true, 200, 0, new double[0]))
              .run(examples, current, candidates);
      CandidateRace.Result plain =
          race(CandidateRace.Options.plain()).run(examples, current, candidates);

      assertThat(fast.winner()).isEqualTo(plain.winner());
      assertThat(fast.current()).isEqualTo(plain.current());
      assertThat(fast.evaluations()).isLessThanOrEqualTo(plain.evaluations());
      for (int c = 0; c < candidates.size(); c++) {
        if (fast.finished()[c]) {
          assertThat(fast.scores()[c]).isEqualTo(plain.scores()[c]);
        } else {
          pruned++;
        }
      }
      won += plain.winner() >= 0 ? 1 : 0;
    }
    assertThat(pruned).isGreaterThan(100);
    assertThat(won).isBetween(10, 59); // both outcomes occur
  }

  @Test
  void run_equalCandidates_firstWins() {
    Random random = new Random(2);
    for (int trial = 0; trial < 20; trial++) {
      List<int[]> candidates = triggers(3, random);
      List<int[]> twice = new ArrayList<>(candidates);
      twice.addAll(candidates);
      CandidateRace.Result result =
          race(CandidateRace.Options.exact()).run(examples, null, twice);
      assertThat(result.winner()).isBetween(0, 2);
    }
  }

  @Test
  void run_currentAmongCandidates_isNotBetterThanItself() {
    int[] current = {20, 21};
    CandidateRace.Result result =
        race(CandidateRace.Options.plain()).run(examples, current, List.of(current));
    assertThat(result.winner()).isEqualTo(-1);
    assertThat(result.scores()[0]).isEqualTo(result.current());
  }

  @Test
  void run_halving_savesMostOfTheWork() {
    List<int[]> candidates = triggers(16, new Random(4));
    CandidateRace.Result result =
        race(new CandidateRace.Options(false, 100000, 4, new double[] {1 / 8.0, 1 / 2.0}))
            .run(examples, new int[] {7, 7}, candidates);

    // 48 for the current trigger, 16 on 6, 4 on 18 more, 1 on the last 24
    assertThat(result.evaluations()).isEqualTo(48 + 16 * 6 + 4 * 18 + 24);
    int finished = 0;
    for (boolean f : result.finished()) {
      finished += f ? 1 : 0;
    }
    assertThat(finished).isEqualTo(1);
  }

  @Test
  void margin_tieWithAnotherLabel_isZeroAndNoSuccess() {
    assertThat(CandidateRace.margin(new double[] {1.5, 1.5, 0}, 0)).isZero();
    assertThat(CandidateRace.margin(new double[] {1.5, 2, 0}, 1)).isEqualTo(0.5);
    assertThat(CandidateRace.margin(new double[] {1.5, 2, 0}, 2)).isEqualTo(-2);
  }
}
