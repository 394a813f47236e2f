package io.promptgrad.lm;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.program.Program;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What soft prompts ask of a frozen model: losses and the gradient at a prompt, each in one native
 * call. The prompt and its gradient stay on the device.
 *
 * <p>A prompt is a matrix, in float64 for a model in float64 and else in float32, with a row for
 * each virtual token. It is rounded to the model's type in each pass, and its gradient is not.
 * Letters as in {@link LanguageModel}. With several devices the first one is used.
 */
public final class SoftModel {

  private final LanguageModel model;
  private final Program program;

  SoftModel(LanguageModel model, Program program) {
    this.model = model;
    this.program = program;
  }

  /** The model. */
  public LanguageModel model() {
    return model;
  }

  /** What the rows of a prompt are. */
  public enum Layout {
    /** Word vectors [P, E]. */
    VECTORS,
    /**
     * Keys and values of all layers [P, K * heads * width]: of layer l the key is piece 2l, the
     * value piece 2l + 1, each of all key-value heads. The decoder of an encoder-decoder has as
     * many pieces as its encoder has layers, times 2, and its layer l takes number 4l, counted
     * round, and the next, as PEFT does.
     */
    KEY_VALUES,
    /**
     * Keys and values of every attention of an encoder-decoder: those of the encoder's layers, of
     * the decoder's, and of the decoder's attention to the text (Li and Liang 2021), one after the
     * other and each as above. Nothing is shared; PEFT has no such prompt.
     */
    ALL_KEY_VALUES
  }

  /** Where prompts stand in a batch. */
  public sealed interface Placement {

    /**
     * Word vectors at places of the batch, instead of those of its ids.
     *
     * @param places indices into the batch, each once [M]
     * @param rows for each place the row of the prompt that stands there [M]
     */
    record At(int[] places, int[] rows) implements Placement {}

    /**
     * Keys and values in front of the batch's rows, of an encoder-decoder in front of its
     * decoder's, or, if the prompt is as wide as that, in front of everything. Positions are
     * counted from behind them.
     *
     * @param tokens P, of one prompt
     * @param prompt for each row of the batch which prompt is in front of it [B]
     */
    record Before(int tokens, int[] prompt) implements Placement {

      /** One prompt for all rows. */
      public static Before all(int tokens, int rows) {
        return new Before(tokens, new int[rows]);
      }
    }
  }

  /**
   * What a loss is made of.
   *
   * @param among probabilities are among these tokens only; null: the whole vocabulary
   * @param smoothing share of the loss that is the mean of -log of all tokens' probabilities
   * @param z factor of the square of the log of the summed exponentials
   */
  public record Loss(int[] among, double smoothing, double z) {

    /** Refuses shares outside of [0, 1) and negative factors. */
    public Loss {
      if (!(smoothing >= 0 && smoothing < 1) || !(z >= 0)) {
        throw new IllegalArgumentException(
            "label smoothing is %s and the factor of z %s, [0, 1) and at least 0 needed"
                .formatted(smoothing, z));
      }
    }

    /** Cross-entropy. */
    public static Loss among(int[] tokens) {
      return new Loss(tokens, 0, 0);
    }
  }

  /**
   * Keys and values that are left out while a prompt is trained, for each row others (Liu et al.
   * 2022 have a share of 0.1).
   *
   * @param share that becomes 0, while the others grow by as much; 0: none
   * @param seed says which, below 2^53
   */
  public record Dropout(double share, long seed) {

    /** None. */
    public static final Dropout NONE = new Dropout(0, 0);

    /** Refuses what is no share, and seeds that would be rounded on the way. */
    public Dropout {
      if (!(share >= 0 && share < 1) || seed < 0 || seed >= 1L << 53) {
        throw new IllegalArgumentException(
            "dropout of %s with the seed %d, [0, 1) and [0, 2^53) needed".formatted(share, seed));
      }
    }
  }

  /**
   * Number of values of a virtual token.
   *
   * @throws InvalidInputException if the model has no such prompts
   */
  public int width(Layout layout) {
    TransformerSpec spec = model.spec();
    return layout == Layout.VECTORS
        ? spec.wordWidth()
        : pieces(layout) * spec.attention().keyValueHeads() * spec.attention().headDim();
  }

  /**
   * K: keys and values of a virtual token, 2 for each layer that they are for.
   *
   * @throws InvalidInputException if the model has no such prompts
   */
  public int pieces(Layout layout) {
    TransformerSpec spec = model.spec();
    if (layout == Layout.KEY_VALUES) {
      return 2 * (spec.encoderDecoder() ? spec.encoder().layers() : spec.layers());
    }
    if (!spec.encoderDecoder()) {
      throw new InvalidInputException(
          "%s has one kind of attention, so there is one prefix; prefixes for all kinds are for encoder-decoders."
              .formatted(spec.family()));
    }
    return 2 * (spec.encoder().layers() + 2 * spec.layers());
  }

  /** For each layer its two pieces [2 * L]. */
  private int[] piecesOfLayers(Layout layout) {
    if (layout == Layout.ALL_KEY_VALUES) {
      return IntStream.range(0, pieces(layout)).toArray();
    }
    int[] pieces = new int[2 * model.spec().layers()];
    for (int l = 0; l < model.spec().layers(); l++) {
      int first = model.spec().encoderDecoder() ? 4 * l % pieces(layout) : 2 * l;
      pieces[2 * l] = first;
      pieces[2 * l + 1] = first + 1;
    }
    return pieces;
  }

  /** An array for a prompt of this model. */
  public NDArray prompt(NDManager scope, float[] values, Layout layout) {
    int width = width(layout);
    if (values.length == 0 || values.length % width != 0) {
      throw new IllegalArgumentException(
          "%d values are no whole number of virtual tokens of %d".formatted(values.length, width));
    }
    return Inputs.floating(
        scope, values, new Shape(values.length / width, width), model.precision());
  }

  // ------------------------------------------------------------------ the three calls

  /**
   * Result of {@link #gradient}.
   *
   * @param losses of the targets, on the host [N]
   * @param prompt gradient of their weighted sum at the prompt, of its shape and type
   */
  public record Gradient(double[] losses, NDArray prompt) {}

  /**
   * Losses, and the gradient of their weighted sum at a prompt.
   *
   * @param scope gets the gradient
   * @param batch positions are counted without a prompt in front; what stands in the place of
   *     virtual tokens may be any id
   */
  public Gradient gradient(
      NDManager scope,
      TokenBatch batch,
      NDArray prompt,
      Placement placement,
      Targets targets,
      Loss loss) {
    return gradient(scope, batch, prompt, placement, targets, loss, Dropout.NONE);
  }

  /** The same with keys and values left out. */
  public Gradient gradient(
      NDManager scope,
      TokenBatch batch,
      NDArray prompt,
      Placement placement,
      Targets targets,
      Loss loss,
      Dropout dropout) {
    Inputs.requireTargets(batch, targets, model.spec());
    Targets indexed = loss.among() == null ? targets : targets.indexedInto(loss.among());
    if (dropout.share() > 0 && placement instanceof Placement.At) {
      throw new IllegalArgumentException("dropout is for keys and values, not for word vectors");
    }
    try (NDManager step = model.newScope()) {
      Arguments a = arguments(step, batch, prompt, placement, dropout.share() > 0);
      NDList out =
          program.call(
              step,
              "soft_gradient",
              a.in.ids(),
              a.in.mask(),
              a.in.types(),
              a.in.positions(),
              a.in.decoder(),
              prompt,
              a.slots,
              a.which,
              longs(step, targets.at()),
              Inputs.tokenSets(step, indexed),
              step.create(targets.weights()),
              tokens(step, loss.among()),
              Weights.hostFloats(
                  step, a.tokens, loss.smoothing(), loss.z(), dropout.share(), dropout.seed()));
      model.countForward(batch.tokens());
      model.countBackward(batch.tokens());
      NDArray gradient = out.get(1);
      double[] losses = Inputs.doubles(out.get(0));
      gradient.attach(scope);
      return new Gradient(losses, gradient);
    }
  }

  /** The losses alone [N]. */
  public double[] losses(
      TokenBatch batch, NDArray prompt, Placement placement, Targets targets, Loss loss) {
    Inputs.requireTargets(batch, targets, model.spec());
    Targets indexed = loss.among() == null ? targets : targets.indexedInto(loss.among());
    try (NDManager step = model.newScope()) {
      Arguments a = arguments(step, batch, prompt, placement, false);
      NDArray losses =
          program
              .call(
                  step,
                  "soft_losses",
                  a.in.ids(),
                  a.in.mask(),
                  a.in.types(),
                  a.in.positions(),
                  a.in.decoder(),
                  prompt,
                  a.slots,
                  a.which,
                  longs(step, targets.at()),
                  Inputs.tokenSets(step, indexed),
                  tokens(step, loss.among()),
                  Weights.hostFloats(step, a.tokens, loss.smoothing(), loss.z()))
              .singletonOrThrow();
      model.countForward(batch.tokens());
      return Inputs.doubles(losses);
    }
  }

  /**
   * Logits at the chosen positions, row-major [N * c].
   *
   * @param among the c tokens wanted; null: the whole vocabulary
   */
  public float[] logits(
      TokenBatch batch, NDArray prompt, Placement placement, int[] at, int[] among) {
    Inputs.requireAt(batch, at, model.spec());
    try (NDManager step = model.newScope()) {
      Arguments a = arguments(step, batch, prompt, placement, false);
      NDArray logits =
          program
              .call(
                  step,
                  "soft_logits",
                  a.in.ids(),
                  a.in.mask(),
                  a.in.types(),
                  a.in.positions(),
                  a.in.decoder(),
                  prompt,
                  a.slots,
                  a.which,
                  longs(step, at),
                  tokens(step, among),
                  Weights.hostFloats(step, a.tokens, 0, 0))
              .singletonOrThrow();
      model.countForward(batch.tokens());
      return Inputs.floats(logits);
    }
  }

  /**
   * The keys and values of a text's tokens as a prompt, row-major [P * width]. Behind it a causal
   * model says what it says behind the text.
   *
   * @throws InvalidInputException for an encoder-decoder, whose prefix is no text's
   */
  public float[] prefixOf(int[] ids) {
    if (model.spec().encoderDecoder()) {
      throw new InvalidInputException(
          "The prefix of %s, which has an encoder and a decoder, is not that of a text; choose another start."
              .formatted(model.spec().family()));
    }
    try (NDManager step = model.newScope()) {
      TokenBatch row = TokenBatch.of(List.of(ids), 0);
      Inputs in = Inputs.of(program, model.spec(), step, row);
      NDArray prefix =
          program
              .call(step, "soft_prefix", in.ids(), in.types(), in.positions())
              .singletonOrThrow();
      model.countForward(ids.length);
      return Inputs.floats(prefix);
    }
  }

  // ------------------------------------------------------------------ arguments and their checks

  private record Arguments(Inputs in, NDArray slots, NDArray which, int tokens) {}

  /**
   * @param apart whether each row needs a copy of its prompt
   */
  private Arguments arguments(
      NDManager step, TokenBatch batch, NDArray prompt, Placement placement, boolean apart) {
    if (placement instanceof Placement.At at) {
      int rows = requirePrompt(prompt, Layout.VECTORS);
      if (at.places().length == 0 || at.places().length != at.rows().length) {
        throw new IllegalArgumentException(
            "%d places for %d virtual tokens".formatted(at.places().length, at.rows().length));
      }
      Inputs.requireAt(at.places(), batch.ids().length);
      Inputs.requireAt(at.rows(), rows);
      Inputs in = Inputs.of(program, model.spec(), step, batch);
      return new Arguments(in, longs(step, at.places()), longs(step, at.rows()), 0);
    }
    Placement.Before before = (Placement.Before) placement;
    boolean decodes = model.spec().encoderDecoder();
    boolean all =
        decodes
            && prompt.getShape().dimension() == 2
            && prompt.getShape().get(1) == width(Layout.ALL_KEY_VALUES);
    Layout layout = all ? Layout.ALL_KEY_VALUES : Layout.KEY_VALUES;
    int rows = requirePrompt(prompt, layout);
    int n = before.tokens();
    if (n < 1 || rows % n != 0 || before.prompt().length != batch.rows()) {
      throw new IllegalArgumentException(
          "%d virtual tokens are no whole number of prompts of %d, or %d choices do not suit %d rows"
              .formatted(rows, n, before.prompt().length, batch.rows()));
    }
    Inputs.requireAt(before.prompt(), rows / n);
    if (all || !decodes) {
      requireLength(n, batch.length());
    }
    if (decodes) {
      requireLength(n, batch.decoderLength());
    }
    boolean one = !apart && Arrays.stream(before.prompt()).distinct().count() == 1;
    return new Arguments(
        all || !decodes
            ? Inputs.of(program, model.spec(), step, behind(batch, n), n, null)
            : Inputs.of(program, model.spec(), step, batch),
        longs(step, piecesOfLayers(layout)),
        longs(step, one ? new int[] {before.prompt()[0]} : before.prompt()),
        n);
  }

  private static TokenBatch behind(TokenBatch batch, int tokens) {
    int[] positions = batch.positions().clone();
    for (int i = 0; i < positions.length; i++) {
      positions[i] += tokens;
    }
    return batch.withPositions(positions);
  }

  private void requireLength(int tokens, int text) {
    if (tokens + text > model.spec().maxPositions()) {
      throw new InvalidInputException(
          "A prompt of %d virtual tokens and a text of %d are longer than the %d tokens that this model accepts; take fewer virtual tokens or a shorter text."
              .formatted(tokens, text, model.spec().maxPositions()));
    }
  }

  private int requirePrompt(NDArray prompt, Layout layout) {
    int width = width(layout);
    Shape shape = prompt.getShape();
    DataType type = model.precision() == Precision.FLOAT64 ? DataType.FLOAT64 : DataType.FLOAT32;
    if (shape.dimension() != 2 || shape.get(1) != width || prompt.getDataType() != type) {
      throw new IllegalArgumentException(
          "the prompt is %s of shape %s, expected %s of (any, %d)"
              .formatted(prompt.getDataType(), shape, type, width));
    }
    if (!prompt.getDevice().equals(model.device())) {
      throw new IllegalArgumentException(
          "the prompt is on %s, but the model is on %s"
              .formatted(prompt.getDevice(), model.device()));
    }
    return Math.toIntExact(shape.get(0));
  }

  private NDArray tokens(NDManager step, int[] among) {
    if (among == null) {
      return program.nothing();
    }
    Inputs.requireIds(among, model.spec());
    return longs(step, among);
  }

  private static NDArray longs(NDManager step, int[] values) {
    return step.create(Inputs.longs(values), new Shape(values.length));
  }
}
