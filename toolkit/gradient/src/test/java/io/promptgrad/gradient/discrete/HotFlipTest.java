package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
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
                examples.stream()
                    .map(e -> LabelScorer.Row.of(e, new int[] {20, 30}))
                    .toList(),
                examples.stream().map(ClozeExample::goldTokens).toList());
    for (int i = 0; i < losses.length; i++) {
      assertThat(losses[i]).isCloseTo(-logs[i], within(2e-5));
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
