package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Robustness;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "robustness",
    mixinStandardHelpOptions = true,
    description =
        "Score a saved trigger with tokens left out, reordered and replaced, and read it as a filter does.")
final class RobustnessCommand implements Callable<Integer> {

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "PROMPT",
      description = "A run directory, its prompt folder or a prompt.json.")
  private String prompt;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "A model folder, org/name[@revision] on the hub, or bundled:mini-roberta.")
  private String model;

  @Option(
      names = "--task",
      required = true,
      paramLabel = "TASK",
      description = "bundled:sentiment, data:NAME, or a YAML file with train, dev and test.")
  private String task;

  @Option(names = "--split", paramLabel = "SPLIT", description = "train, dev or test (default).")
  private String split;

  @Option(
      names = "--judge",
      paramLabel = "MODEL",
      defaultValue = "bundled:mini-llama",
      description =
          "A causal model that reads the trigger (default ${DEFAULT-VALUE}); none: nobody does.")
  private String judge;

  @Option(
      names = "--limit",
      paramLabel = "PERPLEXITY",
      defaultValue = "1000",
      description = "Where a filter stops a text (default ${DEFAULT-VALUE}).")
  private double limit;

  @Mixin private RunOptions options;
  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    YamlDocument document = YamlDocument.empty("The command line");
    document.set("prompt", TextNode.valueOf(prompt), "--prompt");
    document.set("model", TextNode.valueOf(model), "--model");
    document.set("task", TextNode.valueOf(task), "--task");
    if (split != null) {
      document.set("split", TextNode.valueOf(split), "--split");
    }
    options.applyTo(document);
    var console = output.console();
    Robustness.Result result =
        Robustness.run(
            ConfigReader.readEvaluation(document, Path.of("").toAbsolutePath()),
            Optional.of(judge).filter(name -> !name.equals("none")),
            limit,
            console);
    console.out().print(output.json ? Json.pretty(result.json()) : result.text());
    console.out().flush();
    return Promptgrad.OK;
  }
}
