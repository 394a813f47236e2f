package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import java.util.List;

/** The words of labels as they are given on the command line: {@code LABEL=WORD,WORD}. */
final class LabelWords {

  private LabelWords() {}

  /** The verbalizer of a configuration. */
  static ObjectNode verbalizer(List<String> labels) {
    ObjectNode verbalizer = JsonNodeFactory.instance.objectNode();
    for (String label : labels) {
      int equals = label.indexOf('=');
      if (equals < 1 || equals == label.length() - 1) {
        throw new InvalidInputException(
            "--label %s: write LABEL=WORD or LABEL=WORD,WORD.".formatted(label));
      }
      String name = label.substring(0, equals);
      if (verbalizer.has(name)) {
        throw new InvalidInputException(
            "--label %s: the label '%s' is given twice; put its words into one list."
                .formatted(label, name));
      }
      ArrayNode words = verbalizer.putArray(name);
      for (String word : label.substring(equals + 1).split(",", -1)) {
        words.add(word.strip());
      }
    }
    return verbalizer;
  }
}
