package io.promptgrad.benchmarks;

import io.promptgrad.benchmarks.StepWorkload.Step;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.discrete.CandidateRace;
import io.promptgrad.gradient.discrete.HotFlip;
import io.promptgrad.lm.LanguageModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One step of AutoPrompt (Shin et al. 2020, section 2.2) in one of its variants: gradient at the
 * trigger, the k best replacements at one position, all of them against the current trigger.
 */
final class AutoPromptStep {

  /**
   * What a step decided, and what it cost.
   *
   * @param candidates the replacements, best first
   * @param current examples that the current trigger gets right
   * @param winner index of the candidate that is right more often than any other and the current
   *     trigger; -1 if none is
   * @param winnerScore examples that it gets right; 0 if there is none
   * @param forwardTokens tokens that went forward, padding included
   */
  record Choice(
      List<Integer> candidates, int current, int winner, int winnerScore, long forwardTokens) {

    /** Whether both decided the same, at whatever cost. */
    boolean decidesAs(Choice other) {
      return candidates.equals(other.candidates)
          && current == other.current
          && winner == other.winner
          && winnerScore == other.winnerScore;
    }
  }

  private final LanguageModel model;
  private final StepWorkload workload;
  private final StepVariant variant;
  private final PlainScorer plain;
  private final HotFlip hotFlip;
  private final CandidateRace race;

  AutoPromptStep(LanguageModel model, StepWorkload workload, StepVariant variant) {
    this.model = model;
    this.workload = workload;
    this.variant = variant;
    this.plain = new PlainScorer(model, workload.labels());
    LabelScorer scorer = new LabelScorer(model);
    this.hotFlip = new HotFlip(model);
    this.race =
        new CandidateRace(
            scorer,
            workload.labels(),
            CandidateRace.Objective.ACCURACY,
            variant == StepVariant.PRUNING
                ? CandidateRace.Options.exact(model.device())
                : CandidateRace.Options.plain());
  }

  /** Does the step. */
  Choice run(Step step) {
    long before = model.forwardTokens();
    int current = step.trigger()[step.position()];
    float[] scores = hotFlip.scores(gradient(step));
    int[] tokens = HotFlip.top(scores, workload.candidates(), workload.filter(), current);
    List<int[]> candidates = new ArrayList<>();
    for (int token : tokens) {
      int[] changed = step.trigger().clone();
      changed[step.position()] = token;
      candidates.add(changed);
    }
    List<Integer> ids = Arrays.stream(tokens).boxed().toList();
    if (variant.compareTo(StepVariant.BUCKETS) >= 0) {
      CandidateRace.Result result = race.run(step.forChoice(), step.trigger(), candidates);
      int score = result.winner() < 0 ? 0 : (int) result.scores()[result.winner()];
      return new Choice(
          ids, (int) result.current(), result.winner(), score, model.forwardTokens() - before);
    }
    int[] right = rightAnswers(step, candidates);
    int winner = -1;
    for (int c = 0; c < candidates.size(); c++) {
      if (right[1 + c] > right[winner < 0 ? 0 : 1 + winner]) {
        winner = c;
      }
    }
    return new Choice(
        ids, right[0], winner, winner < 0 ? 0 : right[1 + winner], model.forwardTokens() - before);
  }

  /** Gradient of the mean loss at the position's word embedding [E]. */
  private float[] gradient(Step step) {
    List<ClozeExample> examples = step.forGradient();
    if (variant.compareTo(StepVariant.BUCKETS) >= 0) {
      float[] weights = new float[examples.size()];
      Arrays.fill(weights, 1f / examples.size());
      return hotFlip.gradient(examples, step.trigger(), weights).at(step.position());
    }
    return plain.gradient(
        examples, step.trigger(), step.position(), variant.compareTo(StepVariant.HEAD) < 0);
  }

  /** Right answers of the current trigger and of each candidate, without the toolkit's race. */
  private int[] rightAnswers(Step step, List<int[]> candidates) {
    List<int[]> triggers = new ArrayList<>(List.of(step.trigger()));
    triggers.addAll(candidates);
    return switch (variant) {
      case PLAIN -> plain.oneByOne(step.forChoice(), triggers);
      case BATCHING -> plain.together(step.forChoice(), triggers, true);
      case HEAD -> plain.together(step.forChoice(), triggers, false);
      case BUCKETS, PRUNING -> throw new IllegalStateException(variant + " races");
    };
  }

  /** Runs every step of the workload. */
  List<Choice> runAll() {
    return workload.steps().stream().map(this::run).toList();
  }

  /**
   * Checks that two variants decide the same in every step.
   *
   * @throws IllegalStateException naming the first step where they do not
   */
  static void requireSameChoices(
      StepVariant one, List<Choice> choices, StepVariant other, List<Choice> others) {
    for (int s = 0; s < choices.size(); s++) {
      if (!choices.get(s).decidesAs(others.get(s))) {
        throw new IllegalStateException(
            "step %d: %s decides %s but %s decides %s"
                .formatted(s, one, choices.get(s), other, others.get(s)));
      }
    }
  }
}
