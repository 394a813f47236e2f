package io.promptgrad.lm.verify;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.TrainableModel;
import io.promptgrad.lm.arch.TransformerSpec.Positions;
import io.promptgrad.lm.generate.Generation;
import io.promptgrad.lm.generate.GenerationOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Recomputes what a reference implementation recorded for a model (a folder with {@code
 * golden.json} and {@code golden.safetensors} beside the checkpoint) and compares.
 *
 * <p>Outputs at padded positions are not compared: what comes out there depends on how masking is
 * written and reaches no real position. Tolerances: 1e-4 for logits, hidden states and losses; 1e-4
 * of the largest golden value for gradients; 1e-5 between our cached and uncached logits; greedy
 * tokens exactly.
 */
public final class ModelVerification {

  private static final double LOGITS = 1e-4;
  private static final double GRADIENTS = 1e-4;
  private static final double CACHE = 1e-5;
  private static final double BFLOAT16 = 3e-2;

  private final Path folder;
  private final Recording golden;
  private final Device device;
  private final List<Comparison> comparisons = new ArrayList<>();

  private LanguageModel model;
  private TokenBatch asRecorded;
  private Targets targets;

  private ModelVerification(Path folder, Device device) {
    this.folder = folder;
    this.device = device;
    this.golden = Recording.open(folder);
  }

  /** Whether a folder has the files of a recorded model. */
  public static boolean isFor(Path folder) {
    return Files.exists(folder.resolve("golden.json"));
  }

  /**
   * Compares everything that is recorded, in float32, and bfloat16 against float32.
   *
   * @throws InvalidInputException if the folder is incomplete or malformed, or what is recorded
   *     does not fit the model
   */
  public static List<Comparison> run(Path folder, Device device) {
    try {
      return new ModelVerification(folder, device).run();
    } catch (InvalidInputException e) {
      throw e;
    } catch (IllegalArgumentException e) { // everything that the model was given is recorded
      throw new InvalidInputException(
          "%s: what is recorded does not fit the model: %s.".formatted(folder, e.getMessage()), e);
    }
  }

  private List<Comparison> run() {
    LoadOptions options = new LoadOptions(device, Precision.FLOAT32);
    try (LanguageModel loaded = LanguageModel.load(folder, options)) {
      model = loaded;
      asRecorded = recordedBatch();
      targets = recordedTargets();
      forward();
      gradients();
      softPrompt();
      if (model.spec().causal()) {
        cache();
        greedy();
      }
      bfloat16();
    }
    weightGradient(options);
    return comparisons;
  }

  // ------------------------------------------------------------------ what is recorded

  private TokenBatch recordedBatch() {
    int[] ids = golden.ints("input_ids", Recording.ANY, Recording.ANY);
    long[] shape = golden.shape("input_ids");
    byte[] mask = golden.mask("attention_mask", shape);
    TokenBatch batch =
        new TokenBatch((int) shape[0], (int) shape[1], ids, mask, new int[ids.length], new int[0]);
    if (golden.has("token_type_ids")) {
      batch = batch.withTypes(golden.ints("token_type_ids", shape));
    }
    return batch.withPositions(defaultPositions(batch));
  }

  /** What the reference does without explicit positions. */
  private int[] defaultPositions(TokenBatch batch) {
    boolean countsIds =
        model.spec().positions() instanceof Positions.Learned learned && learned.offset() > 0;
    return countsIds ? maskPositions(batch) : batch.withColumnPositions().positions();
  }

  private static int[] maskPositions(TokenBatch batch) {
    int[] positions = new int[batch.ids().length];
    for (int row = 0; row < batch.rows(); row++) {
      int next = 0;
      for (int i = row * batch.length(); i < (row + 1) * batch.length(); i++) {
        positions[i] = batch.mask()[i] != 0 ? next++ : 0;
      }
    }
    return positions;
  }

  /** Mean over all labels; a causal model predicts the label at t + 1 from position t. */
  private Targets recordedTargets() {
    return targetsOf(labels(), asRecorded, 0);
  }

  private int[] labels() {
    return golden.ints("labels", asRecorded.rows(), asRecorded.length());
  }

  private Targets targetsOf(int[] labels, TokenBatch batch, int shift) {
    boolean causal = model.spec().causal();
    int width = batch.length() - shift;
    List<Integer> at = new ArrayList<>();
    List<Integer> wanted = new ArrayList<>();
    for (int row = 0; row < batch.rows(); row++) {
      for (int i = 0; i < width; i++) {
        int label = labels[row * width + i];
        int column = i + shift - (causal ? 1 : 0);
        if (label >= 0 && column >= 0 && !(causal && i == 0 && shift == 0)) {
          at.add(batch.index(row, column));
          wanted.add(label);
        }
      }
    }
    return Targets.mean(array(at), array(wanted));
  }

  private static int[] array(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  private static int[] everywhere(TokenBatch batch) {
    int[] at = new int[batch.ids().length];
    Arrays.setAll(at, i -> i);
    return at;
  }

  /** Ours is as long as the product of the shape that the recorded tensor must have. */
  private void absolute(String name, NDArray ours, byte[] mask, long... shape) {
    comparisons.add(
        Comparison.absolute(name, golden.floats(name, shape), ours.toFloatArray(), mask, LOGITS));
  }

  private void relative(String name, float[] ours, long... shape) {
    comparisons.add(Comparison.relative(name, golden.floats(name, shape), ours, GRADIENTS));
  }

  // ------------------------------------------------------------------ comparisons

  private void forward() {
    byte[] mask = asRecorded.mask();
    int[] at = everywhere(asRecorded);
    int b = asRecorded.rows();
    int s = asRecorded.length();
    int c = model.spec().hidden();
    int v = model.spec().vocabulary();
    try (NDManager scope = model.newScope()) {
      absolute("logits", model.logits(scope, asRecorded, at), mask, b, s, v);
      List<NDArray> states = model.hiddenStates(scope, asRecorded);
      for (int i = 0; i < states.size(); i++) {
        if (golden.has("hidden_states." + i)) {
          absolute("hidden_states." + i, states.get(i), mask, b, s, c);
        }
      }
      if (golden.has("last_hidden_state")) {
        absolute("last_hidden_state", states.get(states.size() - 1), mask, b, s, c);
      }
      NDArray vectors = model.wordVectors(scope, asRecorded);
      absolute("word_embeddings_out", vectors, null, b, s, c);
      if (golden.has("logits_from_inputs_embeds")) {
        TokenBatch columns = asRecorded.withColumnPositions();
        var from = model.extend(scope, vectors, columns, null, null, everywhere(columns));
        absolute("logits_from_inputs_embeds", from.logits(), mask, b, s, v);
      }
      if (golden.has("position_ids_from_mask")) {
        int[] positions = golden.ints("position_ids_from_mask", b, s);
        NDArray logits = model.logits(scope, asRecorded.withPositions(positions), at);
        absolute("logits_position_ids_from_mask", logits, mask, b, s, v);
      }
    }
  }

  private void gradients() {
    try (NDManager scope = model.newScope()) {
      var gradient = model.gradient(scope, asRecorded, targets);
      double loss = weighted(gradient.losses().toFloatArray(), targets.weights());
      comparisons.add(new Comparison("loss", Math.abs(golden.floats("loss", 1)[0] - loss), LOGITS));
      relative(
          "grad_inputs_embeds",
          gradient.vectors().toFloatArray(),
          asRecorded.rows(),
          asRecorded.length(),
          model.spec().hidden());
    }
  }

  private static double weighted(float[] losses, float[] weights) {
    double sum = 0;
    for (int i = 0; i < losses.length; i++) {
      sum += (double) losses[i] * weights[i];
    }
    return sum;
  }

  /** P vectors in front of every row, also of left padding; types 0, mask 1, no labels. */
  private void softPrompt() {
    if (!golden.has("soft_prompt")) {
      return;
    }
    int rows = asRecorded.rows();
    int s = asRecorded.length();
    int e = model.spec().hidden();
    float[] prompt = golden.floats("soft_prompt", Recording.ANY, e);
    int p = prompt.length / e;
    float[] words = golden.floats("word_embeddings_out", rows, s, e);
    float[] vectors = new float[rows * (p + s) * e];
    byte[] mask = new byte[rows * (p + s)];
    int[] types = new int[asRecorded.types().length == 0 ? 0 : mask.length];
    Arrays.fill(mask, (byte) 1);
    for (int row = 0; row < rows; row++) {
      System.arraycopy(prompt, 0, vectors, row * (p + s) * e, p * e);
      System.arraycopy(words, row * s * e, vectors, (row * (p + s) + p) * e, s * e);
      System.arraycopy(asRecorded.mask(), row * s, mask, row * (p + s) + p, s);
      if (types.length > 0) {
        System.arraycopy(asRecorded.types(), row * s, types, row * (p + s) + p, s);
      }
    }
    TokenBatch batch =
        new TokenBatch(rows, p + s, new int[mask.length], mask, new int[mask.length], types)
            .withColumnPositions();
    Targets soft = targetsOf(labels(), batch, p);
    try (NDManager scope = model.newScope()) {
      NDArray input = scope.create(vectors, new Shape(rows, p + s, e));
      var forward = model.extend(scope, input, batch, null, null, everywhere(batch));
      int v = model.spec().vocabulary();
      absolute("soft_logits", forward.logits(), mask, rows, p + s, v);
      var gradient = model.gradient(scope, input, batch, null, null, soft);
      double loss = weighted(gradient.losses().toFloatArray(), soft.weights());
      comparisons.add(
          new Comparison(
              "soft_prompt.loss", Math.abs(golden.number("soft_prompt", "loss") - loss), LOGITS));
      float[] all = gradient.vectors().toFloatArray();
      float[] shared = new float[p * e];
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < shared.length; i++) {
          shared[i] += all[row * (p + s) * e + i];
        }
      }
      relative("soft_grad", shared, p, e);
    }
  }

  /** The first tokens, then the rest behind their keys and values, against one uncached pass. */
  private void cache() {
    if (!golden.has("logits_kv_cache")) {
      return;
    }
    int first = (int) golden.number("kv_cache", "first_tokens");
    if (first < 1 || first >= asRecorded.length()) {
      throw golden.wrong("logits_kv_cache", "is said to begin with " + first + " tokens");
    }
    TokenBatch head = columns(asRecorded, 0, first);
    TokenBatch tail = columns(asRecorded, first, asRecorded.length());
    try (NDManager scope = model.newScope()) {
      float[] uncached = model.logits(scope, asRecorded, everywhere(asRecorded)).toFloatArray();
      var one = model.extend(scope, null, head, null, null, everywhere(head));
      var two = model.extend(scope, null, tail, one.keyValues(), head.mask(), everywhere(tail));
      float[] cached =
          concatenate(
              one.logits().toFloatArray(),
              two.logits().toFloatArray(),
              asRecorded.rows(),
              first,
              asRecorded.length());
      float[] recorded =
          golden.floats(
              "logits_kv_cache", asRecorded.rows(), asRecorded.length(), model.spec().vocabulary());
      comparisons.add(
          Comparison.absolute("logits_kv_cache", recorded, cached, asRecorded.mask(), LOGITS));
      comparisons.add(
          Comparison.absolute(
              "cached against uncached", uncached, cached, asRecorded.mask(), CACHE));
    }
  }

  private static TokenBatch columns(TokenBatch batch, int from, int to) {
    int width = to - from;
    int n = batch.rows() * width;
    int[] ids = new int[n];
    byte[] mask = new byte[n];
    int[] positions = new int[n];
    for (int row = 0; row < batch.rows(); row++) {
      int source = batch.index(row, from);
      System.arraycopy(batch.ids(), source, ids, row * width, width);
      System.arraycopy(batch.mask(), source, mask, row * width, width);
      System.arraycopy(batch.positions(), source, positions, row * width, width);
    }
    return new TokenBatch(batch.rows(), width, ids, mask, positions, new int[0]);
  }

  private static float[] concatenate(float[] a, float[] b, int rows, int first, int length) {
    int v = a.length / (rows * first);
    float[] out = new float[rows * length * v];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(a, row * first * v, out, row * length * v, first * v);
      int rest = length - first;
      System.arraycopy(b, row * rest * v, out, (row * length + first) * v, rest * v);
    }
    return out;
  }

  private void greedy() {
    if (!golden.has("gen_sequences")) {
      return;
    }
    int[] prompt = golden.ints("gen_prompt_ids", Recording.ANY, Recording.ANY);
    long[] shape = golden.shape("gen_prompt_ids");
    int rows = (int) shape[0];
    int width = (int) shape[1];
    byte[] mask = golden.mask("gen_prompt_mask", shape);
    int[] sequences = golden.ints("gen_sequences", rows, Recording.ANY);
    int total = sequences.length / rows;
    if (total <= width) {
      throw golden.wrong("gen_sequences", "has no token behind the prompts");
    }
    List<int[]> prompts = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      int start = row * width;
      while (start < (row + 1) * width && mask[start] == 0) {
        start++;
      }
      prompts.add(Arrays.copyOfRange(prompt, start, (row + 1) * width));
    }
    Generation generation =
        Generation.generate(
            model, prompts, GenerationOptions.greedy(total - width).withStopIds().keepLogits());
    int[] ours = new int[rows * total];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(prompt, row * width, ours, row * total, width);
      int[] fresh = generation.tokens().get(row);
      System.arraycopy(fresh, 0, ours, row * total + width, fresh.length);
    }
    comparisons.add(Comparison.exact("gen_sequences", sequences, ours));
    if (golden.has("gen_logits")) {
      float[] recorded =
          golden.floats("gen_logits", rows, total - width, model.spec().vocabulary());
      comparisons.add(
          Comparison.absolute("gen_logits", recorded, generation.logits(), null, LOGITS));
    }
  }

  private void weightGradient(LoadOptions options) {
    String name = golden.text("grad_weight_name");
    if (name.isEmpty() || !golden.has("grad_weight")) {
      return;
    }
    try (TrainableModel trainable = TrainableModel.load(folder, options)) {
      trainable.accumulate(asRecorded, targets, 0);
      relative("grad_weight", trainable.gradient(name), trainable.shape(name));
    }
  }

  /** Relative L2 distance of the unmasked logits between bfloat16 and float32. */
  private void bfloat16() {
    try (LanguageModel half =
            LanguageModel.load(folder, new LoadOptions(device, Precision.BFLOAT16));
        NDManager scope = half.newScope();
        NDManager scope32 = model.newScope()) {
      int[] at = everywhere(asRecorded);
      float[] exact = model.logits(scope32, asRecorded, at).toFloatArray();
      float[] rounded = half.logits(scope, asRecorded, at).toFloatArray();
      int v = exact.length / at.length;
      double difference = 0;
      double size = 0;
      for (int i = 0; i < exact.length; i++) {
        if (asRecorded.mask()[i / v] != 0) {
          difference += Math.pow(exact[i] - rounded[i], 2);
          size += Math.pow(exact[i], 2);
        }
      }
      comparisons.add(
          new Comparison("bfloat16 logits (relative)", Math.sqrt(difference / size), BFLOAT16));
    }
  }
}
