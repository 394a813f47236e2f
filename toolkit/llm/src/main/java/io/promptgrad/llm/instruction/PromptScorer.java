package io.promptgrad.llm.instruction;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.Evaluator;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;

/** Scores prompts on examples, all pairs together, and counts them as evaluations. */
public final class PromptScorer implements Evaluator<InstructionPrompt> {

  private final ModelCalls calls;
  private final ExampleScorer scorer;
  private final Metric metric;

  /**
   * @param metric what reports are about; searches go by {@link Outcome#value}
   */
  public PromptScorer(ModelCalls calls, ExampleScorer scorer, Metric metric) {
    this.calls = Objects.requireNonNull(calls, "calls");
    this.scorer = Objects.requireNonNull(scorer, "scorer");
    this.metric = Objects.requireNonNull(metric, "metric");
  }

  /** Reports go by {@link MeanValue}. */
  public PromptScorer(ModelCalls calls, ExampleScorer scorer) {
    this(calls, scorer, new MeanValue());
  }

  /** Returns the outcomes of every prompt, each list in the order of the examples. */
  public List<List<Outcome>> outcomes(List<InstructionPrompt> prompts, List<Example> examples) {
    return outcomesOnOwn(prompts, prompts.stream().map(prompt -> examples).toList());
  }

  /** Returns the outcomes of every prompt on examples of its own. */
  public List<List<Outcome>> outcomesOnOwn(
      List<InstructionPrompt> prompts, List<List<Example>> examples) {
    List<Supplier<Outcome>> tasks = new ArrayList<>();
    for (int p = 0; p < prompts.size(); p++) {
      InstructionPrompt prompt = prompts.get(p);
      for (Example example : examples.get(p)) {
        tasks.add(() -> scorer.score(prompt, example));
      }
    }
    List<Outcome> flat = calls.all(tasks);
    calls.countEvaluations(flat.size());
    List<List<Outcome>> byPrompt = new ArrayList<>();
    int from = 0;
    for (List<Example> own : examples) {
      byPrompt.add(List.copyOf(flat.subList(from, from + own.size())));
      from += own.size();
    }
    return byPrompt;
  }

  /** Returns the outcomes of a prompt with what was said. */
  public List<Rollout> rollouts(InstructionPrompt prompt, List<Example> examples) {
    List<Rollout> rollouts =
        calls.all(
            examples.stream()
                .<Supplier<Rollout>>map(example -> () -> scorer.run(prompt, example))
                .toList());
    calls.countEvaluations(rollouts.size());
    return rollouts;
  }

  /** Returns the mean value of every prompt. */
  public double[] means(List<InstructionPrompt> prompts, List<Example> examples) {
    return outcomes(prompts, examples).stream().mapToDouble(PromptScorer::mean).toArray();
  }

  /** Returns the mean value of outcomes; NaN if there are none. */
  public static double mean(List<Outcome> outcomes) {
    return outcomes.stream().mapToDouble(Outcome::value).average().orElse(Double.NaN);
  }

  @Override
  public EvalReport evaluate(InstructionPrompt prompt, List<Example> examples) {
    return EvalReport.of(metric, List.of(), outcomes(List.of(prompt), examples).get(0));
  }
}
