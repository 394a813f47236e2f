package io.promptgrad.task;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.RandomSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.random.RandomGenerator;

/**
 * A task as a configuration describes it.
 *
 * <pre>{@code
 * name: sst2
 * label: label                                # label column; leave out for files without labels
 * labels: {0: negative, 1: positive}          # optional: names for the file's labels
 * columns: [sentence, label]                  # optional: for files without a header line
 * fields: [sentence]                          # optional: the columns that examples keep
 * keep_labels: [negative, positive]           # optional: rows with other labels are left out
 * balanced: true                              # optional: as many rows of every label
 * train: {file: sst2/train.tsv, limit: 5000}  # or just the file; limit draws a sample
 * dev: {from: train, size: 400, seed: 0}      # or a file
 * test: {data: sst2, split: dev}              # or a split of a data set
 * }</pre>
 *
 * <p>Labels are left out and balanced by their names in the task, in each file or split that is
 * read; balancing cuts every label to the rows of the rarest, drawn by the split's seed. Samples
 * are stratified: each label gets its share of the size (largest remainders, ties to the label that
 * sorts first), drawn by the seed, in file order. What is drawn for dev leaves train first; the
 * limit on train then applies to the rest.
 */
public final class TaskFiles {

  private static final TreeSet<String> KEYS =
      new TreeSet<>(
          List.of(
              "name",
              "label",
              "labels",
              "columns",
              "fields",
              "keep_labels",
              "balanced",
              "train",
              "dev",
              "test"));

  private TaskFiles() {}

  /**
   * Reads a task that names files only.
   *
   * @param config the mapping shown above
   * @param base folder that relative paths start from
   * @throws InvalidInputException naming the key, or the file and line, that cannot be used
   */
  public static Task load(JsonNode config, Path base) {
    return load(
        config,
        base,
        (data, split) -> {
          throw new InvalidInputException(
              "The task's split %s of the data set '%s' cannot be read without a data folder."
                  .formatted(split, data));
        });
  }

  /**
   * Reads a task.
   *
   * @param config the mapping shown above
   * @param base folder that relative paths start from
   * @param dataSets gives the split (second argument) of a data set (first) as JSON lines
   * @throws InvalidInputException naming the key, or the file and line, that cannot be used
   */
  public static Task load(JsonNode config, Path base, BiFunction<String, String, byte[]> dataSets) {
    if (!config.isObject()) {
      throw new InvalidInputException(
          "The task is not a mapping; give it train, dev and test files.");
    }
    requireKnown(config, "task", KEYS);
    String name = config.path("name").asText("task");
    Columns columns = columns(config);
    RowSelection selection = RowSelection.parse(config);
    SplitSource train = SplitSource.parse(config, "train", base, dataSets);
    SplitSource dev = SplitSource.parse(config, "dev", base, dataSets);
    SplitSource test = SplitSource.parse(config, "test", base, dataSets);
    if (train.isCarved()) {
      throw new InvalidInputException(
          "The task's train split says 'from'; only dev and test can be taken from train.");
    }
    List<Example> trainRows = train.read(columns, selection);
    Split devSplit = dev.split(trainRows, columns, selection);
    Split testSplit = test.split(devSplit.rest, columns, selection);
    return new Task(name, train.limited(testSplit.rest), devSplit.taken, testSplit.taken);
  }

  private static Columns columns(JsonNode config) {
    Columns columns = Columns.label(config.path("label").asText(""));
    if (config.has("columns")) {
      columns = columns.withColumnNames(texts(config, "columns"));
    }
    if (config.has("labels")) {
      JsonNode labels = config.get("labels");
      if (!labels.isObject()) {
        throw new InvalidInputException(
            "The task's labels are not a mapping; write labels: {0: negative, 1: positive}.");
      }
      Map<String, String> names = new LinkedHashMap<>();
      labels.properties().forEach(label -> names.put(label.getKey(), label.getValue().asText()));
      columns = columns.withLabelNames(names);
    }
    return columns;
  }

  static List<String> texts(JsonNode config, String key) {
    List<String> texts = new ArrayList<>();
    config.path(key).forEach(text -> texts.add(text.asText()));
    return texts;
  }

  static void requireKnown(JsonNode config, String where, TreeSet<String> known) {
    config
        .fieldNames()
        .forEachRemaining(
            key -> {
              if (!known.contains(key)) {
                throw new InvalidInputException(
                    "The %s has the unknown key '%s'; it knows %s.".formatted(where, key, known));
              }
            });
  }

  /**
   * Draws a stratified sample.
   *
   * @param size number of examples; at most as many as there are
   * @param seed equal seeds draw equal samples
   * @return the sample and the rest, both in their old order
   */
  public static Split sample(List<Example> examples, int size, long seed) {
    Map<String, List<Integer>> byLabel = new TreeMap<>();
    for (int i = 0; i < examples.size(); i++) {
      byLabel.computeIfAbsent(examples.get(i).label(), label -> new ArrayList<>()).add(i);
    }
    Map<String, Integer> shares = shares(byLabel, size, examples.size());
    boolean[] taken = new boolean[examples.size()];
    byLabel.forEach(
        (label, rows) -> {
          RandomGenerator random = new RandomSource(seed).stream("sample/" + label, 0);
          int[] order = RandomSource.permutation(rows.size(), random);
          Arrays.stream(order).limit(shares.get(label)).forEach(i -> taken[rows.get(i)] = true);
        });
    List<Example> in = new ArrayList<>();
    List<Example> out = new ArrayList<>();
    for (int i = 0; i < taken.length; i++) {
      (taken[i] ? in : out).add(examples.get(i));
    }
    return new Split(in, out);
  }

  private static Map<String, Integer> shares(
      Map<String, List<Integer>> byLabel, int size, int total) {
    Map<String, Integer> shares = new HashMap<>();
    Map<String, Long> remainders = new TreeMap<>();
    int given = 0;
    for (Map.Entry<String, List<Integer>> label : byLabel.entrySet()) {
      long exact = (long) size * label.getValue().size();
      shares.put(label.getKey(), (int) (exact / total));
      remainders.put(label.getKey(), exact % total);
      given += (int) (exact / total);
    }
    List<String> byRemainder = new ArrayList<>(remainders.keySet());
    byRemainder.sort((a, b) -> Long.compare(remainders.get(b), remainders.get(a)));
    for (int i = 0; given < size; i++, given++) {
      shares.merge(byRemainder.get(i), 1, Integer::sum);
    }
    return shares;
  }

  /**
   * Two parts of a list of examples.
   *
   * @param taken the sample
   * @param rest everything else
   */
  public record Split(List<Example> taken, List<Example> rest) {
    /** Copies the lists. */
    public Split {
      taken = List.copyOf(taken);
      rest = List.copyOf(rest);
    }
  }

  /**
   * Draws as many examples of every label as there are of the rarest, in their old order.
   *
   * @param seed equal seeds draw equal samples
   */
  public static List<Example> balance(List<Example> examples, long seed) {
    Map<String, List<Example>> byLabel = new TreeMap<>();
    for (Example example : examples) {
      byLabel.computeIfAbsent(example.label(), label -> new ArrayList<>()).add(example);
    }
    int rarest = byLabel.values().stream().mapToInt(List::size).min().orElse(0);
    Set<String> taken = new HashSet<>();
    byLabel
        .values()
        .forEach(rows -> sample(rows, rarest, seed).taken().forEach(e -> taken.add(e.id())));
    return examples.stream().filter(example -> taken.contains(example.id())).toList();
  }
}
