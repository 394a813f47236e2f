package io.promptgrad.evaluation;

import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * A control that knows no language: multinomial naive Bayes on the words of the examples. What it
 * reaches on facts can be guessed from the subject's name and the training objects alone (Zhong,
 * Friedman and Chen 2021, arXiv:2104.05240).
 *
 * <p>A word is a run of letters and digits, in lower case. {@code log p(label) + sum over words of
 * log p(word | label)}, with one added to every count of a word (Laplace); words that train does
 * not have are left out. Labels with equal scores keep the order of their frequency in train, then
 * of their names. A gold label that train does not have has rank 0, unknown.
 */
public final class NaiveBayes {

  /** What train says about a label. */
  private static final class LabelCounts {
    private int examples;
    private int words;
    private final Map<String, Integer> byWord = new HashMap<>();
  }

  private final List<String> fields;
  private final List<String> labels; // most frequent first
  private final Map<String, LabelCounts> counts = new TreeMap<>();
  private final Set<String> vocabulary = new HashSet<>();
  private final int examples;

  private NaiveBayes(List<Example> train, List<String> fields) {
    this.fields = List.copyOf(fields);
    this.examples = train.size();
    for (Example example : train) {
      LabelCounts own = counts.computeIfAbsent(example.label(), label -> new LabelCounts());
      own.examples++;
      for (String word : words(example)) {
        own.byWord.merge(word, 1, Integer::sum);
        own.words++;
        vocabulary.add(word);
      }
    }
    List<String> sorted = new ArrayList<>(counts.keySet());
    sorted.sort((a, b) -> Integer.compare(counts.get(b).examples, counts.get(a).examples));
    this.labels = List.copyOf(sorted);
  }

  /**
   * Counts the words of the training examples, of which there must be one at least.
   *
   * @param fields whose words count
   */
  public static NaiveBayes train(List<Example> train, List<String> fields) {
    if (train.isEmpty()) {
      throw new IllegalArgumentException("There are no training examples.");
    }
    return new NaiveBayes(train, fields);
  }

  private List<String> words(Example example) {
    List<String> words = new ArrayList<>();
    for (String field : fields) {
      String text = example.fields().getOrDefault(field, "").toLowerCase(Locale.ROOT);
      for (String word : text.split("[^\\p{L}\\p{N}]+")) {
        if (!word.isEmpty()) {
          words.add(word);
        }
      }
    }
    return words;
  }

  /** Logarithm of p(label, words of the example), up to words that no training example has. */
  double logJoint(String label, Example example) {
    LabelCounts own = counts.get(label);
    double sum = Math.log((double) own.examples / examples);
    for (String word : words(example)) {
      if (vocabulary.contains(word)) {
        double count = own.byWord.getOrDefault(word, 0) + 1.0;
        sum += Math.log(count / (own.words + vocabulary.size()));
      }
    }
    return sum;
  }

  /** Evaluates the control on examples. */
  public EvalReport evaluate(List<Example> list, Metric metric, List<Metric> others) {
    return EvalReport.of(metric, others, list.stream().map(this::outcome).toList());
  }

  private Outcome outcome(Example example) {
    double[] joint = labels.stream().mapToDouble(label -> logJoint(label, example)).toArray();
    int best = 0;
    double total = 0;
    for (int c = 0; c < joint.length; c++) {
      best = joint[c] > joint[best] ? c : best;
    }
    for (double own : joint) {
      total += Math.exp(own - joint[best]);
    }
    int gold = labels.indexOf(example.label());
    int rank = gold < 0 ? 0 : 1;
    for (int c = 0; gold >= 0 && c < joint.length; c++) {
      rank += joint[c] > joint[gold] || (joint[c] == joint[gold] && c < gold) ? 1 : 0;
    }
    // A label that train does not have gets what one more example without known words would.
    double goldJoint = gold < 0 ? Math.log(1.0 / (examples + 1)) + joint[best] : joint[gold];
    double log = goldJoint - joint[best] - Math.log(total);
    return Outcome.classified(
        example.id(), example.label(), labels.get(best), rank, Map.of(example.label(), log));
  }
}
