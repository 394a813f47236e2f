package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

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
        task(Section.root(wrapped, "task")),
        new ConfigPaths.Base(file.getParent(), base.data()));
  }

  private static Section task(Section root) {
    return root.section("task", "name", "label", "labels", "columns", "train", "dev", "test");
  }

  private static ObjectNode mapping(Section section, ConfigPaths.Base base) {
    ObjectNode task = Json.object();
    task.put("name", section.text("name").orElse("task"));
    section.text("label").ifPresent(label -> task.put("label", label));
    section.mapping("labels").ifPresent(labels -> task.set("labels", labels));
    section.texts("columns").ifPresent(names -> names.forEach(task.withArray("columns")::add));
    for (String split : List.of("train", "dev", "test")) {
      task.set(split, split(section, split, base));
    }
    return task;
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
    Optional<String> file = source.text("file");
    file.ifPresent(
        f -> resolved.put("file", ConfigPaths.file(source, "file", f, base).toString()));
    source.text("from").ifPresent(from -> resolved.put("from", from));
    for (String number : List.of("limit", "size", "seed")) {
      source.wholeNumber(number).ifPresent(n -> resolved.put(number, Math.toIntExact(n)));
    }
    if (file.isEmpty() && !source.has("from")) {
      throw source.missing("file", "name the split's file, or take it from train.");
    }
    return resolved;
  }
}
