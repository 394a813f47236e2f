package io.promptgrad.lm.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {

  @TempDir Path directory;

  @Test
  void open_singleFile_isFoundInItsDirectoryAndByItself() {
    write("model.safetensors", "a", 1f);
    assertThat(Checkpoint.open(directory).get("a").toFloats()).containsExactly(1f);
    assertThat(Checkpoint.open(directory.resolve("model.safetensors")).names())
        .containsExactly("a");
  }

  @Test
  void open_shards_findsEveryTensorInItsFile() throws IOException {
    write("one.safetensors", "a", 1f);
    write("two.safetensors", "b", 2f);
    index(
        "{\"metadata\":{\"total_size\":8},"
            + "\"weight_map\":{\"b\":\"two.safetensors\",\"a\":\"one.safetensors\"}}");
    Checkpoint checkpoint = Checkpoint.open(directory);
    assertThat(checkpoint.names()).containsExactly("a", "b");
    assertThat(checkpoint.get("a").toFloats()).containsExactly(1f);
    assertThat(checkpoint.get("b").toFloats()).containsExactly(2f);
    assertThat(Checkpoint.open(directory.resolve(Checkpoint.INDEX)).names()).hasSize(2);
    assertThatThrownBy(() -> checkpoint.get("model.c"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("has no tensor model.c");
  }

  @Test
  void open_missingShardOrTensor_isNamed() throws IOException {
    write("one.safetensors", "a", 1f);
    index("{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\"}}");
    assertRefused("two.safetensors, which is missing");
    index("{\"weight_map\":{\"b\":\"one.safetensors\"}}");
    assertRefused("tensor b is in one.safetensors, which does not hold it");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../m.safetensors",
        "/etc/passwd",
        "x/../../m.safetensors",
        "..",
        ".",
        "",
        "a\\u0000b"
      })
  void open_shardOutsideTheDirectory_isRefused(String shard) throws IOException {
    index("{\"weight_map\":{\"a\":\"" + shard + "\"}}");
    assertRefused("outside its directory");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{",
        "{}",
        "{\"weight_map\":{}}",
        "{\"weight_map\":[]}",
        "{\"weight_map\":{\"a\":1}}",
        "{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}",
        "{\"weight_map\":{\"a\":\"x\"}} {}"
      })
  void open_malformedIndex_isRefused(String json) throws IOException {
    index(json);
    assertRefused("model.safetensors.index.json is corrupt or incomplete");
  }

  @Test
  void open_picklesOnly_saysHowToConvert() throws IOException {
    for (String name : List.of("pytorch_model.bin", "x.pt", "y.pth", "z.ckpt")) {
      Path pickle = Files.createFile(directory.resolve(name));
      assertRefused(name, "save_pretrained");
      Files.delete(pickle);
    }
  }

  @Test
  void open_nothing_saysWhatWasLookedFor() {
    assertRefused("neither model.safetensors nor model.safetensors.index.json");
    write("other.safetensors", "a", 1f);
    assertRefused("other.safetensors", "name one of these files");
    assertThatThrownBy(() -> Checkpoint.open(directory.resolve("none")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("There is no file or directory");
  }

  @Test
  void names_oldLayerNormNames_areModernAndBothAreFound() {
    new SafetensorsWriter()
        .add("n.LayerNorm.gamma", WeightType.F32, new long[] {1}, new float[] {1f})
        .add("n.LayerNorm.beta", WeightType.F32, new long[] {1}, new float[] {2f})
        .add("both.gamma", WeightType.F32, new long[] {1}, new float[] {3f})
        .add("both.weight", WeightType.F32, new long[] {1}, new float[] {4f})
        .add("gamma_ray", WeightType.F32, new long[] {1}, new float[] {5f})
        .write(directory.resolve("model.safetensors"));
    Checkpoint checkpoint = Checkpoint.open(directory);
    assertThat(checkpoint.names())
        .containsExactly(
            "both.gamma", "both.weight", "gamma_ray", "n.LayerNorm.bias", "n.LayerNorm.weight");
    assertThat(checkpoint.get("n.LayerNorm.weight").toFloats()).containsExactly(1f);
    assertThat(checkpoint.get("n.LayerNorm.weight").name()).isEqualTo("n.LayerNorm.weight");
    assertThat(checkpoint.get("n.LayerNorm.gamma").toFloats()).containsExactly(1f);
    assertThat(checkpoint.get("n.LayerNorm.bias").toFloats()).containsExactly(2f);
    assertThat(checkpoint.get("both.gamma").toFloats()).containsExactly(3f);
    assertThat(checkpoint.get("both.weight").toFloats()).containsExactly(4f);
  }

  @Test
  void open_realCheckpoint_hasItsTensors() {
    Checkpoint checkpoint = Checkpoint.open(SharedFolder.path("data/stories260K/hf"));
    assertThat(checkpoint.names()).hasSize(47).doesNotContain("lm_head.weight");
    TensorView embedding = checkpoint.get("model.embed_tokens.weight");
    assertThat(embedding.shape()).containsExactly(512, 64);
    assertThat(embedding.toFloats()).doesNotContain(Float.NaN).hasSize(512 * 64);
  }

  @Test
  void open_everyFixture_readsEveryTensor() throws IOException {
    try (Stream<Path> folders = Files.list(SharedFolder.path("fixtures/parity"))) {
      for (Path folder : folders.sorted().toList()) {
        for (String file : List.of("model.safetensors", "golden.safetensors")) {
          Checkpoint checkpoint = Checkpoint.open(folder.resolve(file));
          assertThat(checkpoint.names()).as("%s/%s", folder, file).isNotEmpty();
          checkpoint.names().forEach(name -> assertThat(checkpoint.find(name)).isPresent());
        }
      }
    }
  }

  private void write(String file, String tensor, float value) {
    new SafetensorsWriter()
        .add(tensor, WeightType.F32, new long[] {1}, new float[] {value})
        .write(directory.resolve(file));
  }

  private void index(String json) throws IOException {
    Files.writeString(directory.resolve(Checkpoint.INDEX), json);
  }

  private void assertRefused(String... parts) {
    assertThatThrownBy(() -> Checkpoint.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(parts);
  }
}
