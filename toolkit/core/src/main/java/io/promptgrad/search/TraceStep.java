package io.promptgrad.search;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * One line of trace.jsonl.
 *
 * @param step number of the step, from 1
 * @param seconds time spent in steps up to and including this one
 * @param report what the step did
 * @param bestDev dev score of the best prompt after the step; NaN if not measured
 * @param bestStep step that found the best prompt
 * @param total cost of all steps up to and including this one
 */
public record TraceStep(
    int step, double seconds, StepReport report, double bestDev, int bestStep, Cost total) {

  /** Returns this as one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("step", step).put("seconds", seconds);
    json.set("score", Json.number(report.score()));
    report.dev().ifPresent(dev -> json.set("dev", Json.number(dev)));
    json.put("new_best", report.newBest());
    ObjectNode best = json.putObject("best");
    best.set("dev", Json.number(bestDev));
    best.put("step", bestStep);
    json.set("cost", report.cost().toJson());
    json.set("total_cost", total.toJson());
    ArrayNode candidates = json.putArray("candidates");
    report.candidates().forEach(candidate -> candidates.add(candidate.toJson()));
    return json;
  }

  /** Reads what {@link #toJson} wrote. */
  public static TraceStep fromJson(JsonNode json) {
    List<Candidate> candidates = new ArrayList<>();
    json.path("candidates").forEach(candidate -> candidates.add(Candidate.fromJson(candidate)));
    StepReport report =
        new StepReport(
            candidates,
            Json.toDouble(json.path("score")),
            json.has("dev")
                ? OptionalDouble.of(Json.toDouble(json.get("dev")))
                : OptionalDouble.empty(),
            json.path("new_best").asBoolean(),
            Cost.fromJson(json.path("cost")));
    return new TraceStep(
        json.path("step").asInt(),
        json.path("seconds").asDouble(),
        report,
        Json.toDouble(json.path("best").path("dev")),
        json.path("best").path("step").asInt(),
        Cost.fromJson(json.path("total_cost")));
  }

  /**
   * Reads a trace; an unfinished last line (the run was killed) is left out, and so is everything
   * when there is no such file.
   *
   * @throws InvalidInputException if a line is not a trace line
   */
  public static List<TraceStep> read(Path file) {
    List<TraceStep> steps = new ArrayList<>();
    String text;
    try {
      // Bytes are decoded leniently: the line being written may end within a character.
      text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      return steps;
    } catch (IOException e) {
      throw new InvalidInputException("The trace %s cannot be read: %s.".formatted(file, e), e);
    }
    int number = 0;
    int start = 0;
    for (int end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      number++;
      try {
        steps.add(fromJson(Json.parse(text.substring(start, end))));
      } catch (JsonProcessingException | IllegalArgumentException e) {
        throw new InvalidInputException(
            "%s, line %d: this is not a line of a trace; was the file edited?"
                .formatted(file, number),
            e);
      }
      start = end + 1;
    }
    return steps;
  }
}
