package io.promptgrad.benchmarks;

import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A batch of random sentences that the single calls are measured on.
 *
 * @param tokens the sentences with a trigger in its place, padded to the longest one
 * @param masks where the answers are read
 * @param labelTokens all tokens of all labels
 * @param targets the gold labels' tokens at the masks
 */
record SampleBatch(TokenBatch tokens, int[] masks, int[] labelTokens, Targets targets) {

  /** The sizes that JMH's parameters name. */
  static final List<String> SIZES = List.of("1x16", "24x48");

  /**
   * Draws a batch.
   *
   * @param size {@code "1x16"}: one sentence of 16 tokens, where the cost of calls shows; {@code
   *     "24x48"}: 24 sentences of 8 to 48 tokens, where arithmetic takes the time
   */
  static SampleBatch of(LanguageModel model, String size) {
    int mask = model.tokenizer().specials().mask().orElseThrow();
    StepWorkload.Size shape =
        switch (size) {
          case "1x16" -> new StepWorkload.Size(1, 1, 16, 16, 3, 3);
          case "24x48" -> StepWorkload.Size.standard();
          default -> throw new IllegalArgumentException("size " + size + "; known: " + SIZES);
        };
    StepWorkload workload = StepWorkload.random(model, mask, shape, 1, 0);
    StepWorkload.Step step = workload.steps().get(0);
    List<ClozeExample> examples = step.forGradient();
    TokenBatch batch =
        TokenBatch.of(
            examples.stream().map(e -> e.with(step.trigger())).toList(), model.spec().padId());
    int[] masks = new int[examples.size()];
    Arrays.setAll(masks, r -> batch.index(r, examples.get(r).predictAt()));
    int[][] gold = examples.stream().map(ClozeExample::goldTokens).toArray(int[][]::new);
    return new SampleBatch(batch, masks, workload.labels().flat(), Targets.mean(masks, gold));
  }

  /** Every position, padding included. */
  int[] everywhere() {
    return IntStream.range(0, tokens.ids().length).toArray();
  }
}
