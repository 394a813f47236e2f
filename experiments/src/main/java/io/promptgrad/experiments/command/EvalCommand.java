package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionReader;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Evaluation;
import io.promptgrad.experiments.execution.InstructionEvaluation;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.run.RunResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "eval",
    mixinStandardHelpOptions = true,
    description = "Evaluate a saved prompt on a task.")
final class EvalCommand implements Callable<Integer> {

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "PROMPT",
      description =
          "A run directory, its prompt folder or a prompt.json, or the folder of a PEFT adapter.")
  private String prompt;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description = "A model folder, org/name[@revision] on the hub, or bundled:mini-roberta.")
  private String model;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      description = "bundled:sentiment, or a YAML file with train, dev and test.")
  private String task;

  @Option(
      names = "--template",
      paramLabel = "TEXT",
      description = "How a PEFT adapter is asked, such as '{sentence} it was [P] .'.")
  private String template;

  @Option(
      names = "--label",
      paramLabel = "LABEL=WORD[,WORD...]",
      description = "The words of a label, for a PEFT adapter. Repeatable.")
  private List<String> labels = new ArrayList<>();

  @Option(
      names = "--scorer",
      paramLabel = "MODEL",
      description =
          "For an instruction: another model than the run's, openai:MODEL or local:MODEL.")
  private String scorer;

  @Option(names = "--split", paramLabel = "SPLIT", description = "train, dev or test (default).")
  private String split;

  @Option(names = "--metric", paramLabel = "METRIC", description = "accuracy if not given.")
  private String metric;

  @Mixin private RunOptions options;
  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    YamlDocument document = YamlDocument.empty("The command line");
    set(document, "prompt", prompt);
    set(document, "template", template);
    if (!labels.isEmpty()) {
      document.set("verbalizer", LabelWords.verbalizer(labels), "--label");
    }
    set(document, "model", model);
    set(document, "task", task);
    set(document, "split", split);
    set(document, "metric", metric);
    options.applyTo(document);
    Console console = output.console();
    Optional<RunResult> instruction = instruction(console);
    RunResult result =
        instruction.isPresent()
            ? instruction.get()
            : Evaluation.run(
                ConfigReader.readEvaluation(document, Path.of("").toAbsolutePath()), console);
    if (output.json) {
      console.out().print(Json.pretty(result.toJson()));
      return Promptgrad.OK;
    }
    result
        .found()
        .scores()
        .forEach(
            (name, score) ->
                console
                    .out()
                    .printf(
                        "%s %s on %d %s examples of %s%n",
                        result.metric(), ResultView.show(score), score.n(), name, result.task()));
    result
        .baselines()
        .getOrDefault("majority", Map.of())
        .values()
        .forEach(score -> console.out().printf("majority class %s%n", ResultView.show(score)));
    result.warnings().forEach(warning -> console.out().println("Warning: " + warning));
    return Promptgrad.OK;
  }

  /**
   * An instruction that a run found is evaluated as its run would, unless options say otherwise.
   */
  private Optional<RunResult> instruction(Console console) {
    Path run = Path.of(prompt);
    Path config = run.resolve("config.yaml");
    if (!Files.isRegularFile(config)) {
      return Optional.empty();
    }
    YamlDocument document = YamlDocument.read(config);
    if (!InstructionReader.isFor(document)) {
      return Optional.empty();
    }
    if (model != null || metric != null) {
      throw new InvalidInputException(
          "%s is not for an instruction; name --scorer, or --set scoring.extractor=NAME."
              .formatted(model != null ? "--model" : "--metric"));
    }
    Path saved = run.resolve("prompt/prompt.json");
    if (!Files.isRegularFile(saved)) {
      throw new InvalidInputException(
          "%s holds no prompt.json; name a run that has ended.".formatted(run));
    }
    document.root().remove(List.of("cache", "out"));
    set(document, "scorer", scorer);
    set(document, "task", task);
    options.applyTo(document);
    InstructionConfig own =
        Configs.readInstruction(document, Path.of("").toAbsolutePath(), options).orElseThrow();
    return Optional.of(
        InstructionEvaluation.run(own, saved, split == null ? "test" : split, console));
  }

  /** An option that was not given leaves the default. */
  private static void set(YamlDocument document, String key, String value) {
    if (value != null) {
      document.set(key, TextNode.valueOf(value), "--" + key);
    }
  }
}
