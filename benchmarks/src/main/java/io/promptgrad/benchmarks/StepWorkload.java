package io.promptgrad.benchmarks;

import ai.djl.ndarray.NDManager;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Steps of a search, everything in them drawn from a seed: sentences of random tokens, random gold
 * labels, random triggers. The label tokens are six that the model finds about equally probable, so
 * that its answers depend on the sentence and the trigger.
 *
 * <p>With random labels a trigger is right on about half of the examples. That is where pruning
 * gains least: a current trigger that is right on nine of ten ends a candidate's race after a few
 * mistakes, this one only after half of the examples.
 *
 * @param labels two labels and their tokens
 * @param filter what no trigger may hold: special tokens and label tokens
 * @param candidates k
 * @param steps what each step starts from
 */
record StepWorkload(LabelTokens labels, TokenFilter filter, int candidates, List<Step> steps) {

  /** RoBERTa's {@code <s>}, {@code </s>} and the first id that is no special token. */
  private static final int START = 0;

  private static final int END = 2;
  private static final int FIRST_WORD = 5;

  /** Sentences that the label tokens are balanced on. */
  private static final int PROBES = 64;

  /**
   * One step.
   *
   * @param trigger the current one
   * @param position the slot that may change
   * @param forGradient examples behind the gradient
   * @param forChoice examples that the candidates are compared on
   */
  record Step(
      int[] trigger, int position, List<ClozeExample> forGradient, List<ClozeExample> forChoice) {}

  /**
   * How big a step is.
   *
   * @param candidates k
   * @param examples for the gradient, and as many others for the choice
   * @param shortest tokens of the shortest example, trigger, mask and the rest included
   * @param longest tokens of the longest one
   * @param triggers slots
   * @param labelTokens tokens of each label
   */
  record Size(
      int candidates, int examples, int shortest, int longest, int triggers, int labelTokens) {

    /** k = 20, 24 examples of 8 to 48 tokens, three slots, three tokens for each label. */
    static Size standard() {
      return new Size(20, 24, 8, 48, 3, 3);
    }
  }

  /** Draws steps for a model of RoBERTa's kind, whose mask token is {@code mask}. */
  static StepWorkload random(LanguageModel model, int mask, Size size, int steps, long seed) {
    RandomSource random = new RandomSource(seed);
    int vocabulary = model.spec().vocabulary();
    int[] words = IntStream.range(FIRST_WORD, vocabulary).filter(id -> id != mask).toArray();
    int[][] labelIds = balancedLabels(model, words, mask, size, random);
    LabelTokens labels = new LabelTokens(List.of("no", "yes"), labelIds);
    int[] banned =
        IntStream.concat(
                IntStream.concat(IntStream.range(0, FIRST_WORD), IntStream.of(mask)),
                Arrays.stream(labels.flat()))
            .toArray();
    List<Step> drawn = new ArrayList<>();
    for (int s = 0; s < steps; s++) {
      RandomGenerator generator = random.stream("step", s);
      int[] trigger = new int[size.triggers()];
      Arrays.setAll(trigger, t -> words[generator.nextInt(words.length)]);
      drawn.add(
          new Step(
              trigger,
              generator.nextInt(trigger.length),
              examples(size, words, mask, labels, generator),
              examples(size, words, mask, labels, generator)));
    }
    return new StepWorkload(
        labels, TokenFilter.ofIds(banned, vocabulary), size.candidates(), drawn);
  }

  /**
   * Neighbours in the order of the mean logit at the mask, taken from somewhere in the middle half
   * and dealt out in turns.
   */
  private static int[][] balancedLabels(
      LanguageModel model, int[] words, int mask, Size size, RandomSource random) {
    RandomGenerator generator = random.stream("labels", 0);
    LabelTokens none = new LabelTokens(List.of("any"), new int[][] {{mask}});
    List<ClozeExample> sample = new ArrayList<>();
    for (int i = 0; i < PROBES; i++) {
      sample.add(example("probe", size.longest(), 0, words, mask, 0, none, generator));
    }
    TokenBatch batch =
        TokenBatch.of(sample.stream().map(ClozeExample::ids).toList(), model.spec().padId());
    int[] at = new int[PROBES];
    Arrays.setAll(at, r -> batch.index(r, sample.get(r).predictAt()));
    float[] means;
    try (NDManager scope = model.newScope()) {
      means = model.logits(scope, batch, at).mean(new int[] {0}).toFloatArray();
    }
    int[] byMean =
        Arrays.stream(words)
            .boxed()
            .sorted(Comparator.<Integer>comparingDouble(id -> means[id]).thenComparing(id -> id))
            .mapToInt(Integer::intValue)
            .toArray();
    int n = size.labelTokens();
    int first = byMean.length / 4 + generator.nextInt(byMean.length / 2 - 2 * n);
    int[][] labels = new int[2][n];
    for (int t = 0; t < 2 * n; t++) {
      // 0 1 1 0 0 1 1 0 ...: neither label has all the larger ones of the pairs
      labels[(t + 1) / 2 % 2][t / 2] = byMean[first + t];
    }
    return labels;
  }

  private static List<ClozeExample> examples(
      Size size, int[] words, int mask, LabelTokens labels, RandomGenerator random) {
    List<ClozeExample> drawn = new ArrayList<>();
    for (int i = 0; i < size.examples(); i++) {
      int length = random.nextInt(size.shortest(), size.longest() + 1);
      int gold = random.nextInt(2);
      drawn.add(
          example("random:" + (i + 1), length, size.triggers(), words, mask, gold, labels, random));
    }
    return drawn;
  }

  /** {@code <s> word ... [T] [T] [T] <mask> </s>}. */
  private static ClozeExample example(
      String id,
      int length,
      int triggers,
      int[] words,
      int mask,
      int gold,
      LabelTokens labels,
      RandomGenerator random) {
    int text = length - triggers - 3;
    int[] ids = new int[length];
    ids[0] = START;
    for (int i = 1; i <= text; i++) {
      ids[i] = words[random.nextInt(words.length)];
    }
    int[] triggerAt = IntStream.range(1 + text, 1 + text + triggers).toArray();
    ids[length - 2] = mask;
    ids[length - 1] = END;
    return new ClozeExample(id, ids, new int[0], triggerAt, length - 2, gold, labels.ids()[gold]);
  }
}
