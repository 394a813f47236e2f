package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.soft.LoadedPrompt;
import io.promptgrad.gradient.soft.PeftAdapter;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.models.BundledModel;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Adapters that Python's PEFT wrote for the bundled models: {@code peft/make_goldens.py}. */
class PeftGoldenTest {

  private static final Path FOLDER = folder();

  @TempDir Path out;

  private static Path folder() {
    try {
      return Path.of(PeftGoldenTest.class.getResource("peft/logits.json").toURI()).getParent();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static List<JsonNode> adapters() {
    JsonNode golden = Json.read(FOLDER.resolve("logits.json")).path("adapters");
    return StreamSupport.stream(golden.spliterator(), false).toList();
  }

  private static int[] ints(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
  }

  /** One label for each token, so that its score is the token's logit. */
  private static LabelTokens tokens() {
    int[] ids = ints(Json.read(FOLDER.resolve("logits.json")).path("tokens"));
    return new LabelTokens(
        IntStream.of(ids).mapToObj(Integer::toString).toList(),
        IntStream.of(ids).mapToObj(id -> new int[] {id}).toArray(int[][]::new));
  }

  @ParameterizedTest
  @MethodSource("adapters")
  void adapterOfPython_givesItsLogitsAndIsWrittenAsPythonDid(JsonNode golden) throws IOException {
    Path folder = FOLDER.resolve(golden.path("folder").asText());
    String name = BundledModel.PREFIX + golden.path("model").asText();
    PeftAdapter adapter = PeftAdapter.read(folder);
    assertThat(adapter.warnings()).isEmpty();
    adapter.write(out);
    for (String file : List.of(PeftAdapter.CONFIG, PeftAdapter.WEIGHTS)) {
      assertThat(out.resolve(file)).hasSameBinaryContentAs(folder.resolve(file));
    }

    int[] ids = ints(golden.path("ids"));
    List<LabelScorer.Row> rows = new ArrayList<>();
    for (int i = 0; i < ids.length; i++) {
      rows.add(new LabelScorer.Row(ids, new int[0], i));
    }
    SoftPrompt prompt = new SoftPrompt(List.of(adapter), Optional.empty(), List.of());
    try (LanguageModel model =
        LanguageModel.load(BundledModel.named(name).orElseThrow().folder())) {
      prompt.requireFit(model, name);
      try (LoadedPrompt loaded = new LoadedPrompt(model, prompt)) {
        double[][] logits = loaded.scores(0, rows, tokens());
        for (int i = 0; i < ids.length; i++) {
          for (int t = 0; t < logits[i].length; t++) {
            assertThat(logits[i][t])
                .isCloseTo(golden.path("logits").path(i).path(t).asDouble(), within(1e-4));
          }
        }
      }
    }
  }
}
