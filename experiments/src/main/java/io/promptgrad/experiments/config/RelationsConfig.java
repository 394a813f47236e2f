package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The same experiment on several relations of a data set of facts: {@code facts.relations} names
 * them, {@code task} the data set.
 *
 * @param dataset its name
 * @param experiments by relation, in the order given
 * @param json the configuration, paths absolute and defaults written out
 * @param out the run directory; empty: a new one below {@code runs/}
 */
public record RelationsConfig(
    String dataset,
    Map<String, ExperimentConfig> experiments,
    ObjectNode json,
    Optional<Path> out) {

  private static final String DATA = "data:";

  /**
   * Reads the experiments, if there are several: every relation is checked before anything runs.
   *
   * @param base folder that relative paths start from
   */
  public static Optional<RelationsConfig> read(YamlDocument document, Path base) {
    ObjectNode root = document.root();
    JsonNode named = root.path(FactsReader.KEY).path("relations");
    if (named.isMissingNode()) {
      return Optional.empty();
    }
    List<String> relations = new ArrayList<>();
    named.forEach(relation -> relations.add(relation.asText()));
    if (!named.isArray() || relations.isEmpty()) {
      throw document.problem(
          "facts.relations", "'facts.relations' must be a list of relations, such as [P19, P20].");
    }
    String dataset = dataset(document);
    Map<String, ExperimentConfig> experiments = new LinkedHashMap<>();
    for (String relation : relations) {
      ExperimentConfig experiment = one(document, dataset, relation, base);
      if (experiments.putIfAbsent(relation, experiment) != null) {
        throw document.problem(
            "facts.relations", "the relation %s is named twice.".formatted(relation));
      }
    }
    Optional<Path> out = experiments.get(relations.get(0)).out();
    return Optional.of(
        new RelationsConfig(
            dataset,
            experiments,
            resolved(root, dataset, base, experiments.get(relations.get(0))),
            out));
  }

  /** The data set that the relations are parts of. */
  private static String dataset(YamlDocument document) {
    JsonNode task = document.root().path("task");
    String name =
        task.isTextual() && task.asText().startsWith(DATA)
            ? task.asText().substring(DATA.length())
            : task.path("data").asText();
    if (name.isEmpty() || name.contains("/")) {
      throw document.problem(
          "task",
          "with facts.relations the task is a whole data set; write task: data:lama-trex, say.");
    }
    return name;
  }

  private static ExperimentConfig one(
      YamlDocument document, String dataset, String relation, Path base) {
    return document.with(
        root -> {
          ((ObjectNode) root.get(FactsReader.KEY)).remove("relations");
          String part = dataset + "/" + relation;
          if (root.get("task") instanceof ObjectNode task) {
            task.put("data", part);
          } else {
            root.set("task", TextNode.valueOf(DATA + part));
          }
        },
        changed -> ConfigReader.read(changed, base));
  }

  /** Everything as the first experiment has it, but for what is each relation's own. */
  private static ObjectNode resolved(
      ObjectNode given, String dataset, Path base, ExperimentConfig first) {
    ObjectNode json = first.toJson();
    ObjectNode facts = (ObjectNode) json.get(FactsReader.KEY);
    for (String key : List.of("prompts", "relations")) {
      if (given.path(FactsReader.KEY).has(key)) {
        facts.set(key, given.path(FactsReader.KEY).get(key));
      }
    }
    ObjectNode task = Json.object().put("data", dataset);
    if (given.path("task") instanceof ObjectNode own) {
      task.setAll(own.deepCopy());
    }
    json.set("task", task);
    json.remove("manual_prompts");
    if (given.has("manual_prompts")) {
      json.set("manual_prompts", given.get("manual_prompts"));
    }
    Optional<String> dir = Optional.ofNullable(given.path("data").path("dir").textValue());
    json.putObject("data")
        .put("dir", DataFolder.open(ConfigPaths.base(base, dir).data()).folder().toString());
    return json;
  }
}
