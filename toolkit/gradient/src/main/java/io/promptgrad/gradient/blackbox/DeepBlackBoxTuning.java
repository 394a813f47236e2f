package io.promptgrad.gradient.blackbox;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.FilledBatch;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.BlackBoxModel;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * BBTv2, deep black-box tuning (Sun, He, Qian, Zhou, Huang and Qiu 2022, arXiv:2205.11200): vectors
 * A_l z_l are added to the input of every layer l, and each layer has a CMA-ES of its own.
 *
 * <p>One step is one generation of one layer, from the first layer to the last and again: its
 * points are evaluated with the other layers' vectors as they are, and then the layer gets the
 * vectors of the best point that it has ever had. Layer 0 is the output of the embedding. All
 * vectors are 0 at first. A_l is normal with alpha * std_l / (sqrt d * sigma), std_l being the
 * standard deviation of the hidden states that layer l gets from the train examples, after five
 * rounds of clipping at three standard deviations. Where we differ from the program: as {@link
 * BlackBoxTuning}.
 *
 * <p>Cost of a step: as in BBT, and the numbers of A_l, which are drawn anew in each step: all of
 * them would be 2.4 GB for 24 layers and vectors of 1,024. A saved state holds two d x d matrices
 * for each layer.
 */
public final class DeepBlackBoxTuning implements Search {

  /** So many train examples say how large hidden states are. */
  private static final int SAMPLE = 32;

  private final LanguageModel model;
  private final BlackBoxConfig config;
  private final RandomSource random;
  private final LocalScores scores;
  private final int[] base;
  private final Generations generations;
  private final EvolutionStrategy[] strategies;
  private final float[][] fixed; // vectors of each layer [l][P * C]
  private final double[][] bestPoint; // of each layer
  private final double[] lowest; // its loss
  private double[] deviations; // of hidden states; null before step 1

  /**
   * As {@link BlackBoxTuning#of}; the mode of the configuration has to be that of added vectors.
   */
  public DeepBlackBoxTuning(
      LanguageModel model,
      Task task,
      PromptTemplate template,
      LabelTokens labels,
      BlackBoxConfig config,
      Metric metric,
      RandomSource random) {
    int layers = model.spec().layers();
    if (config.mode() != BlackBoxModel.Mode.ADD || config.uniform()) {
      throw new InvalidInputException(
          "bbtv2 adds vectors to hidden states and measures their size for a normal projection; leave out the options mode and uniform.");
    }
    if (config.calls() < config.population() * layers) {
      throw new InvalidInputException(
          "bbtv2 needs at least %d calls for one generation of %d in each of %d layers, not %d; raise calls."
              .formatted(
                  config.population() * layers, config.population(), layers, config.calls()));
    }
    this.model = model;
    this.config = config;
    this.random = random;
    Cloze cloze = BlackBoxTuning.cloze(model, template, labels, config.length());
    this.base = BlackBoxTuning.base(model.tokenizer(), cloze.template().triggerCount());
    this.scores = new LocalScores(model, cloze, config.mode(), base);
    this.strategies = new EvolutionStrategy[layers];
    Arrays.setAll(strategies, l -> config.strategy());
    this.fixed = new float[layers][base.length * scores.width()];
    this.bestPoint = new double[layers][config.dimensions()];
    this.lowest = new double[layers];
    Arrays.fill(lowest, Double.POSITIVE_INFINITY);
    this.generations =
        new Generations(scores, cloze, task, config, metric, candidates(new float[0][], 0), random);
  }

  /** Candidates for a layer with the other layers as they are; without any, what there is. */
  private Population candidates(float[][] vectors, int layer) {
    int n = Math.max(1, vectors.length);
    int layers = fixed.length;
    float[][] blocks = Arrays.copyOf(fixed, layers + vectors.length);
    int[][] which = new int[n][layers];
    for (int c = 0; c < n; c++) {
      for (int l = 0; l < layers; l++) {
        which[c][l] = l;
      }
      if (vectors.length > 0) {
        blocks[layers + c] = vectors[c];
        which[c][layer] = layers + c;
      }
    }
    for (int l = 0; l < layers; l++) {
      blocks[l] = fixed[l].clone(); // prompts that are kept do not change with the search
    }
    return new Population(blocks, which);
  }

  @Override
  public String method() {
    return "bbtv2";
  }

  @Override
  public StepReport step(int step) {
    generations.begin();
    if (deviations == null) {
      deviations = hiddenDeviations();
    }
    int layer = (step - 1) % fixed.length;
    Projection projection =
        new Projection(
            Projection.Kind.NORMAL,
            config.dimensions(),
            fixed[layer].length,
            Projection.deviation(
                config.alpha(), deviations[layer], config.dimensions(), config.sigma()),
            random.stream("bbtv2.projection", layer));
    double[][] z = strategies[layer].ask(random.stream("bbtv2", step));
    config.clip(z);
    double[] losses = generations.evaluate(candidates(projection.times(z), layer), z, step);
    strategies[layer].tell(z, losses);
    for (int c = 0; c < losses.length; c++) {
      if (losses[c] < lowest[layer]) {
        lowest[layer] = losses[c];
        bestPoint[layer] = z[c].clone();
      }
    }
    fixed[layer] = projection.times(new double[][] {bestPoint[layer]})[0];
    return generations.end(losses, step);
  }

  /** Standard deviation of what each layer gets, without the outliers. */
  private double[] hiddenDeviations() {
    List<ClozeExample> some = generations.train();
    some = some.subList(0, Math.min(SAMPLE, some.size()));
    List<LabelScorer.Row> rows = new ArrayList<>();
    some.forEach(example -> rows.add(LabelScorer.Row.of(example, base)));
    FilledBatch batch = FilledBatch.of(model, rows);
    double[] std = new double[fixed.length];
    try (NDManager scope = model.newScope()) {
      List<NDArray> states = model.hiddenStates(scope, batch.tokens());
      for (int l = 0; l < std.length; l++) {
        float[] all = states.get(l).toFloatArray();
        int width = all.length / batch.tokens().ids().length;
        float[] values = new float[all.length];
        int n = 0;
        for (int i = 0; i < all.length; i++) {
          if (batch.tokens().mask()[i / width] != 0) {
            values[n++] = all[i];
          }
        }
        std[l] = clippedDeviation(Arrays.copyOf(values, n));
      }
    }
    return std;
  }

  /** Five times: what is farther than three standard deviations from the mean is moved there. */
  static double clippedDeviation(float[] values) {
    double[] moments = moments(values);
    for (int round = 0; round < 5; round++) {
      for (int i = 0; i < values.length; i++) {
        double low = moments[0] - 3 * moments[1];
        double high = moments[0] + 3 * moments[1];
        values[i] = (float) Math.max(low, Math.min(high, values[i]));
      }
      moments = moments(values);
    }
    return moments[1];
  }

  /** Mean and standard deviation. */
  private static double[] moments(float[] values) {
    double mean = 0;
    for (float value : values) {
      mean += value / (double) values.length;
    }
    double squares = 0;
    for (float value : values) {
      squares += (value - mean) * (value - mean);
    }
    return new double[] {mean, Math.sqrt(squares / values.length)};
  }

  /** After the last full round of layers that the calls allow. */
  @Override
  public boolean finished() {
    long perRound = (long) config.population() * fixed.length;
    return generations.calls() >= config.calls() / perRound * perRound;
  }

  @Override
  public Best best() {
    return generations.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    ArrayNode own = state.putArray("strategies");
    for (EvolutionStrategy strategy : strategies) {
      own.add(strategy.save());
    }
    ArrayNode vectors = state.putArray("fixed");
    Arrays.stream(fixed).map(Floats::save).forEach(vectors::add);
    state.put("best_points", Doubles.save(bestPoint));
    state.put("lowest", Doubles.save(lowest));
    if (deviations != null) {
      state.put("deviations", Doubles.save(deviations));
    }
    state.set("generations", generations.save());
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    for (int l = 0; l < strategies.length; l++) {
      strategies[l].restore((ObjectNode) state.path("strategies").path(l));
      fixed[l] = Floats.restore(state.path("fixed").path(l).asText());
    }
    Doubles.restore(state.path("best_points").asText(), bestPoint);
    Doubles.restore(state.path("lowest").asText(), lowest);
    if (state.has("deviations")) {
      deviations = Doubles.restore(state.path("deviations").asText());
    }
    generations.restore((ObjectNode) state.path("generations"));
  }
}
