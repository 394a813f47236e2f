package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.CheckpointConversion.Result;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.HalfPrecision;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.SafetensorsWriter;
import io.promptgrad.lm.weights.SharedFolder;
import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointConversionTest {

  @TempDir Path folder;

  private Path target() {
    return folder.resolve("converted");
  }

  /** A recorded model whose tensors go by other names, with some more that nobody needs. */
  private Path renamed(String model, UnaryOperator<String> name, String... more)
      throws IOException {
    Path copy = TinyModels.copy(model, folder);
    SafetensorsFile file = SafetensorsFile.open(copy.resolve("model.safetensors"));
    SafetensorsWriter writer = new SafetensorsWriter();
    for (String stored : file.names()) {
      TensorView view = file.get(stored);
      writer.add(name.apply(stored), view.type(), view.shape(), view.bytes());
    }
    for (String extra : more) {
      writer.add(extra, WeightType.F32, new long[] {2}, new float[] {1, 2});
    }
    Path other = folder.resolve("other.safetensors");
    writer.write(other);
    Files.move(other, copy.resolve("model.safetensors"), StandardCopyOption.REPLACE_EXISTING);
    return copy;
  }

  private void assertSameTensors(Path expected, Path actual) {
    Checkpoint ours = Checkpoint.open(actual);
    Checkpoint theirs = Checkpoint.open(expected);
    assertThat(ours.names()).isEqualTo(theirs.names());
    for (String name : theirs.names()) {
      assertThat(ours.get(name)).as(name).isEqualTo(theirs.get(name));
    }
  }

  // ------------------------------------------------------------------ safetensors

  @ParameterizedTest
  @CsvSource({"llama, model.", "gpt2, transformer.", "roberta, roberta.", "bert, bert."})
  void to_namesWithoutTheBasePrefix_putsItBack(String model, String prefix) throws IOException {
    Path source =
        renamed(model, name -> name.startsWith(prefix) ? name.substring(prefix.length()) : name);
    Result result = CheckpointConversion.of(source).to(target());
    assertThat(result.folder()).isEqualTo(target());
    assertThat(result.leftOut()).isEmpty();
    assertSameTensors(TinyModels.folder(model), target());
    assertThat(target().resolve("config.json"))
        .hasSameBinaryContentAs(source.resolve("config.json"));
    assertThat(names(folder)).doesNotContain(".converted.part");
  }

  @Test
  void to_oldNamesAndSpareTensors_keepsWhatIsNeeded() throws IOException {
    Path source =
        renamed(
            "bert",
            name ->
                name.contains("LayerNorm")
                    ? name.replace(".weight", ".gamma").replace(".bias", ".beta")
                    : name,
            "bert.pooler.dense.bias",
            "bert.embeddings.position_ids");
    Result result = CheckpointConversion.of(source).to(target());
    assertThat(result.leftOut())
        .containsExactly("bert.embeddings.position_ids", "bert.pooler.dense.bias");
    assertSameTensors(TinyModels.folder("bert"), target());
  }

  @Test
  void to_fileOfAnotherName_isFoundWithTheConfigBesideIt() throws IOException {
    Path source = TinyModels.copy("gpt2", folder);
    Files.move(source.resolve("model.safetensors"), source.resolve("weights.safetensors"));
    CheckpointConversion.of(source.resolve("weights.safetensors")).to(target());
    assertSameTensors(TinyModels.folder("gpt2"), target());
  }

  @Test
  void to_shards_canBeReadAndJoinedAgain() throws IOException {
    Result result = CheckpointConversion.of(TinyModels.folder("llama")).shards(40_000).to(target());
    List<String> shards = result.files().stream().filter(f -> f.endsWith("safetensors")).toList();
    assertThat(shards).hasSizeGreaterThan(2).first().asString().startsWith("model-00001-of-0000");
    assertThat(result.files()).contains("model.safetensors.index.json", "config.json");
    for (String shard : shards) {
      SafetensorsFile file = SafetensorsFile.open(target().resolve(shard));
      long bytes =
          file.names().stream().mapToLong(name -> file.get(name).bytes().remaining()).sum();
      assertThat(bytes).isLessThanOrEqualTo(40_000);
    }
    JsonNode index = Json.parse(Files.readString(target().resolve("model.safetensors.index.json")));
    assertThat(index.path("metadata").path("total_size").asLong()).isEqualTo(result.bytes());
    assertSameTensors(TinyModels.folder("llama"), target());
    Path joined = folder.resolve("joined");
    CheckpointConversion.of(target()).to(joined);
    assertThat(joined.resolve("model.safetensors.index.json")).doesNotExist();
    assertSameTensors(TinyModels.folder("llama"), joined);
  }

  @Test
  void to_tensorLargerThanAShard_hasAFileOfItsOwn() throws IOException {
    Result result = CheckpointConversion.of(TinyModels.folder("gpt2")).shards(1).to(target());
    int tensors = Checkpoint.open(TinyModels.folder("gpt2")).names().size();
    assertThat(result.files()).hasSize(tensors + 2);
    assertSameTensors(TinyModels.folder("gpt2"), target());
  }

  @ParameterizedTest
  @ValueSource(strings = {"BF16", "F16", "F64"})
  void to_otherType_roundsAndLoads(String name) throws IOException {
    WeightType type = WeightType.valueOf(name);
    Path source = TinyModels.folder("roberta");
    Result result = CheckpointConversion.of(source).type(type).to(target());
    Checkpoint ours = Checkpoint.open(target());
    Checkpoint theirs = Checkpoint.open(source);
    for (String tensor : theirs.names()) {
      assertThat(ours.get(tensor).type()).isEqualTo(type);
      float[] expected = theirs.get(tensor).toFloats();
      for (int i = 0; i < expected.length; i++) {
        expected[i] =
            switch (type) {
              case BF16 ->
                  HalfPrecision.bfloat16ToFloat(HalfPrecision.floatToBfloat16(expected[i]));
              case F16 -> HalfPrecision.halfToFloat(HalfPrecision.floatToHalf(expected[i]));
              default -> expected[i];
            };
      }
      assertThat(ours.get(tensor).toFloats()).isEqualTo(expected);
    }
    assertThat(result.bytes()).isEqualTo(result.parameters() * type.bytes());
    String dtype =
        Json.parse(Files.readString(target().resolve("config.json"))).path("torch_dtype").asText();
    assertThat(dtype)
        .isEqualTo(
            type == WeightType.BF16 ? "bfloat16" : type == WeightType.F16 ? "float16" : "float64");
    LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
    try (LanguageModel model = LanguageModel.load(target(), options);
        NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(new int[] {0, 5, 6, 2}), 1);
      assertThat(Tensors.doubles(model.logits(scope, batch, new int[] {2})))
          .doesNotContain(Double.NaN);
      assertThat(model.parameters()).isEqualTo(result.parameters());
    }
  }

  @Test
  void to_typeAndBack_isTheSameAgain() throws IOException {
    CheckpointConversion.of(TinyModels.folder("gpt2")).type(WeightType.F64).to(target());
    Path back = folder.resolve("back");
    CheckpointConversion.of(target()).type(WeightType.F32).to(back);
    assertSameTensors(TinyModels.folder("gpt2"), back);
  }

  // ------------------------------------------------------------------ llama2.c

  /** A width of 4, a head of 4 rows, two layers, in a file written by hand. */
  private Path llama2c(int vocabulary) throws IOException {
    int[] header = {4, 6, 2, 1, 1, vocabulary, 8};
    int tokens = Math.abs(vocabulary);
    int attention = 2 * (4 + 4 * 16);
    int feedForward = 2 * (4 + 3 * 24);
    int floats =
        tokens * 4 + attention + feedForward + 4 + 8 * 4 + (vocabulary < 0 ? tokens * 4 : 0);
    ByteBuffer bytes = ByteBuffer.allocate(28 + 4 * floats).order(ByteOrder.LITTLE_ENDIAN);
    Arrays.stream(header).forEach(bytes::putInt);
    for (int i = 0; i < floats; i++) {
      bytes.putFloat(i);
    }
    return Files.write(folder.resolve("model.bin"), bytes.array());
  }

  /** Counted by hand: every float's value is its place in the file. */
  @Test
  void to_llama2c_putsEveryTensorInItsPlace() throws IOException {
    Result result = CheckpointConversion.of(llama2c(300)).to(target());
    Checkpoint checkpoint = Checkpoint.open(target());
    // 300 x 4 embeddings, then 2 x 4 norms
    assertThat(checkpoint.get("model.embed_tokens.weight").toFloats()).hasSize(1200).startsWith(0f);
    assertThat(checkpoint.get("model.layers.1.input_layernorm.weight").toFloats())
        .containsExactly(1204, 1205, 1206, 1207);
    // queries of layer 0 begin at 1208; rows 0 1 2 3 of the head become 0 2 1 3
    assertThat(checkpoint.get("model.layers.0.self_attn.q_proj.weight").toFloats())
        .containsExactly(
            1208, 1209, 1210, 1211, 1216, 1217, 1218, 1219, 1212, 1213, 1214, 1215, 1220, 1221,
            1222, 1223);
    // keys: 1240; values: 1272 and 1288, as they are; outputs: 1304; norms: 1336
    assertThat(checkpoint.get("model.layers.0.self_attn.k_proj.weight").toFloats())
        .startsWith(1240, 1241, 1242, 1243, 1248);
    assertThat(checkpoint.get("model.layers.1.self_attn.v_proj.weight").toFloats())
        .startsWith(1288, 1289, 1290, 1291, 1292);
    assertThat(checkpoint.get("model.layers.0.self_attn.o_proj.weight").toFloats())
        .startsWith(1304, 1305);
    assertThat(checkpoint.get("model.layers.0.post_attention_layernorm.weight").toFloats())
        .startsWith(1336);
    // w1 (gate): 1344; w2 (down): 1392; w3 (up): 1440; the last norm: 1488
    assertThat(checkpoint.get("model.layers.1.mlp.gate_proj.weight").toFloats()).startsWith(1368);
    assertThat(checkpoint.get("model.layers.0.mlp.down_proj.weight").toFloats()).startsWith(1392);
    assertThat(checkpoint.get("model.layers.0.mlp.down_proj.weight").shape()).containsExactly(4, 6);
    assertThat(checkpoint.get("model.layers.0.mlp.up_proj.weight").toFloats()).startsWith(1440);
    assertThat(checkpoint.get("model.norm.weight").toFloats())
        .containsExactly(1488, 1489, 1490, 1491);
    assertThat(checkpoint.find("lm_head.weight")).isEmpty();
    assertThat(result.parameters()).isEqualTo(1492);
    assertThat(result.files())
        .containsExactly("config.json", "generation_config.json", "model.safetensors");
  }

  @Test
  void to_llama2cWithItsOwnOutput_readsItBehindTheTables() throws IOException {
    CheckpointConversion.of(llama2c(-300)).to(target());
    // 1492 weights, then 8 positions x 2 sines and 2 cosines
    assertThat(Checkpoint.open(target()).get("lm_head.weight").toFloats())
        .hasSize(1200)
        .startsWith(1492 + 32);
  }

  /** The published file against the folder that was derived from it elsewhere. */
  @Test
  void to_publishedStories_equalsTheReference() throws IOException {
    Path original = SharedFolder.path("data/stories260K/original");
    Path reference = SharedFolder.path("data/stories260K/hf");
    CheckpointConversion.of(original.resolve("stories260K.bin"))
        .tokenizer(original.resolve("tok512.bin"))
        .to(target());
    assertSameTensors(reference, target());
    assertThat(json(target(), "config.json")).isEqualTo(json(reference, "config.json"));
    JsonNode ours = json(target(), "tokenizer.json");
    JsonNode theirs = json(reference, "tokenizer.json");
    assertThat(ours.path("model").path("vocab")).isEqualTo(theirs.path("model").path("vocab"));
    assertThat(ours.path("model").path("merges")).isEqualTo(theirs.path("model").path("merges"));
    assertThat(ours.path("added_tokens")).isEqualTo(theirs.path("added_tokens"));
    assertThat(ours.path("decoder")).isEqualTo(theirs.path("decoder"));
    assertThat(ours.path("normalizer")).isEqualTo(theirs.path("normalizer"));
    assertThat(ours.path("post_processor")).isEqualTo(theirs.path("post_processor"));
    JsonNode story =
        Json.parse(Files.readString(SharedFolder.path("data/stories260K/expected.json")))
            .path("greedy_from_bos");
    try (Tokenizer tokenizer = Tokenizer.open(target())) {
      assertThat(tokenizer.encodeWithSpecials(story.path("text").asText()))
          .isEqualTo(Json.ints(story.path("ids")));
      assertThat(tokenizer.specials().eos()).hasValue(2);
    }
  }

  private static JsonNode json(Path folder, String file) throws IOException {
    return Json.parse(Files.readString(folder.resolve(file)));
  }

  /** Pieces after the 259 fixed ones, the best first, as llama2.c writes them. */
  private Path pieces(String... pieces) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(8000).order(ByteOrder.LITTLE_ENDIAN).putInt(7);
    List<String> fixed =
        Stream.concat(
                Stream.of("<unk>", "\n<s>\n", "\n</s>\n"),
                Stream.iterate(0, b -> b + 1).limit(256).map("<0x%02X>"::formatted))
            .toList();
    for (String piece : fixed) {
      put(bytes, 0, piece);
    }
    for (int i = 0; i < pieces.length; i++) {
      put(bytes, -i, pieces[i]);
    }
    byte[] written = Arrays.copyOf(bytes.array(), bytes.position());
    return Files.write(folder.resolve("tokenizer.bin"), written);
  }

  private static void put(ByteBuffer bytes, float score, String piece) {
    byte[] text = piece.getBytes(StandardCharsets.UTF_8);
    bytes.putFloat(score).putInt(text.length).put(text);
  }

  @Test
  void to_llama2cWithTokenizerBesideIt_takesIt() throws IOException {
    pieces(" a", "ba", " ba", "a", "b", " ");
    Path source = llama2c(265);
    CheckpointConversion.of(source).to(target());
    try (Tokenizer tokenizer = Tokenizer.open(target())) {
      // " aba": " a" is the best pair; then "ba"
      assertThat(tokenizer.encodeWithSpecials("aba")).containsExactly(1, 259, 260);
      // no piece for "é": its two bytes, 0xC3 and 0xA9
      assertThat(tokenizer.encode("é")).containsExactly(264, 3 + 0xC3, 3 + 0xA9);
      assertThat(tokenizer.decode(new int[] {259, 260, 261})).isEqualTo("aba ba");
    }
  }

  // ------------------------------------------------------------------ refused

  private void assertRefused(CheckpointConversion conversion, String... words) throws IOException {
    assertThatThrownBy(() -> conversion.to(target()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(words)
        .hasMessageEndingWith(".");
    assertThat(target()).doesNotExist();
    assertThat(names(folder)).doesNotContain(".converted.part");
  }

  @Test
  void to_pickles_saysHowToConvertInPython() throws IOException {
    Path zip = Files.write(folder.resolve("pytorch_model.bin"), new byte[] {'P', 'K', 3, 4, 0, 0});
    assertRefused(CheckpointConversion.of(zip), "pickle", "never loaded", "safetensors.torch");
    Path old = Files.write(folder.resolve("model.pt"), new byte[] {(byte) 0x80, 2, 'c', 't'});
    assertRefused(CheckpointConversion.of(old), "pickle", "weights_only=True");
    Path model = TinyModels.copy("bert", folder);
    Files.delete(model.resolve("golden.safetensors"));
    Files.move(model.resolve("model.safetensors"), model.resolve("pytorch_model.bin"));
    assertRefused(CheckpointConversion.of(model), "only pickled weights", "weights_only=True");
  }

  @Test
  void to_otherFormats_areRefusedByName() throws IOException {
    Path gguf = Files.writeString(folder.resolve("model.gguf"), "GGUF....");
    assertRefused(CheckpointConversion.of(gguf), "GGUF");
    ByteBuffer later = ByteBuffer.allocate(300).order(ByteOrder.LITTLE_ENDIAN);
    later.putInt(0x616b3432).putInt(1);
    Path version1 = Files.write(folder.resolve("v1.bin"), later.array());
    assertRefused(CheckpointConversion.of(version1), "later version", "--version 0");
    assertRefused(
        CheckpointConversion.of(Files.writeString(folder.resolve("x.bin"), "hello")), "neither");
    assertRefused(CheckpointConversion.of(folder.resolve("nowhere")), "no file or folder");
  }

  @ParameterizedTest
  @ValueSource(ints = {-4, 4})
  void to_llama2cOfAnotherSize_isRefused(int difference) throws IOException {
    Path source = llama2c(300);
    byte[] bytes = Files.readAllBytes(source);
    Files.write(source, Arrays.copyOf(bytes, bytes.length + difference));
    assertRefused(CheckpointConversion.of(source), "whole llama2.c file");
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "0, -4", "3, 3", "4, 2147483647", "2, -2147483648", "5, -2147483648"})
  void to_llama2cWithAnImpossibleHeader_isRefused(int at, int value) throws IOException {
    Path source = llama2c(300);
    byte[] bytes = Files.readAllBytes(source);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(4 * at, value);
    Files.write(source, bytes);
    assertRefused(CheckpointConversion.of(source), "whole llama2.c file");
  }

  @Test
  void to_tokenizerThatDoesNotBelong_isRefused() throws IOException {
    Path source = llama2c(300);
    Path tokenizer = pieces("a");
    assertRefused(CheckpointConversion.of(source), "it has 260 pieces, the model has 300 tokens");
    byte[] bytes = Files.readAllBytes(tokenizer);
    Files.write(tokenizer, Arrays.copyOf(bytes, bytes.length - 1));
    assertRefused(CheckpointConversion.of(source), "tokenizer.bin", "259 has 1 bytes");
    Files.write(tokenizer, Arrays.copyOf(bytes, 6));
    assertRefused(CheckpointConversion.of(source), "ends in the middle of a piece");
    pieces("a", "a");
    assertRefused(CheckpointConversion.of(source), "occurs twice");
    assertRefused(
        CheckpointConversion.of(TinyModels.folder("llama")).tokenizer(tokenizer), "llama2.c");
  }

  @Test
  void to_folderWithContent_isRefusedAndLeftAlone() throws IOException {
    Files.createDirectories(target());
    Path mine = Files.writeString(target().resolve("mine"), "mine");
    assertThatThrownBy(() -> CheckpointConversion.of(TinyModels.folder("gpt2")).to(target()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("is not an empty folder");
    assertThat(mine).hasContent("mine");
  }

  @Test
  void to_emptyFolder_isUsed() throws IOException {
    Files.createDirectories(target());
    CheckpointConversion.of(TinyModels.folder("gpt2")).to(target());
    assertSameTensors(TinyModels.folder("gpt2"), target());
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
