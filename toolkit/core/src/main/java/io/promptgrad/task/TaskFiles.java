package io.promptgrad.task;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.RandomSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.random.RandomGenerator;

/**
 * A task as a configuration describes it.
 *
 * <pre>{@code
 * name: sst2
 * label: label                                # label column; leave out for files without labels
 * labels: {0: negative, 1: positive}          # optional: names for the file's labels
 * columns: [sentence, label]                  # optional: for files without a header line
 * train: {file: sst2/train.tsv, limit: 5000}  # or just the file; limit draws a sample
 * dev: {from: train, size: 400, seed: 0}      # or a file
 * test: sst2/dev.tsv
 * }</pre>
 *
 * <p>Samples are stratified: each label gets its share of the size (largest remainders, ties to the
 * label that sorts first), drawn by the seed, in file order. What is drawn for dev leaves train
 * first; the limit on train then applies to the rest.
 */
public final class TaskFiles {

  private static final TreeSet<String> KEYS =
      new TreeSet<>(List.of("name", "label", "labels", "columns", "train", "dev", "test"));

  private TaskFiles() {}

  /**
   * Reads a task.
   *
   * @param config the mapping shown above
   * @param base folder that relative paths start from
   * @throws InvalidInputException naming the key, or the file and line, that cannot be used
   */
  public static Task load(JsonNode config, Path base) {
    if (!config.isObject()) {
      throw new InvalidInputException(
          "The task is not a mapping; give it train, dev and test files.");
    }
    requireKnown(config, "task", KEYS);
    String name = config.path("name").asText("task");
    Columns columns = columns(config);
    Source train = Source.parse(config, "train", base);
    Source dev = Source.parse(config, "dev", base);
    Source test = Source.parse(config, "test", base);
    if (train.carve) {
      throw new InvalidInputException(
          "The task's train split says 'from'; only dev and test can be taken from train.");
    }
    List<Example> trainRows = train.read("train", columns);
    Split devSplit = dev.split("dev", trainRows, columns);
    Split testSplit = test.split("test", devSplit.rest, columns);
    return new Task(name, train.limited(testSplit.rest), devSplit.taken, testSplit.taken);
  }

  private static Columns columns(JsonNode config) {
    Columns columns = Columns.label(config.path("label").asText(""));
    if (config.has("columns")) {
      List<String> names = new ArrayList<>();
      config.get("columns").forEach(column -> names.add(column.asText()));
      columns = columns.withColumnNames(names);
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

  private static void requireKnown(JsonNode config, String where, TreeSet<String> known) {
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

  /** Where a split comes from: a file (perhaps a sample of it), or a part of train. */
  private static final class Source {

    private static final TreeSet<String> KEYS =
        new TreeSet<>(List.of("file", "limit", "from", "size", "seed"));

    private final String split;
    private final boolean carve;
    private final Path file;
    private final Optional<Integer> size;
    private final long seed;

    private Source(String split, boolean carve, Path file, Optional<Integer> size, long seed) {
      this.split = split;
      this.carve = carve;
      this.file = file;
      this.size = size;
      this.seed = seed;
    }

    static Source parse(JsonNode config, String split, Path base) {
      JsonNode node = config.path(split);
      if (node.isTextual()) {
        return new Source(split, false, base.resolve(node.asText()), Optional.empty(), 0);
      }
      if (!node.isObject()) {
        throw new InvalidInputException(
            "The task has no %s split; name a file, or write %s: {from: train, size: 400, seed: 0}."
                .formatted(split, split));
      }
      requireKnown(node, "task's " + split + " split", KEYS);
      long seed = node.path("seed").asLong(0);
      if (node.has("from")) {
        if (!node.get("from").asText().equals("train")) {
          throw new InvalidInputException(
              "The task's %s split is taken from '%s'; it can be taken from train only."
                  .formatted(split, node.get("from").asText()));
        }
        return new Source(split, true, null, Optional.of(positive(node, split, "size")), seed);
      }
      if (!node.path("file").isTextual()) {
        throw new InvalidInputException("The task's %s split needs a file.".formatted(split));
      }
      Optional<Integer> limit =
          node.has("limit") ? Optional.of(positive(node, split, "limit")) : Optional.empty();
      return new Source(split, false, base.resolve(node.get("file").asText()), limit, seed);
    }

    private static int positive(JsonNode node, String split, String key) {
      JsonNode value = node.path(key);
      if (!value.isInt() || value.intValue() < 1) {
        throw new InvalidInputException(
            "The task's %s split needs a positive whole number as %s, not '%s'."
                .formatted(split, key, value.asText()));
      }
      return value.intValue();
    }

    /** Reads the file; ids begin with the split's name. */
    List<Example> read(String prefix, Columns columns) {
      List<Example> examples = new ArrayList<>();
      for (Example example : ExampleFile.read(file, columns)) {
        String row = example.id().substring(example.id().lastIndexOf(':'));
        examples.add(new Example(prefix + row, example.fields(), example.label()));
      }
      return examples;
    }

    Split split(String prefix, List<Example> train, Columns columns) {
      if (!carve) {
        return new Split(limited(read(prefix, columns)), train);
      }
      if (size.get() >= train.size()) {
        throw new InvalidInputException(
            "The task's %s split takes %d examples from train, which has only %d; take fewer."
                .formatted(split, size.get(), train.size()));
      }
      return sample(train, size.get(), seed);
    }

    List<Example> limited(List<Example> examples) {
      return size.isEmpty() || size.get() >= examples.size()
          ? examples
          : sample(examples, size.get(), seed).taken();
    }
  }
}
