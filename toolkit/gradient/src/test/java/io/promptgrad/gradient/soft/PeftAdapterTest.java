package io.promptgrad.gradient.soft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.soft.PeftAdapter.Type;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Against folders that {@code make_goldens.py} wrote. */
class PeftAdapterTest {

  @TempDir Path folder;

  private static Path golden(String name) {
    try {
      return Path.of(PeftAdapterTest.class.getResource(name + "/adapter_config.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "prompt_tuning",
        "prompt_tuning_half",
        "p_tuning",
        "prefix_tuning",
        "prompt_tuning_seq2seq",
        "p_tuning_cls"
      })
  void write_ofWhatWasRead_givesTheSameBytes(String name) throws IOException {
    PeftAdapter adapter = PeftAdapter.read(golden(name));
    assertThat(adapter.warnings()).isEmpty();
    adapter.write(folder);
    for (String file : new String[] {PeftAdapter.CONFIG, PeftAdapter.WEIGHTS}) {
      assertThat(folder.resolve(file)).hasSameBinaryContentAs(golden(name).resolve(file));
    }
    assertThat(PeftAdapter.read(folder)).isEqualTo(adapter);
  }

  @Test
  void read_ofAGolden_isWhatTheScriptWrote() {
    PeftAdapter adapter = PeftAdapter.read(golden("prompt_tuning_seq2seq"));
    assertThat(adapter.type()).isEqualTo(Type.PROMPT_TUNING);
    assertThat(adapter.tokens()).isEqualTo(3);
    assertThat(adapter.rows()).isEqualTo(6);
    assertThat(adapter.columns()).isEqualTo(16);
    assertThat(adapter.baseModel()).isEqualTo("someone/tiny-bert");
    assertThat(adapter.used()).hasSize(48);
    assertThat(adapter.values()[1]).isEqualTo((37 - 50) / 64f);
    assertThat(PeftAdapter.read(golden("prompt_tuning_half")).dtype()).isEqualTo(WeightType.F16);
  }

  /** What is made here has the keys, the order and the words of a file of Python's. */
  @Test
  void write_ofANewAdapter_isTheGolden() {
    PeftAdapter golden = PeftAdapter.read(golden("prompt_tuning"));
    ObjectNode config =
        PeftAdapter.config(
            Type.PROMPT_TUNING, "someone/tiny-bert", "FEATURE_EXTRACTION", 3, 2, 2, 16);
    PeftAdapter.of(config, golden.values()).write(folder);
    assertThat(folder.resolve(PeftAdapter.CONFIG))
        .hasSameBinaryContentAs(golden("prompt_tuning").resolve(PeftAdapter.CONFIG));
    assertThat(folder.resolve(PeftAdapter.WEIGHTS))
        .hasSameBinaryContentAs(golden("prompt_tuning").resolve(PeftAdapter.WEIGHTS));
    ObjectNode prefix =
        PeftAdapter.config(
            Type.PREFIX_TUNING, "someone/tiny-bert", "FEATURE_EXTRACTION", 3, 2, 2, 16);
    assertThat(prefix).isEqualTo(PeftAdapter.read(golden("prefix_tuning")).config());
  }

  /** Sizes of files that PEFT's own comparison of methods holds. */
  @ParameterizedTest
  @CsvSource({
    "PROMPT_TUNING, 200, 28, 24, 3072, 2457728",
    "P_TUNING, 20, 28, 24, 3072, 245880",
    "PREFIX_TUNING, 200, 28, 8, 1024, 45875328"
  })
  void write_ofALargePrompt_hasTheSizeOfPeftsFile(
      Type type, int tokens, int layers, int heads, int width, long size) throws IOException {
    ObjectNode config =
        PeftAdapter.config(
            type, "meta-llama/Llama-3.2-3B", "CAUSAL_LM", tokens, layers, heads, width);
    int columns = type == Type.PREFIX_TUNING ? layers * 2 * width : width;
    PeftAdapter.of(config, new float[tokens * columns]).write(folder);
    assertThat(Files.size(folder.resolve(PeftAdapter.WEIGHTS))).isEqualTo(size);
  }

  @Test
  void read_withUnknownKeysAndWithoutOptionalOnes_warnsAndReads() throws IOException {
    edit("prompt_tuning", json -> json.put("shiny_new_option", 1).remove("peft_version"));
    PeftAdapter adapter = PeftAdapter.read(folder);
    assertThat(adapter.warnings()).singleElement().asString().contains("shiny_new_option");
    assertThat(adapter.config().has("peft_version")).isFalse();
  }

  private void edit(String name, Consumer<ObjectNode> change) throws IOException {
    ObjectNode json = (ObjectNode) Json.read(golden(name).resolve(PeftAdapter.CONFIG));
    change.accept(json);
    Files.writeString(folder.resolve(PeftAdapter.CONFIG), Json.pretty(json));
    Files.copy(golden(name).resolve(PeftAdapter.WEIGHTS), folder.resolve(PeftAdapter.WEIGHTS));
  }

  private void refuses(String name, Consumer<ObjectNode> change, String... parts)
      throws IOException {
    edit(name, change);
    assertThatThrownBy(() -> PeftAdapter.read(folder))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(parts)
        .hasMessageContaining(folder.toString());
  }

  @Test
  void read_ofAnotherKindOfAdapter_namesIt() throws IOException {
    refuses("p_tuning", json -> json.put("peft_type", "LORA"), "'LORA'", "no soft prompt");
  }

  @Test
  void read_withAnUnknownTaskType_isRefused() throws IOException {
    refuses("p_tuning", json -> json.put("task_type", "POETRY"), "POETRY");
  }

  @Test
  void read_withATextStartThatNamesNoText_isRefused() throws IOException {
    refuses(
        "prompt_tuning", json -> json.put("prompt_tuning_init", "TEXT"), "prompt_tuning_init_text");
  }

  @Test
  void read_withTokenizerArgumentsForNoText_isRefused() throws IOException {
    refuses(
        "prompt_tuning",
        json -> json.putObject("tokenizer_kwargs").put("a", 1),
        "tokenizer_kwargs");
  }

  @Test
  void read_withAShapeThatTheConfigDoesNotAskFor_isRefused() throws IOException {
    refuses("prefix_tuning", json -> json.put("num_layers", 3), "[3, 64]", "[3, 96]");
  }

  @Test
  void read_withoutANumberOfTokens_isRefused() throws IOException {
    refuses("p_tuning", json -> json.putNull("num_virtual_tokens"), "num_virtual_tokens");
  }

  @Test
  void read_withTrainedLayersBesides_isRefused() throws IOException {
    edit("p_tuning", json -> {});
    new SafetensorsWriter()
        .add("prompt_embeddings", WeightType.F32, new long[] {3, 16}, new float[48])
        .add("base_model.classifier.bias", WeightType.F32, new long[] {2}, new float[2])
        .write(folder.resolve(PeftAdapter.WEIGHTS));
    assertThatThrownBy(() -> PeftAdapter.read(folder))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("base_model.classifier.bias");
  }

  @Test
  void read_ofAPickle_saysHowToConvertIt() throws IOException {
    edit("p_tuning", json -> {});
    Files.move(folder.resolve(PeftAdapter.WEIGHTS), folder.resolve("adapter_model.bin"));
    assertThatThrownBy(() -> PeftAdapter.read(folder))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("safe_serialization=True");
  }
}
