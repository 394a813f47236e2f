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
import io.promptgrad.lm.arch.TransformerSpec.Objective;
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
  private RecordedInputs inputs;

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
      inputs = new RecordedInputs(golden, model.spec());
      forward();
      hiddenStates();
      gradients();
      softPrompt();
      if (model.spec().objective() != Objective.MASKED) {
        cache();
        greedy();
      }
      bfloat16();
    }
    weightGradient(options);
    for (String name : golden.unread()) {
      // A check that silently leaves something out is none.
      comparisons.add(new Comparison(name + " (recorded, but unknown)", Double.NaN, 0));
    }
    return comparisons;
  }

  /** Ours is as long as the product of the shape that the recorded tensor must have. */
  private void absolute(String name, NDArray ours, byte[] mask, long... shape) {
    comparisons.add(
        Comparison.absolute(name, golden.floats(name, shape), ours.toFloatArray(), mask, LOGITS));
  }

  private void relative(String name, float[] ours, long... shape) {
    comparisons.add(Comparison.relative(name, golden.floats(name, shape), ours, GRADIENTS));
  }

  private void loss(String name, double recorded, NDArray ours, float[] weights) {
    float[] losses = ours.toFloatArray();
    double sum = 0;
    for (int i = 0; i < losses.length; i++) {
      sum += (double) losses[i] * weights[i];
    }
    comparisons.add(new Comparison(name, Math.abs(recorded - sum), LOGITS));
  }

  // ------------------------------------------------------------------ comparisons

  private void forward() {
    TokenBatch batch = inputs.batch();
    int[] at = RecordedInputs.everywhere(batch);
    byte[] mask = inputs.outputMask();
    int rows = batch.rows();
    int length = inputs.outputLength();
    int v = model.spec().vocabulary();
    try (NDManager scope = model.newScope()) {
      absolute("logits", model.logits(scope, batch, at), mask, rows, length, v);
      NDArray vectors = model.wordVectors(scope, batch);
      int e = model.spec().wordWidth();
      absolute("word_embeddings_out", vectors, null, rows, batch.length(), e);
      if (golden.has("logits_from_inputs_embeds")) {
        var from =
            model.forCaching().extend(scope, vectors, inputs.batchOfVectors(), null, null, at);
        absolute("logits_from_inputs_embeds", from.logits(), mask, rows, length, v);
      }
      if (golden.has("position_ids_from_mask")) {
        int[] positions = golden.ints("position_ids_from_mask", rows, batch.length());
        NDArray logits = model.logits(scope, batch.withPositions(positions), at);
        absolute("logits_position_ids_from_mask", logits, mask, rows, length, v);
      }
    }
  }

  private void hiddenStates() {
    TokenBatch batch = inputs.batch();
    try (NDManager scope = model.newScope()) {
      List<NDArray> states = model.hiddenStates(scope, batch);
      if (!model.spec().encoderDecoder()) {
        hiddenStates("hidden_states.", "last_hidden_state", states, batch.mask());
        return;
      }
      hiddenStates("decoder_hidden_states.", "last_hidden_state", states, null);
      TokenBatch text = batch.withoutDecoder();
      hiddenStates(
          "encoder_hidden_states.",
          "encoder_last_hidden_state",
          model.hiddenStates(scope, text),
          batch.mask());
    }
  }

  private void hiddenStates(String each, String last, List<NDArray> states, byte[] mask) {
    for (int i = 0; i < states.size(); i++) {
      if (golden.has(each + i)) {
        absolute(each + i, states.get(i), mask, states.get(i).getShape().getShape());
      }
    }
    NDArray state = states.get(states.size() - 1);
    if (golden.has(last)) {
      absolute(last, state, mask, state.getShape().getShape());
    }
  }

  private void gradients() {
    TokenBatch batch = inputs.batch();
    Targets targets = inputs.targets();
    int e = model.spec().wordWidth();
    try (NDManager scope = model.newScope()) {
      var gradient = model.gradient(scope, batch, targets);
      loss("loss", golden.floats("loss", 1)[0], gradient.losses(), targets.weights());
      float[] vectors = gradient.vectors().toFloatArray();
      relative("grad_inputs_embeds", vectors, batch.rows(), batch.length(), e);
      if (gradient.decoderVectors().isPresent() && golden.has("grad_decoder_inputs_embeds")) {
        float[] ours = gradient.decoderVectors().get().toFloatArray();
        relative("grad_decoder_inputs_embeds", ours, batch.rows(), batch.decoderLength(), e);
      }
    }
  }

  /** P vectors in front of every row, also of left padding; types 0, mask 1, no labels. */
  private void softPrompt() {
    if (!golden.has("soft_prompt")) {
      return;
    }
    int rows = inputs.batch().rows();
    int s = inputs.batch().length();
    int e = model.spec().wordWidth();
    float[] prompt = golden.floats("soft_prompt", Recording.ANY, e);
    int p = prompt.length / e;
    float[] words = golden.floats("word_embeddings_out", rows, s, e);
    float[] vectors = new float[rows * (p + s) * e];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(prompt, 0, vectors, row * (p + s) * e, p * e);
      System.arraycopy(words, row * s * e, vectors, (row * (p + s) + p) * e, s * e);
    }
    TokenBatch batch = inputs.batchBehind(p);
    boolean decodes = model.spec().encoderDecoder();
    Targets targets = inputs.targets(batch, p);
    try (NDManager scope = model.newScope()) {
      NDArray input = scope.create(vectors, new Shape(rows, p + s, e));
      int[] at = RecordedInputs.everywhere(batch);
      NDArray logits = model.forCaching().extend(scope, input, batch, null, null, at).logits();
      int length = decodes ? batch.decoderLength() : p + s;
      byte[] mask = decodes ? null : batch.mask();
      absolute("soft_logits", logits, mask, rows, length, model.spec().vocabulary());
      var gradient = model.gradient(scope, input, batch, null, null, targets);
      double recorded = golden.number("soft_prompt", "loss");
      loss("soft_prompt.loss", recorded, gradient.losses(), targets.weights());
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
    int rows = inputs.batch().rows();
    int length = inputs.outputLength();
    int v = model.spec().vocabulary();
    boolean recorded = golden.has("logits_kv_cache");
    int first = recorded ? (int) golden.number("kv_cache", "first_tokens") : (length + 1) / 2;
    if (first < 1 || first >= length) {
      throw golden.wrong("logits_kv_cache", "is said to begin with " + first + " tokens");
    }
    try (NDManager scope = model.newScope()) {
      int[] at = RecordedInputs.everywhere(inputs.batch());
      float[] uncached = model.logits(scope, inputs.batch(), at).toFloatArray();
      NDArray[] parts =
          model.spec().encoderDecoder() ? decoded(scope, first) : extended(scope, first);
      float[] cached =
          concatenate(parts[0].toFloatArray(), parts[1].toFloatArray(), rows, first, length);
      byte[] mask = inputs.outputMask();
      if (recorded) {
        float[] theirs = golden.floats("logits_kv_cache", rows, length, v);
        comparisons.add(Comparison.absolute("logits_kv_cache", theirs, cached, mask, LOGITS));
      }
      comparisons.add(
          Comparison.absolute("cached against uncached", uncached, cached, mask, CACHE));
    }
  }

  private NDArray[] extended(NDManager scope, int first) {
    TokenBatch head = inputs.part(0, first);
    TokenBatch tail = inputs.part(first, inputs.batch().length());
    int[] atHead = RecordedInputs.everywhere(head);
    int[] atTail = RecordedInputs.everywhere(tail);
    var one = model.forCaching().extend(scope, null, head, null, null, atHead);
    var two = model.forCaching().extend(scope, null, tail, one.keyValues(), head.mask(), atTail);
    return new NDArray[] {one.logits(), two.logits()};
  }

  private NDArray[] decoded(NDManager scope, int first) {
    int rows = inputs.batch().rows();
    int[] head = inputs.decoderPart(0, first);
    int[] tail = inputs.decoderPart(first, inputs.outputLength());
    var text = model.forCaching().encode(scope, null, inputs.batch());
    var one =
        model
            .forCaching()
            .decode(scope, text, rows, head, null, RecordedInputs.firsts(head.length));
    var two =
        model
            .forCaching()
            .decode(scope, text, rows, tail, one.keyValues(), RecordedInputs.firsts(tail.length));
    return new NDArray[] {one.logits(), two.logits()};
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
    boolean decodes = model.spec().encoderDecoder();
    List<int[]> prompts = decodes ? inputs.sequences() : recordedPrompts();
    int rows = prompts.size();
    // what stands before the new tokens: the padded prompts, or a decoder's start
    int before = decodes ? 1 : (int) golden.shape("gen_prompt_ids")[1];
    int[] sequences = golden.ints("gen_sequences", rows, Recording.ANY);
    int total = sequences.length / rows;
    if (total <= before) {
      throw golden.wrong("gen_sequences", "has no token behind the prompts");
    }
    Generation generation =
        Generation.generate(
            model, prompts, GenerationOptions.greedy(total - before).withStopIds().keepLogits());
    int[] ours = sequences.clone();
    if (decodes) {
      for (int row = 0; row < rows; row++) {
        ours[row * total] = model.spec().encoder().startId();
      }
    }
    for (int row = 0; row < rows; row++) {
      int[] fresh = generation.tokens().get(row);
      System.arraycopy(fresh, 0, ours, row * total + before, fresh.length);
    }
    comparisons.add(Comparison.exact("gen_sequences", sequences, ours));
    if (golden.has("gen_logits")) {
      float[] recorded =
          golden.floats("gen_logits", rows, total - before, model.spec().vocabulary());
      comparisons.add(
          Comparison.absolute("gen_logits", recorded, generation.logits(), null, LOGITS));
    }
  }

  /** Without the padding on their left. */
  private List<int[]> recordedPrompts() {
    int[] ids = golden.ints("gen_prompt_ids", Recording.ANY, Recording.ANY);
    long[] shape = golden.shape("gen_prompt_ids");
    int width = (int) shape[1];
    byte[] mask = golden.mask("gen_prompt_mask", shape);
    List<int[]> prompts = new ArrayList<>();
    for (int row = 0; row < shape[0]; row++) {
      int start = row * width;
      while (start < (row + 1) * width && mask[start] == 0) {
        start++;
      }
      prompts.add(Arrays.copyOfRange(ids, start, (row + 1) * width));
    }
    return prompts;
  }

  private void weightGradient(LoadOptions options) {
    String name = golden.text("grad_weight_name");
    if (name.isEmpty() || !golden.has("grad_weight")) {
      return;
    }
    try (TrainableModel trainable = TrainableModel.load(folder, options)) {
      trainable.accumulate(inputs.batch(), inputs.targets(), 0);
      relative("grad_weight", trainable.gradient(name), trainable.shape(name));
    }
  }

  /** Relative L2 distance of the logits that count between bfloat16 and float32. */
  private void bfloat16() {
    TokenBatch batch = inputs.batch();
    try (LanguageModel half =
            LanguageModel.load(folder, new LoadOptions(device, Precision.BFLOAT16));
        NDManager scope = half.newScope();
        NDManager scope32 = model.newScope()) {
      int[] at = RecordedInputs.everywhere(batch);
      float[] exact = model.logits(scope32, batch, at).toFloatArray();
      float[] rounded = half.logits(scope, batch, at).toFloatArray();
      byte[] mask = inputs.outputMask();
      int v = exact.length / at.length;
      double difference = 0;
      double size = 0;
      for (int i = 0; i < exact.length; i++) {
        if (mask == null || mask[i / v] != 0) {
          difference += Math.pow(exact[i] - rounded[i], 2);
          size += Math.pow(exact[i], 2);
        }
      }
      comparisons.add(
          new Comparison("bfloat16 logits (relative)", Math.sqrt(difference / size), BFLOAT16));
    }
  }
}
