package io.promptgrad.llm.optimizer;

import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/** Collects what a step looked at, for the trace. */
final class StepNotes {

  private final int step;
  private final List<Candidate> candidates = new ArrayList<>();
  private OptionalDouble dev = OptionalDouble.empty();
  private boolean newBest;
  private int numbered;

  StepNotes(int step) {
    this.step = step;
  }

  /** Returns the id of the step's next candidate. */
  String nextId() {
    numbered++;
    return step + "." + numbered;
  }

  /** Notes a candidate under an id of {@link #nextId}. */
  void add(
      String id,
      String parent,
      InstructionPrompt prompt,
      double score,
      int n,
      Status status,
      Map<String, Object> details) {
    Map<String, Object> all = new LinkedHashMap<>(details);
    if (!prompt.demonstrations().isEmpty()) {
      all.put("demonstrations", prompt.demonstrations().size());
    }
    candidates.add(
        new Candidate(id, parent, prompt.instruction(), new int[0], score, n, status, all));
  }

  /** Notes that there is no candidate, and why. */
  void skip(String parent, String text, String why) {
    candidates.add(
        new Candidate(
            nextId(), parent, text, new int[0], Double.NaN, 0, Status.SKIPPED, Map.of("why", why)));
  }

  /**
   * Offers the best of some candidates to the champion, the first one of equals.
   *
   * @return its place if it is better than all before on the search's own examples, else -1
   */
  int offerBest(Champion champion, List<InstructionPrompt> prompts, double[] scores) {
    int best = -1;
    for (int i = 0; i < scores.length; i++) {
      if (scores[i] > (best < 0 ? champion.train() : scores[best])) {
        best = i;
      }
    }
    if (best >= 0) {
      offer(champion, prompts.get(best), scores[best]);
    }
    return best;
  }

  /** Lets the champion measure the step's best prompt, see {@link Champion#measure}. */
  void measure(Champion champion, InstructionPrompt prompt, double score) {
    newBest |= champion.measure(prompt, score, step);
    if (champion.measured().isPresent()) {
      dev = champion.measured();
    }
  }

  /** Offers a candidate to the champion and notes what came of it. */
  boolean offer(Champion champion, InstructionPrompt prompt, double score) {
    boolean taken = champion.offer(prompt, score, step);
    newBest |= taken;
    if (champion.measured().isPresent()) {
      dev = champion.measured();
    }
    return taken;
  }

  /**
   * Returns the report.
   *
   * @param score of the search's state after the step
   */
  StepReport report(double score, ModelCalls calls) {
    return new StepReport(candidates, score, dev, newBest, calls.takeCost());
  }
}
