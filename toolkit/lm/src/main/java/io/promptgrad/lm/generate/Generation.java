package io.promptgrad.lm.generate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.CachingModel;
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
 * @param texts the new text of each prompt, as it goes on from the prompt: with a leading blank
 *     where a new word begins; empty strings if the model has no tokenizer
 * @param ends what ended each row
 * @param logits those that each token was chosen from, [B, steps, V] row-major, 0 after a row's
 *     end; empty unless asked for
 */
public record Generation(List<int[]> tokens, List<String> texts, List<End> ends, float[] logits) {

  /** What ended a row. */
  public enum End {
    /** It has as many new tokens as were allowed. */
    LENGTH,
    /** A stop id was chosen. */
    STOP_ID,
    /** Its text came to a stop string. */
    STOP_STRING,
    /** The listener did not want to go on. */
    CANCELLED
  }

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
    return generate(model, prompts, options, Integer.MAX_VALUE, GenerationListener.NONE);
  }

  /**
   * The same, some prompts at a time, and telling what comes.
   *
   * @param rowsAtOnce at most this many prompts go through the model together; it changes memory
   *     and speed, and no result
   */
  public static Generation generate(
      LanguageModel model,
      List<int[]> prompts,
      GenerationOptions options,
      int rowsAtOnce,
      GenerationListener listener) {
    SplittableRandom random = new SplittableRandom(options.seed());
    List<SplittableRandom> randoms = prompts.stream().map(prompt -> random.split()).toList();
    return generate(model, prompts, options, randoms, rowsAtOnce, listener);
  }

  /**
   * The same with a seed for each prompt, so that what is drawn for one does not depend on which
   * others it is with.
   */
  public static Generation generate(
      LanguageModel model,
      List<int[]> prompts,
      GenerationOptions options,
      long[] seeds,
      int rowsAtOnce) {
    if (seeds.length != prompts.size()) {
      throw new IllegalArgumentException(
          "%d prompts have %d seeds".formatted(prompts.size(), seeds.length));
    }
    List<SplittableRandom> randoms = Arrays.stream(seeds).mapToObj(SplittableRandom::new).toList();
    return generate(model, prompts, options, randoms, rowsAtOnce, GenerationListener.NONE);
  }

  private static Generation generate(
      LanguageModel model,
      List<int[]> prompts,
      GenerationOptions options,
      List<SplittableRandom> randoms,
      int rowsAtOnce,
      GenerationListener listener) {
    if (rowsAtOnce < 1) {
      throw new IllegalArgumentException("rowsAtOnce is " + rowsAtOnce + ", at least 1 needed");
    }
    requireAll(model, prompts, options);
    int vocabulary = model.spec().vocabulary();
    List<Row> rows = new ArrayList<>();
    for (int[] prompt : prompts) {
      int row = rows.size();
      rows.add(new Row(row, prompt, model, options, randoms.get(row), listener));
    }
    // the logits of one step must fit into an array
    int atOnce = Math.min(rowsAtOnce, Math.max(1, Integer.MAX_VALUE / vocabulary));
    for (int start = 0; start < rows.size(); ) {
      int end = (int) Math.min(rows.size(), start + (long) atOnce);
      new Batch(model, rows.subList(start, end), options, listener).run();
      start = end;
    }
    return new Generation(
        rows.stream().map(Row::tokens).toList(),
        rows.stream().map(Row::text).toList(),
        rows.stream().map(row -> row.end).toList(),
        logits(rows, vocabulary));
  }

  /**
   * Refuses a model that cannot generate, before a prompt is made for it.
   *
   * @throws InvalidInputException if the model is a masked one
   */
  public static void requireGenerative(LanguageModel model) {
    if (model.spec().objective() == Objective.MASKED) {
      throw new InvalidInputException(
          "A masked language model ("
              + model.spec().family()
              + ") cannot generate text; use a causal one.");
    }
  }

  /** The most new tokens that there is room for behind such a prompt; below 1: it is too long. */
  public static int mostNewTokens(LanguageModel model, int promptTokens) {
    // The last new token is never fed back, so it needs no position.
    int before = model.spec().encoderDecoder() ? 1 : promptTokens;
    return (int) Math.min(Integer.MAX_VALUE, model.spec().maxPositions() - (long) before + 1);
  }

  private static void requireAll(
      LanguageModel model, List<int[]> prompts, GenerationOptions options) {
    requireGenerative(model);
    if (prompts.isEmpty()) {
      throw new IllegalArgumentException("no prompt to continue");
    }
    for (int[] prompt : prompts) {
      requireTokens(prompt, model.spec().vocabulary());
      requireRoom(model, prompt.length, options.maxNewTokens());
    }
    double kept = (double) prompts.size() * options.maxNewTokens() * model.spec().vocabulary();
    if (options.keepsLogits() && kept > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "the logits of %d prompts, %d new tokens and %d entries of the vocabulary do not fit into an array; keep those of fewer prompts at a time"
              .formatted(prompts.size(), options.maxNewTokens(), model.spec().vocabulary()));
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

  private static void requireRoom(LanguageModel model, int prompt, int fresh) {
    int most = mostNewTokens(model, prompt);
    if (fresh > most) {
      throw new InvalidInputException(
          "A prompt of %d tokens and %d new ones exceed the %d positions of this model; %s."
              .formatted(
                  prompt,
                  fresh,
                  model.spec().maxPositions(),
                  most < 1 ? "shorten the prompt" : "ask for at most " + most + " new tokens"));
    }
  }

  private static float[] logits(List<Row> rows, int vocabulary) {
    int steps = rows.stream().mapToInt(row -> row.kept.size()).max().orElse(0);
    float[] logits = new float[rows.size() * steps * vocabulary]; // fits: see requireAll
    for (Row row : rows) {
      for (int step = 0; step < row.kept.size(); step++) {
        int to = (row.index * steps + step) * vocabulary;
        System.arraycopy(row.kept.get(step), 0, logits, to, vocabulary);
      }
    }
    return logits;
  }

  /** One prompt and what was made of it. */
  private static final class Row {

    private final int index;
    private final int[] prompt;
    private final GenerationOptions options;
    private final GenerationListener listener;
    private final Sampler sampler;
    private final GrowingText text; // null without a tokenizer
    private final List<Integer> fresh = new ArrayList<>();
    private final List<float[]> kept = new ArrayList<>();
    private End end; // null while it goes on

    Row(
        int index,
        int[] prompt,
        LanguageModel model,
        GenerationOptions options,
        SplittableRandom random,
        GenerationListener listener) {
      this.index = index;
      this.prompt = prompt;
      this.options = options;
      this.listener = listener;
      boolean answers = model.spec().encoderDecoder();
      int[] before = answers ? new int[] {model.spec().encoder().startId()} : prompt;
      this.sampler = new Sampler(options, before, model.spec().vocabulary(), random);
      this.text =
          model.hasTokenizer() || !options.stopStrings().isEmpty()
              ? new GrowingText(
                  model.tokenizer(), answers ? new int[0] : prompt, options.stopStrings())
              : null;
    }

    /** Chooses the next token from logits; 0 once the row has ended. */
    int choose(float[] logits, int start, int vocabulary) {
      if (end != null) {
        return 0; // its column is computed with this token and never looked at
      }
      if (options.keepsLogits()) {
        kept.add(Arrays.copyOfRange(logits, start, start + vocabulary));
      }
      return take(sampler.next(logits, start));
    }

    /** Takes the most probable token, whose logit was this one; 0 once the row has ended. */
    int takeBest(int id, float logit) {
      if (end != null) {
        return 0;
      }
      Sampler.requireLogit(logit);
      return take(id);
    }

    private int take(int id) {
      if (options.stopIds().contains(id)) {
        end(End.STOP_ID);
        return 0;
      }
      fresh.add(id);
      tell(text == null ? "" : text.add(id));
      if (text != null && text.stopped()) {
        end(End.STOP_STRING);
      } else if (fresh.size() == options.maxNewTokens()) {
        end(End.LENGTH);
      }
      return id;
    }

    void end(End why) {
      end = why;
      if (text != null) {
        tell(text.finish());
        end = text.stopped() ? End.STOP_STRING : why;
      }
      listener.end(index, end);
    }

    private void tell(String piece) {
      if (!piece.isEmpty()) {
        listener.text(index, piece);
      }
    }

    int[] tokens() {
      return fresh.stream().mapToInt(Integer::intValue).toArray();
    }

    String text() {
      return text == null ? "" : text.text();
    }
  }

  /** Rows that go through the model together. */
  private static final class Batch {

    /** A cache is made for at least so many more tokens, and then for twice as many. */
    private static final int ROOM = 16;

    private final LanguageModel model;
    private final GenerationOptions options;
    private final GenerationListener listener;
    private final List<Row> chosen;
    private final CachingModel caching;
    private final int rows;
    private final boolean answers; // a decoder, to what an encoder reads
    private final TokenBatch batch;
    private final int[] each; // 0 .. rows - 1

    Batch(
        LanguageModel model,
        List<Row> chosen,
        GenerationOptions options,
        GenerationListener listener) {
      this.model = model;
      this.caching = model.forCaching();
      this.options = options;
      this.listener = listener;
      this.chosen = chosen;
      this.rows = chosen.size();
      this.answers = model.spec().encoderDecoder();
      List<int[]> prompts = chosen.stream().map(row -> row.prompt).toList();
      this.batch = answers ? TokenBatch.of(prompts, 0) : TokenBatch.leftPadded(prompts, 0);
      this.each = new int[rows];
      Arrays.setAll(each, row -> row);
    }

    void run() {
      if (!goesOn()) {
        return;
      }
      try (NDManager all = model.newScope()) {
        CachingModel.Encoded text = answers ? caching.encode(all, null, batch) : null;
        int before = answers ? 1 : batch.length();
        int capacity = before + Math.min(ROOM, options.maxNewTokens() - 1);
        NDManager holder = all.newSubManager();
        NDArray cache;
        int[] next;
        try (NDManager scope = all.newSubManager()) {
          CachingModel.Extension first = first(scope, text);
          cache = caching.roomBehind(holder, first.keyValues(), rows, capacity);
          next = choose(first.logits());
        }
        for (int cached = before; !allDone() && goesOn(); cached++) {
          if (cached == capacity) {
            capacity = (int) Math.min(2L * capacity, before + options.maxNewTokens() - 1L);
            NDManager larger = all.newSubManager();
            cache = caching.roomBehind(larger, cache, rows, capacity);
            holder.close();
            holder = larger;
          }
          try (NDManager scope = all.newSubManager()) {
            next =
                choose(
                    answers
                        ? caching.decodeInto(scope, text, rows, next, cache, cached, each)
                        : caching.extendInto(
                            scope, column(next, cached), cache, cached, mask(cached), each));
          }
        }
      }
    }

    /** Ends all rows if the listener has had enough. */
    private boolean goesOn() {
      if (listener.goesOn()) {
        return true;
      }
      chosen.stream().filter(row -> row.end == null).forEach(row -> row.end(End.CANCELLED));
      return false;
    }

    /** After the prompts, or after a decoder's start. */
    private CachingModel.Extension first(NDManager scope, CachingModel.Encoded text) {
      if (!answers) {
        int[] last = new int[rows];
        Arrays.setAll(last, row -> batch.index(row, batch.length() - 1));
        return caching.extend(scope, null, batch, null, null, last);
      }
      int[] starts = new int[rows];
      Arrays.fill(starts, model.spec().encoder().startId());
      return caching.decode(scope, text, rows, starts, null, each);
    }

    /** The tokens just chosen as a batch of one column, behind so many of padding or tokens. */
    private TokenBatch column(int[] ids, int cached) {
      byte[] ones = new byte[rows];
      Arrays.fill(ones, (byte) 1);
      int[] positions = new int[rows];
      Arrays.setAll(
          positions, row -> chosen.get(row).prompt.length + cached - batch.length()); // no padding
      return new TokenBatch(rows, 1, ids, ones, positions, new int[0]);
    }

    /** Padding stands before the prompts only. */
    private byte[] mask(int width) {
      byte[] mask = new byte[Math.multiplyExact(rows, width)];
      for (int row = 0; row < rows; row++) {
        int padding = batch.length() - chosen.get(row).prompt.length;
        Arrays.fill(mask, row * width + padding, (row + 1) * width, (byte) 1);
      }
      return mask;
    }

    /** The next token of each row from logits [B, V]. */
    private int[] choose(NDArray logits) {
      int[] next = new int[rows];
      if (options.onlyTheBest()) { // found on the device, so that the logits stay there
        long[] best = logits.argMax(1).toLongArray();
        float[] largest = floats(logits.max(new int[] {1}));
        Arrays.setAll(next, row -> chosen.get(row).takeBest((int) best[row], largest[row]));
        return next;
      }
      int vocabulary = model.spec().vocabulary();
      float[] all = floats(logits);
      Arrays.setAll(next, row -> chosen.get(row).choose(all, row * vocabulary, vocabulary));
      return next;
    }

    private static float[] floats(NDArray values) {
      return values.toType(DataType.FLOAT32, false).toFloatArray();
    }

    private boolean allDone() {
      return chosen.stream().allMatch(row -> row.end != null);
    }
  }
}
