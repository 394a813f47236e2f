package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.data.FactTask;
import io.promptgrad.experiments.config.FactsConfig;
import io.promptgrad.files.TextFiles;
import io.promptgrad.gradient.cloze.AnswerVocabulary;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.task.Task;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The answers of an experiment on facts, and its task with the facts that they can answer.
 *
 * @param labels the words that may answer
 * @param facts the task, and what was left out of it
 */
record Answers(LabelTokens labels, FactTask facts) {

  /** Reads the vocabulary and selects the facts. */
  static Answers of(FactsConfig config, Task task, Tokenizer tokenizer) {
    AnswerVocabulary vocabulary =
        config
            .vocabulary()
            .map(file -> AnswerVocabulary.of(words(file), tokenizer))
            .orElseGet(() -> AnswerVocabulary.ofModel(tokenizer));
    return new Answers(
        vocabulary.labels(), FactTask.of(task, vocabulary::answer, config.context()));
  }

  /** Those that a saved prompt chooses among. */
  static Answers of(
      LabelTokens labels, Optional<FactTask.Context> context, Task task, Tokenizer tokenizer) {
    AnswerVocabulary vocabulary = AnswerVocabulary.of(labels, tokenizer);
    return new Answers(labels, FactTask.of(task, vocabulary::answer, context));
  }

  /** One word a line; blanks around it do not count. */
  private static List<String> words(Path file) {
    return TextFiles.utf8(TextFiles.read(file), file.toString())
        .lines()
        .map(String::strip)
        .filter(word -> !word.isEmpty())
        .toList();
  }

  /** Adds what a run depends on besides the examples. */
  void addTo(ObjectNode inputs) {
    inputs.put("answer vocabulary", Inputs.text(labels.labels().toString()));
  }
}
