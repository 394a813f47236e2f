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
 *     judge}: another model gives points; {@code pairwise}: another model compares the answer with
 *     that under the first seed prompt; {@code conductor}: the model consults experts before it
 *     answers
 * @param extractor how answers are read: {@code auto}, {@code label} or one of {@link TaskGraders}
 * @param labels what is chosen among; empty: the labels of the task
 * @param objective of choices: {@code accuracy} or {@code log_probability}
 * @param alternatives of a token that choices are looked for among; servers have limits
 * @param maxTokens longest answer
 * @param temperature empty leaves it to the server
 * @param topP 1 is not sent
 * @param rounds most turns of a conductor
 * @param criterion what a good answer is, for the judge
 */
public record ScoringConfig(
    String by,
    String extractor,
    List<String> labels,
    String objective,
    int alternatives,
    int maxTokens,
    OptionalDouble temperature,
    double topP,
    int rounds,
    String criterion) {

  /** Key of the section. */
  static final String KEY = "scoring";

  /** Found by the task: see {@code InstructionTask}. */
  public static final String AUTO = "auto";

  /** The label that the answer names first. */
  public static final String LABEL = "label";

  private static final List<String> BY =
      List.of(AUTO, "answer", "choice", "likelihood", "judge", "pairwise", "conductor");

  private static final int ROUNDS = 16;
  private static final int ALTERNATIVES = 20;
  private static final String CRITERION =
      "The answer is right, and says no more than was asked for.";

  /** Whether another model judges. */
  boolean judged() {
    return by.equals("judge") || by.equals("pairwise");
  }

  static ScoringConfig read(Section root) {
    Section section =
        root.section(
            KEY,
            "by",
            "extractor",
            "labels",
            "objective",
            "alternatives",
            "max_tokens",
            "temperature",
            "top_p",
            "rounds",
            "criterion");
    String by = section.choice("by", AUTO, BY);
    double topP = section.number("top_p").orElse(1);
    if (!(topP > 0 && topP <= 1)) {
      throw section.problem("top_p", "'scoring.top_p' must be above 0 and at most 1.");
    }
    int rounds = section.wholeNumber("rounds", ROUNDS);
    if (rounds < 2) {
      throw section.problem("rounds", "'scoring.rounds' must be at least 2.");
    }
    List<String> extractors =
        Stream.concat(Stream.of(AUTO, LABEL), TaskGraders.names().stream()).toList();
    String temperature = "temperature";
    boolean servers = section.get(temperature).filter(t -> t.asText().equals("server")).isPresent();
    ScoringConfig read =
        new ScoringConfig(
            by,
            section.choice("extractor", AUTO, extractors),
            section.texts("labels").orElse(List.of()),
            section.choice("objective", "accuracy", List.of("accuracy", "log_probability")),
            section.positive("alternatives", ALTERNATIVES),
            section.positive("max_tokens", 512),
            servers
                ? OptionalDouble.empty()
                : OptionalDouble.of(section.number(temperature).orElse(0)),
            topP,
            rounds,
            section.text("criterion").orElse(CRITERION));
    boolean choice = by.equals("choice");
    requireUsed(section, "alternatives", choice || read.alternatives == ALTERNATIVES, "by: choice");
    requireUsed(section, "rounds", by.equals("conductor") || rounds == ROUNDS, "by: conductor");
    requireUsed(
        section,
        "criterion",
        read.judged() || read.criterion.equals(CRITERION),
        "by: judge and by: pairwise");
    return read;
  }

  /** Refuses another value than the default, which resolved configurations have, without effect. */
  private static void requireUsed(
      Section section, String key, boolean usedOrDefault, String where) {
    if (!usedOrDefault) {
      throw section.problem(
          key, "'%s' goes with %s only; leave it out.".formatted(section.at(key), where));
    }
  }

  ObjectNode toJson() {
    ObjectNode json = Json.object().put("by", by).put("extractor", extractor);
    labels.forEach(json.putArray("labels")::add);
    json.put("objective", objective).put("alternatives", alternatives);
    json.put("max_tokens", maxTokens).put("top_p", topP).put("rounds", rounds);
    temperature.ifPresentOrElse(
        value -> json.put("temperature", value), () -> json.put("temperature", "server"));
    return json.put("criterion", criterion);
  }
}
