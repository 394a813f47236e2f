package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The task of a configuration: a bundled one, a YAML file of its own, or a mapping. */
final class TaskConfig {

  private TaskConfig() {}

  /**
   * Returns {@code bundled:NAME}, or the mapping that {@link io.promptgrad.task.TaskFiles} reads
   * with absolute paths.
   */
  static JsonNode read(Section root, ConfigPaths.Base base) {
    JsonNode task =
        root.get("task")
            .orElseThrow(
                () ->
                    root.missing(
                        "task", "name bundled:sentiment, a YAML file, or train, dev and test."));
    if (!task.isTextual()) {
      return mapping(task(root), base);
    }
    String name = task.asText();
    if (name.startsWith(BundledTask.PREFIX)) {
      root.reading("task", () -> BundledTask.named(name));
      return TextNode.valueOf(name);
    }
    Path file = ConfigPaths.file(root, "task", name, base);
    YamlDocument document = YamlDocument.read(file);
    YamlDocument wrapped = document.nested("task");
    return mapping(
        task(Section.root(wrapped, "task")), new ConfigPaths.Base(file.getParent(), base.data()));
  }

  private static Section task(Section root) {
    return root.section("task", "name", "label", "labels", "columns", "train", "dev", "test");
  }

  private static ObjectNode mapping(Section section, ConfigPaths.Base base) {
    ObjectNode task = Json.object();
    task.put("name", section.text("name").orElse("task"));
    section.text("label").ifPresent(label -> task.put("label", label));
    section.mapping("labels").ifPresent(labels -> task.set("labels", names(section, labels)));
    section.texts("columns").ifPresent(names -> names.forEach(task.withArray("columns")::add));
    for (String split : List.of("train", "dev", "test")) {
      task.set(split, split(section, split, base));
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

  private static ObjectNode split(Section section, String split, ConfigPaths.Base base) {
    JsonNode node =
        section
            .get(split)
            .orElseThrow(
                () ->
                    section.missing(
                        split, "name a file, or write {from: train, size: 400, seed: 0}."));
    ObjectNode resolved = Json.object();
    if (node.isTextual()) {
      Path file = ConfigPaths.file(section, split, node.asText(), base);
      return resolved.put("file", file.toString());
    }
    Section source = section.section(split, "file", "limit", "from", "size", "seed");
    boolean carved = source.has("from");
    for (String key : carved ? List.of("file", "limit") : List.of("size")) {
      if (source.has(key)) {
        throw source.problem(
            key,
            "'%s' does not go with '%s'; write {file, limit, seed} or {from: train, size, seed}."
                .formatted(source.at(key), carved ? "from" : "file"));
      }
    }
    if (carved) {
      resolved.put("from", source.choice("from", "train", List.of("train")));
    } else {
      String file =
          source
              .text("file")
              .orElseThrow(
                  () -> source.missing("file", "name the split's file, or take it from train."));
      resolved.put("file", ConfigPaths.file(source, "file", file, base).toString());
    }
    String number = carved ? "size" : "limit";
    if (source.has(number)) {
      resolved.put(number, source.positive(number, 1));
    } else if (carved) {
      throw source.missing("size", "say how many examples to take from train.");
    }
    source.wholeNumber("seed").ifPresent(seed -> resolved.put("seed", seed));
    return resolved;
  }
}
