package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HotFlipTest {

  @TempDir static Path folder;
  static LanguageModel model;
  static List<ClozeExample> examples;

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder);
    assertThat(model.device()).isEqualTo(Device.cpu());
    Cloze cloze =
        new Cloze(
            model,
            PromptTemplate.parse("{sentence} [T] [T] [P] ."),
            Verbalizer.parse(Map.of("negative", List.of("bad", "awful"), "positive", "good")));
    examples = cloze.encode(TinyModels.task(20, 2, 2).train());
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static HotFlip.Gradient gradient(MicroBatches batches) {
    float[] weights = new float[examples.size()];
    Arrays.fill(weights, 1f / weights.length);
    return new HotFlip(model, batches).gradient(examples, new int[] {20, 30}, weights);
  }

  @Test
  void gradient_losses_areMinusLogProbabilitiesOfTheGoldTokens() {
    double[] losses = gradient(MicroBatches.forModel(model)).losses();
    double[] logs =
        new LabelScorer(model)
            .logProbabilities(
                examples.stream().map(e -> LabelScorer.Row.of(e, new int[] {20, 30})).toList(),
                examples.stream().map(ClozeExample::goldTokens).toList());
    for (int i = 0; i < losses.length; i++) {
      assertThat(losses[i]).isCloseTo(-logs[i], within(2e-5));
    }
  }

  /** Through a decoder's answer to the encoder's word vectors. */
  @Test
  void gradient_ofAnEncoderDecoder_isTheOneAtItsTextsTriggers(@TempDir Path other) {
    try (LanguageModel t5 = TinyModels.textToText(other);
        NDManager scope = t5.newScope()) {
      Cloze cloze =
          new Cloze(
              t5,
              PromptTemplate.parse("{sentence} [T] [T] [P] ."),
              Verbalizer.parse(Map.of("negative", "bad", "positive", "good")));
      List<ClozeExample> texts = cloze.encode(TinyModels.task(12, 2, 2).train());
      float[] weights = new float[texts.size()];
      Arrays.fill(weights, 2);
      int[] trigger = {20, 30};
      HotFlip.Gradient gradient =
          new HotFlip(t5, new MicroBatches(0, 60)).gradient(texts, trigger, weights);
      float[] sum = new float[2 * 16];
      for (ClozeExample e : texts) {
        TokenBatch one =
            TokenBatch.of(List.of(e.with(trigger)), 0).withDecoder(List.of(e.decoderIds()), 0);
        Targets target = new Targets(new int[] {1}, new int[][] {e.goldTokens()}, new float[] {2});
        float[] vectors = t5.gradient(scope, one, target).vectors().toFloatArray();
        for (int i = 0; i < sum.length; i++) {
          sum[i] += vectors[e.triggerAt()[i / 16] * 16 + i % 16];
        }
      }
      assertThat(gradient.values()).containsExactly(sum, within(1e-4f));
      double[] logs =
          new LabelScorer(t5)
              .logProbabilities(
                  texts.stream().map(e -> LabelScorer.Row.of(e, trigger)).toList(),
                  texts.stream().map(ClozeExample::goldTokens).toList());
      for (int i = 0; i < logs.length; i++) {
        assertThat(gradient.losses()[i]).isCloseTo(-logs[i], within(2e-5));
      }
    }
  }

  @Test
  void gradient_anyMicroBatches_isTheSame() {
    float[] whole = gradient(new MicroBatches(100000, 100000)).values();
    float[] parts = gradient(new MicroBatches(0, 20)).values();
    assertThat(parts).containsExactly(whole, within(1e-5f));
  }

  /** g . E_v is what one gets by multiplying by hand. */
  @Test
  void scores_everyToken_minusProductWithItsEmbedding() {
    float[] g = gradient(MicroBatches.forModel(model)).at(1);
    float[] scores = new HotFlip(model, MicroBatches.forModel(model)).scores(g);
    assertThat(scores).hasSize(model.spec().vocabulary());
    try (var scope = model.newScope()) {
      int[] all = new int[model.spec().vocabulary()];
      Arrays.setAll(all, i -> i);
      List<int[]> rows = Arrays.stream(all).mapToObj(i -> new int[] {i}).toList();
      float[] table =
          model.wordVectors(scope, io.promptgrad.lm.TokenBatch.of(rows, 0)).toFloatArray();
      for (int v = 0; v < all.length; v++) {
        double product = 0;
        for (int i = 0; i < g.length; i++) {
          product += (double) g[i] * table[v * g.length + i];
        }
        assertThat((double) scores[v]).isCloseTo(-product, within(1e-6));
      }
    }
  }

  @Test
  void top_tiesAndBans_lowestIdFirst() {
    float[] scores = {1, 5, 3, 5, 4, 5, Float.NaN};
    TokenFilter filter = TokenFilter.ofIds(new int[] {3}, 7);

    assertThat(HotFlip.top(scores, 3, filter, -1)).containsExactly(1, 5, 4);
    assertThat(HotFlip.top(scores, 3, filter, 1)).containsExactly(5, 4, 2);
    assertThat(HotFlip.top(scores, 100, filter, -1)).containsExactly(1, 5, 4, 2, 0);
  }
}
