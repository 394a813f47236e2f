package io.promptgrad.experiments.config;

import io.promptgrad.experiments.config.ConfigPaths.Base;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads the method of an experiment. */
final class MethodReader {

  /** The methods that each section is for. */
  static final Map<String, Set<String>> SECTIONS = sections();

  private MethodReader() {}

  private static Map<String, Set<String>> sections() {
    Map<String, Set<String>> sections = new LinkedHashMap<>();
    sections.put(AutoPromptMethod.NAME, Set.of(AutoPromptMethod.NAME));
    sections.put(ProbeMethod.KEY, Set.of(ProbeMethod.NAME));
    sections.put(FineTuningMethod.NAME, Set.of(FineTuningMethod.NAME));
    sections.put(DiscreteConfig.KEY, DiscreteConfig.names());
    sections.put(SoftMethod.KEY, SoftMethod.names());
    GradientFreeConfig.names().forEach(name -> sections.put(name, Set.of(name)));
    return sections;
  }

  /** The names of all methods. */
  static List<String> names() {
    List<String> names = new ArrayList<>();
    SECTIONS.values().forEach(names::addAll);
    return List.copyOf(names);
  }

  /**
   * @param name one of {@link #names}
   * @param facts whether answers are words, of any number
   */
  static MethodSettings read(Section root, String name, boolean facts, Base paths) {
    requireOwnSection(root, name);
    MethodSettings method;
    if (DiscreteConfig.names().contains(name)) {
      method = DiscreteConfig.read(root, name, paths);
    } else if (SoftMethod.names().contains(name)) {
      method = SoftMethod.read(root, name, paths);
    } else if (GradientFreeConfig.names().contains(name)) {
      method = GradientFreeConfig.read(root, name, paths);
    } else {
      method =
          switch (name) {
            case AutoPromptMethod.NAME -> AutoPromptMethod.read(root, facts, paths);
            case ProbeMethod.NAME -> ProbeMethod.read(root);
            case FineTuningMethod.NAME -> FineTuningMethod.read(root);
            default -> throw new IllegalArgumentException(name);
          };
    }
    requireFitting(root, method, facts);
    return method;
  }

  private static void requireOwnSection(Section root, String name) {
    SECTIONS.forEach(
        (section, methods) -> {
          if (root.has(section) && !methods.contains(name)) {
            throw root.problem(
                section,
                "'%s' belongs to the method%s %s, not to %s."
                    .formatted(
                        section, methods.size() > 1 ? "s" : "", String.join(", ", methods), name));
          }
        });
  }

  /** Refuses what does not go with a method. */
  private static void requireFitting(Section root, MethodSettings method, boolean facts) {
    String name = method.method();
    if (facts && method.searches() && !(method instanceof AutoPromptMethod)) {
      throw root.problem(
          FactsReader.KEY,
          "facts are searched for by autoprompt alone, not by %s.".formatted(name));
    }
    if (!method.searches()) {
      for (String key : List.of("budget", "stop")) {
        if (root.has(key)) {
          throw root.problem(key, "'%s' belongs to searches; %s has epochs.".formatted(key, name));
        }
      }
    }
    if (method instanceof ProbeMethod) {
      for (String key : List.of(LabelSearchSection.KEY, FactsReader.KEY)) {
        if (root.has(key)) {
          throw root.problem(
              key,
              "a linear probe learns the labels of the data and has no use for '%s'; leave it out."
                  .formatted(key));
        }
      }
    }
  }
}
