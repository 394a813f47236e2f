package io.promptgrad.benchmarks;

import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Steps of a search, everything in them drawn from a seed: sentences of random tokens, random gold
 * labels, random triggers. Half of the labels are right by chance, so that pruning has the least to
 * gain here: a trigger that is right on nine of ten examples ends a candidate's race after a few
 * mistakes, one that is right on half of them only after half of the examples.
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
    int[] order = RandomSource.permutation(words.length, random.stream("labels", 0));
    int[][] labelIds = new int[2][size.labelTokens()];
    for (int c = 0; c < 2; c++) {
      for (int t = 0; t < size.labelTokens(); t++) {
        labelIds[c][t] = words[order[c * size.labelTokens() + t]];
      }
    }
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
