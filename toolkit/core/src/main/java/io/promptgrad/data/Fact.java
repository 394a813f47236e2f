package io.promptgrad.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A row of LAMA: a subject, a relation, and the object to be found.
 *
 * @param relation the relation's name, such as {@code P19}; "" for SQuAD, which has none
 * @param template the relation's prompt, with {@code [X]} for the subject and {@code [Y]} for the
 *     object, where the files had one
 * @param subject the subject's label
 * @param object the object's label
 * @param evidences sentences that say so; none for files of bare pairs
 */
public record Fact(
    String relation,
    Optional<String> template,
    String subject,
    String object,
    List<Evidence> evidences) {

  /** Copies the list. */
  public Fact {
    evidences = List.copyOf(evidences);
  }

  /**
   * A sentence that states a fact.
   *
   * @param subject how it names the subject
   * @param object how it names the object
   * @param maskedSentence the sentence with {@code [MASK]} in place of the object
   */
  public record Evidence(String subject, String object, String maskedSentence) {}

  /**
   * Reads a fact from an example of a {@code lama-} data set.
   *
   * @throws InvalidInputException if it has not the columns of a fact
   */
  public static Fact of(Example example) {
    Map<String, String> fields = example.fields();
    if (!fields.keySet().containsAll(List.of("relation", "template", "sub_label", "evidences"))) {
      throw new InvalidInputException(
          "Example %s is no fact: it has only the fields %s."
              .formatted(example.id(), fields.keySet()));
    }
    return new Fact(
        fields.get("relation"),
        Optional.of(fields.get("template")).filter(template -> !template.isEmpty()),
        fields.get("sub_label"),
        example.label(),
        evidences(example));
  }

  /**
   * Reads the sentences of an example that has a field {@code evidences}.
   *
   * @throws InvalidInputException if it has none, or it is damaged
   */
  static List<Evidence> evidences(Example example) {
    String json = example.fields().get("evidences");
    if (json == null) {
      throw new InvalidInputException(
          "Example %s has no field 'evidences', only %s; take a data set with sentences (lama-trex-evidence, say) and write fields: [sub_label, evidences]."
              .formatted(example.id(), example.fields().keySet()));
    }
    List<Evidence> evidences = new ArrayList<>();
    try {
      for (JsonNode evidence : Json.parse(json)) {
        evidences.add(
            new Evidence(
                evidence.path("sub_surface").asText(),
                evidence.path("obj_surface").asText(),
                evidence.path("masked_sentence").asText()));
      }
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "Example %s is no fact: its evidences are not JSON (%s)."
              .formatted(example.id(), Json.problem(e)),
          e);
    }
    return evidences;
  }
}
