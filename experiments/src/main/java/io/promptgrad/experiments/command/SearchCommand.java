package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.InstructionMethods;
import io.promptgrad.experiments.config.InstructionReader;
import io.promptgrad.experiments.config.Nearest;
import io.promptgrad.experiments.config.ProbeMethod;
import io.promptgrad.experiments.config.TargetConfig;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Experiment;
import io.promptgrad.experiments.execution.TargetExperiment;
import io.promptgrad.input.InvalidInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "search",
    mixinStandardHelpOptions = true,
    description = "Run an experiment without a configuration file.")
final class SearchCommand implements Callable<Integer> {

  @Parameters(
      paramLabel = "METHOD",
      description =
          "The method: autoprompt, gcg, pez, prompt-tuning, prefix-tuning, p-tuning, bbt, rlprompt, ..., or to compare linear-probe, finetune;"
              + " opro, ape, gepa, ... search an instruction for --scorer.")
  private String method;

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
      description =
          "Such as '{sentence} [T] [T] [T] [P] .', without [T] where weights are trained.")
  private String template;

  @Option(
      names = "--label",
      paramLabel = "LABEL=WORD[,WORD...]",
      description = "The words of a label; without any, label tokens are searched for. Repeatable.")
  private List<String> labels = new ArrayList<>();

  @Option(
      names = "--text",
      paramLabel = "TEXT",
      description =
          "Instead of a task: a text with {trigger} in it, after which the model is to say --say."
              + " Repeatable.")
  private List<String> texts = new ArrayList<>();

  @Option(names = "--say", paramLabel = "TEXT", description = "What the model is to say.")
  private String say;

  @Mixin private InstructionOptions instruction;
  @Mixin private RunOptions options;
  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    YamlDocument document = YamlDocument.empty("The command line");
    document.set("method", TextNode.valueOf(method), "METHOD");
    if (!texts.isEmpty() || say != null) {
      return targets(document);
    }
    if (task != null) {
      document.set("task", TextNode.valueOf(task), "--task");
    }
    if (InstructionReader.isFor(document)) {
      return instruction(document);
    }
    Optional<String> foreign = instruction.foreign();
    if (foreign.isPresent()) {
      throw new InvalidInputException(
          "%s: the method '%s' has no such option%s"
              .formatted(foreign.get(), method, Nearest.hint(method, InstructionMethods.names())));
    }
    if (task == null || template == null) {
      throw new InvalidInputException(
          "Give --task and --template, or --text and --say for a text that a causal model is to say.");
    }
    document.set("model", TextNode.valueOf(given("--model", model)), "--model");
    document.set("template", TextNode.valueOf(template), "--template");
    if (labels.isEmpty() && !method.equals(ProbeMethod.NAME)) {
      document.set("label_search", JsonNodeFactory.instance.objectNode(), "--label");
    } else if (!labels.isEmpty()) {
      document.set("verbalizer", LabelWords.verbalizer(labels), "--label");
    }
    options.applyTo(document);
    var console = output.console();
    var experiment = Configs.read(document, Path.of("").toAbsolutePath(), options);
    ResultView.print(Experiment.start(experiment, console), output.json, console);
    return Promptgrad.OK;
  }

  private Integer instruction(YamlDocument document) {
    if (model != null || template != null || !labels.isEmpty()) {
      throw new InvalidInputException(
          "%s does not go with %s; name --scorer and --proposer."
              .formatted(
                  model != null ? "--model" : template != null ? "--template" : "--label", method));
    }
    instruction.applyTo(document);
    options.applyTo(document);
    var console = output.console();
    var config = Configs.readInstruction(document, Path.of("").toAbsolutePath(), options);
    instruction.run(config.orElseThrow(), output.json, console);
    return Promptgrad.OK;
  }

  private String given(String option, String value) {
    if (value == null) {
      throw new InvalidInputException(
          "Missing required option: '%s'; see 'promptgrad search --help'.".formatted(option));
    }
    return value;
  }

  private int targets(YamlDocument document) {
    if (texts.isEmpty() || say == null || task != null || template != null || !labels.isEmpty()) {
      throw new InvalidInputException(
          "--text and --say go together, and without --task, --template and --label.");
    }
    ArrayNode train = JsonNodeFactory.instance.arrayNode();
    texts.forEach(text -> train.addObject().put("text", text).put("say", say));
    ObjectNode targets = JsonNodeFactory.instance.objectNode();
    targets.set("train", train);
    document.set("model", TextNode.valueOf(given("--model", model)), "--model");
    document.set(TargetConfig.KEY, targets, "--text");
    options.applyTo(document);
    var console = output.console();
    TargetConfig config =
        Configs.readTargets(document, Path.of("").toAbsolutePath(), options).orElseThrow();
    ResultView.print(TargetExperiment.start(config, console), output.json, console);
    return Promptgrad.OK;
  }
}
