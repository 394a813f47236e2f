package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.data.Catalogue;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The task of a configuration: a bundled one, a data set, a YAML file of its own, or a mapping. */
final class TaskConfig {

  /** Prefix of a data set's name where a task is asked for. */
  private static final String DATA = "data:";

  private final ConfigPaths.Base base;
  private final DataDirectory directory;
  private boolean usesDataSets;

  private TaskConfig(ConfigPaths.Base base, DataDirectory directory) {
    this.base = base;
    this.directory = directory;
  }

  /**
   * Returns {@code bundled:NAME}, or the mapping that {@link DataDirectory#load} reads with
   * absolute paths.
   */
  static JsonNode read(Section root, ConfigPaths.Base base) {
    JsonNode task =
        root.get("task")
            .orElseThrow(
                () ->
                    root.missing(
                        "task",
                        "name bundled:sentiment, data:NAME, a YAML file, or train, dev and test."));
    if (!task.isTextual()) {
      return mapping(task(root), base);
    }
    String name = task.asText();
    if (name.startsWith(BundledTask.PREFIX)) {
      root.reading("task", () -> BundledTask.named(name));
      return TextNode.valueOf(name);
    }
    if (name.startsWith(DATA)) {
      TaskConfig config = new TaskConfig(base, DataFolder.open(base.data()));
      return config.dataSet(root, "task", name.substring(DATA.length()));
    }
    Path file = ConfigPaths.file(root, "task", name, base);
    YamlDocument document = YamlDocument.read(file);
    YamlDocument wrapped = document.nested("task");
    return mapping(
        task(Section.root(wrapped, "task")), new ConfigPaths.Base(file.getParent(), base.data()));
  }

  private static Section task(Section root) {
    return root.section(
        "task",
        "name",
        "data",
        "dir",
        "label",
        "labels",
        "columns",
        "fields",
        "keep_labels",
        "balanced",
        "train",
        "dev",
        "test");
  }

  private static ObjectNode mapping(Section section, ConfigPaths.Base base) {
    Optional<Path> dir = section.text("dir").map(base.folder()::resolve);
    return new TaskConfig(base, DataFolder.open(dir.or(base::data))).mapping(section);
  }

  private ObjectNode mapping(Section section) {
    Optional<String> data = section.text("data");
    ObjectNode defaults = data.map(name -> taskOf(section, "data", name)).orElseGet(Json::object);
    ObjectNode task = Json.object();
    task.put("name", section.text("name").orElse(defaults.path("name").asText("task")));
    section
        .text("label")
        .or(() -> Optional.ofNullable(defaults.path("label").textValue()))
        .ifPresent(label -> task.put("label", label));
    section.mapping("labels").ifPresent(labels -> task.set("labels", names(section, labels)));
    section.texts("columns").ifPresent(names -> names.forEach(task.withArray("columns")::add));
    section
        .texts("fields")
        .ifPresentOrElse(
            names -> names.forEach(task.withArray("fields")::add),
            () -> task.setAll(defaults.deepCopy().retain("fields")));
    section.texts("keep_labels").ifPresent(l -> l.forEach(task.withArray("keep_labels")::add));
    if (section.flag("balanced", false)) {
      task.put("balanced", true);
    }
    for (String split : List.of("train", "dev", "test")) {
      task.set(split, split(section, split, data, defaults.path(split)));
    }
    if (usesDataSets) {
      task.put("dir", directory.folder().toString());
    }
    return task;
  }

  private static ObjectNode names(Section section, ObjectNode labels) {
    for (Map.Entry<String, JsonNode> label : labels.properties()) {
      if (!label.getValue().isValueNode() || label.getValue().isNull()) {
        throw section.problem(
            "labels." + label.getKey(),
            "the name of the label '%s' must be text, not %s."
                .formatted(label.getKey(), label.getValue()));
      }
    }
    return labels;
  }

  /** The task that a data set proposes. */
  private ObjectNode dataSet(Section section, String key, String name) {
    ObjectNode task = taskOf(section, key, name);
    for (String split : List.of("train", "dev", "test")) {
      if (!task.has(split)) {
        throw section.problem(
            key,
            "the data set %s does not say which rows to search and test on; write {data: %s, train: SPLIT, dev: {from: train, size: 100}, test: SPLIT} with its splits %s."
                .formatted(name, name, directory.splitNames(name)));
      }
    }
    return task;
  }

  private ObjectNode taskOf(Section section, String key, String name) {
    String dataset = name.replaceFirst("/.*", "");
    boolean unknown =
        directory.state(dataset) == DataDirectory.State.ABSENT
            && Catalogue.builtIn().find(dataset).isEmpty();
    if (unknown && dataset.matches("\\w.*")) {
      throw section.problem(
          key, "there is no data set '%s'%s".formatted(dataset, DataFolder.hint(dataset)));
    }
    return section.reading(key, () -> directory.taskOf(name));
  }

  private ObjectNode split(
      Section section, String split, Optional<String> data, JsonNode proposed) {
    JsonNode node = section.get(split).orElse(proposed);
    if (node.isMissingNode()) {
      throw section.missing(
          split,
          data.isPresent()
              ? "name one of the splits %s of %s, or write {from: train, size: 100}."
                  .formatted(directory.splitNames(data.get()), data.get())
              : "name a file, or write {from: train, size: 400, seed: 0}.");
    }
    if (!section.has(split)) {
      usesDataSets |= node.has("data");
      return (ObjectNode) node;
    }
    ObjectNode resolved = Json.object();
    if (node.isTextual() && data.isPresent()) {
      return dataSplit(section, split, resolved, data.get(), node.asText());
    }
    if (node.isTextual()) {
      Path file = ConfigPaths.file(section, split, node.asText(), base);
      return resolved.put("file", file.toString());
    }
    Section source =
        section.section(split, "file", "data", "split", "limit", "from", "size", "seed");
    if (source.has("from")) {
      resolved.put("from", source.choice("from", "train", List.of("train")));
    } else if (source.has("file")) {
      String file = source.text("file").orElseThrow();
      resolved.put("file", ConfigPaths.file(source, "file", file, base).toString());
    } else if (source.has("split")) {
      String name =
          source
              .text("data")
              .or(() -> data)
              .orElseThrow(() -> source.missing("data", "name the data set of the split."));
      dataSplit(source, "split", resolved, name, source.text("split").orElseThrow());
    } else if (source.has("data")) {
      throw source.missing("split", "name the split of the data set.");
    } else if (proposed instanceof ObjectNode own) { // with other numbers than it proposes
      usesDataSets |= own.has("data");
      resolved.setAll(own);
    } else {
      throw source.missing("file", "name the split's file, or take it from train.");
    }
    boolean carved = resolved.has("from");
    for (String key : carved ? List.of("file", "data", "split", "limit") : List.of("size")) {
      if (source.has(key)) {
        throw source.problem(
            key,
            "'%s' does not go with '%s'; write {file, limit, seed}, {split, limit, seed} or {from: train, size, seed}."
                .formatted(
                    source.at(key), carved ? "from" : resolved.has("file") ? "file" : "split"));
      }
    }
    String number = carved ? "size" : "limit";
    if (source.has(number)) {
      resolved.put(number, source.positive(number, 1));
    } else if (carved && !resolved.has(number)) {
      throw source.missing("size", "say how many examples to take from train.");
    }
    source.wholeNumber("seed").ifPresent(seed -> resolved.put("seed", seed));
    return resolved;
  }

  private ObjectNode dataSplit(
      Section section, String key, ObjectNode resolved, String data, String split) {
    usesDataSets = true;
    section.reading(key, () -> directory.requireSplit(data, split));
    return resolved.put("data", data).put("split", split);
  }
}
