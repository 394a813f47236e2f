package io.promptgrad.gradient.supervised;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.LinearClassifier;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * A linear classifier on what a frozen model makes of a text (Shin et al. 2020, section 3): the
 * weights with the best dev score of all epochs answer on test.
 *
 * <p>Where this differs from the original program: padding is not averaged in, and for every family
 * the classifier is linear (the original takes RoBERTa's head with a hidden layer).
 *
 * <p>Cost: one forward pass over all examples; the classifier is trained on the host. The seed
 * fixes its start and the order of the examples.
 */
public final class LinearProbe {

  /** Which vector of a text the classifier sees. */
  public enum Pooling {
    /** The mean of the last layer over all tokens but the first: the original. */
    MEAN,
    /** What the output matrix is multiplied with at {@code [P]}: what a prompt's answer sees. */
    PREDICTION
  }

  /**
   * @param pooling which vector of a text
   * @param epochs passes over the examples
   * @param batchSize examples of one update
   * @param learningRate Adam's
   * @param weightDecay L2, added to the gradient
   */
  public record Config(
      Pooling pooling, int epochs, int batchSize, double learningRate, double weightDecay) {

    /** The original's. */
    public static Config defaults() {
      return new Config(Pooling.MEAN, 10, 32, 1e-3, 1e-6);
    }
  }

  /**
   * @param epoch the best on dev, from 1
   * @param dev its report
   * @param test its report
   */
  public record Result(int epoch, EvalReport dev, EvalReport test) {}

  private final LanguageModel model;
  private final Config config;

  public LinearProbe(LanguageModel model, Config config) {
    this.model = model;
    this.config = config;
  }

  /** Trains and evaluates. */
  public Result run(
      Task task, PromptTemplate template, Metric metric, List<Metric> others, RandomSource random) {
    List<String> labels = labels(task);
    Cloze cloze = cloze(template, labels);
    List<ClozeExample> trainRows = cloze.encode(task.train());
    float[][] train = features(trainRows);
    float[][] dev = features(cloze.encode(task.dev()));
    int[] gold = trainRows.stream().mapToInt(ClozeExample::gold).toArray();
    EvalReport[] bestDev = new EvalReport[1];
    int[] bestEpoch = new int[1];
    LinearClassifier[] best = new LinearClassifier[1];
    LinearClassifier.train(
        train,
        gold,
        labels.size(),
        new LinearClassifier.Config(
            config.epochs(), config.batchSize(), config.learningRate(), config.weightDecay()),
        random,
        (epoch, classifier) -> {
          EvalReport report =
              EvalReport.of(metric, others, outcomes(task.dev(), dev, labels, classifier));
          if (bestDev[0] == null || report.value() > bestDev[0].value()) {
            bestDev[0] = report;
            bestEpoch[0] = epoch;
            best[0] = classifier.copy();
          }
        });
    List<Outcome> test =
        outcomes(task.test(), features(cloze.encode(task.test())), labels, best[0]);
    return new Result(bestEpoch[0], bestDev[0], EvalReport.of(metric, others, test));
  }

  /** The labels of train, sorted. */
  public static List<String> labels(Task task) {
    List<String> labels =
        List.copyOf(new TreeSet<>(task.train().stream().map(Example::label).toList()));
    if (labels.size() < 2) {
      throw new InvalidInputException(
          "The train split of %s has only the label %s; a classifier needs two."
              .formatted(task.name(), labels));
    }
    return labels;
  }

  /** Encodes examples; the tokens that stand for the labels play no part. */
  private Cloze cloze(PromptTemplate template, List<String> labels) {
    int[][] any =
        IntStream.range(0, labels.size()).mapToObj(c -> new int[] {c}).toArray(int[][]::new);
    return new Cloze(model, template, new LabelTokens(labels, any));
  }

  /** One vector for each example. [examples][C] */
  private float[][] features(List<ClozeExample> examples) {
    float[][] features = new float[examples.size()][];
    int[] lengths = examples.stream().mapToInt(ClozeExample::length).toArray();
    MicroBatches.forModel(model)
        .run(
            model,
            lengths,
            (replica, group) -> {
              FilledBatch batch =
                  FilledBatch.of(
                      replica,
                      Arrays.stream(group)
                          .mapToObj(i -> LabelScorer.Row.of(examples.get(i), new int[0]))
                          .toList());
              try (NDManager scope = replica.newScope()) {
                boolean mean = config.pooling() == Pooling.MEAN;
                NDArray vectors =
                    mean
                        ? last(replica.hiddenStates(scope, batch.tokens())) // [B, S, C]
                        : replica.features(scope, batch.tokens(), batch.at()); // [B, C]
                float[] flat = vectors.toFloatArray();
                LabelScorer.requireNumbers(flat, "hidden states");
                int width = (int) vectors.getShape().get(vectors.getShape().dimension() - 1);
                for (int r = 0; r < group.length; r++) {
                  int start = (mean ? batch.tokens().index(r, 0) : r) * width;
                  features[group[r]] =
                      mean
                          ? mean(flat, start, lengths[group[r]], width)
                          : Arrays.copyOfRange(flat, start, start + width);
                }
              }
            });
    return features;
  }

  private static NDArray last(List<NDArray> states) {
    return states.get(states.size() - 1);
  }

  /** The mean of the vectors of tokens 1 to length - 1; of the only token if there is one. */
  private static float[] mean(float[] flat, int start, int length, int width) {
    float[] mean = new float[width];
    int first = length > 1 ? 1 : 0;
    for (int t = first; t < length; t++) {
      for (int i = 0; i < width; i++) {
        mean[i] += flat[start + t * width + i] / (length - first);
      }
    }
    return mean;
  }

  private static List<Outcome> outcomes(
      List<Example> examples,
      float[][] features,
      List<String> labels,
      LinearClassifier classifier) {
    List<Outcome> outcomes = new ArrayList<>();
    for (int n = 0; n < features.length; n++) {
      double[] p = classifier.probabilities(features[n]);
      int gold = labels.indexOf(examples.get(n).label());
      int best = 0;
      int rank = 1;
      Map<String, Double> logs = new LinkedHashMap<>();
      for (int c = 0; c < p.length; c++) {
        best = p[c] > p[best] ? c : best;
        rank += c != gold && p[c] >= p[gold] ? 1 : 0;
        logs.put(labels.get(c), Math.log(p[c]));
      }
      outcomes.add(
          Outcome.classified(examples.get(n).id(), labels.get(gold), labels.get(best), rank, logs));
    }
    return outcomes;
  }
}
