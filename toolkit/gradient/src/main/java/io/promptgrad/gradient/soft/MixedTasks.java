package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Several tasks of one model whose examples share batches. Either each has a prompt of its own, and
 * one model in memory serves them all; or one prompt is trained on all of them. Probabilities are
 * among the label words of all tasks. Dev is the mean of the tasks' scores.
 *
 * @param tasks with as many slots each, or none
 * @param shared whether there is one prompt, which is saved with the first task's template and
 *     words
 */
public record MixedTasks(List<SoftProblem> tasks, boolean shared) implements SoftProblem {

  /** Checks that the tasks go together. */
  public MixedTasks {
    tasks = List.copyOf(tasks);
    for (SoftProblem task : tasks) {
      if (task.model() != tasks.get(0).model()
          || task.slots() != tasks.get(0).slots()
          || task.prompts() != 1) {
        throw new InvalidInputException(
            "Tasks that are trained together need one model and templates with as many slots [T].");
      }
    }
  }

  /** Each with a prompt of its own. */
  public MixedTasks(List<SoftProblem> tasks) {
    this(tasks, false);
  }

  @Override
  public LanguageModel model() {
    return tasks.get(0).model();
  }

  @Override
  public int slots() {
    return tasks.get(0).slots();
  }

  @Override
  public int prompts() {
    return shared ? 1 : tasks.size();
  }

  @Override
  public List<SoftRow> train() {
    List<SoftRow> rows = new ArrayList<>();
    for (int k = 0; k < tasks.size(); k++) {
      for (SoftRow row : tasks.get(k).train()) {
        rows.add(row.with(shared ? 0 : k));
      }
    }
    return rows;
  }

  @Override
  public SoftModel.Loss loss(boolean wholeVocabulary, double smoothing, double z) {
    List<int[]> among =
        tasks.stream().map(task -> task.loss(wholeVocabulary, 0, 0).among()).toList();
    boolean whole = among.stream().anyMatch(tokens -> tokens == null);
    return new SoftModel.Loss(
        whole ? null : among.stream().flatMapToInt(Arrays::stream).distinct().toArray(),
        smoothing,
        z);
  }

  @Override
  public Optional<LabelTokens> labels() {
    return shared ? tasks.get(0).labels() : Optional.empty();
  }

  @Override
  public int devSize() {
    return tasks.stream().mapToInt(SoftProblem::devSize).sum();
  }

  @Override
  public Dev dev(LoadedPrompt prompt) {
    double score = 0;
    double loss = 0;
    for (int k = 0; k < tasks.size(); k++) {
      Dev own = tasks.get(k).dev(shared ? prompt : prompt.every(tasks.size(), k));
      score += own.score() / tasks.size();
      loss += own.loss() / tasks.size();
    }
    return new Dev(score, loss);
  }

  /** The prompts of all tasks; {@link #of} has that of one. */
  @Override
  public SoftPrompt prompt(List<PeftAdapter> adapters, List<String> nearest) {
    return shared
        ? tasks.get(0).prompt(adapters, nearest)
        : new SoftPrompt(adapters, Optional.empty(), nearest);
  }

  /** The prompt of one task, with its template and label words. */
  public SoftPrompt of(int task, SoftPrompt all) {
    List<PeftAdapter> own = new ArrayList<>();
    for (int i = shared ? 0 : task; i < all.adapters().size(); i += shared ? 1 : tasks.size()) {
      own.add(all.adapters().get(i));
    }
    List<String> nearest = shared || task == 0 ? all.nearest() : List.of();
    SoftPrompt prompt = tasks.get(task).prompt(own, nearest).drawnTo(all.towards());
    return all.warning().map(prompt::warned).orElse(prompt);
  }
}
