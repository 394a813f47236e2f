package io.promptgrad.gradient.discrete;

import ai.djl.Device;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.verify.Comparison;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Replays a recorded run of the original AutoPrompt (a folder with {@code trace.json} and {@code
 * trace.safetensors} beside the model) with the classes that our search is made of: the batches and
 * positions are the recorded ones, everything else is computed.
 *
 * <p>Tolerances: 1e-4 of the largest value for gradients and scores of the vocabulary; 1e-4 per
 * example for losses and log-probability sums; ids, choices and numbers of right answers exactly.
 */
public final class TraceVerification {

  private static final double RELATIVE = 1e-4;

  /** Of a recorded accuracy, which is a quotient in float32. */
  private static final double ROUNDING = 1e-6;

  private final JsonNode trace;
  private final SafetensorsFile tensors;
  private final LanguageModel model;
  private final boolean accuracy;
  private final LabelTokens labels;
  private final List<ClozeExample> train;
  private final List<ClozeExample> dev;
  private final TokenFilter filter;
  private final HotFlip hotFlip;
  private final CandidateRace race;
  private final Map<String, Comparison> worst = new TreeMap<>();

  private TraceVerification(Path folder, LanguageModel model) {
    this.model = model;
    this.trace = read(folder.resolve("trace.json"));
    this.tensors = SafetensorsFile.open(folder.resolve("trace.safetensors"));
    this.accuracy = trace.path("label_ids").isArray();
    this.labels = accuracy ? recordedLabels() : null;
    this.train = examples("train");
    this.dev = examples("dev");
    this.filter =
        TokenFilter.ofIds(Json.ints(trace.path("filtered_ids")), model.spec().vocabulary());
    LabelScorer scorer = new LabelScorer(model);
    this.hotFlip = new HotFlip(model);
    this.race =
        new CandidateRace(
            scorer,
            labels,
            accuracy ? CandidateRace.Objective.ACCURACY : CandidateRace.Objective.LOG_PROBABILITY,
            CandidateRace.Options.plain());
  }

  /** Whether a folder has the files of a recorded search. */
  public static boolean isFor(Path folder) {
    return Files.exists(folder.resolve("trace.json"));
  }

  /** Replays the trace; one comparison for each kind of value, the worst over all iterations. */
  public static List<Comparison> run(Path folder, Device device) {
    LoadOptions options = new LoadOptions(device, Precision.FLOAT32);
    try (LanguageModel model = LanguageModel.load(folder, options)) {
      return new TraceVerification(folder, model).replay();
    } catch (InvalidInputException e) {
      throw e;
    } catch (IndexOutOfBoundsException | IllegalArgumentException | ArithmeticException e) {
      throw new InvalidInputException(
          "The recorded search in %s is malformed (%s); record it again."
              .formatted(folder, e.getMessage()),
          e);
    }
  }

  private static JsonNode read(Path file) {
    try {
      return Json.parse(Files.readString(file));
    } catch (IOException e) {
      throw new InvalidInputException(
          "Cannot read %s: %s."
              .formatted(file, String.valueOf(e.getMessage()).lines().findFirst().orElse("")),
          e);
    }
  }

  // ------------------------------------------------------------------ the replay

  private List<Comparison> replay() {
    boolean lama = trace.path("settings").path("print_lama").asBoolean();
    int mask = trace.path("vocabulary").path("mask_id").asInt();
    int[] trigger = Json.ints(trace.path("start").path("initial_trigger_ids"));
    double best = Double.NEGATIVE_INFINITY;
    int[] bestTrigger = trigger;
    tolerant("start.dev_metric", trace.path("start").path("dev_metric"), mean(trigger));

    int i = 0;
    for (JsonNode recorded : trace.path("iterations")) {
      exact("trigger_before", Json.ints(recorded.path("trigger_before")), trigger);
      float[] gradient = averagedGradient(i, trigger, recorded);
      int position = recorded.path("flipped_position").asInt();
      int[] candidates = candidates(i, gradient, position, trigger.length);
      exact("candidate_ids", Json.ints(recorded.path("candidate_ids")), candidates);

      List<ClozeExample> chosen = recordedExamples(i, "candidates");
      exact(
          "evaluated_examples",
          new int[] {recorded.path("evaluated_examples").asInt()},
          new int[] {chosen.size()});
      List<int[]> triggers = new ArrayList<>();
      for (int id : candidates) {
        int[] changed = trigger.clone();
        changed[position] = id;
        triggers.add(changed);
      }
      boolean alwaysMoves = lama && contains(trigger, mask);
      CandidateRace.Result result = race.run(chosen, alwaysMoves ? null : trigger, triggers);
      scores("candidate_scores", floats("candidate_scores", i), result.scores(), chosen.size());
      if (!alwaysMoves) {
        scores(
            "current_score",
            new float[] {(float) recorded.path("current_score").asDouble()},
            new double[] {result.current()},
            chosen.size());
      }
      boolean improved = result.winner() >= 0;
      same("improved", recorded.path("improved").asBoolean(), improved);
      if (improved) {
        exact(
            "chosen_index",
            new int[] {recorded.path("chosen_index").asInt(-1)},
            new int[] {result.winner()});
        trigger = triggers.get(result.winner());
        exact("trigger_after", Json.ints(recorded.path("trigger_after")), trigger);
        double value = mean(trigger);
        tolerant("dev_metric", recorded.path("dev_metric"), value);
        if (lama && contains(bestTrigger, mask)) {
          best = Double.NEGATIVE_INFINITY;
        }
        boolean newBest = value > best;
        same("new_best", recorded.path("new_best").asBoolean(false), newBest);
        if (newBest) {
          best = value;
          bestTrigger = trigger;
        }
      }
      i++;
    }
    exact("last_trigger_ids", Json.ints(trace.path("final").path("last_trigger_ids")), trigger);
    exact("best_trigger_ids", Json.ints(trace.path("final").path("best_trigger_ids")), bestTrigger);
    tolerant("best_dev_metric", trace.path("final").path("best_dev_metric"), best);
    return List.copyOf(worst.values());
  }

  /** Batch means summed and divided by the accumulation steps, however many batches there were. */
  private float[] averagedGradient(int iteration, int[] trigger, JsonNode recorded) {
    int steps = trace.path("settings").path("accumulation_steps").asInt();
    float[] sum = new float[trigger.length * model.spec().wordWidth()];
    int b = 0;
    for (int[] indices : batches(iteration, "gradient")) {
      List<ClozeExample> batch = pick(train, indices);
      float[] weights = new float[batch.size()];
      Arrays.fill(weights, 1f / batch.size() / steps);
      HotFlip.Gradient gradient = hotFlip.gradient(batch, trigger, weights);
      for (int i = 0; i < sum.length; i++) {
        sum[i] += gradient.values()[i];
      }
      double loss = Arrays.stream(gradient.losses()).average().orElseThrow();
      double golden = recorded.path("gradient_step_losses").path(b++).asDouble(Double.NaN);
      keep(new Comparison("gradient_step_losses", Math.abs(golden - loss), RELATIVE));
    }
    relative("averaged_grad", floats("averaged_grad", iteration), sum, null);
    return sum;
  }

  private int[] candidates(int iteration, float[] gradient, int position, int slots) {
    int width = gradient.length / slots;
    float[] scores =
        hotFlip.scores(Arrays.copyOfRange(gradient, position * width, (position + 1) * width));
    relative("hotflip_scores", floats("hotflip_scores", iteration), scores, filter);
    int k = trace.path("settings").path("num_candidates").asInt();
    return HotFlip.top(scores, k, filter, -1);
  }

  private double mean(int[] trigger) {
    return race.run(dev, null, List.of(trigger)).scores()[0] / dev.size();
  }

  private static boolean contains(int[] ids, int id) {
    return Arrays.stream(ids).anyMatch(i -> i == id);
  }

  // ------------------------------------------------------------------ what is recorded

  private LabelTokens recordedLabels() {
    List<String> names = new ArrayList<>();
    List<int[]> ids = new ArrayList<>();
    for (JsonNode set : trace.path("label_ids")) {
      names.add(Integer.toString(names.size()));
      ids.add(Json.ints(set));
    }
    return new LabelTokens(names, ids.toArray(new int[0][]));
  }

  private List<ClozeExample> examples(String split) {
    int[][] ids = matrix(split + ".input_ids");
    int[][] mask = matrix(split + ".attention_mask");
    int[][] triggers = matrix(split + ".trigger_mask");
    int[][] predictions = matrix(split + ".predict_mask");
    int[][] gold = matrix(split + ".label_ids");
    boolean typed = tensors.find(split + ".token_type_ids").isPresent();
    int[][] types = typed ? matrix(split + ".token_type_ids") : new int[ids.length][0];
    List<ClozeExample> examples = new ArrayList<>();
    for (int n = 0; n < ids.length; n++) {
      int length = Arrays.stream(mask[n]).sum();
      int[] own = Arrays.copyOf(ids[n], length);
      int[] triggerAt = ones(triggers[n]);
      for (int column : triggerAt) {
        own[column] = 0; // the placeholder lies outside the embedding table
      }
      int[] tokens = Arrays.stream(gold[n]).filter(id -> id != 0).toArray(); // 0 is padding
      examples.add(
          new ClozeExample(
              split + ":" + n,
              own,
              typed ? Arrays.copyOf(types[n], length) : new int[0],
              triggerAt,
              ones(predictions[n])[0],
              accuracy ? goldOf(tokens) : -1,
              tokens));
    }
    return examples;
  }

  private int goldOf(int[] tokens) {
    for (int c = 0; c < labels.size(); c++) {
      if (Arrays.equals(labels.ids()[c], tokens)) {
        return c;
      }
    }
    throw new InvalidInputException(
        "The trace has an example with the label tokens %s, which are none of its label_ids."
            .formatted(Arrays.toString(tokens)));
  }

  private static int[] ones(int[] mask) {
    int[] at = new int[Arrays.stream(mask).sum()];
    int next = 0;
    for (int column = 0; column < mask.length; column++) {
      if (mask[column] != 0) {
        at[next++] = column;
      }
    }
    return at;
  }

  private int[][] matrix(String name) {
    TensorView view = tensors.get(name);
    if (view.type() != WeightType.I64 || view.shape().length != 2) {
      throw new IllegalArgumentException(
          name
              + " is "
              + view.type()
              + " "
              + Arrays.toString(view.shape())
              + ", not a table of I64");
    }
    int rows = (int) view.shape()[0];
    int[][] out = new int[rows][(int) view.shape()[1]];
    var bytes = view.bytes();
    for (int[] row : out) {
      for (int i = 0; i < row.length; i++) {
        row[i] = Math.toIntExact(bytes.getLong());
      }
    }
    return out;
  }

  private float[] floats(String name, int iteration) {
    float[] all = tensors.get(name).toFloats();
    int each = all.length / (int) tensors.get(name).shape()[0];
    return Arrays.copyOfRange(all, iteration * each, (iteration + 1) * each);
  }

  private List<int[]> batches(int iteration, String phase) {
    List<int[]> found = new ArrayList<>();
    for (JsonNode batch : trace.path("batches")) {
      if (batch.path("iteration").asInt() == iteration
          && batch.path("phase").asText().equals(phase)) {
        found.add(Json.ints(batch.path("indices")));
      }
    }
    return found;
  }

  private List<ClozeExample> recordedExamples(int iteration, String phase) {
    List<ClozeExample> all = new ArrayList<>();
    for (int[] indices : batches(iteration, phase)) {
      all.addAll(pick(train, indices));
    }
    return all;
  }

  private static List<ClozeExample> pick(List<ClozeExample> examples, int[] indices) {
    return Arrays.stream(indices).mapToObj(examples::get).toList();
  }

  // ------------------------------------------------------------------ comparisons

  private void keep(Comparison comparison) {
    worst.merge(
        comparison.name(),
        comparison,
        (a, b) -> excess(b) > excess(a) || Double.isNaN(b.error()) ? b : a);
  }

  private static double excess(Comparison c) {
    return c.tolerance() == 0 ? c.error() : c.error() / c.tolerance();
  }

  private void exact(String name, int[] golden, int[] ours) {
    keep(Comparison.exact(name, golden, ours));
  }

  private void same(String name, boolean golden, boolean ours) {
    keep(new Comparison(name, golden == ours ? 0 : 1, 0));
  }

  /** A score of the dev split: accuracy or mean log-probability. */
  private void tolerant(String name, JsonNode golden, double ours) {
    double error = Math.abs(golden.asDouble(Double.NaN) - ours);
    keep(new Comparison(name, error, accuracy ? ROUNDING : RELATIVE));
  }

  private void scores(String name, float[] golden, double[] ours, int examples) {
    double error = 0;
    for (int i = 0; i < golden.length; i++) {
      error = Math.max(error, Math.abs(golden[i] - ours[i]));
    }
    keep(new Comparison(name, error, accuracy ? 0 : RELATIVE * examples));
  }

  /** Relative to the largest golden value; entries that the filter bans are about -1e32 there. */
  private void relative(String name, float[] golden, float[] ours, TokenFilter ignored) {
    double largest = 0;
    double error = 0;
    for (int i = 0; i < golden.length; i++) {
      if (ignored == null || ignored.allows(i)) {
        largest = Math.max(largest, Math.abs(golden[i]));
        error = Math.max(error, Math.abs((double) golden[i] - ours[i]));
      }
    }
    keep(new Comparison(name, error, RELATIVE * largest));
  }
}
