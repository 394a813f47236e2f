package io.promptgrad.lm.verify;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.TensorView;
import java.io.IOException;
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
  private final JsonNode golden;
  private final SafetensorsFile tensors;
  private final Device device;
  private final List<Comparison> comparisons = new ArrayList<>();

  private LanguageModel model;
  private TokenBatch asRecorded;
  private Targets targets;

  private ModelVerification(Path folder, Device device) {
    this.folder = folder;
    this.device = device;
    this.golden = read(folder.resolve("golden.json"));
    this.tensors = SafetensorsFile.open(folder.resolve("golden.safetensors"));
  }

  /** Whether a folder has the files of a recorded model. */
  public static boolean isFor(Path folder) {
    return Files.exists(folder.resolve("golden.json"));
  }

  /** Compares everything that is recorded, in float32, and bfloat16 against float32. */
  public static List<Comparison> run(Path folder, Device device) {
    return new ModelVerification(folder, device).run();
  }

  private static JsonNode read(Path file) {
    try {
      return new ObjectMapper().readTree(file.toFile());
    } catch (IOException e) {
      throw new InvalidInputException(
          "Cannot read " + file + ": " + e.getMessage().lines().findFirst().orElse("") + ".", e);
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
    int[] ids = ints("input_ids");
    byte[] mask = bytes("attention_mask");
    long[] shape = tensor("input_ids").shape();
    TokenBatch batch =
        new TokenBatch(
            (int) shape[0], (int) shape[1], ids, mask, new int[ids.length], new int[0]);
    if (tensors.find("token_type_ids").isPresent()) {
      batch = batch.withTypes(ints("token_type_ids"));
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
    return targetsOf(ints("labels"), asRecorded, 0);
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

  private TensorView tensor(String name) {
    return tensors.get(name);
  }

  private boolean has(String name) {
    return tensors.find(name).isPresent();
  }

  private float[] floats(String name) {
    return tensor(name).toFloats();
  }

  private int[] ints(String name) {
    TensorView view = tensor(name);
    int[] out = new int[(int) view.elements()];
    var bytes = view.bytes();
    for (int i = 0; i < out.length; i++) {
      out[i] = Math.toIntExact(bytes.getLong());
    }
    return out;
  }

  private byte[] bytes(String name) {
    int[] values = ints(name);
    byte[] out = new byte[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = (byte) values[i];
    }
    return out;
  }

  private static int[] everywhere(TokenBatch batch) {
    int[] at = new int[batch.ids().length];
    Arrays.setAll(at, i -> i);
    return at;
  }

  private void logits(String name, float[] ours, byte[] mask) {
    comparisons.add(Comparison.absolute(name, floats(name), ours, mask, LOGITS));
  }

  // ------------------------------------------------------------------ comparisons

  private void forward() {
    byte[] mask = asRecorded.mask();
    int[] at = everywhere(asRecorded);
    try (NDManager scope = model.newScope()) {
      logits("logits", model.logits(scope, asRecorded, at).toFloatArray(), mask);
      List<NDArray> states = model.hiddenStates(scope, asRecorded);
      for (int i = 0; i < states.size(); i++) {
        if (has("hidden_states." + i)) {
          logits("hidden_states." + i, states.get(i).toFloatArray(), mask);
        }
      }
      if (has("last_hidden_state")) {
        logits("last_hidden_state", states.get(states.size() - 1).toFloatArray(), mask);
      }
      NDArray vectors = model.wordVectors(scope, asRecorded);
      logits("word_embeddings_out", vectors.toFloatArray(), null);
      if (has("logits_from_inputs_embeds")) {
        TokenBatch columns = asRecorded.withColumnPositions();
        LanguageModel.Extension from =
            model.extend(scope, vectors, columns, null, null, everywhere(columns));
        logits("logits_from_inputs_embeds", from.logits().toFloatArray(), mask);
      }
      if (has("position_ids_from_mask")) {
        TokenBatch explicit = asRecorded.withPositions(ints("position_ids_from_mask"));
        logits(
            "logits_position_ids_from_mask",
            model.logits(scope, explicit, at).toFloatArray(),
            mask);
      }
    }
  }

  private void gradients() {
    try (NDManager scope = model.newScope()) {
      var gradient = model.gradient(scope, asRecorded, targets);
      float[] losses = gradient.losses().toFloatArray();
      logits("loss", new float[] {(float) weighted(losses, targets.weights())}, null);
      comparisons.add(
          Comparison.relative(
              "grad_inputs_embeds",
              floats("grad_inputs_embeds"),
              gradient.vectors().toFloatArray(),
              GRADIENTS));
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
    if (!has("soft_prompt")) {
      return;
    }
    int rows = asRecorded.rows();
    int s = asRecorded.length();
    int p = (int) tensor("soft_prompt").shape()[0];
    int e = (int) tensor("soft_prompt").shape()[1];
    float[] prompt = floats("soft_prompt");
    float[] words = floats("word_embeddings_out");
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
        new TokenBatch(
                rows, p + s, new int[mask.length], mask, new int[mask.length], types)
            .withColumnPositions();
    Targets soft = targetsOf(ints("labels"), batch, p);
    try (NDManager scope = model.newScope()) {
      NDArray input = scope.create(vectors, new Shape(rows, p + s, e));
      LanguageModel.Extension forward =
          model.extend(scope, input, batch, null, null, everywhere(batch));
      logits("soft_logits", forward.logits().toFloatArray(), mask);
      var gradient = model.gradient(scope, input, batch, null, null, soft);
      double loss = weighted(gradient.losses().toFloatArray(), soft.weights());
      comparisons.add(
          new Comparison(
              "soft_prompt.loss",
              Math.abs(golden.path("soft_prompt").path("loss").asDouble() - loss),
              LOGITS));
      float[] all = gradient.vectors().toFloatArray();
      float[] shared = new float[p * e];
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < shared.length; i++) {
          shared[i] += all[row * (p + s) * e + i];
        }
      }
      comparisons.add(
          Comparison.relative("soft_grad", floats("soft_grad"), shared, GRADIENTS));
    }
  }

  /** The first tokens, then the rest behind their keys and values, against one uncached pass. */
  private void cache() {
    if (!has("logits_kv_cache")) {
      return;
    }
    int first = golden.path("kv_cache").path("first_tokens").asInt(asRecorded.length() / 2);
    TokenBatch head = columns(asRecorded, 0, first);
    TokenBatch tail = columns(asRecorded, first, asRecorded.length());
    try (NDManager scope = model.newScope()) {
      float[] uncached =
          model.logits(scope, asRecorded, everywhere(asRecorded)).toFloatArray();
      var one = model.extend(scope, null, head, null, null, everywhere(head));
      var two =
          model.extend(scope, null, tail, one.keyValues(), head.mask(), everywhere(tail));
      float[] cached =
          concatenate(
              one.logits().toFloatArray(),
              two.logits().toFloatArray(),
              asRecorded.rows(),
              first,
              asRecorded.length());
      logits("logits_kv_cache", cached, asRecorded.mask());
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
    if (!has("gen_sequences")) {
      return;
    }
    int[] prompt = ints("gen_prompt_ids");
    byte[] mask = bytes("gen_prompt_mask");
    int rows = (int) tensor("gen_prompt_ids").shape()[0];
    int width = prompt.length / rows;
    int total = (int) tensor("gen_sequences").shape()[1];
    List<int[]> prompts = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      int start = row * width;
      while (mask[start] == 0) {
        start++;
      }
      prompts.add(Arrays.copyOfRange(prompt, start, (row + 1) * width));
    }
    Generation generation =
        Generation.generate(
            model, prompts, GenerationOptions.greedy(total - width).withStopIds().keepLogits());
    int[] ours = prompt.length == 0 ? prompt : new int[rows * total];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(prompt, row * width, ours, row * total, width);
      int[] fresh = generation.tokens().get(row);
      System.arraycopy(fresh, 0, ours, row * total + width, fresh.length);
    }
    comparisons.add(Comparison.exact("gen_sequences", ints("gen_sequences"), ours));
    if (has("gen_logits")) {
      logits("gen_logits", generation.logits(), null);
    }
  }

  private void weightGradient(LoadOptions options) {
    String name = golden.path("grad_weight_name").asText("");
    if (name.isEmpty() || !has("grad_weight")) {
      return;
    }
    try (TrainableModel trainable = TrainableModel.load(folder, options)) {
      trainable.accumulate(asRecorded, targets, 0);
      comparisons.add(
          Comparison.relative(
              "grad_weight", floats("grad_weight"), trainable.gradient(name), GRADIENTS));
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
