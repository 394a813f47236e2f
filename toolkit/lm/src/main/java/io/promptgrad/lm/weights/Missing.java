package io.promptgrad.lm.weights;

import io.promptgrad.input.InvalidInputException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.stream.Collectors;

/** The sentence for a tensor that is not there. */
final class Missing {

  private Missing() {}

  static InvalidInputException tensor(Path where, String name, Collection<String> present) {
    String last = name.substring(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1);
    String similar =
        present.stream().filter(n -> n.endsWith(last)).limit(3).collect(Collectors.joining(", "));
    String hint =
        present.isEmpty()
            ? "it holds no tensors"
            : "it holds "
                + present.size()
                + " others"
                + (similar.isEmpty() ? "" : ", such as ")
                + similar;
    return new InvalidInputException(
        "%s has no tensor %s (%s); check that config.json and weights belong together."
            .formatted(where, name, hint));
  }
}
