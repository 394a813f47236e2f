package io.promptgrad.benchmarks;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.cuda.CudaUtils;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.MicroBatches;
import io.promptgrad.search.RandomSource;
import java.lang.management.MemoryUsage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * Makes a device run out of memory and looks whether the batches that were halved give what they
 * should.
 *
 * <p>On a GPU its memory is filled but for a gigabyte, and more rows are scored at once than that
 * holds. On a CPU, where no program should try that, the allocator is asked for 512 TiB whenever a
 * batch has more rows than a limit, and refuses.
 *
 * @param how what was done
 * @param failures how often the batch size shrank
 * @param fitted tokens of the largest batch that is tried from then on
 * @param difference largest difference of a score from those without shortage
 * @param scale largest score
 */
record OutOfMemory(String how, int failures, int fitted, double difference, double scale) {

  private static final int LENGTH = 64;
  private static final int FREE_MIB = 1024;
  private static final int CHUNK_MIB = 256;

  /** More rows than a gigabyte holds, with hundreds of bytes of activations for each weight row. */
  private static final int GPU_ROWS = 32768;

  private static final int CPU_ROWS = 48;
  private static final int CPU_HOLDS = 7;
  private static final LabelTokens LABELS =
      new LabelTokens(List.of("no", "yes"), new int[][] {{11, 12, 13}, {14, 15, 16}});

  /** Runs on the model's first device. */
  static OutOfMemory run(LanguageModel model) {
    return model.device().isGpu() ? filled(model) : refused(model);
  }

  /** Whether there was a shortage and the scores are right all the same. */
  boolean ok() {
    return failures > 0 && difference <= 0.03 * scale;
  }

  private static List<LabelScorer.Row> rows(LanguageModel model, int n) {
    RandomGenerator random = new RandomSource(1).stream("rows", 0);
    List<LabelScorer.Row> rows = new ArrayList<>();
    for (int r = 0; r < n; r++) {
      int[] ids = random.ints(LENGTH, 5, model.spec().vocabulary()).toArray();
      rows.add(new LabelScorer.Row(ids, new int[0], LENGTH - 2));
    }
    return rows;
  }

  private static OutOfMemory filled(LanguageModel model) {
    List<LabelScorer.Row> rows = rows(model, GPU_ROWS);
    double[][] expected = new LabelScorer(model).scores(rows, LABELS);
    int all = GPU_ROWS * LENGTH;
    MicroBatches batches = new MicroBatches(0, all);
    double[][] scores;
    try (NDManager ballast = model.newScope()) {
      while (freeMib(model.device()) > FREE_MIB + CHUNK_MIB) {
        ballast.zeros(new Shape((long) CHUNK_MIB << 18), DataType.FLOAT32);
      }
      scores = new LabelScorer(model, batches).scores(rows, LABELS);
    }
    return compare(
        "GPU memory filled but for %d MiB".formatted(FREE_MIB), all, batches, expected, scores);
  }

  private static long freeMib(Device device) {
    MemoryUsage memory = CudaUtils.getGpuMemory(device);
    return (memory.getMax() - memory.getUsed()) >> 20;
  }

  private static OutOfMemory refused(LanguageModel model) {
    List<LabelScorer.Row> rows = rows(model, CPU_ROWS);
    double[][] expected = new LabelScorer(model).scores(rows, LABELS);
    int[] lengths = new int[CPU_ROWS];
    Arrays.fill(lengths, LENGTH);
    MicroBatches batches = new MicroBatches(0, CPU_ROWS * LENGTH);
    double[][] scores = new double[CPU_ROWS][];
    batches.run(
        model,
        lengths,
        (replica, group) -> {
          if (group.length > CPU_HOLDS) {
            askForTooMuch(replica);
          }
          List<LabelScorer.Row> own = Arrays.stream(group).mapToObj(rows::get).toList();
          double[][] part = new LabelScorer(replica).scores(own, LABELS);
          for (int r = 0; r < group.length; r++) {
            scores[group[r]] = part[r];
          }
        });
    return compare("512 TiB asked for", CPU_ROWS * LENGTH, batches, expected, scores);
  }

  private static void askForTooMuch(LanguageModel model) {
    int width = model.spec().hidden();
    try (NDManager scope = model.newScope()) {
      // one row of zeros, seen as many: the memory is missing only when it is multiplied
      model.timesWordEmbedding(
          scope, scope.zeros(new Shape(1, width)).broadcast(new Shape((1L << 47) / width, width)));
    }
  }

  private static OutOfMemory compare(
      String how, int most, MicroBatches batches, double[][] expected, double[][] scores) {
    double difference = 0;
    double scale = 0;
    for (int r = 0; r < scores.length; r++) {
      for (int c = 0; c < scores[r].length; c++) {
        difference = Math.max(difference, Math.abs(scores[r][c] - expected[r][c]));
        scale = Math.max(scale, Math.abs(expected[r][c]));
      }
    }
    int fitted = batches.largest(LENGTH);
    int failures = (int) Math.round(Math.log((double) most / fitted) / Math.log(2));
    return new OutOfMemory(how, failures, fitted, difference, scale);
  }

  ObjectNode toJson() {
    return Json.object()
        .put("how", how)
        .put("failures", failures)
        .put("largest_batch_tokens", fitted)
        .put("largest_difference", difference)
        .put("largest_score", scale)
        .put("ok", ok());
  }
}
