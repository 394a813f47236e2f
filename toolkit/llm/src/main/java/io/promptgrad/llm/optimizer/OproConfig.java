package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;
import java.util.function.Consumer;

/**
 * Settings of {@link Opro}; {@link #defaults} are the paper's for GPT models.
 *
 * @param trainExamples training examples that instructions are scored on, the same for the whole
 *     run; 0 for all
 * @param samples instructions asked for in each step, one call each
 * @param sampling how they are drawn
 * @param trajectory how many of the best instructions the meta-prompt shows
 * @param threshold instructions with a lower score are not shown; 0 for none
 * @param bucketed whether scores are shown as whole hundredths, else with three decimals
 * @param exemplars solved examples in the meta-prompt
 * @param strategy which examples these are
 * @param form how the meta-prompt is worded
 * @param exemplarsFirst whether the examples come before the instructions
 * @param tag the tags that the instruction comes in; the paper has Start for an instruction at the
 *     beginning of the answer
 * @param longest longer instructions are left out, in characters
 * @param digits whether instructions may hold digits; the paper forbids them for GSM8K
 * @param reference does as the original where it has a defect: the lowest are dropped after the
 *     trajectory was cut and not before; an instruction to begin with may be proposed again and is
 *     then listed twice; an unfinished tag is read from the very beginning; an empty instruction is
 *     scored; what holds INS anywhere is left out, INSTRUCTION too
 */
public record OproConfig(
    int trainExamples,
    int samples,
    Sampling sampling,
    int trajectory,
    double threshold,
    boolean bucketed,
    int exemplars,
    Strategy strategy,
    Form form,
    boolean exemplarsFirst,
    String tag,
    int longest,
    boolean digits,
    boolean reference) {

  /** Which examples a meta-prompt shows. */
  public enum Strategy {
    /** Drawn for each step. */
    RANDOM,
    /** Drawn once. */
    CONSTANT,
    /** Drawn from those that any instruction so far got wrong. */
    EVER_WRONG,
    /** Those that most of the instructions shown get wrong. */
    MOST_WRONG
  }

  /** How a meta-prompt is worded. */
  public enum Form {
    /** For models that follow instructions; the answer comes in tags. */
    TAGS,
    /** The same with the answer in square brackets. */
    BRACKETS,
    /** For pre-trained models: a list of all instructions so far that the model goes on with. */
    LIST
  }

  /** Checks the ranges. */
  public OproConfig {
    if (trainExamples < 0 || samples < 1 || trajectory < 1 || exemplars < 0 || longest < 1) {
      throw new InvalidInputException(
          "OPRO's samples, trajectory and longest must be at least 1, train_examples and exemplars at least 0.");
    }
    if (!tag.matches("[A-Za-z_]+")) {
      throw new InvalidInputException("OPRO's tag '%s' is no word.".formatted(tag));
    }
  }

  /** Eight samples at temperature 1, the 20 best with a score of at least 0.3, three exemplars. */
  public static OproConfig defaults() {
    return new OproConfig(
        0,
        8,
        Sampling.of(1, 512),
        20,
        0.3,
        true,
        3,
        Strategy.RANDOM,
        Form.TAGS,
        false,
        "INS",
        500,
        true,
        false);
  }

  /** Returns this with another number of training examples. */
  public OproConfig withTrainExamples(int n) {
    return changed(d -> d.trainExamples = n);
  }

  /** Returns this with other samples. */
  public OproConfig withSamples(int n, Sampling how) {
    return changed(
        d -> {
          d.samples = n;
          d.sampling = how;
        });
  }

  /** Returns this with another trajectory. */
  public OproConfig withTrajectory(int best, double lowest, boolean hundredths) {
    return changed(
        d -> {
          d.trajectory = best;
          d.threshold = lowest;
          d.bucketed = hundredths;
        });
  }

  /** Returns this with other exemplars. */
  public OproConfig withExemplars(int n, Strategy which) {
    return changed(
        d -> {
          d.exemplars = n;
          d.strategy = which;
        });
  }

  /** Returns this with another meta-prompt. */
  public OproConfig withForm(Form wording, String tags) {
    return changed(
        d -> {
          d.form = wording;
          d.tag = tags;
        });
  }

  /** Returns this with the original's defects. */
  public OproConfig withReference(boolean on) {
    return changed(d -> d.reference = on);
  }

  /** The same settings, to be changed. */
  private static final class Draft {
    private int trainExamples;
    private int samples;
    private Sampling sampling;
    private int trajectory;
    private double threshold;
    private boolean bucketed;
    private int exemplars;
    private Strategy strategy;
    private Form form;
    private boolean exemplarsFirst;
    private String tag;
    private int longest;
    private boolean digits;
    private boolean reference;

    Draft(OproConfig config) {
      trainExamples = config.trainExamples;
      samples = config.samples;
      sampling = config.sampling;
      trajectory = config.trajectory;
      threshold = config.threshold;
      bucketed = config.bucketed;
      exemplars = config.exemplars;
      strategy = config.strategy;
      form = config.form;
      exemplarsFirst = config.exemplarsFirst;
      tag = config.tag;
      longest = config.longest;
      digits = config.digits;
      reference = config.reference;
    }
  }

  private OproConfig changed(Consumer<Draft> change) {
    Draft d = new Draft(this);
    change.accept(d);
    return new OproConfig(
        d.trainExamples,
        d.samples,
        d.sampling,
        d.trajectory,
        d.threshold,
        d.bucketed,
        d.exemplars,
        d.strategy,
        d.form,
        d.exemplarsFirst,
        d.tag,
        d.longest,
        d.digits,
        d.reference);
  }
}
