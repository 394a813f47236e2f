package io.promptgrad.lm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.program.Program;
import java.util.Arrays;

/**
 * What searches without gradients ask of a frozen model: logits of a few tokens for rows that
 * differ in vectors at some places, many candidates in one call.
 *
 * <p>Letters as in {@link LanguageModel}, and P places of a row, M blocks of P vectors, l layers.
 * Host arrays go in and come out. Calls from several threads may overlap.
 */
public final class BlackBoxModel {

  /** What becomes of the vectors. */
  public enum Mode {
    /**
     * They are added to the inputs of the first layers, of which the first layer's is the output of
     * the embedding, behind its norm if it has one.
     */
    ADD,
    /** They stand in place of word vectors. */
    INSTEAD
  }

  /**
   * Vectors that are used together.
   *
   * @param places P
   * @param values of each block P vectors [M][P * width], row-major; as wide as {@link #width} says
   */
  public record Blocks(int places, float[][] values) {}

  private final LanguageModel model;
  private final Program program;

  /**
   * @throws InvalidInputException for an encoder-decoder
   */
  BlackBoxModel(LanguageModel model, Program program) {
    if (model.spec().encoderDecoder()) {
      throw new InvalidInputException(
          "Black-box tuning adds vectors to a masked or causal model's inputs, and %s is an encoder-decoder; take another model."
              .formatted(model.spec().family()));
    }
    this.model = model;
    this.program = program;
  }

  /** Width of the vectors: the word vectors', or the layers' if they are added there. */
  public int width(Mode mode) {
    return mode == Mode.INSTEAD ? model.spec().wordWidth() : model.spec().hidden();
  }

  /**
   * Logits of tokens at the chosen positions.
   *
   * @param batch what is at the places is overwritten or added to
   * @param mode what becomes of the vectors
   * @param blocks the vectors
   * @param which for each layer that gets some the block of each row [l][B]; of {@link
   *     Mode#INSTEAD} one "layer"
   * @param places indices into the batch, row after row [B * P]
   * @param at where logits are wanted, as indices into the batch [N]
   * @param tokens whose logits are wanted [c]
   * @return [N * c], row-major
   */
  public float[] logits(
      TokenBatch batch,
      Mode mode,
      Blocks blocks,
      int[][] which,
      int[] places,
      int[] at,
      int[] tokens) {
    TransformerSpec spec = model.spec();
    Inputs.requireAt(batch, at, spec);
    Inputs.requireIds(tokens, spec);
    requireFit(batch, mode, blocks, which, places);
    int m = blocks.values().length;
    int width = width(mode);
    float[] flat = new float[m * blocks.places() * width];
    for (int i = 0; i < m; i++) {
      System.arraycopy(blocks.values()[i], 0, flat, i * blocks.places() * width, flat.length / m);
    }
    int[] rows = Arrays.stream(which).flatMapToInt(Arrays::stream).toArray();
    try (NDManager step = model.newScope()) {
      Inputs in = Inputs.of(program, spec, step, batch);
      NDArray logits =
          program
              .call(
                  step,
                  "black_box",
                  in.ids(),
                  in.mask(),
                  in.types(),
                  in.positions(),
                  Inputs.floating(
                      step, flat, new Shape(m, blocks.places(), width), model.precision()),
                  step.create(Inputs.longs(rows), new Shape(which.length, batch.rows())),
                  step.create(Inputs.longs(places), new Shape(places.length)),
                  step.create(Inputs.longs(at), new Shape(at.length)),
                  step.create(Inputs.longs(tokens), new Shape(tokens.length)),
                  Weights.hostInts(step, mode == Mode.INSTEAD ? 1 : 0))
              .singletonOrThrow();
      model.countForward(batch.tokens());
      return Inputs.floats(logits);
    }
  }

  private void requireFit(TokenBatch batch, Mode mode, Blocks blocks, int[][] which, int[] places) {
    int layers = mode == Mode.INSTEAD ? 1 : model.spec().layers();
    if (which.length > layers || (mode == Mode.INSTEAD && which.length != 1)) {
      throw new IllegalArgumentException(
          "vectors for %d layers, but there are %d".formatted(which.length, layers));
    }
    for (int[] layer : which) {
      if (layer.length != batch.rows()) {
        throw new IllegalArgumentException(
            "blocks of %d rows for a batch of %d".formatted(layer.length, batch.rows()));
      }
      Inputs.requireAt(layer, blocks.values().length);
    }
    if (places.length != batch.rows() * blocks.places()) {
      throw new IllegalArgumentException(
          "%d places for %d rows with %d each"
              .formatted(places.length, batch.rows(), blocks.places()));
    }
    Inputs.requireAt(places, batch.ids().length);
    for (float[] block : blocks.values()) {
      if (block.length != blocks.places() * width(mode)) {
        throw new IllegalArgumentException(
            "a block of %d values for %d vectors as wide as %d"
                .formatted(block.length, blocks.places(), width(mode)));
      }
    }
  }

  /**
   * The matrix that the model's features are multiplied with, float32 or float64 [V, E]: usually
   * the model's own memory, so it must not be changed.
   */
  public NDArray outputMatrix(NDManager scope) {
    return program.call(scope, "output_matrix", program.nothing()).singletonOrThrow();
  }
}
