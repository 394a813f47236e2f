package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.data.FactTask;
import io.promptgrad.files.Json;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The evaluation of a saved prompt.
 *
 * @param prompt the prompt.json, or the folder of a PEFT adapter
 * @param template of an adapter, which knows none; else empty
 * @param verbalizer of an adapter
 * @param context sentences for the facts of a prompt that answers with words; else empty
 * @param model as in {@link ExperimentConfig}
 * @param task as in {@link ExperimentConfig}
 * @param split train, dev or test
 * @param metric the metric
 * @param seed recorded; an evaluation draws nothing
 * @param device as in {@link ExperimentConfig}
 * @param precision as in {@link ExperimentConfig}
 * @param out where outcomes and result are kept; empty: nowhere
 */
public record EvaluationConfig(
    Path prompt,
    Optional<PromptTemplate> template,
    Optional<Verbalizer> verbalizer,
    Optional<FactTask.Context> context,
    String model,
    JsonNode task,
    String split,
    String metric,
    long seed,
    String device,
    String precision,
    Optional<Path> out) {

  /** Returns the configuration without {@code out}. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("method", "eval").put("prompt", prompt.toString()).put("model", model);
    template.ifPresent(t -> json.put("template", t.toString()));
    verbalizer.ifPresent(v -> json.set("verbalizer", Json.tree(v.toMap())));
    context.ifPresent(c -> json.putObject(FactsReader.KEY).set("context", FactsReader.toJson(c)));
    json.set("task", task);
    json.put("split", split).put("metric", metric).put("seed", seed);
    return json.put("device", device).put("precision", precision);
  }
}
