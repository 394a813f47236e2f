package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.search.Budget;
import io.promptgrad.search.StopRule;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * One search for an instruction, all defaults filled in.
 *
 * @param method one of {@link InstructionMethods#names}
 * @param task as in {@link ExperimentConfig}
 * @param scorer the model that is prompted: {@code openai:MODEL} or {@code local:MODEL}
 * @param proposer the model that writes prompts, or {@code edits}
 * @param judge the model that judges answers
 * @param server of the scorer, and of the others where they have none of their own
 * @param scoring how good a prompt is on an example
 * @param layout {@code auto}, the name of a layout, or its texts
 * @param seeds instructions to begin with
 * @param manualPrompts baselines; the best on dev is reported
 * @param selection {@code dev} or {@code train}: what the result is chosen by
 * @param edits what stands in where a proposer cannot be read
 * @param maskModel fills masks, for the edit {@code mask}
 * @param attempts answers to one question of the proposer before going without
 * @param optimizer settings of the method
 * @param budget of the search; baselines and the last evaluation come on top
 * @param stop when it stops earlier
 * @param cache file with answers; empty: in the run directory
 * @param prices file with prices that go before the built-in ones
 * @param out the run directory
 */
public record InstructionConfig(
    String method,
    JsonNode task,
    String scorer,
    String proposer,
    Optional<String> judge,
    ServerConfig server,
    ServerConfig proposerServer,
    ServerConfig judgeServer,
    ScoringConfig scoring,
    JsonNode layout,
    List<String> seeds,
    List<String> manualPrompts,
    String selection,
    List<String> edits,
    String maskModel,
    int attempts,
    ObjectNode optimizer,
    Budget budget,
    List<StopRule> stop,
    Optional<Path> cache,
    Optional<Path> prices,
    long seed,
    String device,
    String precision,
    Optional<Path> out) {

  /** A proposer that is no model. */
  public static final String EDITS = "edits";

  /** Prefix of a model behind an API. */
  public static final String OPENAI = "openai:";

  /** Prefix of a model of this machine. */
  public static final String LOCAL = "local:";

  /** Copies the lists. */
  public InstructionConfig {
    seeds = List.copyOf(seeds);
    manualPrompts = List.copyOf(manualPrompts);
    edits = List.copyOf(edits);
    stop = List.copyOf(stop);
  }

  /** Names everything that the steps of the search depend on. */
  public String identity() {
    ObjectNode json = toJson();
    json.remove(List.of("budget", "stop", "cache", "prices"));
    json.set("server", server.identity());
    json.set("proposer_server", proposerServer.identity());
    json.set("judge_server", judgeServer.identity());
    try {
      byte[] text = Json.line(ExperimentConfig.sorted(json)).getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  /** Returns the configuration as {@link InstructionReader} reads it, without {@code out}. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object().put("method", method);
    json.set("task", task);
    json.put("scorer", scorer).put("proposer", proposer);
    judge.ifPresent(name -> json.put("judge", name));
    if (uses(OPENAI)) {
      json.set("server", server.toJson());
      json.set("proposer_server", proposerServer.toJson());
      json.set("judge_server", judgeServer.toJson());
    }
    json.set(ScoringConfig.KEY, scoring.toJson());
    json.set("layout", layout);
    seeds.forEach(json.putArray("seed_prompts")::add);
    manualPrompts.forEach(json.putArray("manual_prompts")::add);
    json.put("selection", selection);
    edits.forEach(json.putArray(EDITS)::add);
    json.put("mask_model", maskModel).put("attempts", attempts);
    json.set(InstructionMethods.KEY, optimizer.deepCopy());
    putBudget(json.putObject("budget"));
    ExperimentConfig.putStop(json.putObject("stop"), stop);
    cache.ifPresent(file -> json.put("cache", file.toString()));
    prices.ifPresent(file -> json.put("prices", file.toString()));
    return json.put("seed", seed).put("device", device).put("precision", precision);
  }

  /** Returns whether any of the models has that prefix. */
  public boolean uses(String prefix) {
    return scorer.startsWith(prefix)
        || proposer.startsWith(prefix)
        || judge.filter(name -> name.startsWith(prefix)).isPresent();
  }

  private void putBudget(ObjectNode node) {
    budget.steps().ifPresent(limit -> node.put("steps", limit));
    budget.evaluations().ifPresent(limit -> node.put("evaluations", limit));
    budget.calls().ifPresent(limit -> node.put("calls", limit));
    budget.forwardTokens().ifPresent(limit -> node.put("tokens", limit));
    budget.usd().ifPresent(limit -> node.put("usd", limit));
    budget.time().ifPresent(limit -> node.put("time", Durations.format(limit)));
  }
}
