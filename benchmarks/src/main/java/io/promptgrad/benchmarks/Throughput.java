package io.promptgrad.benchmarks;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * How many tokens of work a model does in a second, through the library's own batches, so that
 * several devices share it and what does not fit is halved: forward passes, forward and backward
 * passes, and the scoring of candidates by two labels of three tokens each.
 *
 * @param work what was done
 * @param rows sequences in one round
 * @param tokens of one round, padding left out
 * @param computed tokens of one round as the model counts them, with padding
 * @param seconds of the median round
 * @param rate floating-point operations in a second, padding not counted as work
 */
record Throughput(String work, int rows, long tokens, long computed, double seconds, double rate) {

  /**
   * How much is done.
   *
   * @param rows sequences in a round of forward and of forward and backward passes
   * @param length their tokens
   * @param candidates of the scoring
   * @param examples that each candidate is scored on, of a quarter of the length up to all of it
   * @param rounds that are timed; one more warms up
   */
  record Size(int rows, int length, int candidates, int examples, int rounds) {

    /** A round of 32,768 tokens, 64 candidates on 32 examples. */
    static Size usual() {
      return new Size(256, 128, 64, 32, 5);
    }

    /** For tests. */
    static Size tiny() {
      return new Size(6, 16, 4, 3, 2);
    }
  }

  private static final String FORWARD = "forward";
  private static final String GRADIENT = "forward and backward";
  private static final String CANDIDATES = "candidates";
  private static final LabelTokens LABELS =
      new LabelTokens(List.of("no", "yes"), new int[][] {{11, 12, 13}, {14, 15, 16}});

  /** Measures all three. */
  static List<Throughput> measure(LanguageModel model, RandomLlama shape, Size size) {
    RandomGenerator random = new RandomSource(0).stream("tokens", 0);
    List<int[]> equal = new ArrayList<>();
    for (int r = 0; r < size.rows; r++) {
      equal.add(sequence(size.length, shape, random));
    }
    List<int[]> various = new ArrayList<>();
    for (int e = 0; e < size.examples; e++) {
      int length = random.nextInt(Math.max(2, size.length / 4), size.length + 1);
      for (int c = 0; c < size.candidates; c++) {
        various.add(sequence(length, shape, random));
      }
    }
    MicroBatches forward = MicroBatches.forModel(model);
    MicroBatches backward = MicroBatches.forModel(model);
    LabelScorer scorer = new LabelScorer(model);
    List<LabelScorer.Row> rows =
        various.stream().map(ids -> new LabelScorer.Row(ids, new int[0], ids.length - 1)).toList();
    return List.of(
        time(FORWARD, model, shape, equal, size, () -> forward(model, forward, equal)),
        time(GRADIENT, model, shape, equal, size, () -> gradient(model, backward, equal)),
        time(CANDIDATES, model, shape, various, size, () -> scorer.scores(rows, LABELS)));
  }

  private static int[] sequence(int length, RandomLlama shape, RandomGenerator random) {
    return random.ints(length, 0, shape.vocabulary()).toArray();
  }

  private static void forward(LanguageModel model, MicroBatches batches, List<int[]> sequences) {
    batches.run(
        model,
        lengths(sequences),
        (replica, group) -> {
          TokenBatch batch = batch(sequences, group);
          try (NDManager scope = replica.newScope()) {
            replica.logits(scope, batch, ends(batch, sequences, group)).sum().getFloat();
          }
        });
  }

  private static void gradient(LanguageModel model, MicroBatches batches, List<int[]> sequences) {
    batches.run(
        model,
        lengths(sequences),
        (replica, group) -> {
          TokenBatch batch = batch(sequences, group);
          int[][] wanted = new int[group.length][];
          Arrays.setAll(wanted, r -> new int[] {sequences.get(group[r])[0]});
          Targets targets = Targets.mean(ends(batch, sequences, group), wanted);
          try (NDManager scope = replica.newScope()) {
            replica.gradient(scope, batch, targets).vectors().sum().getFloat();
          }
        });
  }

  private static TokenBatch batch(List<int[]> sequences, int[] group) {
    return TokenBatch.of(Arrays.stream(group).mapToObj(sequences::get).toList(), 0);
  }

  private static int[] ends(TokenBatch batch, List<int[]> sequences, int[] group) {
    int[] at = new int[group.length];
    Arrays.setAll(at, r -> batch.index(r, sequences.get(group[r]).length - 1));
    return at;
  }

  private static int[] lengths(List<int[]> sequences) {
    return sequences.stream().mapToInt(ids -> ids.length).toArray();
  }

  private static Throughput time(
      String work,
      LanguageModel model,
      RandomLlama shape,
      List<int[]> sequences,
      Size size,
      Runnable round) {
    long before = model.forwardTokens();
    double[] seconds = Interleaved.milliseconds(List.of(round), 1, size.rounds)[0];
    double median = Interleaved.median(seconds) / 1e3;
    double operations = 0;
    long tokens = 0;
    for (int[] sequence : sequences) {
      int length = sequence.length;
      operations +=
          switch (work) {
            case FORWARD -> shape.forwardOperations(length, shape.vocabulary());
            case GRADIENT -> shape.gradientOperations(length);
            default -> shape.forwardOperations(length, LABELS.flat().length);
          };
      tokens += length;
    }
    long computed = (model.forwardTokens() - before) / (size.rounds + 1);
    return new Throughput(work, sequences.size(), tokens, computed, median, operations / median);
  }

  double tokensPerSecond() {
    return tokens / seconds;
  }

  ObjectNode toJson(double matmul) {
    return Json.object()
        .put("work", work)
        .put("rows", rows)
        .put("tokens", tokens)
        .put("tokens_with_padding", computed)
        .put("seconds", seconds)
        .put("tokens_per_second", tokensPerSecond())
        .put("rows_per_second", rows / seconds)
        .put("tflops", rate / 1e12)
        .put("share_of_matmul", rate / matmul);
  }
}
