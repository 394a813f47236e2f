package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.TaskGraders;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Stream;

/**
 * How good a prompt is on an example: the section {@code scoring} of a configuration.
 *
 * @param by {@code answer}: the model's answer is read and graded; {@code choice}: the model
 *     chooses among the labels; {@code likelihood}: the gold answer's mean log-probability; {@code
 *     judge}: another model says
 * @param extractor how answers are read: {@code auto}, {@code label} or one of {@link TaskGraders}
 * @param labels what is chosen among; empty: the labels of the task
 * @param objective of choices: {@code accuracy} or {@code log_probability}
 * @param maxTokens longest answer
 * @param temperature empty leaves it to the server
 * @param criterion what a good answer is, for the judge
 */
public record ScoringConfig(
    String by,
    String extractor,
    List<String> labels,
    String objective,
    int maxTokens,
    OptionalDouble temperature,
    String criterion) {

  /** Key of the section. */
  static final String KEY = "scoring";

  /** Found by the task: see {@code InstructionTask}. */
  public static final String AUTO = "auto";

  /** The label that the answer names first. */
  public static final String LABEL = "label";

  static ScoringConfig read(Section root) {
    Section section =
        root.section(
            KEY,
            "by",
            "extractor",
            "labels",
            "objective",
            "max_tokens",
            "temperature",
            "criterion");
    String by =
        section.choice("by", AUTO, List.of(AUTO, "answer", "choice", "likelihood", "judge"));
    List<String> extractors =
        Stream.concat(Stream.of(AUTO, LABEL), TaskGraders.names().stream()).toList();
    String temperature = "temperature";
    boolean servers = section.get(temperature).filter(t -> t.asText().equals("server")).isPresent();
    return new ScoringConfig(
        by,
        section.choice("extractor", AUTO, extractors),
        section.texts("labels").orElse(List.of()),
        section.choice("objective", "accuracy", List.of("accuracy", "log_probability")),
        section.positive("max_tokens", 512),
        servers ? OptionalDouble.empty() : OptionalDouble.of(section.number(temperature).orElse(0)),
        section
            .text("criterion")
            .orElse("The answer is right, and says no more than was asked for."));
  }

  ObjectNode toJson() {
    ObjectNode json = Json.object().put("by", by).put("extractor", extractor);
    labels.forEach(json.putArray("labels")::add);
    json.put("objective", objective).put("max_tokens", maxTokens);
    temperature.ifPresentOrElse(
        value -> json.put("temperature", value), () -> json.put("temperature", "server"));
    return json.put("criterion", criterion);
  }
}
