package io.promptgrad.gradient.blackbox;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.BlackBoxModel;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchContract;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.io.TempDir;

/** What every search promises, for every form of black-box tuning. */
class BlackBoxContractTest {

  @TempDir static Path folder;
  static LanguageModel masked;
  static LanguageModel causal;

  static final Task TASK = TinyModels.task(12, 20, 4);
  static final PromptTemplate TEMPLATE = PromptTemplate.parse("{sentence} it was [P]");

  static final BlackBoxConfig SMALL =
      new BlackBoxConfig(
          3,
          6,
          4,
          1000,
          BlackBoxModel.Mode.ADD,
          false,
          2,
          1,
          0,
          LabelLoss.CROSS_ENTROPY,
          false,
          3,
          0);

  @BeforeAll
  static void load() {
    masked = TinyModels.masked(folder.resolve("masked"));
    causal = TinyModels.causal(folder.resolve("causal"));
  }

  @AfterAll
  static void close() {
    masked.close();
    causal.close();
  }

  static LabelTokens labels(LanguageModel model) {
    return LabelTokens.resolve(
        Verbalizer.parse(Map.of("negative", List.of("bad"), "positive", List.of("good"))),
        model.tokenizer(),
        true);
  }

  static BlackBoxConfig with(BlackBoxModel.Mode mode, boolean separable, double bound) {
    return new BlackBoxConfig(
        3, 6, 4, 1000, mode, bound > 0, 2, 1, bound, LabelLoss.HINGE, separable, 3, 7);
  }

  @Nested
  class Bbt extends SearchContract {
    @Override
    protected Search search(long seed) {
      return BlackBoxTuning.of(
          masked, TASK, TEMPLATE, labels(masked), SMALL, new Accuracy(), new RandomSource(seed));
    }
  }

  @Nested
  class BbtInstead extends SearchContract {
    @Override
    protected Search search(long seed) {
      return BlackBoxTuning.of(
          causal,
          TASK,
          TEMPLATE,
          labels(causal),
          with(BlackBoxModel.Mode.INSTEAD, true, 5),
          new Accuracy(),
          new RandomSource(seed));
    }
  }

  @Nested
  class BbtOnTokens extends SearchContract {
    @Override
    protected Search search(long seed) {
      return BlackBoxTuning.ofTokens(
          causal,
          TASK,
          TEMPLATE,
          labels(causal),
          Set.of(TokenFilter.Rule.SPECIAL),
          with(BlackBoxModel.Mode.INSTEAD, false, 0),
          new Accuracy(),
          new RandomSource(seed));
    }
  }

  @Nested
  class Bbtv2 extends SearchContract {
    @Override
    protected Search search(long seed) {
      return new DeepBlackBoxTuning(
          masked, TASK, TEMPLATE, labels(masked), SMALL, new Accuracy(), new RandomSource(seed));
    }
  }
}
