package io.promptgrad.experiments.command;

import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Experiment;
import io.promptgrad.experiments.execution.RelationsRun;
import io.promptgrad.experiments.execution.TargetExperiment;
import io.promptgrad.input.InvalidInputException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Run the experiment of a configuration file.")
final class RunCommand implements Callable<Integer> {

  @Parameters(
      paramLabel = "CONFIG.yaml",
      description = "The experiment; a run's own config.yaml repeats that run.")
  private Path config;

  @Option(
      names = "--dry-run",
      description =
          "For searches by models behind an API: print the expected calls, tokens and dollars, and"
              + " ask no model.")
  private boolean dryRun;

  @Mixin private RunOptions options;
  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    YamlDocument document = YamlDocument.read(config);
    Path folder = config.toAbsolutePath().getParent();
    options.applyTo(document);
    var console = output.console();
    var instruction = Configs.readInstruction(document, folder, options);
    if (instruction.isPresent()) {
      InstructionOptions.run(instruction.get(), dryRun, output.json, console);
      return Promptgrad.OK;
    }
    if (dryRun) {
      throw new InvalidInputException(
          "--dry-run is for methods with a scorer and a proposer; leave it out.");
    }
    var relations = Configs.readRelations(document, folder, options);
    if (relations.isPresent()) {
      ResultView.print(RelationsRun.run(relations.get(), console), output.json, console);
      return Promptgrad.OK;
    }
    var targets = Configs.readTargets(document, folder, options);
    if (targets.isPresent()) {
      ResultView.print(TargetExperiment.start(targets.get(), console), output.json, console);
      return Promptgrad.OK;
    }
    var experiment = Configs.read(document, folder, options);
    ResultView.print(Experiment.start(experiment, console), output.json, console);
    return Promptgrad.OK;
  }
}
