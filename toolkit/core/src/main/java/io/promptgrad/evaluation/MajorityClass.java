package io.promptgrad.evaluation;

import io.promptgrad.metric.Metric;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The baseline that every prompt must beat: always answer the label that is most frequent in train.
 *
 * <p>Its scores are the log relative frequencies of the labels in train with one added to every
 * count, and one more for labels that train does not have. Ties go to the label that sorts first.
 */
public final class MajorityClass {

  /** With more labels than this an outcome keeps the gold label's score alone. */
  private static final int FEW_LABELS = 50;

  private final Map<String, Integer> counts; // most frequent first
  private final int total;

  private MajorityClass(Map<String, Integer> counts, int total) {
    this.counts = counts;
    this.total = total;
  }

  /** Counts the labels of the training examples, of which there must be one at least. */
  public static MajorityClass of(List<Example> train) {
    if (train.isEmpty()) {
      throw new IllegalArgumentException("There are no training examples.");
    }
    Map<String, Integer> sorted = new TreeMap<>();
    train.forEach(example -> sorted.merge(example.label(), 1, Integer::sum));
    List<String> labels = new ArrayList<>(sorted.keySet());
    labels.sort((a, b) -> Integer.compare(sorted.get(b), sorted.get(a)));
    Map<String, Integer> counts = new LinkedHashMap<>();
    labels.forEach(label -> counts.put(label, sorted.get(label)));
    return new MajorityClass(counts, train.size());
  }

  /** Returns the label that it always answers. */
  public String label() {
    return counts.keySet().iterator().next();
  }

  /** Evaluates the baseline on examples. */
  public EvalReport evaluate(List<Example> examples, Metric metric, List<Metric> others) {
    List<String> ranking = List.copyOf(counts.keySet());
    List<Outcome> outcomes = new ArrayList<>();
    for (Example example : examples) {
      Map<String, Double> scores = new LinkedHashMap<>();
      if (counts.size() <= FEW_LABELS) {
        counts.forEach((label, count) -> scores.put(label, logFrequency(count)));
      }
      scores.putIfAbsent(example.label(), logFrequency(counts.getOrDefault(example.label(), 0)));
      int rank = ranking.indexOf(example.label()) + 1; // 0, unknown, if train lacks the label
      outcomes.add(Outcome.classified(example.id(), example.label(), label(), rank, scores));
    }
    return EvalReport.of(metric, others, outcomes);
  }

  private double logFrequency(int count) {
    return Math.log((count + 1.0) / (total + counts.size() + 1.0));
  }
}
