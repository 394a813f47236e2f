package io.promptgrad.experiments.execution;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.promptgrad.lm.EmbeddingGradient;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.models.BundledModel;
import java.util.List;
import java.util.Locale;

/**
 * Logits and a gradient of the bundled model on one device in one precision.
 *
 * @param logits of the masked word, over the whole vocabulary
 * @param gradient of its loss at the word vectors
 * @param loss in nats
 * @param milliseconds of the forward and the forward and backward pass, loading left out
 */
record SelfTest(float[] logits, float[] gradient, float loss, double milliseconds) {

  /** Relative L2 distances that are normal; a gradient crosses twice as many roundings. */
  private static final double FLOAT32_TOLERANCE = 1e-4;

  private static final double BFLOAT16_LOGITS = 3e-2;
  private static final double BFLOAT16_GRADIENT = 6e-2;

  /** Computes it. */
  static SelfTest run(Device device, Precision precision) {
    LoadOptions options = new LoadOptions(device, precision);
    try (LanguageModel model = LanguageModel.load(BundledModel.MINI_ROBERTA.folder(), options);
        NDManager scope = model.newScope()) {
      int mask = model.tokenizer().specials().mask().orElseThrow();
      int[] text = model.tokenizer().encodeWithSpecials("the film was x .");
      int at = text.length - 3;
      int word = text[at];
      text[at] = mask;
      TokenBatch batch = TokenBatch.of(List.of(text), model.spec().padId());
      long begin = System.nanoTime();
      float[] logits = model.logits(scope, batch, new int[] {at}).toFloatArray();
      EmbeddingGradient gradient =
          model.gradient(scope, batch, Targets.mean(new int[] {at}, new int[] {word}));
      float loss = gradient.losses().toFloatArray()[0];
      float[] vectors = gradient.vectors().toFloatArray();
      return new SelfTest(logits, vectors, loss, (System.nanoTime() - begin) / 1e6);
    }
  }

  /** What came out, in words; an exception if it is no number. */
  String describe() {
    double norm = norm(gradient);
    if (!Float.isFinite(loss) || !Double.isFinite(norm) || norm == 0) {
      throw new IllegalStateException("loss " + loss + " and gradient norm " + norm);
    }
    return String.format(
        Locale.ROOT,
        "loss %.4f, gradient norm %.4f, forward and backward %.0f ms",
        loss,
        norm,
        milliseconds);
  }

  /** The same beside the numbers that are right; an exception if they are too far away. */
  String describe(SelfTest exact, Precision precision) {
    boolean full = precision == Precision.FLOAT32;
    double logitsAway = distance(exact.logits, logits);
    double gradientAway = distance(exact.gradient, gradient);
    String seen =
        String.format(
            Locale.ROOT,
            "%s; relative difference from float32 on the CPU: logits %.1e, gradient %.1e",
            describe(),
            logitsAway,
            gradientAway);
    double logitsMay = full ? FLOAT32_TOLERANCE : BFLOAT16_LOGITS;
    double gradientMay = full ? FLOAT32_TOLERANCE : BFLOAT16_GRADIENT;
    if (!(logitsAway <= logitsMay) || !(gradientAway <= gradientMay)) {
      throw new IllegalStateException(
          String.format(Locale.ROOT, "%s, more than %.0e and %.0e", seen, logitsMay, gradientMay));
    }
    return seen;
  }

  static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum);
  }

  static double distance(float[] exact, float[] other) {
    float[] difference = new float[exact.length];
    for (int i = 0; i < exact.length; i++) {
      difference[i] = exact[i] - other[i];
    }
    return norm(difference) / norm(exact);
  }
}
