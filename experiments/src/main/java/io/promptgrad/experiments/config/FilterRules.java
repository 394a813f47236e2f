package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.promptgrad.gradient.discrete.TokenFilter;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** The setting {@code filter} of several methods: names of what tokens may not be. */
final class FilterRules {

  /** Key of the setting. */
  static final String KEY = "filter";

  private FilterRules() {}

  static Set<TokenFilter.Rule> read(Section section, Set<TokenFilter.Rule> otherwise) {
    Optional<List<String>> names = section.texts(KEY);
    if (names.isEmpty()) {
      return otherwise;
    }
    List<String> known = Arrays.stream(TokenFilter.Rule.values()).map(FilterRules::name).toList();
    Set<TokenFilter.Rule> rules = EnumSet.noneOf(TokenFilter.Rule.class);
    for (String name : names.get()) {
      if (!known.contains(name)) {
        throw section.problem(
            KEY, "there is no filter '%s'%s".formatted(name, Nearest.hint(name, known)));
      }
      rules.add(TokenFilter.Rule.valueOf(name.toUpperCase(Locale.ROOT)));
    }
    return rules;
  }

  /** The names in the order of the rules. */
  static ArrayNode toJson(Collection<TokenFilter.Rule> rules) {
    ArrayNode names = JsonNodeFactory.instance.arrayNode();
    rules.stream().sorted().forEach(rule -> names.add(name(rule)));
    return names;
  }

  static Set<TokenFilter.Rule> fromJson(JsonNode names) {
    Set<TokenFilter.Rule> rules = EnumSet.noneOf(TokenFilter.Rule.class);
    names.forEach(
        rule -> rules.add(TokenFilter.Rule.valueOf(rule.asText().toUpperCase(Locale.ROOT))));
    return rules;
  }

  private static String name(TokenFilter.Rule rule) {
    return rule.name().toLowerCase(Locale.ROOT);
  }
}
