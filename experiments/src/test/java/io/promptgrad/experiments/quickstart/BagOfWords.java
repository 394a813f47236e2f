package io.promptgrad.experiments.quickstart;

import io.promptgrad.task.Example;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * A linear classifier that sees which words a sentence has, and how often, but not their order:
 * what a task can be solved with if its words alone give the label away.
 *
 * @param weights what each occurrence of a word adds to the score; other words add nothing
 * @param bias the score of a sentence without any known word
 */
record BagOfWords(Map<String, Double> weights, double bias) {

  static final String NEGATIVE = "negative";
  static final String POSITIVE = "positive";

  private static final int DESCENT_STEPS = 3000;
  private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}]+(?:'[\\p{L}\\p{N}]+)*");

  /** Returns the lower-case words of a text; punctuation goes, and hyphens separate. */
  static List<String> words(String text) {
    return WORD.matcher(text.toLowerCase(Locale.ROOT)).results().map(MatchResult::group).toList();
  }

  /** Multinomial naive Bayes with one added to every count of a word in a label's sentences. */
  static BagOfWords naiveBayes(List<Example> train) {
    Map<String, Integer> positive = new HashMap<>();
    Map<String, Integer> negative = new HashMap<>();
    for (Example example : train) {
      Map<String, Integer> counts = isPositive(example) ? positive : negative;
      words(example.text()).forEach(word -> counts.merge(word, 1, Integer::sum));
    }
    TreeSet<String> vocabulary = new TreeSet<>(positive.keySet());
    vocabulary.addAll(negative.keySet());
    double positiveTotal = vocabulary.size() + sum(positive);
    double negativeTotal = vocabulary.size() + sum(negative);
    Map<String, Double> weights = new HashMap<>();
    for (String word : vocabulary) {
      double inPositive = (positive.getOrDefault(word, 0) + 1) / positiveTotal;
      double inNegative = (negative.getOrDefault(word, 0) + 1) / negativeTotal;
      weights.put(word, StrictMath.log(inPositive / inNegative));
    }
    long positives = train.stream().filter(BagOfWords::isPositive).count();
    double prior = StrictMath.log(positives / (double) (train.size() - positives));
    return new BagOfWords(weights, prior);
  }

  private static int sum(Map<String, Integer> counts) {
    return counts.values().stream().mapToInt(Integer::intValue).sum();
  }

  /**
   * Logistic regression on word counts: full-batch gradient descent from zero, with the step that
   * the largest sentence's curvature allows, so that the loss never rises.
   *
   * @param penalty factor of half the squared length of the weights, beside the mean log loss
   */
  static BagOfWords logisticRegression(List<Example> train, double penalty) {
    Map<String, Integer> indexOf = new HashMap<>();
    int[][] sentences = new int[train.size()][]; // indices of the words, repeated as they occur
    double curvature = 0;
    for (int i = 0; i < sentences.length; i++) {
      List<String> words = words(train.get(i).text());
      words.forEach(word -> indexOf.putIfAbsent(word, indexOf.size()));
      sentences[i] = words.stream().mapToInt(indexOf::get).toArray();
      Map<String, Integer> counts = new HashMap<>();
      words.forEach(word -> counts.merge(word, 1, Integer::sum));
      int squaredLength = 1 + counts.values().stream().mapToInt(count -> count * count).sum();
      curvature = Math.max(curvature, squaredLength / 4.0);
    }
    double step = 1 / (curvature + penalty);
    double[] weights = new double[indexOf.size()];
    double bias = 0;
    for (int iteration = 0; iteration < DESCENT_STEPS; iteration++) {
      double[] gradient = new double[weights.length];
      double biasGradient = 0;
      for (int i = 0; i < sentences.length; i++) {
        double score = bias;
        for (int word : sentences[i]) {
          score += weights[word];
        }
        double target = isPositive(train.get(i)) ? 1 : 0;
        double error = (1 / (1 + StrictMath.exp(-score)) - target) / sentences.length;
        for (int word : sentences[i]) {
          gradient[word] += error;
        }
        biasGradient += error;
      }
      for (int word = 0; word < weights.length; word++) {
        weights[word] -= step * (gradient[word] + penalty * weights[word]);
      }
      bias -= step * biasGradient;
    }
    Map<String, Double> byWord = new HashMap<>();
    indexOf.forEach((word, index) -> byWord.put(word, weights[index]));
    return new BagOfWords(byWord, bias);
  }

  /** Returns the share of the examples whose label it finds. */
  double accuracy(List<Example> examples) {
    long right = examples.stream().filter(e -> label(e.text()).equals(e.label())).count();
    return right / (double) examples.size();
  }

  /** Returns {@value #POSITIVE} if the score is above zero, else {@value #NEGATIVE}. */
  String label(String text) {
    double score = bias;
    for (String word : words(text)) {
      score += weights.getOrDefault(word, 0.0);
    }
    return score > 0 ? POSITIVE : NEGATIVE;
  }

  private static boolean isPositive(Example example) {
    return example.label().equals(POSITIVE);
  }
}
