package io.promptgrad.benchmarks;

import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.models.BundledModel;

/** The model that everything here runs on. */
final class Bundled {

  /** Its name. */
  static final BundledModel MODEL = BundledModel.MINI_ROBERTA;

  private Bundled() {}

  /** The first GPU if there is one, else the CPU; float32, so that variants can be compared. */
  static LoadOptions options() {
    return new LoadOptions(LibTorch.defaultDevice(), Precision.FLOAT32);
  }

  /** Loads it from the cache folder. */
  static LanguageModel load() {
    return LanguageModel.load(MODEL.folder(), options());
  }

  /** Steps of the standard size. */
  static StepWorkload workload(LanguageModel model, int steps, long seed) {
    int mask = model.tokenizer().specials().mask().orElseThrow();
    return StepWorkload.random(model, mask, StepWorkload.Size.standard(), steps, seed);
  }

  /** What the figures were measured on. */
  static String machine() {
    return "%s, %d processors, %s threads in libtorch, Java %s"
        .formatted(
            LibTorch.defaultDevice(),
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("ai.djl.pytorch.num_threads", "as many"),
            Runtime.version().feature());
  }
}
