package io.promptgrad.gradient.policy;

import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.ClozeExample;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Prompts of tokens on a task: how the model answers with them, many at once. */
final class TokenPrompts {

  private static final Pattern SLOTS = Pattern.compile("\\[T\\](?:\\s*\\[T\\])*");

  private final LanguageModel model;
  private final Task task;
  private final PromptTemplate template;
  private final LabelTokens labels;
  private final Metric metric;
  private final LabelScorer scorer;
  private final Map<Integer, Slots> byLength = new HashMap<>();
  private long evaluations;

  /** The examples with so many slots. */
  private record Slots(Cloze cloze, List<ClozeExample> train, List<ClozeExample> dev) {}

  TokenPrompts(
      LanguageModel model,
      Task task,
      PromptTemplate template,
      LabelTokens labels,
      Metric metric,
      String method) {
    if (template.triggerCount() == 0) {
      throw new InvalidInputException(
          "The template '%s' has no slot [T] for the tokens that %s looks for; put as many there as the prompt shall have."
              .formatted(template, method));
    }
    this.model = model;
    this.task = task;
    this.template = template;
    this.labels = labels;
    this.metric = metric;
    this.scorer = new LabelScorer(model);
    slots(template.triggerCount());
  }

  /** Slots of the template. */
  int length() {
    return template.triggerCount();
  }

  /** Whether prompts may have another length: all slots stand side by side. */
  boolean stretches() {
    Matcher slots = SLOTS.matcher(template.toString());
    return slots.find() && !slots.find();
  }

  private Slots slots(int length) {
    return byLength.computeIfAbsent(
        length,
        n -> {
          PromptTemplate own =
              n == template.triggerCount()
                  ? template
                  : PromptTemplate.parse(
                      SLOTS
                          .matcher(template.toString())
                          .replaceFirst(Matcher.quoteReplacement("[T] ".repeat(n).strip())));
          Cloze cloze = new Cloze(model, own, labels);
          return new Slots(cloze, cloze.encode(task.train()), cloze.encode(task.dev()));
        });
  }

  List<ClozeExample> train() {
    return slots(length()).train();
  }

  /**
   * Which train examples a step looks at.
   *
   * @param count how many; 0: all
   * @param chance of the step
   */
  int[] sample(int count, RandomGenerator chance) {
    int n = task.train().size();
    return count == 0 || count >= n
        ? IntStream.range(0, n).toArray()
        : Arrays.copyOf(RandomSource.permutation(n, chance), count);
  }

  /** The right labels of a sample. */
  int[] gold(int[] sample) {
    return Arrays.stream(sample).map(i -> train().get(i).gold()).toArray();
  }

  /**
   * Scores of the labels on a sample of train, equal prompts once.
   *
   * @return [prompts][sample][labels]
   */
  double[][][] trainScores(List<int[]> prompts, int[] sample) {
    List<int[]> different = new ArrayList<>();
    int[] which = new int[prompts.size()];
    List<LabelScorer.Row> rows = new ArrayList<>();
    for (int k = 0; k < which.length; k++) {
      int[] prompt = prompts.get(k);
      while (which[k] < different.size() && !Arrays.equals(different.get(which[k]), prompt)) {
        which[k]++;
      }
      if (which[k] == different.size()) {
        different.add(prompt);
        List<ClozeExample> train = slots(prompt.length).train();
        for (int i : sample) {
          rows.add(LabelScorer.Row.of(train.get(i), prompt));
        }
      }
    }
    evaluations += rows.size();
    double[][] scores = scorer.scores(rows, labels);
    int n = sample.length;
    return Arrays.stream(which)
        .mapToObj(own -> Arrays.copyOfRange(scores, own * n, (own + 1) * n))
        .toArray(double[][][]::new);
  }

  /** The metric on all of dev. */
  double dev(int[] prompt) {
    List<ClozeExample> examples = slots(prompt.length).dev();
    List<LabelScorer.Row> rows = examples.stream().map(e -> LabelScorer.Row.of(e, prompt)).toList();
    evaluations += rows.size();
    double[][] scores = scorer.scores(rows, labels);
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < scores.length; i++) {
      outcomes.add(ClozeEvaluator.outcome(examples.get(i), scores[i], labels.labels()));
    }
    return metric.score(outcomes);
  }

  TriggerPrompt prompt(int[] tokens) {
    return TriggerPrompt.of(
        slots(tokens.length).cloze().template(), labels, tokens, model.tokenizer());
  }

  /** The tokens as words, for the trace. */
  String text(int[] tokens) {
    return model.tokenizer().decode(tokens);
  }

  /** Evaluations since the last call. */
  long takeEvaluations() {
    long taken = evaluations;
    evaluations = 0;
    return taken;
  }
}
