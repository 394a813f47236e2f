package io.promptgrad.data;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.random.RandomGenerator;

/**
 * Facts of one relation as a task: the subject is given, the object is to be found among a set of
 * answers. Facts whose object is no answer cannot be asked for; they are left out, and counted.
 *
 * <p>With a {@link Context} this is relation extraction (Shin et al. 2020, section 5): each example
 * gets a field {@code context}, a sentence that states the fact.
 *
 * @param task the facts that are left; fields {@code sub_label} and perhaps {@code context}, the
 *     answer as label
 * @param counts what became of the rows of each split
 */
public record FactTask(Task task, Map<String, Count> counts) {

  /** The field that names the subject. */
  public static final String SUBJECT = "sub_label";

  private static final String CONTEXT = "context";
  private static final String MASK = "[MASK]";

  /**
   * How sentences are made.
   *
   * @param words white-space separated words that a sentence keeps at most, from its start
   * @param perturbed whether every object is replaced, in the label and in the sentence, by a
   *     random other one of the relation: what a model remembers does not help then
   * @param seed draws the sentence where a fact has several, and the other objects
   */
  public record Context(int words, boolean perturbed, long seed) {

    /** Refuses sentences without words. */
    public Context {
      if (words < 1) {
        throw new InvalidInputException(
            "The context keeps %d words; let it keep 1 at least.".formatted(words));
      }
    }
  }

  /**
   * What became of the rows of a split.
   *
   * @param rows in the data
   * @param kept in the task
   * @param noAnswer left out because the object is no answer
   * @param noSentence left out because no sentence states the fact
   */
  public record Count(int rows, int kept, int noAnswer, int noSentence) {}

  /** Copies the counts. */
  public FactTask {
    counts = Map.copyOf(counts);
  }

  /**
   * Selects and completes the facts.
   *
   * @param facts rows with {@code sub_label}, the object as label, and with a context {@code
   *     evidences}
   * @param answers the answer that an object is, if it is one
   * @param context empty: no sentences
   * @throws InvalidInputException if rows are no facts, or a split keeps none
   */
  public static FactTask of(
      Task facts, Function<String, Optional<String>> answers, Optional<Context> context) {
    Map<String, List<Example>> splits = new LinkedHashMap<>();
    Map<String, Count> counts = new LinkedHashMap<>();
    Surfaces surfaces = Surfaces.of(facts, answers, context);
    for (String split : List.of("train", "dev", "test")) {
      List<Example> kept = new ArrayList<>();
      int noAnswer = 0;
      int noSentence = 0;
      for (Example fact : facts.split(split)) {
        Optional<String> answer = answers.apply(fact.label());
        if (answer.isEmpty()) {
          noAnswer++;
        } else if (context.isPresent() && Fact.evidences(fact).isEmpty()) {
          noSentence++;
        } else {
          kept.add(example(fact, answer.get(), context, surfaces));
        }
      }
      int rows = facts.split(split).size();
      counts.put(split, new Count(rows, kept.size(), noAnswer, noSentence));
      if (kept.isEmpty()) {
        throw new InvalidInputException(
            "Of the %d facts in the %s split of %s none is left (%d have an object that is no single token of the answer vocabulary, %d have no sentence); choose another relation, vocabulary or model."
                .formatted(rows, split, facts.name(), noAnswer, noSentence));
      }
      splits.put(split, kept);
    }
    return new FactTask(
        new Task(facts.name(), splits.get("train"), splits.get("dev"), splits.get("test")), counts);
  }

  private static Example example(
      Example fact, String answer, Optional<Context> context, Surfaces surfaces) {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put(SUBJECT, subject(fact));
    if (context.isEmpty()) {
      return new Example(fact.id(), fields, answer);
    }
    List<Fact.Evidence> evidences = Fact.evidences(fact);
    RandomGenerator random = new RandomSource(context.get().seed()).stream("fact/" + fact.id(), 0);
    Fact.Evidence evidence = evidences.get(random.nextInt(evidences.size()));
    String object = answer;
    String surface = evidence.object();
    if (context.get().perturbed()) {
      object = surfaces.another(answer, random);
      surface = surfaces.of(object, random);
    }
    // Cut first, as the original does: the sentence may lose its object.
    String sentence = firstWords(evidence.maskedSentence(), context.get().words());
    fields.put(CONTEXT, sentence.replace(MASK, surface));
    return new Example(fact.id(), fields, object);
  }

  private static String firstWords(String sentence, int n) {
    String[] words = sentence.strip().split("\\s+");
    return String.join(" ", List.of(words).subList(0, Math.min(n, words.length)));
  }

  private static String subject(Example fact) {
    String subject = fact.fields().get(SUBJECT);
    if (subject == null) {
      throw new InvalidInputException(
          "Example %s is no fact: it has the fields %s but no '%s'; take a data set of facts, such as lama-trex/P19."
              .formatted(fact.id(), fact.fields().keySet(), SUBJECT));
    }
    return subject;
  }

  /** How the sentences of all splits write each answer. */
  private record Surfaces(Map<String, List<String>> byAnswer) {

    static Surfaces of(
        Task facts, Function<String, Optional<String>> answers, Optional<Context> context) {
      Map<String, Set<String>> found = new TreeMap<>();
      if (context.isPresent() && context.get().perturbed()) {
        for (String split : List.of("train", "dev", "test")) {
          for (Example fact : facts.split(split)) {
            answers
                .apply(fact.label())
                .ifPresent(
                    answer ->
                        Fact.evidences(fact)
                            .forEach(
                                e ->
                                    found
                                        .computeIfAbsent(answer, a -> new LinkedHashSet<>())
                                        .add(e.object())));
          }
        }
        if (found.size() < 2) {
          throw new InvalidInputException(
              "The facts of %s have %d object(s) with sentences; objects can be exchanged if there are two at least."
                  .formatted(facts.name(), found.size()));
        }
      }
      Map<String, List<String>> lists = new LinkedHashMap<>();
      found.forEach((answer, surfaces) -> lists.put(answer, List.copyOf(surfaces)));
      return new Surfaces(lists);
    }

    String another(String answer, RandomGenerator random) {
      List<String> others = byAnswer.keySet().stream().filter(a -> !a.equals(answer)).toList();
      return others.get(random.nextInt(others.size()));
    }

    String of(String answer, RandomGenerator random) {
      List<String> surfaces = byAnswer.get(answer);
      return surfaces.get(random.nextInt(surfaces.size()));
    }
  }

  /** Says in sentences what was left out; nothing if every fact is there. */
  public List<String> leftOut() {
    List<String> sentences = new ArrayList<>();
    for (String split : List.of("train", "dev", "test")) {
      Count count = counts.get(split);
      if (count.kept() < count.rows()) {
        sentences.add(
            "%d of the %d facts of %s are left out: %d objects are no single token of the answer vocabulary%s."
                .formatted(
                    count.rows() - count.kept(),
                    count.rows(),
                    split,
                    count.noAnswer(),
                    count.noSentence() == 0
                        ? ""
                        : ", %d facts have no sentence".formatted(count.noSentence())));
      }
    }
    return sentences;
  }
}
