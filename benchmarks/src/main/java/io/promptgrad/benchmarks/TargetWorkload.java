package io.promptgrad.benchmarks;

import io.promptgrad.experiments.config.DiscreteConfig;
import io.promptgrad.experiments.execution.DiscreteMethods;
import io.promptgrad.gradient.coordinate.AutoDan;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TokenFilter.Rule;
import io.promptgrad.gradient.trigger.TargetProblem;
import io.promptgrad.gradient.trigger.TargetText;
import io.promptgrad.gradient.trigger.TriggerLoss;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TargetLoss;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A sentence that a causal model is to say, as a problem for every discrete search. */
final class TargetWorkload {

  /** Words that the bundled model can write, and would not write here by itself. */
  private static final TargetText TEXT =
      new TargetText(
          "The old man went to the market in the morning and", " ", "the king was very happy .");

  private final LanguageModel model;
  private final int slots;
  private final int width;

  /**
   * @param slots trigger tokens
   * @param width candidates of a step, and as many tokens to draw them from, where a method has
   *     such
   */
  TargetWorkload(LanguageModel model, int slots, int width) {
    this.model = model;
    this.slots = slots;
    this.width = width;
  }

  private TargetProblem problem(int length, TargetLoss loss, TriggerLoss.Reuse reuse) {
    int[] marks = model.tokenizer().encode("!" + " !".repeat(slots));
    return new TargetProblem(
        List.of(model),
        List.of(TEXT),
        List.of(),
        Arrays.copyOf(marks, length),
        loss,
        TokenFilter.of(
            model.tokenizer(),
            model.spec().vocabulary(),
            Set.of(Rule.SPECIAL, Rule.NON_ASCII),
            new int[0]),
        reuse);
  }

  private TargetProblem problem(int length, TargetLoss loss) {
    return problem(length, loss, TriggerLoss.Reuse.FIRST_DIFFERENCE);
  }

  /** The loss of a trigger that every method is judged by, whatever it lowers itself. */
  double crossEntropy(int[] trigger) {
    return problem(trigger.length, new TargetLoss.CrossEntropy(), TriggerLoss.Reuse.NONE)
        .losses(List.of(trigger), trigger, 1)
        .values()[0];
  }

  /** A method with the settings of its paper but the width. */
  Search search(String method, long seed) {
    RandomSource random = new RandomSource(seed);
    DiscreteConfig config =
        DiscreteConfig.forTargets(method)
            .with("width", width)
            .with("top_k", width)
            .with("tokens", Math.max(1, width / 8))
            .with("dev_every", 1);
    if (method.equals("autodan")) {
      Map<Integer, TriggerProblem> problems = new HashMap<>();
      return new AutoDan(
          n -> problems.computeIfAbsent(n, k -> problem(k, new TargetLoss.CrossEntropy())),
          slots,
          model,
          TEXT.beginning(model),
          new AutoDan.Config(width, 3, 100, 0, 4, 1),
          random);
    }
    TargetLoss loss =
        method.equals("gcg++") ? new TargetLoss.Hinge(1e-3) : new TargetLoss.CrossEntropy();
    return DiscreteMethods.search(config, problem(slots, loss), Optional.empty(), random);
  }
}
