package io.promptgrad.gradient.soft;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.trigger.Floats;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.SoftModel.Layout;
import io.promptgrad.lm.TrainablePrompt;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Cost;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Trains soft prompts: the one loop of prompt tuning, prefix tuning, P-tuning and deep prompts,
 * which differ in what a prompt consists of and what makes it ({@link SoftConfig}).
 *
 * <p>One update: the prompt p = f(theta); the mean loss of a batch under p and its gradient at p;
 * carried on to theta; an optimizer's step. Batches go through the examples in an order that is
 * drawn anew for each pass. A step of the search is {@link SoftConfig#updatesPerStep} updates and,
 * now and then, a look at dev; the result is the best p that dev saw, the start among them, of
 * equal ones that with the smaller loss.
 *
 * <p>Several prompts are trained side by side, each with the loss of its own copy of the batch, and
 * vote on dev. Cost of an update: a forward and a backward pass over its examples. The seed fixes
 * the start, the order of examples and what dropout leaves out. A loss or a gradient that is no
 * number ends the run and leaves the last checkpoint.
 */
public final class SoftSearch implements Search {

  private final String method;
  private final SoftProblem problem;
  private final SoftConfig config;
  private final String modelName;
  private final RandomSource random;
  private final int stepsBefore; // of an earlier training, which messages count
  private final LanguageModel model;
  private final SoftModel soft;
  private final SoftModel.Loss loss;
  private final int tokens; // P
  private final int width;
  private final Optional<Waywardness> pull;
  private final TrainablePrompt parameters;
  private final List<SoftRow> train;
  private float[] best; // [N * P * width]
  private SoftProblem.Dev bestDev; // null before step 1
  private int bestStep;
  private SoftPrompt bestPrompt; // of best; null: not made yet
  private int done; // steps
  private long orderOf = -1; // the pass whose order is at hand
  private int[] order;

  /**
   * @param method name in configurations
   * @param modelName as configurations write it, for the adapter
   * @throws InvalidInputException if prompt, problem and model do not fit together
   */
  public SoftSearch(
      String method,
      SoftProblem problem,
      SoftConfig config,
      String modelName,
      RandomSource random) {
    this(method, problem, config, modelName, random, 0);
  }

  /** The same behind a training of so many steps, which messages count with its own. */
  SoftSearch(
      String method,
      SoftProblem problem,
      SoftConfig config,
      String modelName,
      RandomSource random,
      int stepsBefore) {
    this.method = method;
    this.problem = problem;
    this.config = config;
    this.modelName = modelName;
    this.random = random;
    this.stepsBefore = stepsBefore;
    this.model = problem.model();
    this.soft = model.forSoft();
    this.train = problem.train();
    this.loss = problem.loss(config.wholeVocabulary(), config.smoothing(), config.z());
    this.tokens = tokens(method, problem, config);
    this.width = soft.width(config.layout());
    if (problem.prompts() > 1 && config.encoder() != SoftConfig.Encoder.NONE) {
      throw new InvalidInputException(
          "Prompts of several tasks are trained side by side without an encoder only; set encoder to none.");
    }
    this.pull = config.extras().pull().map(own -> Waywardness.of(model, own.text()));
    if (pull.isPresent() && pull.get().ids().length != tokens) {
      throw new InvalidInputException(
          "The text '%s' has %d tokens for %d virtual ones to be drawn to; take as many virtual tokens."
              .formatted(pull.get().text(), pull.get().ids().length, tokens));
    }
    this.parameters =
        new SoftParameters(model, config, tokens, prompts(), problem.labels(), random).make();
    this.best = parameters.values();
  }

  private static int tokens(String method, SoftProblem problem, SoftConfig config) {
    int slots = problem.slots();
    if (slots > 0 && config.layout() != Layout.VECTORS) {
      throw new InvalidInputException(
          "The template has %d slots [T], but %s puts keys and values in front of the text; leave the slots out."
              .formatted(slots, method));
    }
    if (slots > 0 && config.tokens() > 0 && config.tokens() != slots) {
      throw new InvalidInputException(
          "The template has %d slots [T] for %d virtual tokens; write as many slots, or none, so that they stand in front."
              .formatted(slots, config.tokens()));
    }
    int tokens = slots > 0 ? slots : config.tokens();
    if (tokens == 0) {
      throw new InvalidInputException(
          "There are no virtual tokens; give their number, or slots [T] in the template.");
    }
    return tokens;
  }

  /** P. */
  int tokens() {
    return tokens;
  }

  /** Of each of the ensemble as many as the problem asks for. */
  private int prompts() {
    return config.prompts() * problem.prompts();
  }

  @Override
  public String method() {
    return method;
  }

  /** How many steps it takes. */
  int lastStep() {
    return (config.updates() + config.updatesPerStep() - 1) / config.updatesPerStep();
  }

  private int updatesBefore(int step) {
    return (int) Math.min(config.updates(), (long) (step - 1) * config.updatesPerStep());
  }

  @Override
  public boolean finished() {
    return done >= lastStep();
  }

  @Override
  public StepReport step(int step) {
    long forward = model.forwardTokens();
    long backward = model.backwardTokens();
    long evaluations = 0;
    boolean newBest = false;
    if (bestDev == null) {
      bestDev = dev(best);
      evaluations += problem.devSize();
    }
    double sum = 0;
    double norm = 0;
    int first = updatesBefore(step) + 1;
    int last = updatesBefore(step + 1);
    for (int update = first; update <= last; update++) {
      sum += update(step, update);
      norm = follow(step, update);
    }
    evaluations +=
        (long) (last - first + 1) * config.batchSize() * config.accumulation() * config.prompts();
    OptionalDouble measured = OptionalDouble.empty();
    Map<String, Object> details = new LinkedHashMap<>();
    double mean = sum / (last - first + 1);
    details.put("loss", mean);
    details.put("learning_rate", config.rate(last));
    details.put("gradient_norm", norm);
    String text = "";
    done = step;
    if (step % config.devEvery() == 0 || finished()) {
      float[] values = parameters.values();
      SoftProblem.Dev dev = dev(values);
      evaluations += problem.devSize();
      measured = OptionalDouble.of(dev.score());
      details.put("dev_loss", dev.loss());
      pull.ifPresent(own -> details.put("distance", own.distance(values)));
      if (dev.beats(bestDev)) {
        best = values;
        bestDev = dev;
        bestStep = step;
        bestPrompt = null;
        newBest = true;
        text = best().prompt().text();
      }
    }
    Cost cost =
        new Cost(
            evaluations, model.forwardTokens() - forward, model.backwardTokens() - backward, 0, 0);
    Candidate candidate =
        new Candidate(
            step + ".0",
            step == 1 ? "" : (step - 1) + ".0",
            text,
            new int[0],
            Math.exp(-mean),
            (last - first + 1) * config.batchSize() * config.accumulation(),
            Candidate.Status.ACCEPTED,
            details);
    return new StepReport(List.of(candidate), candidate.score(), measured, newBest, cost);
  }

  /** Accumulates the gradients of an update. Returns the mean loss over its targets. */
  private double update(int step, int update) {
    List<List<SoftRow>> batches = new ArrayList<>();
    int targets = 0;
    long number = (long) (update - 1) * config.accumulation(); // of the first batch
    for (int a = 0; a < config.accumulation(); a++) {
      List<SoftRow> rows = batch(number + a);
      batches.add(rows);
      targets += rows.stream().mapToInt(row -> row.at().length).sum();
    }
    double sum = 0;
    try (NDManager scope = model.newScope()) {
      NDArray prompt = parameters.value(scope);
      for (List<SoftRow> rows : batches) {
        SoftBatch batch = SoftBatch.of(model, rows, config.layout(), tokens);
        SoftModel.Gradient found =
            soft.gradient(
                scope,
                batch.tokens(),
                prompt,
                batch.placement(),
                LoadedPrompt.targets(batch, rows, (float) config.prompts() / targets),
                loss,
                dropout(number++));
        for (double value : found.losses()) {
          sum += value / targets;
        }
        if (!Double.isFinite(sum)) {
          throw noNumber("loss", step, update);
        }
        parameters.accumulate(found.prompt());
        found.prompt().close();
      }
      if (pull.isPresent()) {
        double gamma = config.extras().pull().get().gamma();
        parameters.accumulate(pull.get().gradient(scope, prompt, gamma));
      }
    }
    return sum;
  }

  /** What a batch leaves out follows from its number, so that there is no state to keep. */
  private SoftModel.Dropout dropout(long batch) {
    double share = config.extras().dropout();
    return share == 0
        ? SoftModel.Dropout.NONE
        : new SoftModel.Dropout(share, random.stream("soft-dropout", batch).nextLong() >>> 11);
  }

  /** The optimizer's step. Returns the largest norm of a prompt's gradient. */
  private double follow(int step, int update) {
    double largest = 0;
    for (float norm : parameters.update(update, config.rate(update))) {
      if (!Float.isFinite(norm)) {
        throw noNumber("gradient", step, update);
      }
      largest = Math.max(largest, norm);
    }
    return largest;
  }

  private InvalidInputException noNumber(String what, int step, int update) {
    return new InvalidInputException(
        "The %s of %s %d, in step %d, is not a number; the last checkpoint is that of step %d. Lower the learning rate (%s), begin at smaller numbers, or take a precision with a wider range."
            .formatted(
                what,
                stepsBefore == 0 ? "update" : "the second training's update",
                update,
                stepsBefore + step,
                stepsBefore + step - 1,
                config.rate(update)));
  }

  /** A batch by its number; every prompt gets a copy. */
  private List<SoftRow> batch(long number) {
    List<SoftRow> rows = new ArrayList<>();
    for (long i = number * config.batchSize(); i < (number + 1) * config.batchSize(); i++) {
      long pass = i / train.size();
      if (pass != orderOf) {
        order = RandomSource.permutation(train.size(), random.stream("soft-order", pass));
        orderOf = pass;
      }
      SoftRow row = train.get(order[(int) (i % train.size())]);
      for (int n = 0; n < config.prompts(); n++) {
        rows.add(row.with(n * problem.prompts() + row.prompt()));
      }
    }
    return rows;
  }

  /** Frees the numbers that are trained, and the optimizer's. */
  @Override
  public void close() {
    parameters.close();
  }

  private SoftProblem.Dev dev(float[] values) {
    try (LoadedPrompt prompt = new LoadedPrompt(model, values, config.layout(), tokens)) {
      return problem.dev(prompt);
    }
  }

  // ------------------------------------------------------------------ the result

  @Override
  public Best best() {
    if (bestPrompt == null) {
      bestPrompt =
          problem
              .prompt(adapters(), nearest())
              .drawnTo(config.extras().pull().map(SoftConfig.Pull::text));
    }
    return new Best(bestPrompt, bestDev == null ? Double.NaN : bestDev.score(), bestStep);
  }

  private List<PeftAdapter> adapters() {
    List<PeftAdapter> adapters = new ArrayList<>();
    int n = tokens * width;
    for (int i = 0; i < prompts(); i++) {
      ObjectNode json = SoftPrompt.peftConfig(model, modelName, config.peftType(), tokens);
      describe(json);
      adapters.add(PeftAdapter.of(json, Arrays.copyOfRange(best, i * n, (i + 1) * n)));
    }
    return adapters;
  }

  /** Says how the prompt began and what made it, where PEFT has words for it. */
  private void describe(ObjectNode json) {
    switch (config.peftType()) {
      case PROMPT_TUNING -> {
        if (config.start() instanceof SoftStart.Text text) {
          json.put("prompt_tuning_init", "TEXT");
          json.put("prompt_tuning_init_text", text.text());
          json.put("tokenizer_name_or_path", modelName);
        } else if (config.start() instanceof SoftStart.Vocabulary) {
          json.put("prompt_tuning_init", "SAMPLE_VOCAB");
        }
      }
      case P_TUNING ->
          json.put("encoder_reparameterization_type", config.encoder().name())
              .put("encoder_hidden_size", config.encoder().hidden(model.spec().wordWidth()));
      case PREFIX_TUNING, ALL_PREFIX_TUNING -> {
        boolean projected = config.encoder() == SoftConfig.Encoder.PROJECTION;
        json.put("prefix_projection", projected);
        if (projected) {
          json.put("encoder_hidden_size", config.encoder().hidden(0));
        }
        if (config.start() instanceof SoftStart.Zero) {
          json.put("init_weights", "zero");
        }
      }
    }
  }

  private List<String> nearest() {
    return config.layout() == Layout.VECTORS
        ? SoftPrompt.nearestWords(model, Arrays.copyOf(best, tokens * width))
        : List.of();
  }

  // ------------------------------------------------------------------ state

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state.put("done", done);
    ObjectNode numbers = state.putObject("parameters");
    parameters
        .save()
        .forEach((name, bytes) -> numbers.put(name, Base64.getEncoder().encodeToString(bytes)));
    state.put("best", Floats.save(best));
    state.put("best_step", bestStep);
    if (bestDev != null) {
      state.set("best_dev", Json.number(bestDev.score()));
      state.set("best_dev_loss", Json.number(bestDev.loss()));
    }
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    done = state.path("done").asInt();
    Map<String, byte[]> numbers = new LinkedHashMap<>();
    state
        .path("parameters")
        .properties()
        .forEach(
            entry ->
                numbers.put(entry.getKey(), Base64.getDecoder().decode(entry.getValue().asText())));
    parameters.restore(numbers);
    best = Floats.restore(state.path("best").asText());
    bestStep = state.path("best_step").asInt();
    bestDev =
        state.has("best_dev")
            ? new SoftProblem.Dev(
                Json.toDouble(state.path("best_dev")), Json.toDouble(state.path("best_dev_loss")))
            : null;
    bestPrompt = null;
  }
}
