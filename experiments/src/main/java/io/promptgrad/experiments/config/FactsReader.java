package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.data.FactTask;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads the key {@code facts} of an experiment. */
final class FactsReader {

  static final String KEY = "facts";

  /** Words of a sentence that the original program keeps. */
  private static final int CONTEXT_WORDS = 50;

  /** What a data set's name ends with, if it is one relation of several. */
  private static final Pattern RELATION = Pattern.compile("[^/]+/([^/]+)");

  private FactsReader() {}

  private static Section section(Section root) {
    return root.section(KEY, "vocabulary", "context", "prompts", "relations");
  }

  static Optional<FactsConfig> read(Section root, ConfigPaths.Base paths) {
    if (!root.has(KEY)) {
      return Optional.empty();
    }
    for (String key : List.of("verbalizer", "label_search")) {
      if (root.has(key)) {
        throw root.problem(
            key,
            "'%s' does not go with 'facts', whose answers are words; remove one.".formatted(key));
      }
    }
    Section section = section(root);
    String vocabulary =
        section
            .text("vocabulary")
            .orElseThrow(
                () ->
                    section.missing(
                        "vocabulary",
                        "name the file of the words that may answer (lama/common_vocab_cased.txt of LAMA), or write model for all words of the model."));
    return Optional.of(
        new FactsConfig(
            vocabulary.equals(FactsConfig.MODEL)
                ? Optional.empty()
                : Optional.of(ConfigPaths.file(section, "vocabulary", vocabulary, paths)),
            context(section)));
  }

  /** Of an evaluation, whose prompt knows its answers. */
  static Optional<FactTask.Context> contextOnly(Section root) {
    return context(root.section(KEY, "context"));
  }

  static ObjectNode toJson(FactTask.Context context) {
    return Json.object()
        .put("words", context.words())
        .put("perturbed", context.perturbed())
        .put("seed", context.seed());
  }

  private static Optional<FactTask.Context> context(Section section) {
    if (!section.has("context")) {
      return Optional.empty();
    }
    Section context = section.section("context", "words", "perturbed", "seed");
    return Optional.of(
        new FactTask.Context(
            context.positive("words", CONTEXT_WORDS),
            context.flag("perturbed", false),
            context.wholeNumber("seed").orElse(0)));
  }

  /**
   * The prompts that people wrote for the task's relation: {@code lama}, the data set's own one,
   * and {@code pararel}, its paraphrases.
   */
  static List<ManualPrompt> prompts(Section root, JsonNode task, ConfigPaths.Base paths) {
    Section section = section(root);
    List<ManualPrompt> prompts = new ArrayList<>();
    List<String> seen = new ArrayList<>();
    for (String source : section.texts("prompts").orElse(List.of())) {
      List<String> known = List.of("lama", "pararel");
      if (!known.contains(source)) {
        throw section.problem(
            "prompts",
            "there are no prompts '%s'%s".formatted(source, Nearest.hint(source, known)));
      }
      Matcher name = RELATION.matcher(task.path("name").asText());
      if (!name.matches()) {
        throw section.problem(
            "prompts",
            "prompts are those of a relation, but the task '%s' names none; write task: data:lama-trex/P19, say."
                .formatted(task.path("name").asText()));
      }
      String relation = name.group(1);
      DataDirectory data = DataFolder.open(paths.data());
      List<String> patterns =
          section.reading(
              "prompts",
              () ->
                  source.equals("lama") ? own(data, task, relation) : paraphrases(data, relation));
      for (String pattern : patterns) {
        if (!seen.contains(pattern.replace(" ", ""))) {
          seen.add(pattern.replace(" ", ""));
          prompts.add(new ManualPrompt(template(pattern), Optional.empty()));
        }
      }
    }
    return prompts;
  }

  private static List<String> own(DataDirectory data, JsonNode task, String relation) {
    JsonNode test = task.path("test");
    String dataset = test.path("data").asText().replaceFirst("/.*", "");
    if (dataset.isEmpty()) {
      throw new InvalidInputException(
          "LAMA's prompts come with its data sets, but the task's test split is another file; leave 'lama' out.");
    }
    List<Example> facts = data.open(dataset).examples(relation, test.path("split").asText());
    return facts.stream()
        .map(fact -> fact.fields().getOrDefault("template", ""))
        .filter(pattern -> !pattern.isEmpty())
        .distinct()
        .toList();
  }

  private static List<String> paraphrases(DataDirectory data, String relation) {
    return data.open("pararel").examples("", "patterns").stream()
        .filter(row -> row.fields().getOrDefault("relation", "").equals(relation))
        .map(row -> row.fields().get("pattern"))
        .toList();
  }

  /** From {@code [X] was born in [Y] .} to {@code {sub_label} was born in [P] .} */
  private static PromptTemplate template(String pattern) {
    String literal = pattern.replace("{", "{{").replace("}", "}}");
    return PromptTemplate.parse(
        literal.replace("[X]", "{" + FactTask.SUBJECT + "}").replace("[Y]", "[P]"));
  }
}
