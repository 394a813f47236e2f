package io.promptgrad.models;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.lm.LanguageModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
}
