package io.promptgrad.models.pretrain;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.TrainableModel;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Pretrains one model on an encoded corpus: {@code loss.jsonl}, {@code checkpoint.safetensors}
 * (atomic; training goes on from it as if it had never stopped, because every step's windows, masks
 * and dropout follow from the seed and the step's number) and at the end {@code model.safetensors}.
 */
public final class Pretraining {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final PretrainingPlan plan;
  private final EncodedCorpus corpus;
  private final Batches batches;
  private final Path config;
  private final Path out;
  private final LoadOptions options;
  private final Consumer<String> progress;
  private volatile boolean stopping;

  /**
   * @param config folder of {@code config.json}
   * @param out folder of the run; resumed if it has a checkpoint
   */
  public Pretraining(
      PretrainingPlan plan,
      EncodedCorpus corpus,
      Path config,
      Path out,
      LoadOptions options,
      Consumer<String> progress) {
    this.plan = plan;
    this.corpus = corpus;
    this.batches = new Batches(corpus, plan);
    this.config = config;
    this.out = out;
    this.options = options;
    this.progress = progress;
  }

  /** Lets {@link #run} end after the step under way, with a checkpoint; from another thread. */
  public void stop() {
    stopping = true;
  }

  /**
   * Trains to the last step, from the checkpoint if there is one.
   *
   * @return the held-out loss; NaN if it was stopped before the last step
   */
  public double run() {
    try (TrainableModel model =
        TrainableModel.create(config, plan.initialDeviation(), plan.seed(), options)) {
      requireFit(model.spec());
      Files.createDirectories(out);
      Path checkpoint = out.resolve("checkpoint.safetensors");
      int step = 0;
      double seconds = 0;
      double sum = 0; // of the losses since the last line
      int summed = 0;
      if (Files.exists(checkpoint)) {
        JsonNode note = JSON.readTree(model.restore(checkpoint));
        requireSame(note);
        step = note.get("step").asInt();
        seconds = note.get("seconds").asDouble();
        sum = note.get("loss_sum").asDouble();
        summed = note.get("losses_summed").asInt();
        keepLossLines(step);
      } else {
        headStart(model);
      }
      progress.accept(
          "%,d parameters, %d of %d steps done, %d x %d tokens a step"
              .formatted(model.parameters(), step, plan.steps(), plan.windows(), plan.length()));
      double heldOut = Double.NaN;
      long start = System.nanoTime();
      double before = seconds;
      while (step < plan.steps()) {
        Batches.Batch batch = batches.training(step);
        LibTorch.seed(Batches.mix(plan.seed(), step)); // what dropout drops
        float[] losses = model.accumulate(batch.tokens(), batch.targets(), plan.dropout());
        double norm = model.update(plan.optimizer(), plan.learningRate(step));
        double loss = mean(losses);
        if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
          throw new InvalidInputException(
              "Training diverged: the loss is %s and the gradient's norm %s at step %d; give a smaller learning rate (and another output folder)."
                  .formatted(loss, norm, step));
        }
        sum += loss;
        summed++;
        step++;
        seconds = before + (System.nanoTime() - start) / 1e9;
        if (step % plan.measureEvery() == 0 || step == plan.steps()) {
          heldOut = heldOutLoss(model);
          log(step, sum / summed, heldOut, norm, seconds);
          sum = 0;
          summed = 0;
        }
        if (step % plan.saveEvery() == 0 || step == plan.steps() || stopping) {
          model.save(checkpoint, note(step, seconds, sum, summed));
        }
        if (stopping && step < plan.steps()) {
          return Double.NaN;
        }
      }
      if (Double.isNaN(heldOut)) {
        heldOut = heldOutLoss(model);
      }
      model.saveWeights(out.resolve("model.safetensors"), WeightType.F16);
      return heldOut;
    } catch (IOException e) {
      throw new InvalidInputException(
          "The folder %s cannot be written to (%s); give another one with --out.".formatted(out, e),
          e);
    }
  }

  /** Whether corpus, plan and model belong together. */
  private void requireFit(TransformerSpec spec) {
    EncodedCorpus.Description text = corpus.description();
    if (spec.causal() != (text.objective() == TokenizerSettings.Objective.CAUSAL)) {
      throw new InvalidInputException(
          "The corpus is prepared for %s models, but %s is a %s one; prepare another corpus."
              .formatted(
                  text.objective().name().toLowerCase(Locale.ROOT),
                  spec.family(),
                  spec.causal() ? "causal" : "masked"));
    }
    if (spec.vocabulary() != text.vocab()) {
      throw new InvalidInputException(
          "%s has a vocab_size of %d, but the corpus has a vocabulary of %d; make them equal."
              .formatted(config.resolve("config.json"), spec.vocabulary(), text.vocab()));
    }
    if (plan.length() > spec.maxPositions()) {
      throw new InvalidInputException(
          "Windows of %d tokens do not fit the model's %d positions; give a smaller length."
              .formatted(plan.length(), spec.maxPositions()));
    }
    if (text.train().tokens() < plan.length() || text.heldOut().tokens() < plan.length()) {
      throw new InvalidInputException(
          "The corpus has %d tokens for training and %d held out, but a window takes %d; prepare more text."
              .formatted(text.train().tokens(), text.heldOut().tokens(), plan.length()));
    }
  }

  /**
   * Word vectors and output bias from counts, positions from sinusoids, where there are such
   * weights.
   */
  private void headStart(TrainableModel model) {
    if (corpus.description().vocab() > WordVectors.LARGEST_VOCABULARY) {
      progress.accept(
          "no head start: counting pairs of words takes too much memory beyond %,d entries"
              .formatted(WordVectors.LARGEST_VOCABULARY));
      return;
    }
    progress.accept("counting words");
    WordVectors start = WordVectors.of(corpus, model.spec().hidden(), plan.seed());
    for (String name : model.names()) {
      if (name.endsWith("word_embeddings.weight") || name.endsWith("embed_tokens.weight")) {
        model.setWeight(name, start.vectors());
      } else if (name.endsWith("position_embeddings.weight")) {
        int rows = model.spec().maxPositions() + model.spec().positionOffset();
        model.setWeight(name, WordVectors.positions(rows, model.spec().hidden()));
      } else if (name.equals("lm_head.bias")) {
        model.setWeight(name, start.logFrequencies());
      }
    }
  }

  /** Mean loss in nats over the same held-out predictions every time. */
  public double heldOutLoss(TrainableModel model) {
    double sum = 0;
    int n = 0;
    for (Batches.Batch batch : batches.heldOut()) {
      for (float loss : model.losses(batch.tokens(), batch.targets())) {
        sum += loss;
        n++;
      }
    }
    return sum / n;
  }

  private static double mean(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  private String note(int step, double seconds, double sum, int summed) throws IOException {
    return JSON.createObjectNode()
        .put("step", step)
        .put("seconds", seconds)
        .put("loss_sum", sum)
        .put("losses_summed", summed)
        .set("made_with", madeWith())
        .toString();
  }

  /**
   * What must not change on the way. The number of steps may: it moves the end of the learning
   * rate's cosine.
   */
  private ObjectNode madeWith() throws IOException {
    EncodedCorpus.Description text = corpus.description();
    return JSON.createObjectNode()
        .put("plan", plan.withSteps(1).toString())
        .put("corpus", text.train().sha256() + " " + text.heldOut().sha256())
        .put("config.json", EncodedCorpus.sha256(config.resolve("config.json")))
        .put("precision", options.precision().toString());
  }

  private void requireSame(JsonNode note) throws IOException {
    ObjectNode now = madeWith();
    for (Map.Entry<String, JsonNode> was : now.properties()) {
      String before = note.path("made_with").path(was.getKey()).asText("unknown");
      if (!before.equals(was.getValue().asText())) {
        throw new InvalidInputException(
            "The checkpoint in %s was made with another %s (%s, now %s); give the same again or another output folder."
                .formatted(out, was.getKey(), before, was.getValue().asText()));
      }
    }
  }

  private void log(int step, double train, double heldOut, double norm, double seconds)
      throws IOException {
    ObjectNode line =
        JSON.createObjectNode()
            .put("step", step)
            .put("tokens", (long) step * plan.windows() * plan.length())
            .put("train_loss", train)
            .put("held_out_loss", heldOut)
            .put("gradient_norm", norm)
            .put("learning_rate", plan.learningRate(step - 1))
            .put("seconds", seconds);
    Files.writeString(
        out.resolve("loss.jsonl"),
        line + "\n",
        StandardCharsets.UTF_8,
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
    progress.accept(
        "step %d of %d: train %.3f, held out %.3f (perplexity %.1f), %.0f tokens/s"
            .formatted(
                step,
                plan.steps(),
                train,
                heldOut,
                Math.exp(heldOut),
                (double) step * plan.windows() * plan.length() / seconds));
  }

  /** Drops what was logged after the checkpoint, which is done again now. */
  private void keepLossLines(int step) throws IOException {
    Path file = out.resolve("loss.jsonl");
    if (!Files.exists(file)) {
      return;
    }
    List<String> kept =
        Files.readAllLines(file).stream()
            .filter(line -> line.endsWith("}") && stepOf(line) <= step)
            .toList();
    Path part = out.resolve("loss.jsonl.part");
    Files.write(part, kept);
    Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
  }

  private static int stepOf(String line) {
    try {
      return JSON.readTree(line).path("step").asInt(Integer.MAX_VALUE);
    } catch (IOException e) {
      return Integer.MAX_VALUE;
    }
  }
}
