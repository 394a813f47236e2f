package io.promptgrad.gradient.coordinate;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.trigger.ClozeProblem;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchContract;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/** What every search promises, by every method on a task with sampled examples. */
@ParameterizedClass(name = "{0}")
@MethodSource("methods")
class DiscreteContractTest extends SearchContract {

  @TempDir static Path folder;
  static LanguageModel model;

  @Parameter String method;

  static Stream<String> methods() {
    return DiscreteMethodsTest.methods().keySet().stream();
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
  protected int steps() {
    return 6; // FluentPrompt and PEZ look at dev in the fifth
  }

  @Override
  protected Search search(long seed) {
    RandomSource random = new RandomSource(seed);
    Verbalizer words =
        Verbalizer.parse(Map.of("negative", List.of("bad"), "positive", List.of("good")));
    ClozeProblem problem =
        new ClozeProblem(
            model,
            TinyModels.task(32, 16, 8),
            new Cloze(model, PromptTemplate.parse("{sentence} [T] [T] [T] [P]"), words),
            ClozeProblem.Objective.LABEL_LIKELIHOOD,
            new ClozeProblem.Sampling(8, 12, false),
            TokenFilter.of(
                model.tokenizer(),
                model.spec().vocabulary(),
                List.of(TokenFilter.Rule.SPECIAL),
                new int[0]),
            new Accuracy(),
            random);
    return DiscreteMethodsTest.methods().get(method).apply(problem, seed);
  }
}
