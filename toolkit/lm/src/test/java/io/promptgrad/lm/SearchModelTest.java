package io.promptgrad.lm;

import static io.promptgrad.lm.Batches.SEQUENCES;
import static io.promptgrad.lm.SearchModel.Others.ALL;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class SearchModelTest {

  private static final TargetLoss CROSS_ENTROPY = new TargetLoss.CrossEntropy();

  static Stream<String> causal() {
    return TinyModels.ALL.stream()
        .filter(name -> Stream.of("bert", "electra", "t5").noneMatch(name::contains));
  }

  static Stream<String> everyFamily() {
    return TinyModels.ALL.stream();
  }

  private static TokenBatch columns(TokenBatch batch, int from, int to) {
    int width = to - from;
    int[] ids = new int[batch.rows() * width];
    int[] positions = new int[ids.length];
    byte[] mask = new byte[ids.length];
    for (int row = 0; row < batch.rows(); row++) {
      System.arraycopy(batch.ids(), batch.index(row, from), ids, row * width, width);
      System.arraycopy(batch.positions(), batch.index(row, from), positions, row * width, width);
      System.arraycopy(batch.mask(), batch.index(row, from), mask, row * width, width);
    }
    return new TokenBatch(batch.rows(), width, ids, mask, positions, new int[0]);
  }

  /** Row and target token at columns 5 to 7 of each row. */
  private static Targets lastThree(TokenBatch batch, int from) {
    int[] at = new int[batch.rows() * 3];
    int[] tokens = new int[at.length];
    for (int i = 0; i < at.length; i++) {
      at[i] = batch.index(i / 3, 5 + i % 3 - from);
      tokens[i] = 7 * i % 97;
    }
    return Targets.mean(at, tokens);
  }

  private static final List<int[]> LONG =
      List.of(
          new int[] {38, 87, 88, 51, 10, 12, 30, 66},
          new int[] {5, 4, 3, 9, 31},
          new int[] {71, 60, 29, 63, 43, 2},
          new int[] {8, 84, 96, 37});

  /** A cache of any length, of padded rows too, changes no score. */
  @ParameterizedTest
  @MethodSource("causal")
  void scores_behindACache_equalThoseWithout(String name) {
    SearchModel search = TinyModels.shared(name, Precision.FLOAT32).forSearch();
    TokenBatch batch = TokenBatch.leftPadded(LONG, 0);
    TargetScores whole = search.scores(batch, lastThree(batch, 0), null, 0, null, ALL);
    try (NDManager scope = search.model().newScope()) {
      SearchModel.Cache cache = search.cache(scope, columns(batch, 0, 2), null, 0);
      cache = search.cache(scope, columns(batch, 2, 5), cache, 2);
      assertThat(cache.tokens()).isEqualTo(5);
      for (int kept = 1; kept <= 5; kept++) {
        TokenBatch tail = columns(batch, kept, 8);
        TargetScores scores = search.scores(tail, lastThree(tail, kept), cache, kept, null, ALL);
        assertThat(scores.losses()).containsExactly(whole.losses(), within(1e-4f));
        assertThat(scores.logits()).containsExactly(whole.logits(), within(1e-4f));
        assertThat(scores.others()).containsExactly(whole.others(), within(1e-4f));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("everyFamily")
  void scores_agreeWithTheLogits(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
    int[] at = {batch.index(0, 3), batch.index(1, 0), batch.index(2, 2)};
    if (model.spec().encoderDecoder()) {
      batch =
          batch.withDecoder(
              List.of(new int[] {1, 2, 3}, new int[] {1}, new int[] {3, 2}, new int[] {4}), 0);
      at = new int[] {2, 3, 7};
    }
    int[][] wanted = {{5}, {9, 14, 60}, {96, 0}};
    TargetScores scores =
        model.forSearch().scores(batch, Targets.mean(at, wanted), null, 0, null, ALL);
    try (NDManager scope = model.newScope()) {
      double[] logits = Tensors.doubles(model.logits(scope, batch, at));
      for (int n = 0; n < 3; n++) {
        double own = 0;
        double all = 0;
        double other = Double.NEGATIVE_INFINITY;
        for (int v = 0; v < 97; v++) {
          int id = v;
          double logit = logits[n * 97 + v];
          boolean target = Arrays.stream(wanted[n]).anyMatch(t -> t == id);
          all += Math.exp(logit);
          own += target ? Math.exp(logit) : 0;
          other = target ? other : Math.max(other, logit);
        }
        assertThat(scores.losses()[n]).isCloseTo((float) Math.log(all / own), within(1e-4f));
        assertThat(scores.logits()[n]).isCloseTo((float) Math.log(own), within(1e-4f));
        assertThat(scores.others()[n]).isCloseTo((float) other, within(1e-5f));
      }
      TargetScores cheap =
          model
              .forSearch()
              .scores(batch, Targets.mean(at, wanted), null, 0, null, SearchModel.Others.IF_LARGER);
      for (int n = 0; n < 3; n++) {
        double best = Double.NEGATIVE_INFINITY;
        for (int id : wanted[n]) {
          best = Math.max(best, logits[n * 97 + id]);
        }
        boolean larger = scores.others()[n] > best;
        assertThat(cheap.others()[n])
            .isEqualTo(larger ? scores.others()[n] : Float.NEGATIVE_INFINITY);
      }
    }
  }

  @Test
  void scores_amongAFewTokens_areThoseOfAVocabularyOfThem() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
    Targets targets = Targets.mean(new int[] {3}, new int[][] {{5, 9}});
    TargetScores scores =
        model.forSearch().scores(batch, targets, null, 0, new int[] {9, 60, 5}, ALL);
    try (NDManager scope = model.newScope()) {
      float[] logits = model.logits(scope, batch, new int[] {3}).toFloatArray();
      double own = Math.exp(logits[5]) + Math.exp(logits[9]);
      double loss = Math.log(own + Math.exp(logits[60])) - Math.log(own);
      assertThat(scores.losses()[0]).isCloseTo((float) loss, within(1e-4f));
      assertThat(scores.others()[0]).isCloseTo(logits[60], within(1e-5f));
    }
  }

  /** Summed over the rows that share a vector, it is the gradient at the word embedding. */
  @ParameterizedTest
  @MethodSource("everyFamily")
  void gradient_ofTheirOwnVectors_isTheEmbeddingGradientSummed(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    int width = model.spec().wordWidth();
    TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
    int[] at = {batch.index(0, 6), batch.index(2, 4), batch.index(3, 2)};
    if (model.spec().encoderDecoder()) {
      batch =
          batch.withDecoder(
              List.of(new int[] {1, 2, 3}, new int[] {1}, new int[] {3, 2}, new int[] {4}), 0);
      at = new int[] {2, 3, 7};
    }
    // token 88 of row 0, and 60 and 96 of rows 2 and 3, which share the place of a trigger's token
    int[] places = {batch.index(0, 2), batch.index(2, 1), batch.index(3, 1)};
    Targets targets = new Targets(at, new int[][] {{5}, {9, 14}, {96}}, new float[] {1, 2, 0.5f});
    SearchModel search = model.forSearch();
    float[] vectors = search.vectors(new int[] {88, 60, 96});
    SearchModel.Gradient found =
        search.gradient(
            batch,
            new SearchModel.Vectors(vectors, places, new int[] {0, 1, 2}),
            targets,
            null,
            0,
            null,
            CROSS_ENTROPY);
    try (NDManager scope = model.newScope()) {
      EmbeddingGradient whole = model.gradient(scope, batch, targets);
      float[] all = whole.vectors().toFloatArray();
      for (int i = 0; i < places.length * width; i++) {
        assertThat(found.vectors()[i])
            .isCloseTo(all[places[i / width] * width + i % width], within(2e-5f));
      }
      assertThat(found.scores().losses())
          .containsExactly(whole.losses().toFloatArray(), within(1e-5f));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama", "mistral", "gemma3_text"})
  void gradient_behindACacheAndOfSharedVectors_equalsFiniteDifferences(String name) {
    for (TargetLoss loss :
        List.of(CROSS_ENTROPY, new TargetLoss.Mellowmax(1.5), new TargetLoss.Hinge(0.001))) {
      SearchModel search = TinyModels.shared(name, Precision.FLOAT64).forSearch();
      int width = search.model().spec().wordWidth();
      TokenBatch head = TokenBatch.of(List.of(new int[] {38, 87, 88}), 0);
      TokenBatch tail =
          shifted(TokenBatch.of(List.of(new int[] {0, 9, 0, 5, 6}, new int[] {4, 0, 0, 7}), 0), 3);
      // both rows hold both vectors
      int[] places = {0, 2, tail.index(1, 1), tail.index(1, 2)};
      int[] which = {0, 1, 0, 1};
      int[] at = {3, 4, tail.index(1, 3)};
      boolean mellow = loss instanceof TargetLoss.Mellowmax;
      Targets targets =
          new Targets(
              at,
              new int[][] {{5}, {14}, {33}},
              mellow ? new float[] {1, 1, 2} : new float[] {0.5f, 0.5f, 2});
      try (NDManager scope = search.model().newScope()) {
        SearchModel.Cache cache = search.cache(scope, head, null, 0);
        float[] vectors = search.vectors(new int[] {17, 71});
        SearchModel.Gradient g =
            search.gradient(
                tail,
                new SearchModel.Vectors(vectors, places, which),
                targets,
                cache,
                3,
                null,
                loss);
        for (int i : new int[] {0, 7, width - 1, width, width + 11}) {
          double[] values = new double[2];
          for (int side = 0; side < 2; side++) {
            float[] moved = vectors.clone();
            moved[i] += (side == 0 ? 1 : -1) * 1e-3f;
            SearchModel.Gradient there =
                search.gradient(
                    tail,
                    new SearchModel.Vectors(moved, places, which),
                    targets,
                    cache,
                    3,
                    null,
                    loss);
            values[side] =
                (mellow ? 1 : 1) * loss.of(there.scores(), 0, 2)
                    + 2 * loss.of(there.scores(), 2, 3);
          }
          double numeric = (values[0] - values[1]) / 2e-3;
          assertThat(g.vectors()[i]).isCloseTo((float) numeric, within(2e-3f));
        }
      }
    }
  }

  private static TokenBatch shifted(TokenBatch batch, int by) {
    return batch.withPositions(Arrays.stream(batch.positions()).map(p -> p + by).toArray());
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "gpt2", "gemma3_text", "electra"})
  void vocabulary_products_nearestAndMixtures_agreeWithTheTable(String name) {
    SearchModel search = TinyModels.shared(name, Precision.FLOAT32).forSearch();
    int width = search.model().spec().wordWidth();
    int vocabulary = search.model().spec().vocabulary();
    float[] table = search.vectors(IntStream.range(0, vocabulary).toArray());
    float[] v = new float[2 * width];
    Arrays.setAll(new int[0], i -> 0);
    for (int i = 0; i < v.length; i++) {
      v[i] = (float) Math.sin(3.1 * i + 1);
    }
    BitSet banned = new BitSet();
    banned.set(0, 40);
    double[][] product = new double[2][vocabulary];
    double[][] cosine = new double[2][vocabulary];
    double[][] distance = new double[2][vocabulary];
    float[] weights = new float[2 * vocabulary];
    double[] mixed = new double[2 * width];
    for (int n = 0; n < 2; n++) {
      for (int id = 0; id < vocabulary; id++) {
        double square = 0;
        weights[n * vocabulary + id] = (float) Math.cos(id + n);
        for (int e = 0; e < width; e++) {
          double x = table[id * width + e];
          product[n][id] += x * v[n * width + e];
          square += x * x;
          distance[n][id] += (x - v[n * width + e]) * (x - v[n * width + e]);
          mixed[n * width + e] += weights[n * vocabulary + id] * x;
        }
        cosine[n][id] = product[n][id] / Math.sqrt(square);
      }
    }
    int[][] smallest = search.smallestProducts(v, banned, 5);
    int[] byCosine = search.nearest(v, banned, SearchModel.Nearness.COSINE);
    int[] byDistance = search.nearest(v, banned, SearchModel.Nearness.EUCLIDEAN);
    for (int n = 0; n < 2; n++) {
      assertThat(smallest[n]).containsExactly(first(product[n], 5));
      double[] angles = cosine[n];
      double[] distances = distance[n];
      assertThat(byCosine[n]).isEqualTo(first(Arrays.stream(angles).map(x -> -x).toArray(), 1)[0]);
      assertThat(byDistance[n]).isEqualTo(first(distances, 1)[0]);
    }
    float[] mixtures = search.mixtures(weights);
    for (int i = 0; i < mixed.length; i++) {
      assertThat(mixtures[i]).isCloseTo((float) mixed[i], within(1e-4f));
    }
    assertThat(search.smallestProducts(v, banned, 1000)[0]).hasSize(vocabulary - 40);
    float[] products = search.products(v);
    assertThat(products[vocabulary + 50]).isCloseTo((float) product[1][50], within(1e-4f));
  }

  private static int[] first(double[] values, int k) {
    List<Integer> ids = new ArrayList<>();
    for (int id = 40; id < values.length; id++) {
      ids.add(id);
    }
    ids.sort((a, b) -> Double.compare(values[a], values[b]));
    return ids.stream().limit(k).mapToInt(i -> i).toArray();
  }

  @Test
  void scores_callersFaults_areRefusedBeforeNativeCode() {
    SearchModel search = TinyModels.shared("gpt2", Precision.FLOAT32).forSearch();
    TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
    Targets targets = Targets.mean(new int[] {0}, new int[] {1});
    assertThatThrownBy(() -> search.scores(batch, targets, null, 1, null, ALL))
        .isInstanceOf(IllegalArgumentException.class);
    try (NDManager scope = search.model().newScope()) {
      SearchModel.Cache wrong =
          new SearchModel.Cache(scope.zeros(new Shape(3, 2, 4, 2, 3, 4)), null);
      assertThatThrownBy(() -> search.scores(batch, targets, wrong, 3, null, ALL))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("shape");
    }
    assertThatThrownBy(() -> search.mixtures(new float[96]))
        .isInstanceOf(IllegalArgumentException.class);
    SearchModel.Vectors outside =
        new SearchModel.Vectors(search.vectors(new int[] {1}), new int[] {99}, new int[] {0});
    assertThatThrownBy(() -> search.gradient(batch, outside, targets, null, 0, null, CROSS_ENTROPY))
        .isInstanceOf(IllegalArgumentException.class);
    BitSet all = new BitSet();
    all.set(0, 97);
    assertThatThrownBy(() -> search.smallestProducts(search.vectors(new int[] {1}), all, 3))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
