package io.promptgrad.gradient.soft;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.Targets;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.Outcome;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One prompt, or several that vote, on a model's device.
 *
 * <p>Of several prompts each answers; the label with most votes wins, of equal ones that with the
 * largest sum of probabilities. Where even those are equal the right label loses, as everywhere.
 */
public final class LoadedPrompt implements AutoCloseable {

  private final SoftModel soft;
  private final NDManager scope;
  private final NDArray values; // [N * P, width]
  private final SoftModel.Layout layout;
  private final int tokens;
  private final int prompts;
  private final MicroBatches batches;
  private final int first; // prompt i of these is number first + i * stride of the array
  private final int stride;

  /**
   * @param values of the prompts one after the other [N * P * width]
   * @param tokens P
   */
  public LoadedPrompt(LanguageModel model, float[] values, SoftModel.Layout layout, int tokens) {
    this.soft = model.forSoft();
    this.layout = layout;
    this.tokens = tokens;
    this.prompts = values.length / soft.width(layout) / tokens;
    this.batches = MicroBatches.forModel(model);
    this.scope = model.newScope();
    this.values = soft.prompt(scope, values, layout);
    this.first = 0;
    this.stride = 1;
  }

  private LoadedPrompt(LoadedPrompt all, int first, int stride, int prompts) {
    this.soft = all.soft;
    this.layout = all.layout;
    this.tokens = all.tokens;
    this.prompts = prompts;
    this.batches = all.batches;
    this.scope = all.scope;
    this.values = all.values;
    this.first = first;
    this.stride = stride;
  }

  /** Every so many of these prompts, from the first one on; closed with these. */
  LoadedPrompt every(int newStride, int newFirst) {
    return new LoadedPrompt(
        this, first + newFirst * stride, newStride * stride, prompts / newStride);
  }

  /** A saved prompt, which must fit the model. */
  public LoadedPrompt(LanguageModel model, SoftPrompt prompt) {
    this(model, prompt.values(), prompt.layout(), prompt.tokens());
  }

  /** N. */
  public int prompts() {
    return prompts;
  }

  /** Log scores of the labels under one of the prompts, [rows][labels]. */
  public double[][] scores(int prompt, List<LabelScorer.Row> rows, LabelTokens labels) {
    return scorer(prompt).scores(rows, labels);
  }

  private LabelScorer scorer(int prompt) {
    return new LabelScorer(
        soft.model(),
        batches,
        (replica, rows, ids) -> {
          SoftBatch batch =
              SoftBatch.ofRows(soft.model(), rows, layout, tokens, first + prompt * stride);
          return soft.logits(batch.tokens(), values, batch.placement(), batch.at(), ids);
        });
  }

  /** What becomes of encoded examples, by the vote of the prompts if there are several. */
  public List<Outcome> outcomes(List<ClozeExample> examples, LabelTokens labels) {
    int slots = examples.isEmpty() ? 0 : examples.get(0).triggerAt().length;
    List<List<Outcome>> votes = new ArrayList<>();
    for (int n = 0; n < prompts; n++) {
      votes.add(
          new ClozeEvaluator(soft.model(), scorer(n), new Accuracy(), List.of())
              .outcomes(examples, new int[slots], labels));
    }
    if (prompts == 1) {
      return votes.get(0);
    }
    List<Outcome> joint = new ArrayList<>();
    for (int i = 0; i < examples.size(); i++) {
      int example = i;
      joint.add(vote(votes.stream().map(own -> own.get(example)).toList()));
    }
    return joint;
  }

  /** The joint answer of several outcomes of one example. */
  static Outcome vote(List<Outcome> outcomes) {
    Outcome first = outcomes.get(0);
    Map<String, Double> weight = new LinkedHashMap<>(); // votes, and a mean probability below 1
    Map<String, Double> logs = new LinkedHashMap<>();
    for (String label : first.scores().keySet()) {
      double votes = 0;
      double sum = 0;
      for (Outcome outcome : outcomes) {
        votes += outcome.predicted().equals(label) ? 1 : 0;
        sum += Math.exp(outcome.scores().getOrDefault(label, Double.NEGATIVE_INFINITY));
      }
      weight.put(label, 2 * votes + sum / outcomes.size());
      logs.put(label, Math.log(sum / outcomes.size()));
    }
    String answer = first.gold();
    double own = weight.get(answer);
    int rank = 1;
    for (Map.Entry<String, Double> other : weight.entrySet()) {
      if (!other.getKey().equals(first.gold()) && other.getValue() >= own) {
        rank++;
        if (answer.equals(first.gold()) || other.getValue() > weight.get(answer)) {
          answer = other.getKey();
        }
      }
    }
    return Outcome.classified(first.exampleId(), first.gold(), answer, rank, logs);
  }

  /** Losses of the rows' targets under their prompts, row after row. */
  public double[] losses(List<SoftRow> rows, SoftModel.Loss loss) {
    double[][] own = new double[rows.size()][];
    batches.run(
        soft.model(),
        rows.stream().mapToInt(row -> row.ids().length + tokens).toArray(),
        (replica, group) -> {
          List<SoftRow> chosen = new ArrayList<>();
          for (int i : group) {
            chosen.add(rows.get(i).with(first + rows.get(i).prompt() * stride));
          }
          SoftBatch batch = SoftBatch.of(soft.model(), chosen, layout, tokens);
          double[] found =
              soft.losses(
                  batch.tokens(), values, batch.placement(), targets(batch, chosen, 1), loss);
          int at = 0;
          for (int i = 0; i < group.length; i++) {
            own[group[i]] = Arrays.copyOfRange(found, at, at += chosen.get(i).at().length);
          }
        });
    return Arrays.stream(own).flatMapToDouble(Arrays::stream).toArray();
  }

  /** What the rows of a batch want, all with the same weight. */
  static Targets targets(SoftBatch batch, List<SoftRow> rows, float weight) {
    int[][] wanted =
        rows.stream().flatMap(row -> Arrays.stream(row.targets())).toArray(int[][]::new);
    float[] weights = new float[wanted.length];
    Arrays.fill(weights, weight);
    return new Targets(batch.at(), wanted, weights);
  }

  @Override
  public void close() {
    scope.close();
  }
}
