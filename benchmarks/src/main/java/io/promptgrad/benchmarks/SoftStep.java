package io.promptgrad.benchmarks;

import ai.djl.ndarray.NDManager;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.soft.ClassificationProblem;
import io.promptgrad.gradient.soft.PTuning;
import io.promptgrad.gradient.soft.PrefixTuning;
import io.promptgrad.gradient.soft.PromptTuning;
import io.promptgrad.gradient.soft.SoftConfig;
import io.promptgrad.gradient.soft.SoftSearch;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * One step of training a soft prompt, with everything that a search does in it but looks at dev,
 * and a bare forward and backward pass of the same shapes: 16 rows of one sentence with 10 virtual
 * tokens in front.
 */
public final class SoftStep {

  /** What is trained. */
  public enum Method {
    PROMPT_TUNING,
    PREFIX_TUNING,
    DEEP_PROMPTS,
    P_TUNING;

    private SoftConfig config() {
      SoftConfig config =
          switch (this) {
            case PROMPT_TUNING -> PromptTuning.small();
            case PREFIX_TUNING -> PrefixTuning.small();
            case DEEP_PROMPTS -> PrefixTuning.smallDeepPrompts();
            case P_TUNING -> PTuning.small();
          };
      return config.with(TOKENS, 1e-4, 1_000_000, ROWS).inSteps(1, 1_000_000);
    }
  }

  private static final int ROWS = 16;
  private static final int TOKENS = 10;
  private static final PromptTemplate TEMPLATE = PromptTemplate.parse("{sentence} it was [P] .");
  private static final Verbalizer WORDS =
      Verbalizer.parse(Map.of("negative", List.of("bad"), "positive", List.of("good")));
  private static final String SENTENCE =
      "a film with a fine cast and a story that stays with you for some days after you have seen it";

  private final LanguageModel model;
  private final SoftSearch search;
  private final TokenBatch batch;
  private final Targets targets;
  private final int[] among;
  private int steps;

  /** The step of a method on a model. */
  public SoftStep(LanguageModel model, Method method) {
    this.model = model;
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < ROWS; i++) {
      examples.add(
          new Example(
              "train:" + i, Map.of("sentence", SENTENCE), i % 2 == 0 ? "positive" : "negative"));
    }
    Task task = new Task("one sentence", examples, examples.subList(0, 2), examples.subList(0, 2));
    Cloze cloze = new Cloze(model, TEMPLATE, WORDS);
    this.search =
        new SoftSearch(
            "soft",
            new ClassificationProblem(model, task, cloze, new Accuracy()),
            method.config(),
            "model",
            new RandomSource(0));
    boolean front = method.config().layout() == SoftModel.Layout.VECTORS;
    List<int[]> rows = new ArrayList<>();
    int[][] wanted = new int[ROWS][];
    int[] at = new int[ROWS];
    for (int r = 0; r < ROWS; r++) {
      ClozeExample example = cloze.encode(examples.get(r));
      int before = front ? TOKENS : 0;
      int[] ids = new int[before + example.ids().length];
      Arrays.fill(ids, example.ids()[1]);
      System.arraycopy(example.ids(), 0, ids, before, example.ids().length);
      rows.add(ids);
      wanted[r] = example.goldTokens();
      at[r] = r * ids.length + before + example.predictAt();
    }
    this.batch = TokenBatch.of(rows, 0);
    this.targets = Targets.mean(at, wanted);
    this.among = cloze.labels().flat();
    step(); // which looks at dev
  }

  /** One step of the search. */
  public double step() {
    return search.step(++steps).score();
  }

  /** A forward and a backward pass to the word vectors of a batch of the same shape. */
  public float bare() {
    try (NDManager scope = model.newScope()) {
      return model.gradient(scope, batch, targets, among).losses().toFloatArray()[0];
    }
  }
}
