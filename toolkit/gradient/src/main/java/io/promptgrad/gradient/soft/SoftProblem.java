package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import java.util.List;
import java.util.Optional;

/** What soft prompts are trained for: rows of a task with what the model is to say. */
public interface SoftProblem {

  /** The model, whose weights stay as they are. */
  LanguageModel model();

  /** Slots in the rows that virtual tokens fill; 0: they stand in front. */
  int slots();

  /** How many different prompts the rows ask for, K. */
  default int prompts() {
    return 1;
  }

  /** The training rows, each for one of the K prompts. */
  List<SoftRow> train();

  /**
   * What is made small.
   *
   * @param wholeVocabulary whether probabilities are among all tokens where they need not be
   */
  SoftModel.Loss loss(boolean wholeVocabulary, double smoothing, double z);

  /** The task's label tokens, if it has any. */
  Optional<LabelTokens> labels();

  /** Examples behind {@link #dev}. */
  int devSize();

  /**
   * How good prompts are on what is kept for choosing.
   *
   * @param prompt K prompts, or K of each of several that vote, one after the other
   */
  Dev dev(LoadedPrompt prompt);

  /**
   * A look at dev.
   *
   * @param score higher is better
   * @param loss mean of -log of the right answer's probability, in nats: decides between equal
   *     scores
   */
  record Dev(double score, double loss) {

    /** Whether it is better than another. */
    boolean beats(Dev other) {
      return score > other.score || (score == other.score && loss < other.loss);
    }
  }

  /**
   * What is saved if prompts are the result.
   *
   * @param adapters in the order of {@link #dev}
   * @param nearest for each virtual token of the first the nearest token
   */
  SoftPrompt prompt(List<PeftAdapter> adapters, List<String> nearest);
}
