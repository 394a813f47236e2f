package io.promptgrad.experiments.execution;

import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.MajorityClass;
import io.promptgrad.evaluation.Score;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.Meter;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.MemoryCache;
import io.promptgrad.llm.cache.ReplyCache;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import io.promptgrad.search.Cost;
import io.promptgrad.task.Example;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Evaluates an instruction that a run found, with the run's models and task or with others. */
public final class InstructionEvaluation {

  private InstructionEvaluation() {}

  /**
   * Runs the evaluation and, if an output folder is given, keeps outcomes and result there.
   *
   * @param config the run's, with other models or another task at will
   * @param prompt a run directory or its prompt.json
   */
  public static RunResult run(
      InstructionConfig config, Path prompt, String split, Console console) {
    InstructionPrompt saved = InstructionPrompt.fromJson(Evaluation.readPrompt(prompt));
    try (ChatModels models = ChatModels.open(config, console)) {
      InstructionTask task = InstructionTask.of(config, models.scorerChats());
      List<Example> examples = task.task().split(split);
      List<String> warnings =
          new ArrayList<>(Tasks.leaks(task.task(), task.shown(), List.of(split)));
      warnings.forEach(leak -> console.say("Warning: " + leak));
      config.out().ifPresent(out -> RunDirectory.create(out, config.toJson()).close());
      long begin = System.nanoTime();
      ReplyCache cache =
          config.cache().<ReplyCache>map(SqliteCache::open).orElseGet(MemoryCache::new);
      try (ModelCalls calls =
          new ModelCalls(
              cache, InstructionRun.prices(config), Allowance.unlimited(), Optional.empty())) {
        Llm scorer = calls.as(Role.TASK, models.scorer(), models.scorerLimits());
        Optional<Llm> judge =
            models.judge().map(model -> calls.as(Role.JUDGE, model, models.judgeLimits()));
        EvalReport report =
            new PromptScorer(calls, task.scorer(scorer, judge), task.metric())
                .evaluate(saved, examples);
        warnings.addAll(calls.warnings());
        warnings.addAll(report.warnings());
        Meter used = calls.total();
        RunResult result =
            new RunResult(
                "eval",
                config.scorer(),
                task.task().name(),
                task.metric().name(),
                config.seed(),
                config.device(),
                baselines(task, split),
                new RunResult.Found(
                    saved.kind(),
                    saved.text(),
                    saved.tokenIds(),
                    prompt.toString(),
                    Map.of(split, report.toScore())),
                new Cost(
                    examples.size(),
                    used.promptTokens() + used.completionTokens(),
                    0,
                    used.calls(),
                    used.usd()),
                0,
                (System.nanoTime() - begin) / 1e9,
                "finished",
                config.out().map(Path::toString).orElse(""),
                warnings,
                Map.of());
        config.out().ifPresent(out -> keep(out, split, saved, report, examples, result));
        return result;
      }
    }
  }

  private static Map<String, Map<String, Score>> baselines(InstructionTask task, String split) {
    if (!task.rightOrWrong()) {
      return Map.of();
    }
    Score majority =
        MajorityClass.of(task.task().train())
            .evaluate(task.task().split(split), task.metric(), List.of())
            .toScore();
    return Map.of("majority", Map.of(split, majority));
  }

  private static void keep(
      Path out,
      String split,
      InstructionPrompt prompt,
      EvalReport report,
      List<Example> examples,
      RunResult result) {
    try (RunDirectory run = RunDirectory.open(out)) {
      run.writeEnvironment(Map.of("promptgrad", Environment.own()), result.device());
      run.writeOutcomes("found", split, report.outcomes(), examples);
      run.writePrompt(prompt);
      run.writeResult(result);
    }
  }
}
