package io.promptgrad.gradient.discrete;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchContract;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What every search promises, in AutoPrompt's variants. */
@ParameterizedClass
@MethodSource("configs")
class AutoPromptContractTest extends SearchContract {

  @TempDir static Path folder;
  static LanguageModel model;

  private static final Task TASK = TinyModels.task(48, 24, 24);
  private static final Verbalizer WORDS =
      Verbalizer.parse(Map.of("negative", List.of("bad", "awful"), "positive", List.of("good")));

  @Parameter AutoPromptConfig config;

  static Stream<AutoPromptConfig> configs() {
    AutoPromptConfig usual = AutoPromptConfig.defaults().withCandidates(12).withExamples(16, 24);
    return Stream.of(
        usual,
        usual.withHalving(4),
        usual.withPositions(AutoPromptConfig.Positions.ALL),
        usual.withObjective(AutoPromptConfig.Objective.LABEL_LIKELIHOOD),
        usual.withReference(new AutoPromptConfig.Reference(4, 4, 2)));
  }

  @BeforeAll
  static void load() {
    model = TinyModels.masked(folder.resolve("masked"));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Override
  protected Search search(long seed) {
    Cloze cloze = new Cloze(model, PromptTemplate.parse("{sentence} [T] [T] [T] [P]"), WORDS);
    return new AutoPrompt(model, TASK, cloze, config, new RandomSource(seed));
  }

  @Override
  protected boolean startTakesPart() {
    return config.reference().equals(Optional.empty());
  }
}
