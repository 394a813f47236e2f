package io.promptgrad.experiments.command;

import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.ExperimentConfig;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionReader;
import io.promptgrad.experiments.config.RelationsConfig;
import io.promptgrad.experiments.config.TargetConfig;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Experiment;
import io.promptgrad.experiments.execution.InstructionRun;
import io.promptgrad.experiments.execution.RelationsRun;
import io.promptgrad.experiments.execution.TargetExperiment;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.report.HtmlReport;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "resume",
    mixinStandardHelpOptions = true,
    description = "Go on with a run that was interrupted, or with more budget.")
final class ResumeCommand implements Callable<Integer> {

  @Parameters(paramLabel = "RUN_DIR", description = "The run directory.")
  private Path folder;

  @Option(
      names = "--set",
      paramLabel = "a.b=c",
      description =
          "Another budget or stop rule, such as budget.steps=200, or other devices of the same kind,"
              + " such as device=cuda:1. Repeatable.")
  private List<String> assignments = new ArrayList<>();

  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    Console console = output.console();
    Optional<RelationsConfig> relations = relations();
    if (relations.isPresent()) {
      ResultView.print(RelationsRun.run(relations.get(), console), output.json, console);
      return Promptgrad.OK;
    }
    try (RunDirectory run = RunDirectory.open(folder)) {
      Supplier<RunResult> going = going(run, console);
      Optional<RunResult> done = run.result();
      RunResult result;
      if (done.isPresent() && assignments.isEmpty()) {
        console.say("The run %s has ended; this is its result.".formatted(folder));
        result = done.get();
        if (!Files.exists(run.path().resolve("report.html"))) {
          HtmlReport.write(run);
        }
      } else {
        result = going.get();
      }
      ResultView.print(result, output.json, console);
    }
    return Promptgrad.OK;
  }

  private Optional<RelationsConfig> relations() {
    Path file = folder.resolve("config.yaml");
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    YamlDocument document = YamlDocument.read(file);
    document.root().put("out", folder.toAbsolutePath().toString());
    Optional<RelationsConfig> relations = RelationsConfig.read(document, folder.toAbsolutePath());
    if (relations.isPresent() && !assignments.isEmpty()) {
      throw new InvalidInputException(
          "--set %s: %s is a run over several relations, which goes on as it is; resume one relation's folder, or start a new run."
              .formatted(assignments.get(0), folder));
    }
    return relations;
  }

  /** How a run goes on, which is checked before anything is done. */
  private Supplier<RunResult> going(RunDirectory run, Console console) {
    Path file = run.path().resolve("config.yaml");
    Path base = run.path().toAbsolutePath();
    YamlDocument own = YamlDocument.read(file);
    YamlDocument changed = YamlDocument.read(file);
    assignments.forEach(changed::set);
    Optional<TargetConfig> targets = TargetConfig.read(changed, base);
    if (targets.isPresent()) {
      requireSame(TargetConfig.read(own, base).orElseThrow().identity(), targets.get().identity());
      return () -> TargetExperiment.resume(run, targets.get(), console);
    }
    if (InstructionReader.isFor(own)) {
      InstructionConfig instruction = InstructionReader.read(changed, base);
      requireSame(InstructionReader.read(own, base).identity(), instruction.identity());
      return () -> InstructionRun.resume(run, instruction, console);
    }
    ExperimentConfig experiment = ConfigReader.read(changed, base);
    requireSame(ConfigReader.read(own, base).identity(), experiment.identity());
    return () -> Experiment.resume(run, experiment, console);
  }

  private void requireSame(String own, String changed) {
    if (!changed.equals(own)) {
      throw new InvalidInputException(
          "--set %s: a run can go on with another budget or stop rule, or on other devices of the same kind, only; start a new run for anything else."
              .formatted(assignments.get(assignments.size() - 1)));
    }
  }
}
