package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** The losses of the generations so far, and the stop rules of pycma that look at nothing else. */
final class Course {

  private static final double TOL_FUN = 1e-11;
  private static final double TOL_FUN_HISTORY = 1e-12;

  private final int n;
  private final int population;
  private final List<Double> best = new ArrayList<>();
  private final List<Double> medians = new ArrayList<>();
  private double range = Double.POSITIVE_INFINITY; // of the last generation
  private int flat;

  Course(int n, int population) {
    this.n = n;
    this.population = population;
  }

  /** The order of a generation, the best first; of equals the earlier. */
  static Integer[] order(double[] losses) {
    for (double loss : losses) {
      if (Double.isNaN(loss)) {
        throw new InvalidInputException(
            "A loss of the population is not a number (NaN), so that points cannot be compared; check the model's weights, or load it with another precision.");
      }
    }
    Integer[] order = new Integer[losses.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, Comparator.comparingDouble(i -> losses[i])); // stable
    return order;
  }

  void add(double[] losses, Integer[] order) {
    int last = losses.length - 1;
    best.add(losses[order[0]]);
    medians.add((losses[order[last / 2]] + losses[order[(last + 1) / 2]]) / 2);
    range = losses[order[last]] - losses[order[0]];
    if (losses[order[0]] == losses[order[Math.min(last, 3 * population / 4)]]) {
      flat++;
    }
  }

  Optional<EvolutionStrategy.Stop> stop() {
    int length = 10 + (int) Math.ceil(30.0 * n / population);
    if (best.size() >= length) {
      double recent = range(best.subList(best.size() - length, best.size()));
      if (Math.max(recent, range) < TOL_FUN) {
        return Optional.of(EvolutionStrategy.Stop.TOL_FUN);
      }
      if (recent < TOL_FUN_HISTORY) {
        return Optional.of(EvolutionStrategy.Stop.TOL_FUN_HISTORY);
      }
    }
    if (flat > 1) {
      return Optional.of(EvolutionStrategy.Stop.FLAT_LOSS);
    }
    return stagnates() ? Optional.of(EvolutionStrategy.Stop.STAGNATION) : Optional.empty();
  }

  private static double range(List<Double> values) {
    double lowest = Double.POSITIVE_INFINITY;
    double highest = Double.NEGATIVE_INFINITY;
    for (double value : values) {
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
    }
    return highest - lowest;
  }

  /** The last stretch is no better than the one before it, neither the best nor the medians. */
  private boolean stagnates() {
    double patience = 100 + 100 * Math.pow(n, 1.5) / population;
    int size = best.size();
    int stretch = (int) Math.max(patience / 10, size / 10.0);
    return size > 100
        && size > n * (5 + 100.0 / population)
        && 2 * stretch < size
        && notBetter(best, stretch)
        && notBetter(medians, stretch);
  }

  private static boolean notBetter(List<Double> values, int stretch) {
    int n = values.size();
    return median(values.subList(n - stretch, n))
        >= median(values.subList(n - 2 * stretch, n - stretch));
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int last = sorted.length - 1;
    return (sorted[last / 2] + sorted[(last + 1) / 2]) / 2;
  }

  int generations() {
    return best.size();
  }

  private static double[] array(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  ObjectNode save() {
    return Json.object()
        .put("best", Doubles.save(array(best)))
        .put("medians", Doubles.save(array(medians)))
        .put("range", Doubles.save(new double[] {range}))
        .put("flat", flat);
  }

  void restore(ObjectNode state) {
    best.clear();
    medians.clear();
    for (double value : Doubles.restore(state.path("best").asText())) {
      best.add(value);
    }
    for (double value : Doubles.restore(state.path("medians").asText())) {
      medians.add(value);
    }
    range = Doubles.restore(state.path("range").asText())[0];
    flat = state.path("flat").asInt();
  }
}
