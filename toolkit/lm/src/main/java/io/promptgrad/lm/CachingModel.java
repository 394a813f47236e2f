package io.promptgrad.lm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.program.Program;

/**
 * Forward passes that keep keys and values, so that what was read once is not read again: {@link
 * #extend} of models that read one row of tokens, {@link #encode} and {@link #decode} of
 * encoder-decoders. Letters in shapes are those of {@link LanguageModel}.
 */
public final class CachingModel {

  private final LanguageModel model;
  private final Program program;

  CachingModel(LanguageModel model, Program program) {
    this.model = model;
    this.program = program;
  }

  // ------------------------------------------------------------------ one row of layers

  /**
   * Result of {@link #extend}.
   *
   * @param logits at the chosen positions [N, V]
   * @param keyValues of the new tokens, of an encoder-decoder its decoder's [L, 2, B, key-value
   *     heads, S or T, head width]
   */
  public record Extension(NDArray logits, NDArray keyValues) {}

  /**
   * Forward pass from word vectors instead of ids, behind cached keys and values.
   *
   * @param vectors word vectors of the new tokens [B, S, E]; null: those of the batch's ids
   * @param batch mask, positions and types of the new tokens; its mask and positions cover the new
   *     tokens only
   * @param past keys and values of earlier tokens [L, 2, B or 1, heads, P, width], or null; not
   *     with an encoder-decoder, which has {@link #encode} and {@link #decode} for that
   * @param pastMask 1 where a cached token is real [B * P]; null: all are
   * @param at where logits are wanted, as indices into the new tokens
   * @return the keys and values are in the type that the model computes in; for bfloat16, which DJL
   *     has no name for, they are only fit to be passed back
   */
  public Extension extend(
      NDManager scope, NDArray vectors, TokenBatch batch, NDArray past, byte[] pastMask, int[] at) {
    Inputs.requireAt(batch, at, model.spec());
    try (NDManager step = model.newScope()) {
      int cached = model.cached(past, batch);
      Inputs in = Inputs.of(program, model.spec(), step, batch, cached, pastMask);
      NDArray x = model.vectors(step, vectors, in, batch);
      NDArray where = step.create(Inputs.longs(at), new Shape(at.length));
      NDArray before = cached == 0 ? program.nothing() : past;
      NDList out =
          program.call(
              scope,
              "extend",
              x,
              in.mask(),
              in.types(),
              in.positions(),
              in.decoder(),
              before,
              where);
      model.countForward(batch.tokens());
      return new Extension(out.get(0), out.get(1));
    }
  }

  /**
   * Cached keys and values followed by newer ones, along the tokens. A past of one row stands
   * before every row of the newer ones.
   */
  public NDArray joinCaches(NDManager scope, NDArray past, NDArray newer) {
    Shape shape = newer.getShape();
    long rows = shape.dimension() == 6 ? shape.get(2) : 1;
    Inputs.requirePast(newer, rows, model);
    Inputs.requirePast(past, rows, model);
    return program.call(scope, "join_caches", past, newer).singletonOrThrow();
  }

  /**
   * Cached keys and values with room behind them, for {@link #extendInto} and {@link #decodeInto},
   * which fill it: nothing that is cached is copied again for the next token.
   *
   * @param past what is cached [L, 2, B or 1, key-value heads, P, head width]
   * @param rows number of sequences B
   * @param tokens how many there is room for, P included
   * @return [L, 2, B, key-value heads, tokens, head width]
   */
  public NDArray roomBehind(NDManager scope, NDArray past, int rows, int tokens) {
    int cached = Inputs.requirePast(past, rows, model);
    if (rows < 1 || tokens < cached || tokens > model.spec().maxPositions()) {
      throw new IllegalArgumentException(
          "room for %d tokens in %d rows, but %d are cached and %d are possible"
              .formatted(tokens, rows, cached, model.spec().maxPositions()));
    }
    try (NDManager step = model.newScope()) {
      return program
          .call(scope, "make_room", past, Weights.hostInts(step, rows, tokens))
          .singletonOrThrow();
    }
  }

  /**
   * {@link #extend} from the batch's ids, with the new tokens' keys and values written into the
   * room.
   *
   * @param room what {@link #roomBehind} gave; it changes
   * @param cached how many tokens of it are there, at least 1
   * @return logits at the chosen positions [N, V]
   */
  public NDArray extendInto(
      NDManager scope, TokenBatch batch, NDArray room, int cached, byte[] pastMask, int[] at) {
    if (model.spec().encoderDecoder()) {
      throw new IllegalArgumentException("an encoder-decoder needs decodeInto");
    }
    Inputs.requireAt(batch, at, model.spec());
    Inputs.requireRoom(room, batch.rows(), cached, batch.length(), model);
    try (NDManager step = model.newScope()) {
      Inputs in = Inputs.of(program, model.spec(), step, batch, cached, pastMask);
      NDList out =
          program.call(
              scope,
              "extend_into",
              in.ids(),
              in.mask(),
              in.types(),
              in.positions(),
              room,
              Weights.hostInts(step, cached),
              step.create(Inputs.longs(at), new Shape(at.length)));
      model.countForward(batch.tokens());
      return out.singletonOrThrow();
    }
  }

  // ------------------------------------------------------------------ encoder and decoder

  /**
   * A text that the encoder has read, as the decoder sees it.
   *
   * @param keyValues of the decoder's attention to the text [L, 2, B, key-value heads, S, head
   *     width]; for bfloat16 only fit to be passed back
   * @param mask 1 where a token is [B * S]
   */
  public record Encoded(NDArray keyValues, byte[] mask) {}

  /**
   * Runs an encoder once for any number of calls of {@link #decode}.
   *
   * @param vectors word vectors [B, S, E]; null: those of the batch's ids
   * @param batch what the encoder reads
   */
  public Encoded encode(NDManager scope, NDArray vectors, TokenBatch batch) {
    requireEncoder();
    try (NDManager step = model.newScope()) {
      Inputs in = Inputs.of(program, model.spec(), step, batch);
      NDArray x = model.vectors(step, vectors, in, batch);
      NDList out = program.call(scope, "encode", x, in.mask(), in.types(), in.positions());
      model.countForward(batch.ids().length);
      return new Encoded(out.singletonOrThrow(), batch.mask().clone());
    }
  }

  /**
   * Runs a decoder on an encoded text.
   *
   * @param text what {@link #encode} gave, of as many rows as there are here, or of one for all
   * @param rows number of sequences
   * @param ids the decoder's next tokens, as many in each row [B * T]
   * @param past keys and values of the tokens before them [L, 2, B or 1, heads, P, width], or null
   * @param at where logits are wanted, as indices into the ids
   */
  public Extension decode(
      NDManager scope, Encoded text, int rows, int[] ids, NDArray past, int[] at) {
    int width = requireDecodable(text, rows, ids, at);
    int cached = past == null ? 0 : Inputs.requirePast(past, rows, model);
    try (NDManager step = model.newScope()) {
      NDList out =
          program.call(
              scope,
              "decode",
              Inputs.decoder(step, model.spec(), rows, ids, cached),
              text.keyValues(),
              Inputs.mask(program, step, text.mask(), width),
              cached == 0 ? program.nothing() : past,
              step.create(Inputs.longs(at), new Shape(at.length)));
      model.countForward(ids.length);
      return new Extension(out.get(0), out.get(1));
    }
  }

  /**
   * {@link #decode} with the new tokens' keys and values written into the room.
   *
   * @param room what {@link #roomBehind} gave; it changes
   * @param cached how many tokens of it are there, at least 1
   * @return logits at the chosen positions [N, V]
   */
  public NDArray decodeInto(
      NDManager scope, Encoded text, int rows, int[] ids, NDArray room, int cached, int[] at) {
    int width = requireDecodable(text, rows, ids, at);
    Inputs.requireRoom(room, rows, cached, ids.length / rows, model);
    try (NDManager step = model.newScope()) {
      NDList out =
          program.call(
              scope,
              "decode_into",
              Inputs.decoder(step, model.spec(), rows, ids, cached),
              text.keyValues(),
              Inputs.mask(program, step, text.mask(), width),
              room,
              Weights.hostInts(step, cached),
              step.create(Inputs.longs(at), new Shape(at.length)));
      model.countForward(ids.length);
      return out.singletonOrThrow();
    }
  }

  /** Checks what a decoder is given and returns the width of the text. */
  private int requireDecodable(Encoded text, int rows, int[] ids, int[] at) {
    requireEncoder();
    if (rows < 1 || ids.length == 0 || ids.length % rows != 0) {
      throw new IllegalArgumentException(
          "%d ids are no whole number of tokens for each of %d rows".formatted(ids.length, rows));
    }
    Inputs.requireAt(at, ids.length);
    return Inputs.requireText(text, rows, model);
  }

  private void requireEncoder() {
    if (!model.spec().encoderDecoder()) {
      throw new IllegalArgumentException(
          "%s is no encoder-decoder; use extend".formatted(model.spec().family()));
    }
  }
}
