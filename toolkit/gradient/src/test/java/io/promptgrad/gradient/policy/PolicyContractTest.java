package io.promptgrad.gradient.policy;

import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TokenFilter;
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

/** What every search promises, for policies. */
class PolicyContractTest {

  @TempDir static Path folder;
  static LanguageModel masked;
  static LanguageModel causal;
  static LanguageModel other;

  static final Task TASK = TinyModels.task(12, 20, 4);
  static final PromptTemplate TEMPLATE = PromptTemplate.parse("{sentence} [T] [T] it was [P]");
  static final RlPrompt.Config SMALL = new RlPrompt.Config(4, 8, 12, 1e-2, 5, 0.1, 100, 2, 0);

  @BeforeAll
  static void load() {
    masked = TinyModels.masked(folder.resolve("masked"));
    causal = TinyModels.causal(folder.resolve("causal"));
    other = TinyModels.textToText(folder.resolve("other"));
  }

  @AfterAll
  static void close() {
    masked.close();
    causal.close();
    other.close();
  }

  static LabelTokens labels(LanguageModel model) {
    return LabelTokens.resolve(
        Verbalizer.parse(Map.of("negative", List.of("bad"), "positive", List.of("good"))),
        model.tokenizer(),
        true);
  }

  static RlPrompt rlPrompt(LanguageModel model, RlPrompt.Config config, long seed) {
    return new RlPrompt(
        causal,
        model,
        TASK,
        TEMPLATE,
        labels(model),
        config,
        new Accuracy(),
        new RandomSource(seed));
  }

  @Nested
  class SameVocabulary extends SearchContract {
    @Override
    protected Search search(long seed) {
      return rlPrompt(masked, SMALL, seed);
    }
  }

  /** An encoder-decoder with one token more: prompts go there as text. */
  @Nested
  class OtherVocabulary extends SearchContract {
    @Override
    protected Search search(long seed) {
      return rlPrompt(other, SMALL, seed);
    }
  }

  @Nested
  class OfPositions extends SearchContract {
    @Override
    protected Search search(long seed) {
      return new Reinforce(
          masked,
          TASK,
          TEMPLATE,
          labels(masked),
          new Reinforce.Config(10, 6, 2, Set.of(TokenFilter.Rule.SPECIAL), 2, 5),
          new Accuracy(),
          new RandomSource(seed));
    }
  }
}
