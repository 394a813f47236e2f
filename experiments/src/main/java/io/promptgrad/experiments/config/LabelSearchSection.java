package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.LabelTokenSearch;
import java.util.Optional;

/** The section {@code label_search}, read and written. */
final class LabelSearchSection {

  /** Its key. */
  static final String KEY = "label_search";

  private LabelSearchSection() {}

  static Optional<LabelTokenSearch.Config> read(Section root) {
    if (!root.has(KEY)) {
      return Optional.empty();
    }
    LabelTokenSearch.Config defaults = LabelTokenSearch.Config.defaults();
    Section section =
        root.section(
            KEY, "tokens_per_label", "epochs", "batch_size", "learning_rate", FilterRules.KEY);
    return Optional.of(
        new LabelTokenSearch.Config(
            section.positive("tokens_per_label", defaults.tokensPerLabel()),
            section.positive("epochs", defaults.epochs()),
            section.positive("batch_size", defaults.batchSize()),
            section.rate("learning_rate", defaults.learningRate()),
            FilterRules.read(section, defaults.filter())));
  }

  static ObjectNode toJson(LabelTokenSearch.Config search) {
    ObjectNode node =
        Json.object()
            .put("tokens_per_label", search.tokensPerLabel())
            .put("epochs", search.epochs())
            .put("batch_size", search.batchSize())
            .put("learning_rate", search.learningRate());
    node.set(FilterRules.KEY, FilterRules.toJson(search.filter()));
    return node;
  }
}
