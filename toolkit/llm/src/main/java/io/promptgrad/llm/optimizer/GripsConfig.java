package io.promptgrad.llm.optimizer;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Sampling;
import java.util.Set;

/**
 * Settings of {@link Grips}; {@link #defaults} are the paper's, without paraphrases.
 *
 * @param level what is edited at a time
 * @param edits kinds of edits; each candidate is made by one of them, drawn at random
 * @param candidates candidates in each step
 * @param composed edits made one after the other for each candidate
 * @param trainExamples training examples that candidates are scored on; 0 for all
 * @param entropyWeight how much the entropy of the predictions counts, in nats against a balanced
 *     accuracy of 1; it keeps the search from prompts that give every example one label
 * @param annealing whether a worse candidate may be taken, less and less often
 * @param sampling how paraphrases are drawn
 */
public record GripsConfig(
    Level level,
    Set<Edit> edits,
    int candidates,
    int composed,
    int trainExamples,
    double entropyWeight,
    boolean annealing,
    Sampling sampling) {

  /** What is edited at a time. */
  public enum Level {
    /** A word. */
    WORD,
    /** A part of a sentence, between marks and small words that join parts. */
    PHRASE,
    /** A sentence. */
    SENTENCE
  }

  /** A kind of edit. */
  public enum Edit {
    /** Takes a part out. */
    DELETE,
    /** Lets two parts change places. */
    SWAP,
    /** Puts a part that was taken out before somewhere. */
    ADD,
    /** Words a part anew; the only edit that asks the proposer. */
    PARAPHRASE
  }

  /** Checks the ranges; copies the set. */
  public GripsConfig {
    if (candidates < 1 || composed < 1 || trainExamples < 0 || !(entropyWeight >= 0)) {
      throw new InvalidInputException(
          "GrIPS' candidates and composed must be at least 1, train_examples and entropy_weight not negative.");
    }
    if (edits.isEmpty()) {
      throw new InvalidInputException("GrIPS has no edits; allow at least one.");
    }
    edits = Set.copyOf(edits);
  }

  /** Five candidates by deleting, swapping and adding phrases, on 100 examples; no model asked. */
  public static GripsConfig defaults() {
    return new GripsConfig(
        Level.PHRASE,
        Set.of(Edit.DELETE, Edit.SWAP, Edit.ADD),
        5,
        1,
        100,
        0.1,
        false,
        Sampling.of(1, 128));
  }

  /** Returns this with other edits. */
  public GripsConfig withEdits(Level parts, Set<Edit> kinds, Sampling how) {
    return new GripsConfig(
        parts, kinds, candidates, composed, trainExamples, entropyWeight, annealing, how);
  }

  /** Returns this with other numbers of candidates and of edits for each. */
  public GripsConfig withCandidates(int n, int edited) {
    return new GripsConfig(
        level, edits, n, edited, trainExamples, entropyWeight, annealing, sampling);
  }

  /** Returns this with another objective. */
  public GripsConfig withObjective(int examples, double entropy) {
    return new GripsConfig(
        level, edits, candidates, composed, examples, entropy, annealing, sampling);
  }

  /** Returns this with or without annealing. */
  public GripsConfig withAnnealing(boolean on) {
    return new GripsConfig(
        level, edits, candidates, composed, trainExamples, entropyWeight, on, sampling);
  }
}
