package io.promptgrad.models.pretrain;

import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code pretrain train}: trains a model on a prepared corpus, or goes on where it stopped. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    description =
        "Trains a model on a prepared corpus. Run it again with the same options to go on after an"
            + " interruption.")
final class TrainCommand implements Callable<Integer> {

  @Option(names = "--corpus", required = true, description = "Folder that prepare wrote.")
  private Path corpus;

  @Option(names = "--config", required = true, description = "Folder with the model's config.json.")
  private Path config;

  @Option(names = "--out", required = true, description = "Folder for checkpoint, losses, weights.")
  private Path out;

  @Option(
      names = "--steps",
      defaultValue = "6000",
      description = "Optimizer steps (${DEFAULT-VALUE}).")
  private int steps;

  @Option(
      names = "--windows",
      defaultValue = "32",
      description = "Windows a step (${DEFAULT-VALUE}).")
  private int windows;

  @Option(
      names = "--length",
      defaultValue = "128",
      description = "Tokens a window (${DEFAULT-VALUE}).")
  private int length;

  @Option(
      names = "--learning-rate",
      defaultValue = "1e-3",
      description = "The highest (${DEFAULT-VALUE}).")
  private double learningRate;

  @Option(names = "--warm-up", defaultValue = "300", description = "Steps (${DEFAULT-VALUE}).")
  private int warmUp;

  @Option(names = "--dropout", defaultValue = "0", description = "Probability (${DEFAULT-VALUE}).")
  private double dropout;

  @Option(
      names = "--initial-deviation",
      defaultValue = "0.05",
      description =
          "Standard deviation of the first weights (${DEFAULT-VALUE}); below about 0.5 / sqrt(hidden"
              + " width) a post-norm model learns nothing but word frequencies for a long time.")
  private double initialDeviation;

  @Option(names = "--seed", defaultValue = "0", description = "Of weights, windows and masks.")
  private long seed;

  @Option(
      names = "--measure-every",
      defaultValue = "250",
      description = "Steps between measurements of the held-out loss (${DEFAULT-VALUE}).")
  private int measureEvery;

  @Option(
      names = "--save-every",
      defaultValue = "250",
      description = "Steps between checkpoints (${DEFAULT-VALUE}).")
  private int saveEvery;

  @Option(names = "--device", defaultValue = "auto", description = "cpu, cuda:N or auto.")
  private String device;

  @Option(
      names = "--precision",
      description =
          "What is computed in: float32 or bfloat16; weights and optimizer are float32 in both"
              + " (default: float32 on a CPU, bfloat16 on a GPU).")
  private String precision;

  @Override
  public Integer call() {
    LoadOptions options = LoadOptions.on(device);
    PretrainingPlan plan =
        new PretrainingPlan(
            steps,
            windows,
            length,
            learningRate,
            learningRate / 20,
            warmUp,
            AdamW.forPretraining(),
            dropout,
            initialDeviation,
            seed,
            measureEvery,
            256,
            saveEvery);
    Pretraining pretraining =
        new Pretraining(
            plan,
            EncodedCorpus.open(corpus),
            config,
            out,
            precision == null ? options : options.withPrecision(Precision.parse(precision)),
            System.out::println);
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> saveAndHalt(pretraining, ended)));
    try {
      double loss = pretraining.run();
      if (Double.isNaN(loss)) {
        System.out.println("Interrupted; saved. Give the same command again to go on.");
        return 130;
      }
      System.out.printf("held-out loss %.4f nats, perplexity %.1f%n", loss, Math.exp(loss));
    } finally {
      ended.countDown();
    }
    return 0;
  }

  /**
   * Ctrl-C: the step under way is finished and saved. The JVM is halted, not exited, since native
   * threads that still compute must not see the native libraries' destructors run.
   */
  private static void saveAndHalt(Pretraining pretraining, CountDownLatch ended) {
    if (ended.getCount() == 0) {
      return; // an ordinary exit
    }
    pretraining.stop();
    try {
      ended.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Runtime.getRuntime().halt(130);
  }
}
