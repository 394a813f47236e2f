package io.promptgrad.task;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.input.InvalidInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;

/** Where a split comes from: a file or data set (perhaps a sample of it), or a part of train. */
final class SplitSource {

  private static final TreeSet<String> KEYS =
      new TreeSet<>(List.of("file", "data", "split", "limit", "from", "size", "seed"));

  private final String split;
  private final Optional<Function<Columns, List<Example>>> rows; // empty: carved out of train
  private final Optional<Integer> size;
  private final long seed;

  private SplitSource(
      String split,
      Optional<Function<Columns, List<Example>>> rows,
      Optional<Integer> size,
      long seed) {
    this.split = split;
    this.rows = rows;
    this.size = size;
    this.seed = seed;
  }

  static SplitSource parse(
      JsonNode config, String split, Path base, BiFunction<String, String, byte[]> dataSets) {
    JsonNode node = config.path(split);
    if (node.isTextual()) {
      return new SplitSource(split, file(base.resolve(node.asText())), Optional.empty(), 0);
    }
    if (!node.isObject()) {
      throw new InvalidInputException(
          "The task has no %s split; name a file, or write %s: {from: train, size: 400, seed: 0}."
              .formatted(split, split));
    }
    TaskFiles.requireKnown(node, "task's " + split + " split", KEYS);
    long seed = node.path("seed").asLong(0);
    if (node.has("from")) {
      if (!node.get("from").asText().equals("train")) {
        throw new InvalidInputException(
            "The task's %s split is taken from '%s'; it can be taken from train only."
                .formatted(split, node.get("from").asText()));
      }
      return new SplitSource(
          split, Optional.empty(), Optional.of(positive(node, split, "size")), seed);
    }
    Optional<Integer> limit =
        node.has("limit") ? Optional.of(positive(node, split, "limit")) : Optional.empty();
    if (node.path("data").isTextual() && node.path("split").isTextual()) {
      String data = node.get("data").asText();
      String name = node.get("split").asText();
      return new SplitSource(
          split,
          Optional.of(
              columns ->
                  ExampleFile.parse(
                      dataSets.apply(data, name), data + "/" + name + ".jsonl", columns)),
          limit,
          seed);
    }
    if (!node.path("file").isTextual()) {
      throw new InvalidInputException("The task's %s split needs a file.".formatted(split));
    }
    return new SplitSource(split, file(base.resolve(node.get("file").asText())), limit, seed);
  }

  private static Optional<Function<Columns, List<Example>>> file(Path file) {
    return Optional.of(columns -> ExampleFile.read(file, columns));
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

  boolean isCarved() {
    return rows.isEmpty();
  }

  /** Reads the rows; ids begin with the split's name. */
  List<Example> read(Columns columns, RowSelection selection) {
    List<Example> examples = new ArrayList<>();
    for (Example example : rows.orElseThrow().apply(columns)) {
      String row = example.id().substring(example.id().lastIndexOf(':'));
      examples.add(new Example(split + row, example.fields(), example.label()));
    }
    return selection.of(examples, split, seed);
  }

  TaskFiles.Split split(List<Example> train, Columns columns, RowSelection selection) {
    if (!isCarved()) {
      return new TaskFiles.Split(limited(read(columns, selection)), train);
    }
    if (size.get() >= train.size()) {
      throw new InvalidInputException(
          "The task's %s split takes %d examples from train, which has only %d; take fewer."
              .formatted(split, size.get(), train.size()));
    }
    return TaskFiles.sample(train, size.get(), seed);
  }

  List<Example> limited(List<Example> examples) {
    return size.isEmpty() || size.get() >= examples.size()
        ? examples
        : TaskFiles.sample(examples, size.get(), seed).taken();
  }
}
