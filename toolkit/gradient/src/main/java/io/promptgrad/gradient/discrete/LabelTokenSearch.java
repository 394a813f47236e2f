package io.promptgrad.gradient.discrete;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.tokenizer.Specials;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeSet;

/**
 * Finds label tokens when no natural words suggest themselves (Shin et al. 2020, section 2.3): a
 * linear classifier learns the labels from what the output matrix is multiplied with at {@code
 * [P]}, with masks in the trigger slots; then each vocabulary token's output vector is given to the
 * classifier, and each label takes the tokens that it claims most surely.
 *
 * <p>The model runs once over the examples; the classifier is trained on the host. Scores leave the
 * classifier's bias out and are normalised over the labels, as in the original.
 */
public final class LabelTokenSearch {

  /**
   * @param tokensPerLabel how many tokens each label gets
   * @param epochs passes over the examples
   * @param batchSize examples of one update
   * @param learningRate Adam's
   * @param filter tokens that cannot be label tokens
   */
  public record Config(
      int tokensPerLabel,
      int epochs,
      int batchSize,
      double learningRate,
      java.util.Set<TokenFilter.Rule> filter) {

    /** Three whole-word tokens for each label; otherwise as the original's read-me. */
    public static Config defaults() {
      return new Config(
          3,
          50,
          32,
          3e-4,
          java.util.Set.of(TokenFilter.Rule.SPECIAL, TokenFilter.Rule.CONTINUATIONS));
    }
  }

  /**
   * @param labels the tokens of each label, surest first
   * @param logProbabilities of those tokens under the classifier [labels][tokens]
   * @param accuracy of the classifier on its training examples
   */
  public record Result(LabelTokens labels, double[][] logProbabilities, double accuracy) {}

  private final LanguageModel model;
  private final Config config;

  public LabelTokenSearch(LanguageModel model, Config config) {
    this.model = model;
    this.config = config;
  }

  /** Runs the search on labelled examples. */
  public Result run(PromptTemplate template, List<Example> examples, RandomSource random) {
    List<String> labels =
        List.copyOf(new TreeSet<>(examples.stream().map(Example::label).toList()));
    float[][] features = features(template, labels, examples);
    int[] gold = examples.stream().mapToInt(e -> labels.indexOf(e.label())).toArray();
    LinearClassifier classifier =
        LinearClassifier.train(
            features,
            gold,
            labels.size(),
            new LinearClassifier.Config(
                config.epochs(), config.batchSize(), config.learningRate(), 0),
            random);
    return choose(labels, classifier, classifier.accuracy(features, gold));
  }

  /** The head's input at [P], with masks as triggers. [examples][E] */
  private float[][] features(PromptTemplate template, List<String> labels, List<Example> examples) {
    Cloze cloze = new Cloze(model, template, anyVerbalizer(labels));
    List<ClozeExample> encoded = cloze.encode(examples);
    int filler = filler(model.tokenizer().specials(), model.tokenizer().file());
    int[] trigger = new int[template.triggerCount()];
    Arrays.fill(trigger, filler);
    float[][] features = new float[examples.size()][];
    int[] lengths = encoded.stream().mapToInt(ClozeExample::length).toArray();
    MicroBatches.forModel(model)
        .run(
            model,
            lengths,
            (model, group) -> {
              FilledBatch batch =
                  FilledBatch.of(
                      model,
                      Arrays.stream(group)
                          .mapToObj(index -> LabelScorer.Row.of(encoded.get(index), trigger))
                          .toList());
              int[] at = batch.at();
              try (NDManager scope = model.newScope()) {
                float[] flat = model.features(scope, batch.tokens(), at).toFloatArray();
                int width = flat.length / at.length;
                for (int r = 0; r < at.length; r++) {
                  features[group[r]] = Arrays.copyOfRange(flat, r * width, (r + 1) * width);
                }
              }
            });
    return features;
  }

  /** What stands in the trigger slots: the mask; in a causal model a token without a meaning. */
  static int filler(Specials specials, Path tokenizer) {
    for (OptionalInt id : List.of(specials.mask(), specials.bos(), specials.eos())) {
      if (id.isPresent()) {
        return id.getAsInt();
      }
    }
    return specials.all().stream()
        .min(Integer::compare)
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "%s has no special token to stand in the trigger slots during the label search; give label words instead."
                        .formatted(tokenizer)));
  }

  /** The encoder wants a verbalizer; which tokens it names plays no part in the features. */
  private static Verbalizer anyVerbalizer(List<String> labels) {
    Map<String, Object> ids = new LinkedHashMap<>();
    for (int c = 0; c < labels.size(); c++) {
      ids.put(labels.get(c), c);
    }
    return Verbalizer.parse(ids);
  }

  private Result choose(List<String> labels, LinearClassifier classifier, double accuracy) {
    int vocabulary = model.spec().vocabulary();
    float[] products; // [C, V]
    try (NDManager scope = model.newScope()) {
      float[] flat = classifier.flatWeights();
      products =
          model
              .timesOutputMatrix(
                  scope, scope.create(flat, new Shape(labels.size(), flat.length / labels.size())))
              .toFloatArray();
    }
    TokenFilter filter = TokenFilter.of(model.tokenizer(), vocabulary, config.filter(), new int[0]);
    float[][] logs = new float[labels.size()][vocabulary];
    for (int id = 0; id < vocabulary; id++) {
      double largest = Double.NEGATIVE_INFINITY;
      for (int c = 0; c < labels.size(); c++) {
        largest = Math.max(largest, products[c * vocabulary + id]);
      }
      double sum = 0;
      for (int c = 0; c < labels.size(); c++) {
        sum += Math.exp(products[c * vocabulary + id] - largest);
      }
      for (int c = 0; c < labels.size(); c++) {
        logs[c][id] = (float) (products[c * vocabulary + id] - largest - Math.log(sum));
      }
    }
    int[][] ids = new int[labels.size()][];
    double[][] chosen = new double[labels.size()][];
    for (int c = 0; c < labels.size(); c++) {
      ids[c] = HotFlip.top(logs[c], config.tokensPerLabel(), filter, -1);
      float[] own = logs[c];
      chosen[c] = Arrays.stream(ids[c]).mapToDouble(id -> own[id]).toArray();
    }
    return new Result(new LabelTokens(labels, ids), chosen, accuracy);
  }
}
