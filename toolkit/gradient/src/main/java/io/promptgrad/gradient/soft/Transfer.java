package io.promptgrad.gradient.soft;

import java.util.List;

/** What prompts of one task are worth on others, all of one model. */
public final class Transfer {

  private Transfer() {}

  /**
   * Dev scores of prompts on problems.
   *
   * @param prompts each for the model of the problems
   * @return [prompts][problems]
   */
  public static double[][] matrix(List<SoftPrompt> prompts, List<SoftProblem> problems) {
    double[][] scores = new double[prompts.size()][problems.size()];
    for (int p = 0; p < scores.length; p++) {
      for (int t = 0; t < problems.size(); t++) {
        try (LoadedPrompt loaded = new LoadedPrompt(problems.get(t).model(), prompts.get(p))) {
          scores[p][t] = problems.get(t).dev(loaded).score();
        }
      }
    }
    return scores;
  }
}
