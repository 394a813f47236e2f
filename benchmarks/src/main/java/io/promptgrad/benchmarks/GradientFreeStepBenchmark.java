package io.promptgrad.benchmarks;

import io.promptgrad.gradient.blackbox.BlackBoxConfig;
import io.promptgrad.gradient.blackbox.BlackBoxTuning;
import io.promptgrad.gradient.blackbox.DeepBlackBoxTuning;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.policy.Reinforce;
import io.promptgrad.gradient.policy.RlPrompt;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.models.BundledModel;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One step of the searches without gradients on 32 examples of about 20 tokens: of BBT and BBTv2
 * one generation of 20 candidates with 50 vectors and 500 dimensions, the decomposition of every
 * fourth generation included; of RLPrompt 16 prompts of 5 tokens and one update; of REINFORCE 20
 * prompts. Dev is looked at in the first step only. Command: {@code benchmarks/run jmh
 * GradientFreeStep}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 5)
@Measurement(iterations = 5, time = 5)
public class GradientFreeStepBenchmark {

  /** The searches. */
  public enum Method {
    /** {@link BlackBoxTuning}. */
    BBT,
    /** {@link DeepBlackBoxTuning}. */
    BBTV2,
    /** {@link RlPrompt}. */
    RLPROMPT,
    /** {@link Reinforce}. */
    REINFORCE
  }

  /** Which one. */
  @Param public Method method;

  private LanguageModel model;
  private LanguageModel policy;
  private Search search;
  private int step;

  /** Loads the models and does the first step. */
  @Setup
  public void load() {
    model = Bundled.load();
    policy = LanguageModel.load(BundledModel.MINI_LLAMA.folder(), Bundled.options());
    search = search();
    step();
  }

  private Search search() {
    Task task = new Task("words", examples("train", 32), examples("dev", 8), examples("test", 8));
    PromptTemplate bare = PromptTemplate.parse("{sentence} it was [P] .");
    PromptTemplate slots = PromptTemplate.parse("{sentence} [T] [T] [T] [T] [T] [P] .");
    LabelTokens labels =
        LabelTokens.resolve(
            Verbalizer.parse(Map.of("negative", List.of("terrible"), "positive", List.of("great"))),
            model.tokenizer(),
            true);
    int never = 1_000_000;
    BlackBoxConfig o = BlackBoxConfig.original();
    BlackBoxConfig config =
        new BlackBoxConfig(
            o.length(),
            o.dimensions(),
            o.population(),
            never,
            o.mode(),
            o.uniform(),
            o.alpha(),
            o.sigma(),
            o.bound(),
            o.loss(),
            o.separable(),
            never,
            0);
    RandomSource random = new RandomSource(0);
    Accuracy accuracy = new Accuracy();
    return switch (method) {
      case BBT -> BlackBoxTuning.of(model, task, bare, labels, config, accuracy, random);
      case BBTV2 -> new DeepBlackBoxTuning(model, task, bare, labels, config, accuracy, random);
      case RLPROMPT ->
          new RlPrompt(
              policy,
              model,
              task,
              slots,
              labels,
              new RlPrompt.Config(16, 256, 2048, 5e-5, 5, 1e-3, never, never, 0),
              accuracy,
              random);
      case REINFORCE ->
          new Reinforce(
              model,
              task,
              slots,
              labels,
              new Reinforce.Config(100, 20, 20, Reinforce.Config.defaults().filter(), never, 0),
              accuracy,
              random);
    };
  }

  private static List<Example> examples(String split, int n) {
    List<String> words = List.of("the", "film", "was", "long", "and", "plot", "good", "bad");
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      List<String> sentence = new ArrayList<>();
      for (int w = 0; w < 10 + i % 11; w++) {
        sentence.add(words.get((i * 7 + w * 3 + w * w) % words.size()));
      }
      examples.add(
          new Example(
              split + ":" + i,
              Map.of("sentence", String.join(" ", sentence)),
              i % 2 == 0 ? "positive" : "negative"));
    }
    return examples;
  }

  /** Frees the models. */
  @TearDown
  public void close() {
    if (search instanceof RlPrompt own) {
      own.close();
    }
    model.close();
    policy.close();
  }

  /** One step. */
  @Benchmark
  public StepReport step() {
    return search.step(++step);
  }
}
