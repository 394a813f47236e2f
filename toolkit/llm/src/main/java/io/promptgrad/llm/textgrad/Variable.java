package io.promptgrad.llm.textgrad;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/** A text of a pipeline. Used by one thread. */
public final class Variable {

  private static final int SHORT_ENDS = 10;

  private String value;
  private final String role;
  private final boolean requiresGradient;
  private final List<Variable> predecessors;
  private final Optional<Backward> backward;
  private final List<Gradient> gradients = new ArrayList<>();

  /**
   * Feedback on a variable.
   *
   * @param feedback the feedback
   * @param context the conversation that it came from; "" if it was handed on as it is
   */
  public record Gradient(String feedback, String context) {}

  /** How feedback on an output becomes feedback on what it was made from. */
  @FunctionalInterface
  public interface Backward {

    /** Adds a gradient to every predecessor of the output that requires one. */
    void run(Variable output, TextEngine engine);
  }

  private Variable(
      String value,
      String role,
      boolean requiresGradient,
      List<Variable> predecessors,
      Optional<Backward> backward) {
    this.value = Objects.requireNonNull(value, "value");
    this.role = Objects.requireNonNull(role, "role");
    this.requiresGradient = requiresGradient;
    this.predecessors = List.copyOf(predecessors);
    this.backward = backward;
  }

  /**
   * A text that is searched.
   *
   * @param role what it is for, in words: the feedback goes by it
   */
  public static Variable parameter(String value, String role) {
    return new Variable(value, role, true, List.of(), Optional.empty());
  }

  /** A text that is given. */
  public static Variable constant(String value, String role) {
    return new Variable(value, role, false, List.of(), Optional.empty());
  }

  /** A text that was made from others; it requires a gradient if one of them does. */
  public static Variable made(String value, String role, List<Variable> from, Backward backward) {
    boolean requires = from.stream().anyMatch(Variable::requiresGradient);
    return new Variable(value, role, requires, from, Optional.of(backward));
  }

  public String value() {
    return value;
  }

  /** Replaces the text of a parameter. */
  public void set(String text) {
    if (!predecessors.isEmpty()) {
      throw new IllegalStateException("A text that was made from others cannot be set.");
    }
    value = Objects.requireNonNull(text, "text");
  }

  public String role() {
    return role;
  }

  public boolean requiresGradient() {
    return requiresGradient;
  }

  public List<Variable> predecessors() {
    return predecessors;
  }

  /** The feedback so far, in the order in which it came. */
  public List<Gradient> gradients() {
    return List.copyOf(gradients);
  }

  /** Adds feedback. */
  public void addGradient(Gradient gradient) {
    gradients.add(gradient);
  }

  /** Forgets the feedback. */
  public void clearGradients() {
    gradients.clear();
  }

  /** All feedback, one below the other; "" if there is none. */
  public String gradientText() {
    return String.join("\n", gradients.stream().map(Gradient::feedback).toList());
  }

  /** The text, or of one with more than twenty words the first and the last ten. */
  public String shortened() {
    String[] words = value.strip().split("\\s+");
    if (words.length <= 2 * SHORT_ENDS) {
      return value;
    }
    List<String> all = List.of(words);
    return String.join(" ", all.subList(0, SHORT_ENDS))
        + " (...) "
        + String.join(" ", all.subList(words.length - SHORT_ENDS, words.length));
  }

  /**
   * Gives feedback to all variables that this one was made from and that require it: every one is
   * visited once, after everything that was made from it. Feedback on this one, if there is any, is
   * where it begins; without it the objective is to make this one better.
   */
  public void backward(TextEngine engine) {
    List<Variable> order = new ArrayList<>();
    visit(this, Collections.newSetFromMap(new IdentityHashMap<>()), order);
    for (int i = order.size() - 1; i >= 0; i--) {
      Variable variable = order.get(i);
      if (variable.requiresGradient && variable.backward.isPresent()) {
        variable.backward.get().run(variable, engine);
      }
    }
  }

  /** Predecessors first (Kahn 1962, by depth-first search). */
  private static void visit(Variable variable, Set<Variable> seen, List<Variable> order) {
    if (seen.add(variable)) {
      variable.predecessors.forEach(before -> visit(before, seen, order));
      order.add(variable);
    }
  }

  @Override
  public String toString() {
    return role + ": " + shortened();
  }
}
