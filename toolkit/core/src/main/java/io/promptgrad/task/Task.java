package io.promptgrad.task;

import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The examples that a prompt is searched on (train), chosen by (dev) and reported on (test). None
 * of them may be empty.
 */
public record Task(String name, List<Example> train, List<Example> dev, List<Example> test) {

  /**
   * Copies the lists.
   *
   * @throws InvalidInputException if a split is empty
   */
  public Task {
    Objects.requireNonNull(name, "name");
    train = nonEmpty(name, "train", train);
    dev = nonEmpty(name, "dev", dev);
    test = nonEmpty(name, "test", test);
  }

  private static List<Example> nonEmpty(String task, String split, List<Example> examples) {
    if (examples.isEmpty()) {
      throw new InvalidInputException(
          "Task '%s' has no examples in its %s split; give it at least one row."
              .formatted(task, split));
    }
    return List.copyOf(examples);
  }

  /** Returns the split of that name: {@code train}, {@code dev} or {@code test}. */
  public List<Example> split(String split) {
    return switch (split) {
      case "train" -> train;
      case "dev" -> dev;
      case "test" -> test;
      default ->
          throw new InvalidInputException(
              "There is no split '%s'; use train, dev or test.".formatted(split));
    };
  }

  /** Returns every label of the three splits, sorted, without the empty label. */
  public List<String> labels() {
    TreeSet<String> labels = new TreeSet<>();
    for (List<Example> split : List.of(train, dev, test)) {
      split.forEach(example -> labels.add(example.label()));
    }
    labels.remove("");
    return List.copyOf(labels);
  }

  /** Returns the field names of the first training example. */
  public List<String> fields() {
    return List.copyOf(new LinkedHashSet<>(train.get(0).fields().keySet()));
  }

  /** Returns a few lines for people: sizes, label counts and one example per split. */
  public String describe() {
    List<String> lines = new ArrayList<>();
    lines.add("task " + name + ", fields " + fields() + ", labels " + labels());
    for (String split : List.of("train", "dev", "test")) {
      List<Example> examples = split(split);
      Map<String, Integer> counts = new TreeMap<>();
      examples.forEach(example -> counts.merge(example.label(), 1, Integer::sum));
      lines.add("%-5s %6d examples %s".formatted(split, examples.size(), counts));
      Example first = examples.get(0);
      lines.add("      %s: %s -> %s".formatted(first.id(), first.text(), first.label()));
    }
    return String.join(System.lineSeparator(), lines);
  }
}
