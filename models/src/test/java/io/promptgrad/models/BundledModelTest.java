package io.promptgrad.models;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BundledModelTest {

  @TempDir private Path cache;

  @Test
  void folder_partlyDeleted_isUnpackedAgain() throws IOException {
    for (BundledModel bundled : BundledModel.values()) {
      Path folder = bundled.folder(cache);
      Files.delete(folder.resolve("tokenizer.json"));
      assertThat(bundled.folder(cache)).isEqualTo(folder);
      assertThat(folder.resolve("tokenizer.json")).isRegularFile();
      try (LanguageModel model = LanguageModel.load(folder)) {
        assertThat(model.tokenizer().vocabularySize()).isEqualTo(model.spec().vocabulary());
      }
      assertThat(Files.size(folder.resolve("model.safetensors"))).isLessThan(10_000_000);
    }
  }

  @Test
  void named_withOrWithoutPrefix_isFound() {
    assertThat(BundledModel.named("bundled:mini-roberta")).contains(BundledModel.MINI_ROBERTA);
    assertThat(BundledModel.named("mini-roberta")).contains(BundledModel.MINI_ROBERTA);
    assertThat(BundledModel.named("roberta")).isEmpty();
  }

  /**
   * What the card says of each model, roughly: a text of its kind is far likelier than the same
   * tokens in another order, and than a uniform guess.
   */
  @Test
  void miniLlama_readsEnglish() {
    try (LanguageModel model = LanguageModel.load(BundledModel.MINI_LLAMA.folder(cache));
        NDManager scope = model.newScope()) {
      String text = "The film was good, and the old man went to the house of his father.";
      int[] ids = model.tokenizer().encodeWithSpecials(text);
      int[] mixed = ids.clone();
      for (int i = 1; i < ids.length; i++) {
        mixed[i] = ids[1 + (i * 5) % (ids.length - 1)];
      }
      double right = loss(model, scope, ids);
      assertThat(ids[0]).isEqualTo(model.tokenizer().specials().bos().orElseThrow());
      assertThat(right).isLessThan(6).isLessThan(loss(model, scope, mixed) - 1.5);
    }
  }

  private static double loss(LanguageModel model, NDManager scope, int[] ids) {
    int[] at = new int[ids.length - 1];
    int[] next = new int[at.length];
    for (int i = 0; i < at.length; i++) {
      at[i] = i;
      next[i] = ids[i + 1];
    }
    TokenBatch batch = TokenBatch.of(List.of(ids), 0);
    float[] losses = model.losses(scope, batch, Targets.mean(at, next)).toFloatArray();
    double sum = 0;
    for (float loss : losses) {
      sum += loss / losses.length;
    }
    return sum;
  }
}
