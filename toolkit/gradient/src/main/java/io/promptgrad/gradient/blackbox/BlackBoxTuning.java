package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.lm.BlackBoxModel;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.Best;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.util.Set;

/**
 * BBT, black-box tuning (Sun, Shao, Qian, Huang and Qiu 2022, arXiv:2201.03514): a soft prompt A z
 * + p0, in which A is a fixed random matrix and z a few hundred numbers, is found by CMA-ES from
 * the losses of whole prompts; nothing but label scores is asked of the model.
 *
 * <p>One step is one generation: points z are asked for, their prompts evaluated on all train
 * examples in one batch, and their losses told. Every 100th call the candidate of that call is
 * scored on dev, and strictly better ones are kept.
 *
 * <p>Where we differ from the program: the tokens under the prompt (ids 1000, 1001, ...) are put
 * there as ids, where it decodes them to text and tokenizes that again; they stand at the slots of
 * the template, or at its beginning. Vectors are added to the input of the first layer in every
 * family (the program adds before the positions in GPT-2, which is the same). The prompt of zeros
 * takes part in the choice. The head's bias stays. Out of bounds points are moved into them.
 *
 * <p>Cost of a step: population x train examples, and dev every 100 calls; no gradients. The seed
 * fixes the projection and all points.
 */
public final class BlackBoxTuning implements Search {

  private final BlackBoxConfig config;
  private final RandomSource random;
  private final EvolutionStrategy strategy;
  private final Projection projection;
  private final float[] offset; // p0 where vectors stand instead of words
  private final Generations generations;

  private BlackBoxTuning(
      SoftScores scores,
      float[] offset,
      double deviation,
      Cloze cloze,
      Task task,
      BlackBoxConfig config,
      Metric metric,
      RandomSource random) {
    this.config = config;
    this.random = random;
    this.strategy = config.strategy();
    this.offset = offset;
    this.projection =
        new Projection(
            config.uniform() ? Projection.Kind.UNIFORM : Projection.Kind.NORMAL,
            config.dimensions(),
            scores.places() * scores.width(),
            deviation,
            random.stream("bbt.projection", 0));
    this.generations =
        new Generations(
            scores, cloze, task, config, metric, Population.of(new float[][] {offset}), random);
  }

  /**
   * On a model that takes vectors.
   *
   * @param template with slots where the vectors are to be; without any, they come first
   */
  public static BlackBoxTuning of(
      LanguageModel model,
      Task task,
      PromptTemplate template,
      LabelTokens labels,
      BlackBoxConfig config,
      Metric metric,
      RandomSource random) {
    Cloze cloze = cloze(model, template, labels, config.length());
    int[] base = base(model.tokenizer(), cloze.template().triggerCount());
    LocalScores scores = new LocalScores(model, cloze, config.mode(), base);
    float[] offset =
        config.mode() == BlackBoxModel.Mode.ADD
            ? new float[scores.places() * scores.width()]
            : model.forSearch().vectors(base);
    double deviation =
        Projection.deviation(
            config.alpha(), Projection.stdOfWords(model), config.dimensions(), config.sigma());
    return new BlackBoxTuning(scores, offset, deviation, cloze, task, config, metric, random);
  }

  /**
   * The same with the vectors replaced by the nearest tokens, for models that take nothing else;
   * the prompt found consists of tokens.
   *
   * @param filter which tokens may be used
   */
  public static BlackBoxTuning ofTokens(
      LanguageModel model,
      Task task,
      PromptTemplate template,
      LabelTokens labels,
      Set<TokenFilter.Rule> filter,
      BlackBoxConfig config,
      Metric metric,
      RandomSource random) {
    Cloze cloze = cloze(model, template, labels, config.length());
    TokenFilter allowed =
        TokenFilter.of(model.tokenizer(), model.spec().vocabulary(), filter, cloze.labels().flat());
    SoftScores scores = new TokenScores(model, cloze, allowed, SearchModel.Nearness.COSINE);
    double deviation =
        Projection.deviation(
            config.alpha(), Projection.stdOfWords(model), config.dimensions(), config.sigma());
    int[] base = base(model.tokenizer(), scores.places());
    return new BlackBoxTuning(
        scores, model.forSearch().vectors(base), deviation, cloze, task, config, metric, random);
  }

  /** The template with slots for the vectors, in front if it has none. */
  static Cloze cloze(LanguageModel model, PromptTemplate template, LabelTokens labels, int length) {
    PromptTemplate slots =
        template.triggerCount() > 0
            ? template
            : PromptTemplate.parse("[T] ".repeat(length) + template);
    return new Cloze(model, slots, labels);
  }

  /** The tokens under the prompt: ids from 1000 on, or from the beginning of a small vocabulary. */
  static int[] base(Tokenizer tokenizer, int length) {
    int[] base = new int[length];
    int id = tokenizer.vocabularySize() > 1000 + length ? 1000 : 0;
    for (int i = 0; i < length; i++) {
      while (!tokenizer.has(id) || tokenizer.specials().all().contains(id)) {
        id = (id + 1) % tokenizer.vocabularySize();
      }
      base[i] = id;
      id = (id + 1) % tokenizer.vocabularySize();
    }
    return base;
  }

  @Override
  public String method() {
    return "bbt";
  }

  @Override
  public StepReport step(int step) {
    generations.begin();
    double[][] z = strategy.ask(random.stream("bbt", step));
    config.clip(z);
    float[][] vectors = projection.times(z);
    for (float[] block : vectors) {
      for (int i = 0; i < block.length; i++) {
        block[i] += offset[i];
      }
    }
    double[] losses = generations.evaluate(Population.of(vectors), z, step);
    strategy.tell(z, losses);
    return generations.end(losses, step);
  }

  @Override
  public boolean finished() {
    return generations.calls() + config.population() > config.calls()
        || strategy.stop().isPresent();
  }

  @Override
  public Best best() {
    return generations.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.set("strategy", strategy.save());
    state.set("generations", generations.save());
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    strategy.restore((ObjectNode) state.path("strategy"));
    generations.restore((ObjectNode) state.path("generations"));
  }
}
