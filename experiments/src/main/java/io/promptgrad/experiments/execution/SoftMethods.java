package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.experiments.config.SoftMethod;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.soft.ClassificationProblem;
import io.promptgrad.gradient.soft.PeftAdapter;
import io.promptgrad.gradient.soft.SoftConfig;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.gradient.soft.SoftSearch;
import io.promptgrad.gradient.soft.SoftStart;
import io.promptgrad.gradient.soft.TriggerStart;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.task.Task;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Makes the searches that train virtual tokens. */
final class SoftMethods {

  private SoftMethods() {}

  /**
   * A method on a classification task.
   *
   * @param modelName as the configuration writes it
   * @param cloze template and label tokens; examples are encoded anew, with room for the prompt
   */
  static Search search(
      SoftMethod method,
      LanguageModel model,
      String modelName,
      Task task,
      Cloze cloze,
      Metric metric,
      RandomSource random) {
    SoftStart start = method.start().orElseGet(() -> start(method, model, modelName));
    SoftConfig config = method.config(start);
    int slots = cloze.template().triggerCount();
    Cloze room =
        slots > 0 ? cloze : new Cloze(model, cloze.template(), cloze.labels(), config.tokens());
    // as many tokens as slots, where a template has any and nobody said otherwise
    SoftConfig fitting =
        slots == 0
            ? config
            : config.with(0, config.learningRate(), config.updates(), config.batchSize());
    return new SoftSearch(
        method.method(),
        new ClassificationProblem(model, task, room, metric),
        fitting,
        modelName,
        random);
  }

  /** Another prompt's numbers, or the tokens of a trigger. */
  private static SoftStart start(SoftMethod method, LanguageModel model, String modelName) {
    Prompt begun = begun(Path.of(method.text("from")), model, modelName);
    return begun instanceof SoftPrompt soft
        ? new SoftStart.Given(soft.adapters().get(0).used())
        : new SoftStart.Tokens(begun.tokenIds());
  }

  /**
   * A problem of discrete search that begins where another search ended: at a trigger's tokens, or
   * at those nearest to a soft prompt's vectors.
   */
  static TriggerProblem startingAt(
      Path from, TriggerProblem problem, LanguageModel model, String modelName) {
    Prompt begun = begun(from, model, modelName);
    if (!(begun instanceof SoftPrompt soft)) {
      return new TriggerStart(problem, begun.tokenIds());
    }
    if (soft.layout() == SoftModel.Layout.KEY_VALUES) {
      throw new InvalidInputException(
          "%s is a prompt of keys and values, which no tokens are near to; begin at one of word vectors."
              .formatted(from));
    }
    return TriggerStart.nearest(problem, soft, SearchModel.Nearness.COSINE);
  }

  /** A soft prompt, or a trigger with tokens. */
  private static Prompt begun(Path from, LanguageModel model, String modelName) {
    Optional<Path> json = promptJson(from);
    if (json.isPresent()) {
      JsonNode saved = Json.read(json.get());
      if (!saved.path("kind").asText().equals(SoftPrompt.KIND)) {
        TriggerPrompt trigger = TriggerPrompt.fromJson(saved, model.tokenizer());
        if (trigger.tokenIds().length == 0) {
          throw new InvalidInputException(
              "%s has no trigger tokens to begin at.".formatted(json.get()));
        }
        return trigger;
      }
      SoftPrompt prompt = SoftPrompt.read(saved, json.get().getParent(), model.tokenizer());
      prompt.requireFit(model, modelName);
      return prompt;
    }
    SoftPrompt prompt =
        new SoftPrompt(List.of(PeftAdapter.read(from)), Optional.empty(), List.of());
    prompt.requireFit(model, modelName);
    return prompt;
  }

  /** The prompt.json that a path names or holds. */
  static Optional<Path> promptJson(Path path) {
    for (Path file :
        new Path[] {
          path.resolve("prompt").resolve("prompt.json"), path.resolve("prompt.json"), path
        }) {
      if (Files.isRegularFile(file)) {
        return Optional.of(file);
      }
    }
    return Optional.empty();
  }
}
