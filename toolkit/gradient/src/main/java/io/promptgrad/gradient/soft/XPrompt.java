package io.promptgrad.gradient.soft;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Cost;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * XPrompt (Ma et al. 2022, arXiv:2210.04457): a prompt is trained; the virtual tokens that do
 * little, and of the others the pieces that do little, are set to zero ({@link Pruning}); what is
 * left is rewound to the numbers that it was trained to and trained once more, while the zeros
 * stay.
 *
 * <p>Steps are those of the two trainings, one behind the other; pruning belongs to the first step
 * of the second. It is the prompt that was best on dev which is pruned. The result is the best on
 * dev of both trainings, of equals the pruned one. As in the paper pruned tokens stay in their
 * places as zeros.
 *
 * <p>Budgets and rules count the steps of both trainings. One that ends inside the first leaves a
 * prompt that is not pruned, and says so in a warning.
 *
 * <p>Cost: two trainings, and for each level that is pruned a forward and a backward pass over the
 * training examples.
 */
public final class XPrompt implements Search {

  private final String method;
  private final SoftProblem problem;
  private final SoftConfig config;
  private final String modelName;
  private final RandomSource random;
  private final SoftSearch trained;
  private SoftSearch retrained; // null before pruning
  private SoftStart.Pruned pruned; // null before pruning

  /**
   * The parameters are those of {@link SoftSearch}.
   *
   * @param config with shares to prune
   */
  public XPrompt(
      String method,
      SoftProblem problem,
      SoftConfig config,
      String modelName,
      RandomSource random) {
    this.method = method;
    this.problem = problem;
    this.config = config;
    this.modelName = modelName;
    this.random = random;
    this.trained = new SoftSearch(method, problem, config, modelName, random);
    if (problem.prompts() > 1) {
      throw new InvalidInputException(
          "What is pruned is the prompt of one task; prune nothing where each task has its own.");
    }
    int width = problem.model().forSoft().width(config.layout());
    int pieces = shares().perToken();
    if (shares().pieces() > 0 && width % pieces != 0) {
      throw new InvalidInputException(
          "The %d values of a virtual token cannot be cut into %d pieces of equal width; take another number of pieces."
              .formatted(width, pieces));
    }
    shares().requireSome(trained.tokens());
  }

  private Pruning.Shares shares() {
    return config.extras().pruning().orElseThrow();
  }

  @Override
  public String method() {
    return method;
  }

  @Override
  public boolean finished() {
    return retrained != null && retrained.finished();
  }

  @Override
  public StepReport step(int step) {
    if (!trained.finished()) {
      return trained.step(step);
    }
    LanguageModel model = problem.model();
    long forward = model.forwardTokens();
    long backward = model.backwardTokens();
    Cost pruning = Cost.ZERO;
    if (retrained == null) {
      float[] values = ((SoftPrompt) trained.best().prompt()).adapters().get(0).used();
      begin(Pruning.pruned(problem, values, config.layout(), shares()));
      // an importance pass for each, since the constructor refused shares that prune nothing
      int levels = (shares().tokens() > 0 ? 1 : 0) + (shares().pieces() > 0 ? 1 : 0);
      pruning =
          new Cost(
              (long) levels * problem.train().size(),
              model.forwardTokens() - forward,
              model.backwardTokens() - backward,
              0,
              0);
    }
    StepReport report = retrained.step(step - trained.lastStep());
    return new StepReport(
        List.of(numbered(report.candidates().get(0), step)),
        report.score(),
        report.dev(),
        best().step() == step,
        report.cost().plus(pruning));
  }

  @Override
  public void close() {
    trained.close();
    if (retrained != null) {
      retrained.close();
    }
  }

  private void begin(SoftStart.Pruned start) {
    pruned = start;
    retrained =
        new SoftSearch(method, problem, config.from(start), modelName, random, trained.lastStep());
  }

  /** The candidate as one of the whole search, and how many of its numbers are zero for good. */
  private Candidate numbered(Candidate candidate, int step) {
    Map<String, Object> details = new LinkedHashMap<>(candidate.details());
    float[] mask = pruned.mask();
    details.put("pruned", (int) IntStream.range(0, mask.length).filter(i -> mask[i] == 0).count());
    return new Candidate(
        step + ".0",
        (step - 1) + ".0",
        candidate.text(),
        candidate.tokenIds(),
        candidate.score(),
        candidate.n(),
        candidate.status(),
        details);
  }

  @Override
  public Best best() {
    Best first = trained.best();
    if (retrained == null) {
      return new Best(notPruned((SoftPrompt) first.prompt()), first.dev(), first.step());
    }
    Best second = retrained.best();
    int step = trained.lastStep() + Math.max(1, second.step()); // begun by the step after the last
    return second.dev() >= first.dev() ? new Best(second.prompt(), second.dev(), step) : first;
  }

  /** What a run that ends inside the first training leaves, by its budget or by a rule. */
  private SoftPrompt notPruned(SoftPrompt prompt) {
    return prompt.warned(
        "Pruning was not reached: it follows step %d, with which the first training ends; give more budget or patience, or take fewer updates."
            .formatted(trained.lastStep()));
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("trained", trained.save());
    if (retrained != null) {
      state.put("values", Floats.save(pruned.values())).put("mask", Floats.save(pruned.mask()));
      state.set("retrained", retrained.save());
    }
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    trained.restore((ObjectNode) state.path("trained"));
    if (state.has("retrained")) {
      begin(
          new SoftStart.Pruned(
              Floats.restore(state.path("values").asText()),
              Floats.restore(state.path("mask").asText())));
      retrained.restore((ObjectNode) state.path("retrained"));
    }
  }
}
