package io.promptgrad.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.gradient.trigger.TargetSequence;
import io.promptgrad.gradient.trigger.TriggerLoss;
import io.promptgrad.gradient.trigger.TriggerLoss.Reuse;
import io.promptgrad.lm.CachingModel;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TargetLoss;
import io.promptgrad.lm.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * One step of GCG without the gradient's ranking: the gradient, then the losses of all candidates,
 * which is nearly all of its work, in several forms that come to the same losses.
 */
public final class GcgStep {

  /** The forms. */
  public enum Form {
    /** Every candidate from its first token, logits at every position. */
    PLAIN("plain: whole sequences, logits everywhere"),
    /** What stands before the trigger is cached; logits at every position behind it. */
    NANOGCG("prefix cache, logits at every position behind"),
    /** The same with logits where targets are read. */
    PREFIX("prefix cache, logits at targets"),
    /** Keys and values before the first changed position are used again. */
    FAST("cache up to the first difference, logits at targets");

    private final String title;

    Form(String title) {
      this.title = title;
    }

    String title() {
      return title;
    }
  }

  /**
   * Sizes of a step.
   *
   * @param before tokens before the trigger
   * @param slots trigger tokens
   * @param target target tokens
   * @param width candidates
   */
  record Size(int before, int slots, int target, int width) {

    static Size standard() {
      return new Size(128, 20, 20, 256);
    }

    /** Tokens of a sequence; nothing is computed for the last one. */
    int length() {
      return before + slots + target - 1;
    }
  }

  private final LanguageModel model;
  private final Size size;
  private final int[] prefix;
  private final int[] wanted;
  private final int[] current;
  private final List<int[]> candidates = new ArrayList<>();
  private final TargetSequence sequence;
  private final Map<Reuse, TriggerLoss> losses = new EnumMap<>(Reuse.class);
  private CachingModel.Extension nanoPrefix;
  private NDManager nanoScope;

  GcgStep(LanguageModel model, Size size, long seed) {
    this.model = model;
    this.size = size;
    RandomGenerator random = new SplittableRandom(seed);
    int vocabulary = model.spec().vocabulary();
    this.prefix = random.ints(size.before(), 0, vocabulary).toArray();
    this.wanted = random.ints(size.target(), 0, vocabulary).toArray();
    this.current = random.ints(size.slots(), 0, vocabulary).toArray();
    this.sequence =
        TargetSequence.continuation("benchmark", prefix, size.slots(), new int[0], wanted);
    for (int c = 0; c < size.width(); c++) {
      int[] candidate = current.clone();
      candidate[random.nextInt(size.slots())] = random.nextInt(vocabulary);
      candidates.add(candidate);
    }
  }

  /**
   * The gradient, and the losses of the candidates; what stands before the trigger stays cached.
   */
  double[] run(Form form) {
    return switch (form) {
      case PLAIN -> plain();
      case NANOGCG -> nanogcg();
      case PREFIX -> reusing(Reuse.PREFIX);
      case FAST -> reusing(Reuse.FIRST_DIFFERENCE);
    };
  }

  private double[] reusing(Reuse reuse) {
    TriggerLoss loss =
        losses.computeIfAbsent(
            reuse, r -> new TriggerLoss(model, new TargetLoss.CrossEntropy(), null, r));
    loss.gradients(List.of(sequence), List.of(current));
    TriggerLoss.Scores scores = loss.scores(List.of(sequence), candidates, current);
    double[] out = new double[candidates.size()];
    Arrays.setAll(out, scores::mean);
    return out;
  }

  /** Tokens of a micro-batch, as {@code MicroBatches} has them on a CPU. */
  private static final int BATCH = 8192;

  private double[] plain() {
    gradient(Reuse.NONE);
    double[] out = new double[candidates.size()];
    int rows = Math.max(1, BATCH / size.length());
    for (int from = 0; from < out.length; from += rows) {
      int to = Math.min(out.length, from + rows);
      List<int[]> sequences = new ArrayList<>();
      for (int c = from; c < to; c++) {
        sequences.add(whole(candidates.get(c)));
      }
      TokenBatch batch = TokenBatch.of(sequences, 0);
      try (NDManager scope = model.newScope()) {
        NDArray logits = model.logits(scope, batch, everywhere(batch));
        cut(scope, logits, to - from, size.length(), out, from);
      }
    }
    return out;
  }

  private double[] nanogcg() {
    gradient(Reuse.PREFIX);
    if (nanoPrefix == null) {
      nanoScope = model.newScope();
      TokenBatch batch = TokenBatch.of(List.of(prefix), 0);
      nanoPrefix =
          model
              .forCaching()
              .extend(nanoScope, null, batch, null, null, new int[] {size.before() - 1});
    }
    double[] out = new double[candidates.size()];
    int length = size.length() - size.before();
    int rows = Math.max(1, BATCH / length);
    for (int from = 0; from < out.length; from += rows) {
      int to = Math.min(out.length, from + rows);
      List<int[]> tails = new ArrayList<>();
      for (int c = from; c < to; c++) {
        tails.add(Arrays.copyOfRange(whole(candidates.get(c)), size.before(), size.length()));
      }
      TokenBatch batch = TokenBatch.of(tails, 0);
      int[] shifted = Arrays.stream(batch.positions()).map(p -> p + size.before()).toArray();
      batch = batch.withPositions(shifted);
      try (NDManager scope = model.newScope()) {
        NDArray logits =
            model
                .forCaching()
                .extend(scope, null, batch, nanoPrefix.keyValues(), null, everywhere(batch))
                .logits();
        cut(scope, logits, to - from, length, out, from);
      }
    }
    return out;
  }

  private void gradient(Reuse reuse) {
    losses
        .computeIfAbsent(reuse, r -> new TriggerLoss(model, new TargetLoss.CrossEntropy(), null, r))
        .gradients(List.of(sequence), List.of(current));
  }

  private int[] whole(int[] trigger) {
    int[] ids = new int[size.length()];
    System.arraycopy(prefix, 0, ids, 0, prefix.length);
    System.arraycopy(trigger, 0, ids, prefix.length, trigger.length);
    System.arraycopy(
        wanted,
        0,
        ids,
        prefix.length + trigger.length,
        ids.length - prefix.length - trigger.length);
    return ids;
  }

  private static int[] everywhere(TokenBatch batch) {
    int[] at = new int[batch.ids().length];
    Arrays.setAll(at, i -> i);
    return at;
  }

  /** Cross-entropy of the targets, which the last positions of each row predict. */
  private void cut(NDManager scope, NDArray logits, int rows, int length, double[] out, int to) {
    int vocabulary = model.spec().vocabulary();
    NDArray last =
        logits
            .reshape(new Shape(rows, length, vocabulary))
            .get(":, -" + size.target() + ":")
            .logSoftmax(-1);
    long[] ids = new long[rows * size.target()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = wanted[i % size.target()];
    }
    NDArray index = scope.create(ids, new Shape(rows, size.target(), 1));
    float[] losses = last.gather(index, 2).neg().toFloatArray();
    for (int r = 0; r < rows; r++) {
      double sum = 0;
      for (int t = 0; t < size.target(); t++) {
        sum += losses[r * size.target() + t];
      }
      out[to + r] = sum / size.target();
    }
  }

  /** Fails if a form comes to other losses, or to another winner, than the plain one. */
  static void requireSame(double[] plain, double[] other, Form form) {
    for (int c = 0; c < plain.length; c++) {
      if (Math.abs(plain[c] - other[c]) > 1e-4) {
        throw new IllegalStateException(
            "%s: loss %d is %.6f, not %.6f".formatted(form, c, other[c], plain[c]));
      }
    }
    if (winner(plain) != winner(other)) {
      throw new IllegalStateException(form + " has another winner");
    }
  }

  private static int winner(double[] losses) {
    int best = 0;
    for (int c = 1; c < losses.length; c++) {
      best = losses[c] < losses[best] ? c : best;
    }
    return best;
  }

  /** What the formula of the form says of the candidates' forward tokens. */
  double formula(Form form) {
    int n = size.slots();
    int behind = size.target() - 1;
    double each =
        switch (form) {
          case PLAIN -> size.length();
          case NANOGCG, PREFIX -> n + behind;
          case FAST -> (n + 1) / 2.0 + behind;
        };
    return size.width() * each;
  }

  void close() {
    losses.values().forEach(TriggerLoss::close);
    if (nanoScope != null) {
      nanoScope.close();
    }
  }
}
