package io.promptgrad.llm.instruction;

import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.parse.Tags;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;

/**
 * Lets a judge say which of two answers is better, twice, with their order swapped, since judges
 * favour a place. Where the two verdicts disagree it is a tie.
 */
public final class PairwiseJudge {

  private final Llm judge;
  private final String criterion;

  /** Which answer is better. */
  public enum Verdict {
    /** The first. */
    FIRST,
    /** The second. */
    SECOND,
    /** Neither, or the judge does not know its own mind. */
    TIE
  }

  /**
   * @param criterion what a good answer is, in words
   */
  public PairwiseJudge(Llm judge, String criterion) {
    this.judge = Objects.requireNonNull(judge, "judge");
    this.criterion = Objects.requireNonNull(criterion, "criterion");
  }

  /** Compares two answers; empty if a verdict cannot be read, asked for once more. */
  public Optional<Verdict> compare(String question, String first, String second) {
    Optional<Verdict> forward = ask(question, first, second);
    Optional<Verdict> backward = ask(question, second, first).map(PairwiseJudge::swapped);
    if (forward.isEmpty() || backward.isEmpty()) {
      return Optional.empty();
    }
    return forward.equals(backward) ? forward : Optional.of(Verdict.TIE);
  }

  private Optional<Verdict> ask(String question, String a, String b) {
    String text =
        "Compare two answers. What matters: %s\n\nThe question:\n%s\n\nAnswer A:\n%s\n\nAnswer B:\n%s\n\nSay in a sentence how they differ. Then write A, B or TIE between <better> and </better>."
            .formatted(criterion, question, a, b);
    for (String draw : new String[] {"", "again"}) {
      String verdict = judge.chat(ChatRequest.of(text, Sampling.greedy(512), draw)).text();
      Optional<Verdict> read = read(verdict);
      if (read.isPresent()) {
        return read;
      }
    }
    return Optional.empty();
  }

  private static Optional<Verdict> read(String verdict) {
    return switch (Tags.last(verdict, "better").orElse("").toUpperCase(Locale.ROOT)) {
      case "A" -> Optional.of(Verdict.FIRST);
      case "B" -> Optional.of(Verdict.SECOND);
      case "TIE" -> Optional.of(Verdict.TIE);
      default -> Optional.empty();
    };
  }

  private static Verdict swapped(Verdict verdict) {
    return switch (verdict) {
      case FIRST -> Verdict.SECOND;
      case SECOND -> Verdict.FIRST;
      case TIE -> Verdict.TIE;
    };
  }
}
