package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.generate.Generation;
import io.promptgrad.lm.generate.GenerationOptions;
import io.promptgrad.lm.weights.SharedFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A trained Llama checkpoint (260 thousand weights, children's stories) tells its story. */
class StoriesTest {

  private static JsonNode expected;
  private static LanguageModel model;

  @BeforeAll
  static void load() throws IOException {
    Path folder = SharedFolder.path("data/stories260K");
    expected = Json.parse(Files.readString(folder.resolve("expected.json")));
    model =
        LanguageModel.load(folder.resolve("hf"), new LoadOptions(Device.cpu(), Precision.FLOAT32));
  }

  @AfterAll
  static void close() {
    if (model != null) {
      model.close();
    }
  }

  @Test
  void generate_fromTheBeginOfSequence_tellsTheRecordedStory() {
    int[] story = Json.ints(expected.path("greedy_from_bos").path("ids"));
    GenerationOptions greedy = GenerationOptions.greedy(story.length - 1);
    Generation generation = Generation.generate(model, List.of(new int[] {story[0]}), greedy);
    assertThat(generation.tokens().get(0)).isEqualTo(Arrays.copyOfRange(story, 1, story.length));
    // the first piece carries the blank that the tokenizer puts before a text
    assertThat(generation.texts().get(0).strip())
        .isEqualTo(expected.path("greedy_from_bos").path("text").asText().strip());
  }

  @Test
  void logits_afterThePrompt_areTheRecordedOnes() {
    JsonNode prompt = expected.path("prompt");
    int[] ids = Json.ints(prompt.path("ids"));
    assertThat(model.tokenizer().encodeWithSpecials(prompt.path("text").asText())).isEqualTo(ids);
    double[] logits;
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(ids), 0);
      logits = Tensors.doubles(model.logits(scope, batch, new int[] {ids.length - 1}));
    }
    assertThat(Arrays.copyOf(logits, 16))
        .containsExactly(doubles(prompt.path("last_position_logits_first_16")), within(1e-4));
    int[] best = Arrays.copyOf(descending(logits), 5);
    assertThat(best).isEqualTo(Json.ints(prompt.path("last_position_top5_ids")));
    assertThat(Arrays.stream(best).mapToDouble(id -> logits[id]).toArray())
        .containsExactly(doubles(prompt.path("last_position_top5_logits")), within(1e-4));
  }

  @Test
  void generate_afterThePrompt_continuesAsRecorded() {
    JsonNode prompt = expected.path("prompt");
    int[] ids = Json.ints(prompt.path("ids"));
    int[] more = Json.ints(prompt.path("greedy_40_more_ids"));
    // beside a shorter and a longer prompt, so that its row is padded
    List<int[]> prompts = List.of(new int[] {1}, ids, concatenated(ids, Arrays.copyOf(more, 5)));
    Generation generation =
        Generation.generate(model, prompts, GenerationOptions.greedy(more.length));
    assertThat(generation.tokens().get(1)).isEqualTo(more);
    assertThat(Arrays.copyOf(generation.tokens().get(2), 35))
        .isEqualTo(Arrays.copyOfRange(more, 5, 40));
    assertThat(model.tokenizer().decode(concatenated(Arrays.copyOfRange(ids, 1, 13), more)).strip())
        .isEqualTo(prompt.path("greedy_text").asText());
  }

  @Test
  void losses_ofAPassage_areTheRecordedNegativeLogLikelihood() {
    JsonNode nll = expected.path("nll");
    int[] ids = Json.ints(nll.path("ids"));
    int n = ids.length - 1;
    assertThat(n).isEqualTo(nll.path("tokens_scored").asInt());
    Targets targets =
        Targets.mean(IntStream.range(0, n).toArray(), Arrays.copyOfRange(ids, 1, ids.length));
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(ids), 0);
      double sum = Arrays.stream(Tensors.doubles(model.losses(scope, batch, targets))).sum();
      assertThat(sum).isCloseTo(nll.path("sum_nll_nats").asDouble(), within(1e-3));
      assertThat(sum / n).isCloseTo(nll.path("mean_nll_nats").asDouble(), within(1e-5));
    }
  }

  @Test
  void gradient_atTheEmbeddings_isTheRecordedOneAndRanksTheSameReplacements() {
    JsonNode recorded = expected.path("embedding_gradient");
    int[] ids = Json.ints(recorded.path("ids"));
    Targets target =
        Targets.mean(new int[] {ids.length - 1}, new int[] {recorded.path("target_id").asInt()});
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(ids), 0);
      EmbeddingGradient result = model.gradient(scope, batch, target);
      assertThat(Tensors.doubles(result.losses())[0])
          .isCloseTo(recorded.path("loss_nats").asDouble(), within(1e-5));
      double[] gradient = Tensors.doubles(result.vectors());
      for (int i = 0; i < ids.length; i++) {
        assertThat(Tensors.row(gradient, i, 64))
            .as("position %d", i)
            .containsExactly(doubles(recorded.path("gradient").get(i)), within(2e-6));
      }
      int position = recorded.path("hotflip_position").asInt();
      NDArray row = result.vectors().get("0," + position + ":" + (position + 1));
      double[] change = Tensors.doubles(model.timesWordEmbedding(scope, row).neg());
      assertThat(Arrays.copyOf(descending(change), 10))
          .isEqualTo(Json.ints(recorded.path("hotflip_top10_ids_by_negative_dot")));
    }
  }

  private static int[] descending(double[] values) {
    return IntStream.range(0, values.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -values[i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static double[] doubles(JsonNode array) {
    double[] values = new double[array.size()];
    Arrays.setAll(values, i -> array.get(i).asDouble());
    return values;
  }

  private static int[] concatenated(int[] a, int[] b) {
    int[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }
}
