package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.data.FactTask;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What makes an experiment one on facts: answers are words, not classes.
 *
 * @param vocabulary file with one word a line that answers may be; empty: the words of the model
 * @param context with sentences, for relation extraction; empty: the subject alone
 */
public record FactsConfig(Optional<Path> vocabulary, Optional<FactTask.Context> context) {

  /** Name of the model's own words where a vocabulary is asked for. */
  static final String MODEL = "model";

  ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("vocabulary", vocabulary.map(Path::toString).orElse(MODEL));
    context.ifPresent(c -> json.set("context", FactsReader.toJson(c)));
    return json;
  }
}
