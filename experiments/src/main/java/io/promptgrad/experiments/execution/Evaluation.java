package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.MajorityClass;
import io.promptgrad.evaluation.Score;
import io.promptgrad.experiments.config.EvaluationConfig;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.soft.PeftAdapter;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Metrics;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import io.promptgrad.search.Cost;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Evaluates a saved prompt on one split of a task. */
public final class Evaluation {

  private Evaluation() {}

  /**
   * Runs the evaluation and, if an output folder is given, keeps outcomes and result there.
   *
   * @throws InvalidInputException if prompt, model and task do not fit together
   */
  public static RunResult run(EvaluationConfig config, Console console) {
    Task given = Tasks.load(config.task());
    LoadOptions options = ModelLoader.options(config.device(), config.precision());
    try (LanguageModel model = ModelLoader.load(config.model(), options, console)) {
      List<String> warnings = new ArrayList<>();
      Prompt prompt = read(config, model, warnings);
      PromptTemplate template = Prompts.template(prompt);
      LabelTokens labels = Prompts.labels(prompt);
      Task task = given;
      if (labels.open()) {
        Answers answers = Answers.of(labels, config.context(), given, model.tokenizer());
        task = answers.facts().task();
        warnings.addAll(answers.facts().leftOut());
      } else if (config.context().isPresent()) {
        throw new InvalidInputException(
            "'facts.context' is for prompts that answer with words; %s answers with labels, so leave it out."
                .formatted(config.prompt()));
      }
      Tasks.requireFields(task, template);
      List<Example> examples = task.split(config.split());
      Tasks.requireLabels(examples, labels.labels());
      Metric metric = Metrics.named(config.metric());
      warnings.addAll(Tasks.leaks(task, template, List.of(config.split())));
      warnings.forEach(leak -> console.say("Warning: " + leak));
      // Now and not after the evaluation, so that a folder that cannot be used is found at once.
      config.out().ifPresent(out -> RunDirectory.create(out, config.toJson()).close());
      long begin = System.nanoTime();
      EvalReport report = Prompts.evaluate(prompt, model, examples, metric, List.of());
      warnings.addAll(report.warnings());
      double seconds = (System.nanoTime() - begin) / 1e9;
      Score majority =
          MajorityClass.of(task.train()).evaluate(examples, metric, List.of()).toScore();
      RunResult result =
          new RunResult(
              "eval",
              config.model(),
              task.name(),
              metric.name(),
              config.seed(),
              Devices.name(model.devices()),
              Map.of("majority", Map.of(config.split(), majority)),
              new RunResult.Found(
                  prompt.kind(),
                  prompt.text(),
                  prompt.tokenIds(),
                  config.prompt().toString(),
                  Map.of(config.split(), report.toScore())),
              new Cost(examples.size(), model.forwardTokens(), 0, 0, 0),
              0,
              seconds,
              "finished",
              config.out().map(Path::toString).orElse(""),
              warnings,
              Map.of());
      config.out().ifPresent(out -> keep(out, config, model, prompt, report, examples, result));
      return result;
    }
  }

  /** A trigger or a soft prompt of a run, or an adapter that Python may have written. */
  private static Prompt read(EvaluationConfig config, LanguageModel model, List<String> warnings) {
    if (config.template().isPresent()) {
      PeftAdapter adapter = PeftAdapter.read(config.prompt());
      warnings.addAll(adapter.warnings());
      Cloze cloze = new Cloze(model, config.template().get(), config.verbalizer().orElseThrow());
      SoftPrompt prompt =
          new SoftPrompt(
              List.of(adapter),
              Optional.of(
                  SoftPrompt.Reading.of(cloze.template(), cloze.labels(), model.tokenizer())),
              List.of());
      prompt.requireFit(model, config.model());
      return prompt;
    }
    return Prompts.read(config.prompt(), model, config.model());
  }

  private static void keep(
      Path out,
      EvaluationConfig config,
      LanguageModel model,
      Prompt prompt,
      EvalReport report,
      List<Example> examples,
      RunResult result) {
    try (RunDirectory run = RunDirectory.open(out)) {
      run.writeEnvironment(Environment.versions(), Environment.device(model));
      run.writeOutcomes("found", config.split(), report.outcomes(), examples);
      run.writePrompt(prompt);
      run.writeResult(result);
    }
  }

  static JsonNode readPrompt(Path file) {
    try {
      return Json.parse(Files.readString(file));
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s, line %d: this is not JSON (%s)."
              .formatted(
                  file, e.getLocation() == null ? 1 : e.getLocation().getLineNr(), Json.problem(e)),
          e);
    } catch (IOException e) {
      throw new InvalidInputException("%s cannot be read: %s.".formatted(file, e), e);
    }
  }
}
