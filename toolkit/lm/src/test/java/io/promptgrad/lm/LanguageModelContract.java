package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * What every {@link LanguageModel} promises, whatever its family: rows do not see each other,
 * nothing sees padding, gradients are those of the loss, a cache stands for its tokens. The test of
 * a family, or of a checkpoint, extends this class and says which model it is.
 *
 * <pre>{@code
 * class MyFamilyTest extends LanguageModelContract {
 *   @Override
 *   protected LanguageModel model() {
 *     return MODEL; // small, in float64, open for as long as the tests run
 *   }
 * }
 * }</pre>
 *
 * <p>Whether the numbers are the reference implementation's is another question: see {@code
 * promptgrad verify}. Published in the test-jar of promptgrad-lm; needs JUnit and AssertJ.
 */
public abstract class LanguageModelContract {

  private static final int[] LENGTHS = {8, 1, 5, 3};
  private static final int[] ANSWER_LENGTHS = {3, 2, 5, 1}; // what a decoder is given
  private static final double STEP = 1e-5;

  /** Returns the model; tests do not close it. Gradients are compared in float64 only. */
  protected abstract LanguageModel model();

  /** How far numbers may be apart that are equal but for the order of sums, of the largest one. */
  protected double tolerance() {
    return switch (model().precision()) {
      case FLOAT64 -> 1e-10;
      case FLOAT32 -> 1e-4;
      case FLOAT16 -> 2e-2;
      case BFLOAT16 -> 6e-2;
    };
  }

  // ------------------------------------------------------------------ batches

  private int[] sequence(int row, int length, int salt) {
    int[] ids = new int[length];
    Arrays.setAll(ids, i -> (31 * row + 17 * i + salt) % model().spec().vocabulary());
    return ids;
  }

  private TokenBatch batch(boolean leftPadded) {
    List<int[]> rows = new ArrayList<>();
    List<int[]> answers = new ArrayList<>();
    for (int row = 0; row < LENGTHS.length; row++) {
      rows.add(sequence(row, LENGTHS[row], 5));
      answers.add(sequence(row, ANSWER_LENGTHS[row], 11));
    }
    int pad = model().spec().padId();
    TokenBatch batch = leftPadded ? TokenBatch.leftPadded(rows, pad) : TokenBatch.of(rows, pad);
    return decodes() ? batch.withDecoder(answers, pad) : batch;
  }

  private TokenBatch alone(int row) {
    int pad = model().spec().padId();
    TokenBatch batch = TokenBatch.of(List.of(sequence(row, LENGTHS[row], 5)), pad);
    return decodes()
        ? batch.withDecoder(List.of(sequence(row, ANSWER_LENGTHS[row], 11)), pad)
        : batch;
  }

  private boolean decodes() {
    return model().spec().encoderDecoder();
  }

  /** Where the last token of each row is, of the decoder if there is one. */
  private int[] ends(TokenBatch batch, boolean leftPadded) {
    int[] at = new int[batch.rows()];
    for (int row = 0; row < at.length; row++) {
      at[row] =
          decodes()
              ? batch.decoderIndex(row, ANSWER_LENGTHS[row] - 1)
              : batch.index(row, leftPadded ? batch.length() - 1 : LENGTHS[row] - 1);
    }
    return at;
  }

  private int end(int row) {
    return (decodes() ? ANSWER_LENGTHS : LENGTHS)[row] - 1;
  }

  private Targets targets(int... at) {
    int[][] tokens = new int[at.length][];
    float[] weights = new float[at.length];
    Arrays.fill(tokens, new int[] {2, model().spec().vocabulary() - 1});
    Arrays.fill(weights, 1);
    return new Targets(at, tokens, weights);
  }

  private void assertClose(String what, double[] actual, double[] expected) {
    double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
    assertThat(actual)
        .as(what)
        .containsExactly(expected, within(tolerance() * Math.max(1, largest)));
  }

  // ------------------------------------------------------------------ rows and padding

  @Test
  void logits_ofABatch_areThoseOfItsRowsAlone() {
    int v = model().spec().vocabulary();
    for (boolean left : new boolean[] {false, true}) {
      try (NDManager scope = model().newScope()) {
        TokenBatch batch = batch(left);
        double[] together = Tensors.doubles(model().logits(scope, batch, ends(batch, left)));
        for (int row = 0; row < batch.rows(); row++) {
          assertClose(
              "row " + row,
              Tensors.row(together, row, v),
              Tensors.doubles(model().logits(scope, alone(row), new int[] {end(row)})));
        }
      }
    }
  }

  @Test
  void gradient_ofABatch_isThatOfItsRowsAloneAndZeroOnPadding() {
    int e = model().spec().wordWidth();
    for (boolean left : new boolean[] {false, true}) {
      try (NDManager scope = model().newScope()) {
        TokenBatch batch = batch(left);
        double[] together =
            Tensors.doubles(model().gradient(scope, batch, targets(ends(batch, left))).vectors());
        for (int row = 0; row < batch.rows(); row++) {
          double[] single =
              Tensors.doubles(model().gradient(scope, alone(row), targets(end(row))).vectors());
          int first = left ? batch.length() - LENGTHS[row] : 0;
          for (int column = 0; column < batch.length(); column++) {
            int i = column - first;
            boolean real = i >= 0 && i < LENGTHS[row];
            double[] actual = Tensors.row(together, batch.index(row, column), e);
            if (real) {
              assertClose("row " + row + " token " + i, actual, Tensors.row(single, i, e));
            } else {
              assertThat(actual).as("padding of row %d", row).containsOnly(0);
            }
          }
        }
      }
    }
  }

  @Test
  void logits_withOtherIdsOnPadding_areTheSameBits() {
    try (NDManager scope = model().newScope()) {
      TokenBatch batch = batch(false);
      int[] ids = batch.ids().clone();
      Random random = new Random(3);
      for (int i = 0; i < ids.length; i++) {
        ids[i] = batch.mask()[i] == 0 ? random.nextInt(model().spec().vocabulary()) : ids[i];
      }
      TokenBatch other =
          new TokenBatch(
              batch.rows(),
              batch.length(),
              ids,
              batch.mask(),
              batch.positions(),
              batch.types(),
              batch.decoderIds());
      int[] at = ends(batch, false);
      assertThat(other.ids()).isNotEqualTo(batch.ids());
      assertThat(Tensors.doubles(model().logits(scope, other, at)))
          .isEqualTo(Tensors.doubles(model().logits(scope, batch, at)));
    }
  }

  @Test
  void logits_computedAgain_areTheSameBits() {
    try (NDManager scope = model().newScope()) {
      TokenBatch batch = batch(true);
      int[] at = ends(batch, true);
      double[] first = Tensors.doubles(model().logits(scope, batch, at));
      model().gradient(scope, batch, targets(at));
      assertThat(Tensors.doubles(model().logits(scope, batch, at))).isEqualTo(first);
    }
  }

  // ------------------------------------------------------------------ heads and losses

  @Test
  void logits_ofAFewTokens_areThoseAmongAll() {
    int v = model().spec().vocabulary();
    int[] few = {v - 1, 0, 3};
    try (NDManager scope = model().newScope()) {
      TokenBatch batch = batch(false);
      int[] at = ends(batch, false);
      double[] all = Tensors.doubles(model().logits(scope, batch, at));
      double[] expected = new double[at.length * few.length];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = all[i / few.length * v + few[i % few.length]];
      }
      assertClose("few", Tensors.doubles(model().logits(scope, batch, at, few)), expected);
    }
  }

  @Test
  void losses_areThoseOfTheLogits() {
    try (NDManager scope = model().newScope()) {
      TokenBatch batch = batch(false);
      Targets targets = targets(ends(batch, false));
      double[] logits = Tensors.doubles(model().logits(scope, batch, targets.at()));
      double[] expected = new double[targets.at().length];
      Arrays.setAll(expected, n -> loss(logits, n, targets));
      assertClose("losses", Tensors.doubles(model().losses(scope, batch, targets)), expected);
      assertClose(
          "losses of the gradient",
          Tensors.doubles(model().gradient(scope, batch, targets).losses()),
          expected);
    }
  }

  /** Minus the log of the probability of the target tokens together. */
  private double loss(double[] logits, int n, Targets targets) {
    double[] row = Tensors.row(logits, n, model().spec().vocabulary());
    double largest = Arrays.stream(row).max().orElseThrow();
    double all = Arrays.stream(row).map(logit -> Math.exp(logit - largest)).sum();
    double wanted =
        Arrays.stream(targets.tokens()[n]).mapToDouble(t -> Math.exp(row[t] - largest)).sum();
    return -Math.log(wanted / all);
  }

  // ------------------------------------------------------------------ gradients

  @Test
  void gradient_fromTheWordVectors_isThatOfTheIds() {
    try (NDManager scope = model().newScope()) {
      TokenBatch batch = batch(true);
      Targets targets = targets(ends(batch, true));
      NDArray vectors = model().wordVectors(scope, batch);
      assertClose(
          "gradient",
          Tensors.doubles(model().gradient(scope, vectors, batch, null, null, targets).vectors()),
          Tensors.doubles(model().gradient(scope, batch, targets).vectors()));
    }
  }

  @Test
  void gradient_inFloat64_isThatOfFiniteDifferences() {
    assumeThat(model().precision()).isEqualTo(Precision.FLOAT64);
    try (NDManager scope = model().newScope()) {
      TokenBatch batch = batch(false);
      Targets targets = targets(ends(batch, false));
      double[] vectors = Tensors.doubles(model().wordVectors(scope, batch));
      double[] gradient = Tensors.doubles(model().gradient(scope, batch, targets).vectors());
      double largest = Arrays.stream(gradient).map(Math::abs).max().orElseThrow();
      assertThat(largest).isPositive();
      Random random = new Random(4);
      for (int n = 0; n < 6; n++) {
        int i = random.nextInt(gradient.length);
        double near = moved(batch, targets, vectors, i, STEP);
        double far = moved(batch, targets, vectors, i, 2 * STEP);
        assertThat(gradient[i])
            .as("entry %d", i)
            .isCloseTo((8 * near - far) / (12 * STEP), within(1e-6 * largest + 1e-8));
      }
    }
  }

  /** Loss with an entry moved forwards, less that with it moved back. */
  private double moved(TokenBatch batch, Targets targets, double[] vectors, int i, double by) {
    double difference = 0;
    for (int sign = -1; sign <= 1; sign += 2) {
      double[] moved = vectors.clone();
      moved[i] += sign * by;
      try (NDManager scope = model().newScope()) {
        Shape shape = new Shape(batch.rows(), batch.length(), model().spec().wordWidth());
        NDArray x = scope.create(moved, shape);
        double[] logits =
            Tensors.doubles(
                model().forCaching().extend(scope, x, batch, null, null, targets.at()).logits());
        for (int n = 0; n < targets.at().length; n++) {
          difference += sign * loss(logits, n, targets);
        }
      }
    }
    return difference;
  }

  // ------------------------------------------------------------------ the cache

  @Test
  void extend_behindACache_isOnePass() {
    assumeThat(model().spec().objective()).isEqualTo(Objective.CAUSAL);
    assumeThat(decodes()).as("an encoder-decoder").isFalse();
    int v = model().spec().vocabulary();
    int pad = model().spec().padId();
    int[] all = sequence(0, 8, 5);
    try (NDManager scope = model().newScope()) {
      int[] everywhere = {0, 1, 2, 3, 4, 5, 6, 7};
      double[] whole =
          Tensors.doubles(model().logits(scope, TokenBatch.of(List.of(all), pad), everywhere));
      for (int split = 1; split < all.length; split++) {
        TokenBatch head = TokenBatch.of(List.of(Arrays.copyOf(all, split)), pad);
        TokenBatch tail = TokenBatch.of(List.of(Arrays.copyOfRange(all, split, 8)), pad);
        int shift = split;
        tail = tail.withPositions(Arrays.stream(tail.positions()).map(p -> p + shift).toArray());
        NDArray past =
            model().forCaching().extend(scope, null, head, null, null, new int[] {0}).keyValues();
        int last = all.length - split - 1;
        assertClose(
            "split at " + split,
            Tensors.doubles(
                model()
                    .forCaching()
                    .extend(scope, null, tail, past, null, new int[] {last})
                    .logits()),
            Tensors.row(whole, 7, v));
      }
    }
  }
}
