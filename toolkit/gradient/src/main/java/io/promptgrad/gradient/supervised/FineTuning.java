package io.promptgrad.gradient.supervised;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TrainableModel;
import io.promptgrad.lm.weights.WeightType;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.Cost;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * Fine-tuning of all weights (the upper bound of Shin et al. 2020, section 3): AdamW with a
 * learning rate that rises over the first tenth of the updates and falls linearly to 0, and the
 * epoch with the best dev score kept.
 *
 * <p>Where this differs from the original program: the model answers with label tokens at {@code
 * [P]}, by the head that it was pretrained with, and its loss is their -log probability over the
 * vocabulary (the original trains a new classification head); test is answered by the best epoch's
 * weights, not the last one's; Adam's betas are 0.9 and 0.999, not 0; gradients are clipped to norm
 * 1.
 *
 * <p>After each epoch everything is on the disk: a run that was killed goes on at its last epoch.
 * The seed fixes the order of the examples; dropout is drawn by the engine and makes two runs
 * differ, unless it is 0.
 */
public final class FineTuning {

  /**
   * @param epochs passes over the examples
   * @param batchSize examples of one update
   * @param learningRate the highest
   * @param weightDecay decoupled, of matrices
   * @param dropout in every layer
   */
  public record Config(
      int epochs, int batchSize, double learningRate, double weightDecay, double dropout) {

    /** The original's, with the dropout of its models. */
    public static Config defaults() {
      return new Config(3, 32, 2e-5, 1e-2, 0.1);
    }
  }

  /**
   * @param epoch the best on dev, from 1
   * @param updates of the weights
   * @param dev its report
   * @param test its report
   * @param cost of training and of the evaluations
   */
  public record Result(int epoch, int updates, EvalReport dev, EvalReport test, Cost cost) {}

  /** The share of updates over which the learning rate rises. */
  private static final int WARM_UP = 10;

  private final LanguageModel model;
  private final LoadOptions options;
  private final Config config;
  private final Path folder;

  /**
   * @param model to start from; it is not changed
   * @param options how it was loaded
   * @param folder where weights are kept: {@code model}, the best so far, and {@code checkpoint}
   */
  public FineTuning(LanguageModel model, LoadOptions options, Config config, Path folder) {
    this.model = model;
    this.options = options;
    this.config = config;
    this.folder = folder;
  }

  private Path best() {
    return folder.resolve("model");
  }

  private Path checkpoint() {
    return folder.resolve("checkpoint").resolve("training.safetensors");
  }

  /** What a checkpoint says besides the weights. */
  private record State(int epoch, int bestEpoch, double bestDev, long tokens) {

    String toText() {
      return Json.line(
          Json.object()
              .put("epoch", epoch)
              .put("best_epoch", bestEpoch)
              .put("best_dev", bestDev)
              .put("tokens", tokens));
    }

    static State parse(String text) {
      try {
        JsonNode json = Json.parse(text);
        return new State(
            json.path("epoch").asInt(),
            json.path("best_epoch").asInt(),
            json.path("best_dev").asDouble(),
            json.path("tokens").asLong());
      } catch (JsonProcessingException e) {
        throw new InvalidInputException("The checkpoint's note is damaged; start a new run.", e);
      }
    }
  }

  /**
   * Trains, or goes on, and evaluates.
   *
   * @param cloze template without trigger slots, and the label tokens
   * @param afterEpoch hears the number of each epoch that is on the disk; may throw to stop there
   */
  public Result run(
      Task task,
      Cloze cloze,
      Metric metric,
      List<Metric> others,
      RandomSource random,
      IntConsumer afterEpoch) {
    List<ClozeExample> train = cloze.encode(task.train());
    TriggerPrompt prompt =
        TriggerPrompt.of(cloze.template(), cloze.labels(), new int[0], model.tokenizer());
    int perEpoch = (train.size() + config.batchSize() - 1) / config.batchSize();
    int updates = perEpoch * config.epochs();
    State state = new State(0, 0, Double.NaN, 0);
    try (TrainableModel weights = TrainableModel.load(model.path(), options)) {
      if (Files.exists(checkpoint())) {
        state = State.parse(weights.restore(checkpoint()));
      }
      while (state.epoch() < config.epochs()) {
        int epoch = state.epoch() + 1;
        long tokens = state.tokens() + epoch(weights, train, epoch, updates, random);
        double dev = evaluate(weights, prompt, task, metric);
        // A run that was killed while it kept the best may have lost it.
        boolean better = !Files.exists(best()) || dev > state.bestDev();
        if (better) {
          keep();
        }
        state =
            new State(
                epoch, better ? epoch : state.bestEpoch(), better ? dev : state.bestDev(), tokens);
        write(() -> Files.createDirectories(checkpoint().getParent()));
        weights.save(checkpoint(), state.toText());
        afterEpoch.accept(epoch);
      }
    }
    try (LanguageModel trained = LanguageModel.load(best(), options)) {
      ClozeEvaluator evaluator = new ClozeEvaluator(trained, metric, others);
      EvalReport dev = evaluator.evaluate(prompt, task.dev());
      EvalReport test = evaluator.evaluate(prompt, task.test());
      long evaluations = (long) task.dev().size() * (config.epochs() + 1) + task.test().size();
      long forward = state.tokens() + trained.forwardTokens();
      return new Result(
          state.bestEpoch(),
          updates,
          dev,
          test,
          new Cost(evaluations, forward, state.tokens(), 0, 0));
    }
  }

  /** One pass over the examples. Returns the tokens of its batches. */
  private long epoch(
      TrainableModel weights,
      List<ClozeExample> train,
      int epoch,
      int updates,
      RandomSource random) {
    AdamW adamW = new AdamW(0.9, 0.999, 1e-8, config.weightDecay(), 1);
    int[] order = RandomSource.permutation(train.size(), random.stream("fine-tuning", epoch));
    int perEpoch = updates / config.epochs();
    long tokens = 0;
    for (int u = 0; u < perEpoch; u++) {
      List<LabelScorer.Row> rows = new ArrayList<>();
      List<int[]> gold = new ArrayList<>();
      for (int i = u * config.batchSize();
          i < Math.min(order.length, (u + 1) * config.batchSize());
          i++) {
        ClozeExample example = train.get(order[i]);
        rows.add(LabelScorer.Row.of(example, new int[0]));
        gold.add(example.goldTokens());
      }
      FilledBatch batch = FilledBatch.of(model, rows);
      weights.accumulate(
          batch.tokens(), Targets.mean(batch.at(), gold.toArray(new int[0][])), config.dropout());
      weights.update(adamW, rate((epoch - 1) * perEpoch + u + 1, updates, config.learningRate()));
      tokens += batch.tokens().tokens();
    }
    return tokens;
  }

  /** The learning rate of an update, counted from 1. */
  static double rate(int update, int updates, double highest) {
    int warmUp = updates / WARM_UP;
    return update <= warmUp
        ? highest * update / warmUp
        : highest * (updates - update + 1) / (updates - warmUp);
  }

  // ------------------------------------------------------------------ on the disk

  private Path candidate() {
    return folder.resolve("model.part");
  }

  /** Writes the weights as a model folder and scores them on dev. */
  private double evaluate(TrainableModel weights, TriggerPrompt prompt, Task task, Metric metric) {
    write(
        () -> {
          delete(candidate());
          Files.createDirectories(candidate());
          try (Stream<Path> files = Files.list(model.path())) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
              String name = file.getFileName().toString();
              if (name.matches(".*\\.(json|txt|model)") && !name.contains(".safetensors.")) {
                Files.copy(file, candidate().resolve(name));
              }
            }
          }
        });
    weights.saveWeights(candidate().resolve("model.safetensors"), WeightType.F32);
    try (LanguageModel trained = LanguageModel.load(candidate(), options)) {
      return new ClozeEvaluator(trained, metric, List.of()).evaluate(prompt, task.dev()).value();
    }
  }

  private void keep() {
    write(
        () -> {
          delete(best());
          Files.move(candidate(), best(), StandardCopyOption.ATOMIC_MOVE);
        });
  }

  /** Work on files that may fail. */
  private interface FileWork {
    void run() throws IOException;
  }

  private void write(FileWork work) {
    try {
      work.run();
    } catch (IOException e) {
      throw new InvalidInputException(
          "The trained weights cannot be kept in %s: %s; check space and permissions, then resume."
              .formatted(folder, e),
          e);
    }
  }

  private static void delete(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(directory);
  }
}
