package io.promptgrad.lm.arch;

import java.util.ArrayList;
import java.util.List;

/**
 * Which checkpoint tensor feeds which weight of the program.
 *
 * @param slots one entry for each weight of the program
 * @param basePrefix name prefix that checkpoints saved from the bare base model leave out
 * @param ignored regular expressions of tensor names that belong to the checkpoint but not to the
 *     language model (poolers, buffers)
 */
public record WeightMap(List<Slot> slots, String basePrefix, List<String> ignored) {

  /**
   * @param layer 0-based layer (an encoder-decoder's encoder comes first), or -1 for the embeddings
   *     and the head
   * @param key the program's name, e.g. {@code q.weight}
   * @param name the checkpoint's name
   * @param shape the checkpoint tensor's shape
   * @param transposed whether the checkpoint stores [in, out]
   * @param firstRow first row, after transposition, of a tensor that holds several weights
   * @param rows number of rows; 0 for all
   */
  public record Slot(
      int layer,
      String key,
      String name,
      long[] shape,
      boolean transposed,
      int firstRow,
      int rows) {}

  /** Collects slots; a linear layer or norm adds its weight and its bias together. */
  static final class Builder {

    private final List<Slot> slots = new ArrayList<>();

    /** One tensor as it is. */
    Builder tensor(int layer, String key, String name, long... shape) {
      slots.add(new Slot(layer, key, name, shape, false, 0, 0));
      return this;
    }

    /** {@code name.weight} [out, in] and, if there is one, {@code name.bias} [out]. */
    Builder linear(int layer, String key, String name, long out, long in, boolean bias) {
      tensor(layer, key + ".weight", name + ".weight", out, in);
      return bias ? tensor(layer, key + ".bias", name + ".bias", out) : this;
    }

    /** Rows {@code first .. first + rows} of the weight {@code name} [out, in], without a bias. */
    Builder rows(int layer, String key, String name, long out, long in, int first, int rows) {
      slots.add(
          new Slot(
              layer, key + ".weight", name + ".weight", new long[] {out, in}, false, first, rows));
      return this;
    }

    /** {@code name.weight} and, for a layer norm, {@code name.bias}. */
    Builder norm(int layer, String key, String name, long width, boolean bias) {
      tensor(layer, key + ".weight", name + ".weight", width);
      return bias ? tensor(layer, key + ".bias", name + ".bias", width) : this;
    }

    /**
     * GPT-2's Conv1D: {@code name.weight} [in, out] and {@code name.bias} [out], of which the
     * columns {@code first .. first + rows} are this layer's.
     */
    Builder conv1d(int layer, String key, String name, int in, int out, int first, int rows) {
      slots.add(
          new Slot(
              layer, key + ".weight", name + ".weight", new long[] {in, out}, true, first, rows));
      slots.add(
          new Slot(layer, key + ".bias", name + ".bias", new long[] {out}, false, first, rows));
      return this;
    }

    WeightMap build(String basePrefix, String... ignored) {
      return new WeightMap(List.copyOf(slots), basePrefix, List.of(ignored));
    }
  }
}
