package io.promptgrad.lm.generate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.arch.TransformerSpec.Objective;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Text from a causal model or an encoder-decoder, a batch of prompts at a time, with cached keys
 * and values.
 *
 * @param tokens the new tokens of each prompt, without the id that stopped it; those of a stop
 *     string are included, because it need not begin with a token
 * @param texts the new text of each prompt; empty strings if the model has no tokenizer
 * @param logits those that each token was chosen from, [B, steps, V] row-major, 0 after a row's
 *     end; empty unless asked for
 */
public record Generation(List<int[]> tokens, List<String> texts, float[] logits) {

  /**
   * Continues each prompt, or answers it with an encoder-decoder. Prompts may differ in length; a
   * row's result does not depend on the other rows. One seed gives one result.
   *
   * @param prompts token ids, at least one each
   * @throws InvalidInputException if the model is a masked one, or prompts and new tokens do not
   *     fit into its positions
   */
  public static Generation generate(
      LanguageModel model, List<int[]> prompts, GenerationOptions options) {
    return new Run(model, prompts, options).run();
  }

  /** The state of one call. */
  private static final class Run {

    private final LanguageModel model;
    private final GenerationOptions options;
    private final int rows;
    private final boolean answers; // a decoder, to what an encoder reads
    private final TokenBatch batch;
    private final int vocabulary;
    private final boolean[] done;
    private final List<List<Integer>> fresh = new ArrayList<>();
    private final List<float[]> kept = new ArrayList<>();
    private final Sampler[] samplers;

    Run(LanguageModel model, List<int[]> prompts, GenerationOptions options) {
      if (model.spec().objective() == Objective.MASKED) {
        throw new InvalidInputException(
            "A masked language model ("
                + model.spec().family()
                + ") cannot generate text; use a causal one.");
      }
      if (prompts.isEmpty()) {
        throw new IllegalArgumentException("no prompt to continue");
      }
      for (int[] prompt : prompts) {
        requireTokens(prompt, model.spec().vocabulary());
      }
      this.model = model;
      this.options = options;
      this.rows = prompts.size();
      this.answers = model.spec().encoderDecoder();
      this.batch = answers ? TokenBatch.of(prompts, 0) : TokenBatch.leftPadded(prompts, 0);
      requireRoom(
          answers ? 1 : batch.length(), options.maxNewTokens(), model.spec().maxPositions());
      this.vocabulary = model.spec().vocabulary();
      this.done = new boolean[rows];
      this.samplers = new Sampler[rows];
      SplittableRandom random = new SplittableRandom(options.seed());
      int[] start = {model.spec().encoder().startId()};
      for (int row = 0; row < rows; row++) {
        fresh.add(new ArrayList<>());
        int[] before = answers ? start : prompts.get(row);
        samplers[row] = new Sampler(options, before, vocabulary, random.split());
      }
    }

    private static void requireTokens(int[] prompt, int vocabulary) {
      if (prompt.length == 0) {
        throw new InvalidInputException("A prompt to continue needs at least one token.");
      }
      for (int id : prompt) {
        if (id < 0 || id >= vocabulary) {
          throw new IllegalArgumentException(
              "token id " + id + " is outside the vocabulary of " + vocabulary + " entries");
        }
      }
    }

    /** The last new token is never fed back, so it needs no position. */
    private static void requireRoom(int prompt, int fresh, int positions) {
      if (prompt + (long) fresh - 1 > positions) {
        int most = positions - prompt + 1;
        throw new InvalidInputException(
            "A prompt of %d tokens and %d new ones exceed the %d positions of this model; %s."
                .formatted(
                    prompt,
                    fresh,
                    positions,
                    most < 1 ? "shorten the prompt" : "ask for at most " + most + " new tokens"));
      }
    }

    Generation run() {
      try (NDManager all = model.newScope()) {
        byte[] pastMask = batch.mask();
        LanguageModel.Encoded text = answers ? model.encode(all, null, batch) : null;
        NDManager cache = all.newSubManager();
        LanguageModel.Extension step = first(cache, text);
        NDArray past = step.keyValues();
        int[] next = choose(step.logits().toFloatArray());
        for (int made = 1; made < options.maxNewTokens() && !allDone(); made++) {
          int seen = batch.length() + made - 1;
          int[] at = new int[rows];
          Arrays.setAll(at, row -> row);
          NDManager newer = all.newSubManager();
          float[] logits;
          try (NDManager scope = all.newSubManager()) {
            LanguageModel.Extension more =
                answers
                    ? model.decode(scope, text, rows, next, past, at)
                    : model.extend(scope, null, column(next, pastMask, seen), past, pastMask, at);
            past = model.joinCaches(newer, past, more.keyValues());
            logits = more.logits().toFloatArray();
          }
          cache.close(); // the shorter cache
          cache = newer;
          pastMask = withColumn(pastMask, seen);
          next = choose(logits);
        }
      }
      return result();
    }

    /** After the prompts, or after a decoder's start. */
    private LanguageModel.Extension first(NDManager scope, LanguageModel.Encoded text) {
      int[] last = new int[rows];
      if (!answers) {
        Arrays.setAll(last, row -> batch.index(row, batch.length() - 1));
        return model.extend(scope, null, batch, null, null, last);
      }
      int[] starts = new int[rows];
      Arrays.fill(starts, model.spec().encoder().startId());
      Arrays.setAll(last, row -> row);
      return model.decode(scope, text, rows, starts, null, last);
    }

    /** The tokens just chosen as a batch of one column. */
    private TokenBatch column(int[] ids, byte[] pastMask, int seen) {
      byte[] ones = new byte[rows];
      Arrays.fill(ones, (byte) 1);
      int[] positions = new int[rows];
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < seen; i++) {
          positions[row] += pastMask[row * seen + i];
        }
      }
      return new TokenBatch(rows, 1, ids, ones, positions, new int[0]);
    }

    private byte[] withColumn(byte[] mask, int width) {
      byte[] wider = new byte[rows * (width + 1)];
      for (int row = 0; row < rows; row++) {
        System.arraycopy(mask, row * width, wider, row * (width + 1), width);
        wider[row * (width + 1) + width] = 1;
      }
      return wider;
    }

    private int[] choose(float[] logits) {
      int[] chosen = new int[rows];
      float[] recorded = options.keepsLogits() ? new float[logits.length] : null;
      for (int row = 0; row < rows; row++) {
        if (done[row]) {
          continue; // its column is computed with token 0 and never looked at
        }
        if (recorded != null) {
          System.arraycopy(logits, row * vocabulary, recorded, row * vocabulary, vocabulary);
        }
        int id = samplers[row].next(logits, row * vocabulary);
        if (options.stopIds().contains(id)) {
          done[row] = true;
          continue;
        }
        chosen[row] = id;
        fresh.get(row).add(id);
        done[row] = endsInStopString(row);
      }
      if (recorded != null) {
        kept.add(recorded);
      }
      return chosen;
    }

    private boolean endsInStopString(int row) {
      if (options.stopStrings().isEmpty()) {
        return false;
      }
      String text = text(row);
      return options.stopStrings().stream().anyMatch(text::contains);
    }

    private String text(int row) {
      return model
          .tokenizer()
          .decode(fresh.get(row).stream().mapToInt(Integer::intValue).toArray());
    }

    private boolean allDone() {
      for (boolean d : done) {
        if (!d) {
          return false;
        }
      }
      return true;
    }

    private Generation result() {
      List<int[]> tokens = new ArrayList<>();
      List<String> texts = new ArrayList<>();
      for (int row = 0; row < rows; row++) {
        tokens.add(fresh.get(row).stream().mapToInt(Integer::intValue).toArray());
        String text = model.hasTokenizer() ? text(row) : "";
        for (String stop : options.stopStrings()) {
          int cut = text.indexOf(stop);
          text = cut < 0 ? text : text.substring(0, cut);
        }
        texts.add(text);
      }
      int steps = kept.size();
      float[] logits = new float[rows * steps * vocabulary];
      for (int step = 0; step < steps; step++) {
        for (int row = 0; row < rows; row++) {
          System.arraycopy(
              kept.get(step),
              row * vocabulary,
              logits,
              (row * steps + step) * vocabulary,
              vocabulary);
        }
      }
      return new Generation(tokens, texts, logits);
    }
  }
}
