package io.promptgrad.llm.optimizer;

import io.promptgrad.search.RandomSource;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * What stands in for an answer of the proposer.
 *
 * @param operators at least one
 * @param random decides which text is changed, and how
 */
record Edits(List<TextEdit> operators, RandomGenerator random) {

  /** Returns one of the texts, changed; empty if no operator can change it. */
  Optional<String> one(List<String> texts) {
    if (texts.isEmpty()) {
      return Optional.empty();
    }
    String text = texts.get(random.nextInt(texts.size()));
    return Arrays.stream(RandomSource.permutation(operators.size(), random))
        .mapToObj(operators::get)
        .flatMap(operator -> operator.apply(text, random).stream())
        .filter(changed -> !changed.isBlank() && !changed.equals(text))
        .findFirst();
  }

  /** Returns the text, changed. */
  Optional<String> of(String text) {
    return one(List.of(text));
  }
}
