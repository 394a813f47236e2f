package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A candidate of {@link Gepa} that was accepted.
 *
 * @param texts by component
 * @param parents places in the list of all members; none for the seed
 * @param values by dev example
 * @param nextComponent which one a child changes
 * @param rejected texts of its children that were no better, by component, oldest first; changes
 */
record GepaMember(
    String id,
    Map<String, String> texts,
    List<Integer> parents,
    double[] values,
    int nextComponent,
    Map<String, List<String>> rejected) {

  double mean() {
    return Arrays.stream(values).average().orElseThrow();
  }

  double sum(List<Integer> examples) {
    return examples.stream().mapToDouble(example -> values[example]).sum();
  }

  GepaMember withNextComponent(int next) {
    return new GepaMember(id, texts, parents, values, next, rejected);
  }

  /** Texts of a component that were no better. */
  List<String> rejected(String component) {
    return rejected.getOrDefault(component, List.of());
  }

  /** Notes a text that was no better, and forgets the oldest of more than so many. */
  void reject(String component, String text, int remembered) {
    List<String> own = rejected.computeIfAbsent(component, name -> new ArrayList<>());
    own.remove(text);
    own.add(text);
    while (own.size() > remembered) {
      own.remove(0);
    }
  }

  /** Whether its text of a component is another member's. */
  boolean shares(String component, GepaMember other) {
    return texts.get(component).equals(other.texts().get(component));
  }

  ObjectNode toJson() {
    ObjectNode json = Json.object().put("id", id);
    ObjectNode byName = json.putObject("texts");
    texts.forEach(byName::put);
    json.set("parents", Json.array(parents.stream().mapToInt(p -> p).toArray()));
    ArrayNode byExample = json.putArray("values");
    Arrays.stream(values).forEach(value -> byExample.add(Json.number(value)));
    json.put("next", nextComponent);
    ObjectNode others = json.putObject("rejected");
    rejected.forEach((name, all) -> all.forEach(others.withArray(name)::add));
    return json;
  }

  static GepaMember fromJson(JsonNode json) {
    Map<String, String> texts = new LinkedHashMap<>();
    json.path("texts").properties().forEach(t -> texts.put(t.getKey(), t.getValue().asText()));
    List<Double> values = new ArrayList<>();
    json.path("values").forEach(value -> values.add(Json.toDouble(value)));
    Map<String, List<String>> rejected = new HashMap<>();
    for (Map.Entry<String, JsonNode> of : json.path("rejected").properties()) {
      List<String> all = new ArrayList<>();
      of.getValue().forEach(text -> all.add(text.asText()));
      rejected.put(of.getKey(), all);
    }
    return new GepaMember(
        json.path("id").asText(),
        texts,
        Arrays.stream(Json.ints(json.path("parents"))).boxed().toList(),
        values.stream().mapToDouble(v -> v).toArray(),
        json.path("next").asInt(),
        rejected);
  }
}
