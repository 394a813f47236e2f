package io.promptgrad.lm.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TinyModels;
import io.promptgrad.lm.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GenerationTest {

  private static final List<int[]> PROMPTS =
      List.of(new int[] {11, 19, 6, 58, 51, 95, 77, 71}, new int[] {78}, new int[] {45, 64, 74});

  @TempDir static Path directory;

  @ParameterizedTest
  @ValueSource(
      strings = {"gpt2", "llama", "llama__rope_linear", "opt", "mistral", "gpt_neo", "gemma3_text"})
  void generate_greedy_equalsRepeatedFullPasses(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    Generation generation =
        Generation.generate(model, PROMPTS, GenerationOptions.greedy(10).keepLogits());
    assertThat(generation.logits()).hasSize(3 * 10 * 97);
    for (int row = 0; row < PROMPTS.size(); row++) {
      List<Integer> sequence = new ArrayList<>();
      Arrays.stream(PROMPTS.get(row)).forEach(sequence::add);
      for (int step = 0; step < 10; step++) {
        float[] logits = lastLogits(model, sequence);
        int best = 0;
        for (int id = 1; id < logits.length; id++) {
          best = logits[id] > logits[best] ? id : best;
        }
        assertThat(generation.tokens().get(row)[step])
            .as("%s row %d step %d", name, row, step)
            .isEqualTo(best);
        int start = (row * 10 + step) * 97;
        assertThat(Arrays.copyOfRange(generation.logits(), start, start + 97))
            .containsExactly(logits, org.assertj.core.api.Assertions.within(2e-5f));
        sequence.add(best);
      }
    }
  }

  /** The cache grows several times on the way. */
  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "mistral"})
  void generate_upToTheLastPosition_equalsRepeatedFullPasses(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    int most = Generation.mostNewTokens(model, 1);
    assertThat(most).isEqualTo(model.spec().maxPositions()).isGreaterThan(32);
    int[] tokens =
        Generation.generate(model, List.of(new int[] {78}), GenerationOptions.greedy(most))
            .tokens()
            .get(0);
    List<Integer> sequence = new ArrayList<>(List.of(78));
    for (int token : tokens) {
      float[] logits = lastLogits(model, sequence);
      int best = 0;
      for (int id = 1; id < logits.length; id++) {
        best = logits[id] > logits[best] ? id : best;
      }
      assertThat(token).as("step %d", sequence.size()).isEqualTo(best);
      sequence.add(best);
    }
  }

  @Provide
  Arbitrary<List<int[]>> prompts() {
    return Arbitraries.integers()
        .between(0, 96)
        .array(int[].class)
        .ofMinSize(1)
        .ofMaxSize(12)
        .list()
        .ofMinSize(1)
        .ofMaxSize(5);
  }

  @Property(tries = 40)
  void generate_anyPromptsTogether_equalsOneByOne(
      @ForAll("prompts") List<int[]> prompts, @ForAll boolean windows) {
    LanguageModel model = TinyModels.shared(windows ? "mistral" : "gpt2", Precision.FLOAT64);
    GenerationOptions greedy = GenerationOptions.greedy(6);
    List<int[]> together = Generation.generate(model, prompts, greedy).tokens();
    for (int row = 0; row < prompts.size(); row++) {
      assertThat(Generation.generate(model, List.of(prompts.get(row)), greedy).tokens().get(0))
          .isEqualTo(together.get(row));
    }
  }

  @Test
  void generate_bestFromTheDevice_isTheBestOfTheLogits() {
    for (Precision precision : new Precision[] {Precision.FLOAT64, Precision.BFLOAT16}) {
      LanguageModel model = TinyModels.shared("llama", precision);
      GenerationOptions greedy = GenerationOptions.greedy(8);
      assertThat(Generation.generate(model, PROMPTS, greedy).tokens())
          .usingRecursiveComparison()
          .isEqualTo(Generation.generate(model, PROMPTS, greedy.keepLogits()).tokens());
    }
  }

  @Test
  void generate_listenerThatHasEnough_endsEveryRowWithWhatItHas() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    int[] asked = {0};
    GenerationListener twice =
        new GenerationListener() {
          @Override
          public void text(int row, String piece) {}

          @Override
          public boolean goesOn() {
            return asked[0]++ < 2;
          }
        };
    Generation some = Generation.generate(model, PROMPTS, GenerationOptions.greedy(8), 2, twice);
    assertThat(some.ends()).containsOnly(Generation.End.CANCELLED);
    assertThat(some.tokens().stream().map(t -> t.length)).containsExactly(2, 2, 0);
    Generation all = Generation.generate(model, PROMPTS, GenerationOptions.greedy(8));
    assertThat(some.tokens().get(0)).isEqualTo(Arrays.copyOf(all.tokens().get(0), 2));
  }

  @Test
  void generate_logitsThatNoArrayHolds_areRefused() {
    LanguageModel model = TinyModels.shared("llama__rope_linear", Precision.FLOAT32);
    List<int[]> many = Collections.nCopies(1_200_000, new int[] {1});
    GenerationOptions options = GenerationOptions.greedy(20).keepLogits();
    assertThatThrownBy(() -> Generation.generate(model, many, options))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("do not fit into an array");
  }

  @Test
  void generate_rowAlone_equalsItsRowInABatch() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    List<int[]> together =
        Generation.generate(model, PROMPTS, GenerationOptions.greedy(12)).tokens();
    for (int row = 0; row < PROMPTS.size(); row++) {
      List<int[]> alone = List.of(PROMPTS.get(row));
      assertThat(Generation.generate(model, alone, GenerationOptions.greedy(12)).tokens().get(0))
          .isEqualTo(together.get(row));
    }
  }

  @Test
  void generate_sampling_isFixedByTheSeedAndIndependentOfOtherRows() {
    LanguageModel model = TinyModels.shared("llama", Precision.FLOAT32);
    GenerationOptions options = GenerationOptions.sampling(12, 1, 5);
    List<int[]> first = Generation.generate(model, PROMPTS, options).tokens();
    assertThat(Generation.generate(model, PROMPTS, options).tokens())
        .usingRecursiveComparison()
        .isEqualTo(first);
    assertThat(Generation.generate(model, PROMPTS, GenerationOptions.sampling(12, 1, 6)).tokens())
        .usingRecursiveComparison()
        .isNotEqualTo(first);
    List<int[]> otherRows = List.of(new int[] {1, 2}, PROMPTS.get(1), new int[40]);
    assertThat(Generation.generate(model, otherRows, options).tokens().get(1))
        .isEqualTo(first.get(1));
    // rows with the same prompt draw differently
    List<int[]> twice = List.of(PROMPTS.get(0), PROMPTS.get(0));
    List<int[]> both = Generation.generate(model, twice, options).tokens();
    assertThat(both.get(0)).isNotEqualTo(both.get(1));
  }

  @Test
  void generate_fewRowsAtOnce_changesNoResult() {
    LanguageModel model = TinyModels.shared("llama", Precision.FLOAT32);
    int first = firstToken(model, PROMPTS.get(0));
    GenerationOptions options = GenerationOptions.sampling(9, 1, 5).withStopIds(first).keepLogits();
    Generation all = Generation.generate(model, PROMPTS, options);
    for (int rows : new int[] {1, 2, 3}) {
      Generation some = Generation.generate(model, PROMPTS, options, rows, GenerationListener.NONE);
      assertThat(some.tokens()).usingRecursiveComparison().isEqualTo(all.tokens());
      assertThat(some.ends()).isEqualTo(all.ends());
      assertThat(some.logits())
          .containsExactly(all.logits(), org.assertj.core.api.Assertions.within(2e-5f));
    }
    assertThatThrownBy(
            () -> Generation.generate(model, PROMPTS, options, 0, GenerationListener.NONE))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static int firstToken(LanguageModel model, int[] prompt) {
    return Generation.generate(model, List.of(prompt), GenerationOptions.greedy(1))
        .tokens()
        .get(0)[0];
  }

  @Test
  void generate_listener_isToldEveryTextAndEnd() {
    Path folder = TinyModels.copy("gpt2", directory);
    TinyModels.addCharacterTokenizer(folder);
    try (LanguageModel model =
        LanguageModel.load(folder, new LoadOptions(Device.cpu(), Precision.FLOAT32))) {
      List<StringBuilder> told =
          List.of(new StringBuilder(), new StringBuilder(), new StringBuilder());
      List<String> ended = new ArrayList<>();
      GenerationListener listener =
          new GenerationListener() {
            @Override
            public void text(int row, String piece) {
              assertThat(piece).isNotEmpty();
              assertThat(ended).noneMatch(end -> end.startsWith(row + " "));
              told.get(row).append(piece);
            }

            @Override
            public void end(int row, Generation.End end) {
              ended.add(row + " " + end);
            }
          };
      // the first row writes ===d^yyy
      int second = firstToken(model, PROMPTS.get(1));
      GenerationOptions options =
          GenerationOptions.greedy(8).withStopStrings("^y").withStopIds(second);
      Generation generation = Generation.generate(model, PROMPTS, options, 2, listener);
      assertThat(told.stream().map(StringBuilder::toString).toList()).isEqualTo(generation.texts());
      assertThat(generation.texts().get(0)).isEqualTo("===d");
      assertThat(generation.ends().subList(0, 2))
          .containsExactly(Generation.End.STOP_STRING, Generation.End.STOP_ID);
      assertThat(ended)
          .containsExactlyInAnyOrder("0 STOP_STRING", "1 STOP_ID", "2 " + generation.ends().get(2));
      assertThat(Generation.generate(model, PROMPTS, GenerationOptions.greedy(3)).ends())
          .containsOnly(Generation.End.LENGTH);
    }
  }

  @Test
  void generate_listenerThatThrows_endsTheGeneration() {
    Path folder = TinyModels.copy("gpt2", directory);
    TinyModels.addCharacterTokenizer(folder);
    try (LanguageModel model =
        LanguageModel.load(folder, new LoadOptions(Device.cpu(), Precision.FLOAT32))) {
      long before = model.forwardTokens();
      GenerationListener enough =
          (row, piece) -> {
            throw new IllegalStateException("enough");
          };
      assertThatThrownBy(
              () ->
                  Generation.generate(
                      model, PROMPTS.subList(0, 1), GenerationOptions.greedy(8), 1, enough))
          .hasMessage("enough");
      assertThat(model.forwardTokens() - before).isEqualTo(8); // the prompt and nothing after
    }
  }

  @Test
  void generate_topKOfOne_equalsGreedyWhateverTheTemperature() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    assertThat(
            Generation.generate(model, PROMPTS, GenerationOptions.sampling(8, 50, 3).withTopK(1))
                .tokens())
        .usingRecursiveComparison()
        .isEqualTo(Generation.generate(model, PROMPTS, GenerationOptions.greedy(8)).tokens());
  }

  @Test
  void generate_stopId_endsItsRowOnlyAndIsNotPartOfIt() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    List<int[]> free = Generation.generate(model, PROMPTS, GenerationOptions.greedy(8)).tokens();
    int stop = free.get(0)[3]; // 28 28 28 67 ...
    Generation stopped =
        Generation.generate(
            model, PROMPTS, GenerationOptions.greedy(8).withStopIds(stop).keepLogits());
    for (int row = 0; row < 3; row++) {
      int[] all = free.get(row);
      int end = 0;
      while (end < all.length && all[end] != stop) {
        end++;
      }
      assertThat(stopped.tokens().get(row)).isEqualTo(Arrays.copyOf(all, end));
    }
    assertThat(stopped.tokens().get(0)).hasSize(3);
    assertThat(stopped.texts()).containsExactly("", "", ""); // no tokenizer
    // logits of the step that chose the stop id are kept, later ones are 0
    int steps = stopped.logits().length / 3 / 97;
    assertThat(Arrays.copyOfRange(stopped.logits(), 3 * 97, 4 * 97)).isNotEqualTo(new float[97]);
    for (int step = 4; step < steps; step++) {
      assertThat(Arrays.copyOfRange(stopped.logits(), step * 97, (step + 1) * 97))
          .isEqualTo(new float[97]);
    }
  }

  @Test
  void generate_everyRowStopped_computesNoFurther() {
    try (LanguageModel model = TinyModels.load("gpt2", Precision.FLOAT32)) {
      List<int[]> one = List.of(PROMPTS.get(0));
      int first = Generation.generate(model, one, GenerationOptions.greedy(1)).tokens().get(0)[0];
      long before = model.forwardTokens();
      Generation none =
          Generation.generate(model, one, GenerationOptions.greedy(30).withStopIds(first));
      assertThat(none.tokens().get(0)).isEmpty();
      assertThat(model.forwardTokens() - before).isEqualTo(8);
    }
  }

  @Test
  void generate_stopString_endsTheTextBeforeItEvenAcrossTokens() {
    Path folder = TinyModels.copy("gpt2", directory);
    TinyModels.addCharacterTokenizer(folder);
    try (LanguageModel model =
        LanguageModel.load(folder, new LoadOptions(Device.cpu(), Precision.FLOAT32))) {
      List<int[]> one = List.of(PROMPTS.get(0));
      // recorded: 28 28 28 67 61 88 88 88, the characters from "!" on
      Generation free = Generation.generate(model, one, GenerationOptions.greedy(8));
      assertThat(free.texts()).containsExactly("===d^yyy");
      Generation stopped =
          Generation.generate(
              model, one, GenerationOptions.greedy(8).withStopStrings("^y", "=d", "zz"));
      assertThat(stopped.texts()).containsExactly("==");
      assertThat(stopped.tokens().get(0)).containsExactly(28, 28, 28, 67);
      Generation never =
          Generation.generate(
              model, one, GenerationOptions.greedy(8).withStopStrings("d=", "yyyy"));
      assertThat(never.texts()).containsExactly("===d^yyy");
    }
  }

  @Test
  void generate_stopStringWithoutTokenizer_isRefused() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    assertThatThrownBy(
            () ->
                Generation.generate(
                    model, PROMPTS, GenerationOptions.greedy(2).withStopStrings("a")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("tokenizer.json");
  }

  @Test
  void generate_upToTheLastPosition_worksAndOneMoreIsRefusedInOneSentence() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32); // 40 positions
    List<int[]> prompts = List.of(new int[35], new int[] {5});
    List<int[]> tokens = Generation.generate(model, prompts, GenerationOptions.greedy(6)).tokens();
    assertThat(tokens.get(0)).hasSize(6);
    assertThatThrownBy(() -> Generation.generate(model, prompts, GenerationOptions.greedy(7)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessage(
            "A prompt of 35 tokens and 7 new ones exceed the 40 positions of this model; ask for at"
                + " most 6 new tokens.");
    assertThatThrownBy(
            () -> Generation.generate(model, List.of(new int[42]), GenerationOptions.greedy(1)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("shorten the prompt");
  }

  @Test
  void generate_badPrompt_isRefused() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    GenerationOptions greedy = GenerationOptions.greedy(2);
    for (int id : new int[] {-1, 97, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
      assertThatThrownBy(() -> Generation.generate(model, List.of(new int[] {1, id}), greedy))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("token id " + id);
    }
    assertThatThrownBy(() -> Generation.generate(model, List.of(), greedy))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Generation.generate(model, List.of(new int[0]), greedy))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("at least one token");
    assertThatThrownBy(
            () ->
                Generation.generate(TinyModels.shared("bert", Precision.FLOAT32), PROMPTS, greedy))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("cannot generate text");
  }

  private static float[] lastLogits(LanguageModel model, List<Integer> sequence) {
    int[] ids = sequence.stream().mapToInt(Integer::intValue).toArray();
    try (NDManager scope = model.newScope()) {
      return model
          .logits(scope, TokenBatch.of(List.of(ids), 0), new int[] {ids.length - 1})
          .toFloatArray();
    }
  }
}
