package io.promptgrad.gradient.soft;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.SoftModel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Virtual tokens among the words of the vocabulary. A nearest word is no explanation: a prompt can
 * be drawn close to any text at little loss (Khashabi et al. 2022, arXiv:2112.08348), and the three
 * measures often name different words, as norms differ.
 */
public final class VirtualTokens {

  /** The file of a run directory that reports read. */
  public static final String FILE = "prompt/tokens.json";

  /** Words on a map. */
  private static final int MAPPED = 600;

  private VirtualTokens() {}

  /** How near a token is. */
  public enum Measure {
    /** Cosine of the angle. */
    COSINE,
    /** Euclidean distance; small is near. */
    EUCLIDEAN,
    /** Dot product. */
    DOT
  }

  /** A token and how near it is. */
  public record Near(int id, String token, double value) {}

  /**
   * The nearest tokens of each vector, the nearest first.
   *
   * @param vectors [n * E], row-major
   * @param k how many
   * @return [n][k]
   */
  public static List<List<Near>> nearest(
      LanguageModel model, float[] vectors, Measure measure, int k) {
    SearchModel search = model.forSearch();
    int width = model.spec().wordWidth();
    int vocabulary = model.spec().vocabulary();
    double[] squares = squares(search, vocabulary, width);
    int[] real = IntStream.range(0, vocabulary).filter(model.tokenizer()::has).toArray();
    List<List<Near>> all = new ArrayList<>();
    for (int n = 0; n < vectors.length / width; n++) {
      float[] vector = Arrays.copyOfRange(vectors, n * width, (n + 1) * width);
      float[] products = search.products(vector);
      double own = 0;
      for (float v : vector) {
        own += (double) v * v;
      }
      double square = own;
      Integer[] order = IntStream.of(real).boxed().toArray(Integer[]::new);
      double[] value = new double[vocabulary];
      for (int id : real) {
        value[id] =
            switch (measure) {
              case COSINE -> products[id] / Math.sqrt(Math.max(square * squares[id], 1e-30));
              case EUCLIDEAN -> Math.sqrt(Math.max(0, square + squares[id] - 2.0 * products[id]));
              case DOT -> products[id];
            };
      }
      Comparator<Integer> nearer = Comparator.comparingDouble(id -> -value[id]);
      Arrays.sort(order, measure == Measure.EUCLIDEAN ? nearer.reversed() : nearer);
      all.add(
          Arrays.stream(order)
              .limit(k)
              .map(id -> new Near(id, model.tokenizer().view(id), value[id]))
              .toList());
    }
    return all;
  }

  private static double[] squares(SearchModel search, int vocabulary, int width) {
    double[] squares = new double[vocabulary];
    for (int start = 0; start < vocabulary; start += 4096) {
      int from = start;
      int n = Math.min(4096, vocabulary - start);
      float[] block = search.vectors(IntStream.range(from, from + n).toArray());
      for (int i = 0; i < block.length; i++) {
        squares[from + i / width] += (double) block[i] * block[i];
      }
    }
    return squares;
  }

  /**
   * The prompt with every virtual token replaced by the vector of the token nearest to it: what is
   * left of it as a discrete prompt. Evaluate it as any other.
   */
  public static SoftPrompt snapped(LanguageModel model, SoftPrompt prompt, Measure measure) {
    List<PeftAdapter> adapters = new ArrayList<>();
    for (PeftAdapter adapter : prompt.adapters()) {
      int[] ids = snappedIds(model, adapter, measure);
      adapters.add(PeftAdapter.of(adapter.config(), model.forSearch().vectors(ids)));
    }
    List<String> names = new ArrayList<>();
    for (int id : snappedIds(model, prompt.adapters().get(0), measure)) {
      names.add(model.tokenizer().view(id));
    }
    return new SoftPrompt(adapters, prompt.reading(), names, prompt.towards(), prompt.warning());
  }

  /** The ids of those tokens: a trigger to begin a discrete search at. */
  public static int[] snappedIds(LanguageModel model, PeftAdapter adapter, Measure measure) {
    return nearest(model, adapter.used(), measure, 1).stream()
        .mapToInt(own -> own.get(0).id())
        .toArray();
  }

  // ------------------------------------------------------------------ for reports

  /** What a report shows of a prompt's virtual tokens; nothing of keys and values. */
  public static Optional<ObjectNode> of(LanguageModel model, SoftPrompt prompt) {
    if (prompt.layout() != SoftModel.Layout.VECTORS) {
      return Optional.empty();
    }
    float[] vectors = prompt.adapters().get(0).used();
    ObjectNode json = Json.object();
    ObjectNode nearest = json.putObject("nearest");
    for (Measure measure : Measure.values()) {
      ArrayNode rows = nearest.putArray(measure.name().toLowerCase(Locale.ROOT));
      for (List<Near> row : nearest(model, vectors, measure, 3)) {
        ArrayNode tokens = rows.addArray();
        row.forEach(
            near -> tokens.addObject().put("token", near.token()).put("value", near.value()));
      }
    }
    prompt
        .towards()
        .ifPresent(text -> json.set("towards", Waywardness.of(model, text).measure(vectors)));
    json.set("map", map(model, vectors));
    return Optional.of(json);
  }

  /** Words evenly spaced in the vocabulary, and the virtual tokens, in two dimensions. */
  private static ObjectNode map(LanguageModel model, float[] vectors) {
    int width = model.spec().wordWidth();
    int[] real =
        IntStream.range(0, model.spec().vocabulary()).filter(model.tokenizer()::has).toArray();
    int n = Math.min(MAPPED, real.length);
    int[] ids = IntStream.range(0, n).map(i -> real[(int) ((long) i * real.length / n)]).toArray();
    float[] words = model.forSearch().vectors(ids);
    double[][] points = PrincipalComponents.of(words, vectors, width);
    ObjectNode json = Json.object();
    ArrayNode vocabulary = json.putArray("words");
    ArrayNode virtual = json.putArray("virtual");
    for (int i = 0; i < points.length; i++) {
      ArrayNode point = i < n ? vocabulary.addArray() : virtual.addArray();
      point.add(points[i][0]).add(points[i][1]);
      point.add(i < n ? model.tokenizer().view(ids[i]) : Integer.toString(i - n + 1));
    }
    return json;
  }
}
