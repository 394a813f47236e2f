package io.promptgrad.gradient.soft;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.Optimizer;
import io.promptgrad.lm.SoftModel;
import java.util.Optional;

/**
 * How a soft prompt is trained. {@link PromptTuning}, {@link PrefixTuning} and {@link PTuning} have
 * those of the papers.
 *
 * @param layout what the prompt consists of
 * @param encoder what makes the prompt while it is trained
 * @param tokens P, virtual tokens; 0: as many as the template has slots
 * @param prompts N, how many are trained side by side on the same batches from different starts,
 *     and vote
 * @param start the first numbers, of an encoder {@link SoftStart.Normal} or {@link SoftStart.Zero}
 * @param optimizer follows the gradients
 * @param learningRate the highest
 * @param schedule its course
 * @param warmUp share of the updates over which the learning rate rises from 0
 * @param updates how many there are in all
 * @param batchSize examples of a batch
 * @param accumulation batches of an update
 * @param smoothing label smoothing
 * @param z factor of the square of the log of the summed exponentials (Lester et al. have 1e-4)
 * @param wholeVocabulary whether a label's probability is among all tokens, not among the label
 *     tokens alone
 * @param updatesPerStep updates between two checkpoints, which are a step of the search
 * @param devEvery steps between two looks at dev
 * @param extras what is done besides
 */
public record SoftConfig(
    SoftModel.Layout layout,
    Encoder encoder,
    int tokens,
    int prompts,
    SoftStart start,
    Optimizer optimizer,
    double learningRate,
    Schedule schedule,
    double warmUp,
    int updates,
    int batchSize,
    int accumulation,
    double smoothing,
    double z,
    boolean wholeVocabulary,
    int updatesPerStep,
    int devEvery,
    Extras extras) {

  /** What makes the prompt while it is trained, and is dropped afterwards. */
  public enum Encoder {
    /** Nothing: its numbers are trained. */
    NONE,
    /** A product of two matrices. */
    LOW_RANK,
    /** A table and a hidden layer with tanh, of prefix tuning. */
    PROJECTION,
    /** A table and two hidden layers with relu, PEFT's of P-tuning. */
    MLP,
    /** A table, an LSTM and a hidden layer, of P-tuning. */
    LSTM;

    /** Its inner width unless another is given. */
    int hidden(int wordWidth) {
      return switch (this) {
        case NONE -> 0;
        case LOW_RANK -> 8;
        case PROJECTION -> 512;
        case MLP -> wordWidth;
        case LSTM -> wordWidth / 2;
      };
    }
  }

  /** The course of the learning rate behind the warm-up. */
  public enum Schedule {
    /** It stays. */
    CONSTANT,
    /** It falls to 0 in a line. */
    LINEAR,
    /** It falls to 0 as half a cosine. */
    COSINE
  }

  /**
   * What is done besides plain training.
   *
   * @param dropout share of keys and values that an update leaves out, for each example others
   *     (P-tuning v2 has 0.1); never at evaluation
   * @param pull towards a text
   * @param pruning of the trained prompt, which is then trained once more: see {@link XPrompt}
   */
  public record Extras(double dropout, Optional<Pull> pull, Optional<Pruning.Shares> pruning) {

    /** Nothing. */
    public static final Extras NONE = new Extras(0, Optional.empty(), Optional.empty());

    /** Refuses what is no share. */
    public Extras {
      if (!(dropout >= 0 && dropout < 1)) {
        throw new InvalidInputException("dropout is %s, [0, 1) needed.".formatted(dropout));
      }
    }
  }

  /**
   * Draws virtual tokens to the words of a text: gamma times the mean of their squared distances is
   * added to the loss (Khashabi et al. 2022, arXiv:2112.08348, section 3).
   *
   * @param text with as many tokens as the prompt
   * @param gamma its weight; the paper has 0.01
   */
  public record Pull(String text, double gamma) {

    /** Refuses a negative weight. */
    public Pull {
      if (!(gamma >= 0) || Double.isInfinite(gamma)) {
        throw new InvalidInputException("gamma is %s, at least 0 needed.".formatted(gamma));
      }
    }
  }

  /** Checks the ranges. */
  public SoftConfig {
    if (tokens < 0
        || prompts < 1
        || updates < 1
        || batchSize < 1
        || accumulation < 1
        || updatesPerStep < 1
        || devEvery < 1) {
      throw new InvalidInputException(
          "Of the numbers of a soft prompt tokens must be at least 0 and prompts, updates, batch_size, accumulation, updates_per_step and dev_every at least 1.");
    }
    if (!(learningRate > 0)
        || Double.isInfinite(learningRate)
        || !(warmUp >= 0 && warmUp < 1)
        || !(smoothing >= 0 && smoothing < 1)
        || !(z >= 0)) {
      throw new InvalidInputException(
          "learning_rate %s, warm_up %s, label_smoothing %s and z_loss %s: above 0, in [0, 1), in [0, 1) and at least 0 needed."
              .formatted(learningRate, warmUp, smoothing, z));
    }
    if (encoder != Encoder.NONE) {
      if (prompts > 1) {
        throw new InvalidInputException(
            "Several prompts are trained side by side without an encoder only; set encoder to none or prompts to 1.");
      }
      boolean fitted =
          start instanceof SoftStart.Text
              && encoder == Encoder.PROJECTION
              && layout == SoftModel.Layout.KEY_VALUES;
      if (!(start instanceof SoftStart.Normal || start instanceof SoftStart.Zero || fitted)) {
        throw new InvalidInputException(
            "An encoder's prompt cannot begin at given vectors; begin at random numbers or zero, a prefix with a projection at a text, or set encoder to none.");
      }
    }
    requireTogether(layout, encoder, prompts, extras);
  }

  private static void requireTogether(
      SoftModel.Layout layout, Encoder encoder, int prompts, Extras extras) {
    boolean vectors = layout == SoftModel.Layout.VECTORS;
    if (extras.dropout() > 0 && vectors) {
      throw new InvalidInputException(
          "Dropout is for keys and values; set dropout to 0 for word vectors.");
    }
    if (extras.pull().isPresent() && !vectors) {
      throw new InvalidInputException(
          "Keys and values are near to no words; only word vectors are drawn to a text.");
    }
    if (extras.pruning().isPresent() && (encoder != Encoder.NONE || prompts > 1)) {
      throw new InvalidInputException(
          "What is pruned is one prompt without an encoder; set encoder to none and prompts to 1, or prune nothing.");
    }
  }

  /** The learning rate of an update, counted from 1. */
  double rate(int update) {
    int rising = (int) Math.round(warmUp * updates);
    if (update <= rising) {
      return learningRate * update / rising;
    }
    double done = (double) (update - rising - 1) / (updates - rising);
    return switch (schedule) {
      case CONSTANT -> learningRate;
      case LINEAR -> learningRate * (1 - done);
      case COSINE -> learningRate * (1 + Math.cos(Math.PI * done)) / 2;
    };
  }

  /** How PEFT calls such a prompt, or would. */
  public PeftAdapter.Type peftType() {
    return switch (layout) {
      case KEY_VALUES -> PeftAdapter.Type.PREFIX_TUNING;
      case ALL_KEY_VALUES -> PeftAdapter.Type.ALL_PREFIX_TUNING;
      case VECTORS ->
          encoder == Encoder.MLP || encoder == Encoder.LSTM
              ? PeftAdapter.Type.P_TUNING
              : PeftAdapter.Type.PROMPT_TUNING;
    };
  }

  /** With other numbers of what mostly differs from task to task. */
  public SoftConfig with(int newTokens, double newRate, int newUpdates, int newBatchSize) {
    return copy(
        newTokens,
        prompts,
        start,
        newRate,
        newUpdates,
        newBatchSize,
        updatesPerStep,
        devEvery,
        extras);
  }

  /** With another start. */
  public SoftConfig from(SoftStart newStart) {
    return copy(
        tokens,
        prompts,
        newStart,
        learningRate,
        updates,
        batchSize,
        updatesPerStep,
        devEvery,
        extras);
  }

  /** With other steps. */
  public SoftConfig inSteps(int newUpdatesPerStep, int newDevEvery) {
    return copy(
        tokens,
        prompts,
        start,
        learningRate,
        updates,
        batchSize,
        newUpdatesPerStep,
        newDevEvery,
        extras);
  }

  /** With several prompts that vote. */
  public SoftConfig ensemble(int newPrompts) {
    return copy(
        tokens,
        newPrompts,
        start,
        learningRate,
        updates,
        batchSize,
        updatesPerStep,
        devEvery,
        extras);
  }

  /** With other things done besides. */
  public SoftConfig with(Extras newExtras) {
    return copy(
        tokens,
        prompts,
        start,
        learningRate,
        updates,
        batchSize,
        updatesPerStep,
        devEvery,
        newExtras);
  }

  private SoftConfig copy(
      int newTokens,
      int newPrompts,
      SoftStart newStart,
      double newRate,
      int newUpdates,
      int newBatchSize,
      int newUpdatesPerStep,
      int newDevEvery,
      Extras newExtras) {
    return new SoftConfig(
        layout,
        encoder,
        newTokens,
        newPrompts,
        newStart,
        optimizer,
        newRate,
        schedule,
        warmUp,
        newUpdates,
        newBatchSize,
        accumulation,
        smoothing,
        z,
        wholeVocabulary,
        newUpdatesPerStep,
        newDevEvery,
        newExtras);
  }
}
