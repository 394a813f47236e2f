package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.files.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A {@link TinyWorld} with facts of two relations of its own, imported into a data folder. */
final class FactsWorld {

  private static final List<String> OBJECTS = List.of("good", "great", "bad", "awful");

  private final Path folder;
  private final TinyWorld world;

  private FactsWorld(Path folder, TinyWorld world) {
    this.folder = folder;
    this.world = world;
  }

  static FactsWorld create(Path folder) throws IOException {
    FactsWorld facts = new FactsWorld(folder, TinyWorld.create(folder));
    Path raw = folder.resolve("raw");
    for (String relation : List.of("P19", "P36")) {
      for (String split : List.of("train", "dev", "test")) {
        write(raw.resolve("lama/trex_original/" + relation + "/" + split + ".jsonl"), pairs(split));
        write(raw.resolve("lama/trex_evidence/" + relation + "/" + split + ".jsonl"), told(split));
      }
    }
    write(
        raw.resolve("lama/LAMA_relations.jsonl"),
        """
        {"relation": "P19", "template": "[X] was [Y] .", "label": "a", "type": "N-1"}
        {"relation": "P36", "template": "it was [X] [Y] !", "label": "b", "type": "N-1"}
        """);
    write(
        raw.resolve("lama/pararel/graphs_json/P19.jsonl"),
        """
        {"pattern": "[X] was [Y].", "lemma": "a", "extended_lemma": "a", "tense": "past"}
        {"pattern": "{[X]} it [Y]", "lemma": "b", "extended_lemma": "b", "tense": "past"}
        """);
    for (String name : List.of("lama-trex", "lama-trex-evidence", "pararel")) {
      CommandLineRun run =
          CommandLineRun.of("data", "import", name, raw, "--dir", facts.data(), "--force");
      assertThat(run.code()).as(run.err()).isZero();
    }
    // Capitals are nothing to this model, "gripping" is two tokens, "Berlin" is none.
    write(
        facts.data().resolve("words.txt"), "  Good\ngreat\nbad\nAWFUL\ngripping\nBerlin\nwas\n\n");
    Files.writeString(facts.config(), facts.yaml());
    return facts;
  }

  private static void write(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  /** Ten facts whose object is one token, and two whose is not. */
  private static String pairs(String split) {
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      String object = i < 10 ? OBJECTS.get(i * i % 4) : i == 10 ? "gripping" : "Berlin";
      rows.add(
          Json.line(Json.object().put("sub", split + " ba" + (char) ('a' + i)).put("obj", object)));
    }
    return String.join("\n", rows) + "\n";
  }

  private static String told(String split) {
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      String object = OBJECTS.get(i % 4);
      var row = Json.object();
      row.put("obj_uri", "Q1").put("obj_label", object).put("sub_uri", "Q2");
      row.put("sub_label", split + " ba" + (char) ('a' + i)).put("predicate_id", "P19");
      row.putArray("evidences")
          .addObject()
          .put("sub_surface", "it")
          .put("obj_surface", object + " one")
          .put("masked_sentence", "it was [MASK] was it");
      rows.add(Json.line(row));
    }
    return String.join("\n", rows) + "\n";
  }

  Path data() {
    return folder.resolve("data");
  }

  Path config() {
    return folder.resolve("facts.yaml");
  }

  Path file(String name) {
    return folder.resolve(name);
  }

  Path model() {
    return world.model();
  }

  String yaml() {
    return """
    model: model
    data: {dir: data}
    task: data:lama-trex
    facts:
      relations: [P19, P36]
      vocabulary: words.txt
      prompts: [lama, pararel]
    template: "{sub_label} [T] [T] [P] ."
    budget: {steps: 4}
    autoprompt: {candidates: 4, gradient_examples: 8, evaluation_examples: 8, replace_masks: true,
      filter: [special, labels]}
    """;
  }
}
