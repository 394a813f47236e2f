package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Minibatches of shuffled epochs, which are filled up with the examples that were used least. */
final class Minibatches {

  private final List<Example> examples;
  private final int size;
  private final RandomSource random;
  private final String draw;
  private final int[] used; // how often each example was in a minibatch
  private List<Integer> epoch = new ArrayList<>(); // what is left of it
  private int epochs;

  /**
   * @param size of a minibatch, at most all examples
   * @param draw names the shuffles
   */
  Minibatches(List<Example> examples, int size, RandomSource random, String draw) {
    this.examples = examples;
    this.size = Math.min(size, examples.size());
    this.random = random;
    this.draw = draw;
    this.used = new int[examples.size()];
  }

  List<Example> next() {
    if (epoch.size() < size) {
      epoch = shuffled();
    }
    List<Example> batch = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      int place = epoch.remove(0);
      used[place]++;
      batch.add(examples.get(place));
    }
    return batch;
  }

  private List<Integer> shuffled() {
    List<Integer> places = new ArrayList<>();
    for (int i : RandomSource.permutation(examples.size(), random.stream(draw, epochs++))) {
      places.add(i);
    }
    int[] times = used.clone();
    while (places.size() % size != 0) {
      int least = 0;
      for (int i = 0; i < times.length; i++) {
        least = times[i] < times[least] ? i : least;
      }
      times[least]++;
      places.add(least);
    }
    return places;
  }

  void save(ObjectNode json) {
    json.set("used", Json.array(used));
    json.set("epoch", Json.array(epoch.stream().mapToInt(i -> i).toArray()));
    json.put("epochs", epochs);
  }

  void restore(JsonNode json) {
    System.arraycopy(Json.ints(json.path("used")), 0, used, 0, used.length);
    epoch = new ArrayList<>(Arrays.stream(Json.ints(json.path("epoch"))).boxed().toList());
    epochs = json.path("epochs").asInt();
  }
}
