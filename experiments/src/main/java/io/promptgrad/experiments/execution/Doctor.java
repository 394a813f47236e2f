package io.promptgrad.experiments.execution;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.util.Utils;
import io.promptgrad.lm.EmbeddingGradient;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.models.BundledModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/** Looks at everything that a run needs, and says what to do about what is missing. */
public final class Doctor {

  /** Relative L2 difference of bfloat16 logits from float32 that is normal. */
  private static final double BFLOAT16 = 3e-2;

  private final List<Finding> findings = new ArrayList<>();

  private Doctor() {}

  /**
   * One thing that was looked at.
   *
   * @param value what was seen
   * @param advice what to do if it is not well, else ""
   */
  public record Finding(String name, boolean ok, String value, String advice) {}

  /** Looks at everything; what fails does not keep it from looking further. */
  public static List<Finding> examine() {
    Doctor doctor = new Doctor();
    doctor.machine();
    doctor.cache();
    if (doctor.natives()) {
      doctor.devices();
      doctor.selfTest(LibTorch.defaultDevice());
    }
    return List.copyOf(doctor.findings);
  }

  private void well(String name, String value) {
    findings.add(new Finding(name, true, value, ""));
  }

  /** Notes what is seen; anything thrown is a failure with this advice. */
  private boolean look(String name, String advice, Supplier<String> examination) {
    try {
      well(name, examination.get());
      return true;
    } catch (Exception | LinkageError e) {
      findings.add(new Finding(name, false, e.toString().lines().findFirst().orElse(""), advice));
      return false;
    }
  }

  private void machine() {
    int feature = Runtime.version().feature();
    findings.add(
        new Finding(
            "java",
            feature >= 17,
            System.getProperty("java.vm.name") + " " + Runtime.version(),
            feature >= 17 ? "" : "Install a JDK 17 or later and set JAVA_HOME to it."));
    well(
        "system",
        "%s %s, %s"
            .formatted(
                System.getProperty("os.name"),
                System.getProperty("os.version"),
                System.getProperty("os.arch")));
    well("processors", String.valueOf(Runtime.getRuntime().availableProcessors()));
    well(
        "heap",
        "%,d MiB at most; models lie outside of it (PROMPTGRAD_OPTS=-Xmx4g for more)"
            .formatted(Runtime.getRuntime().maxMemory() >> 20));
  }

  private void cache() {
    Path cache = BundledModel.cache();
    look(
        "cache",
        "Set PROMPTGRAD_CACHE to a folder that can be written.",
        () -> {
          try {
            Files.createDirectories(cache);
            Files.delete(Files.createTempFile(cache, "doctor", ".tmp"));
            return cache + ", can be written";
          } catch (IOException e) {
            throw new IllegalStateException(cache + " cannot be written: " + e, e);
          }
        });
  }

  private boolean natives() {
    return look(
        "native libraries",
        "Check that the machine is Linux (x86-64, aarch64), macOS (aarch64) or Windows (x86-64) with"
            + " glibc 2.28 or later, and that DJL_CACHE_DIR or ~/.djl.ai can be written; for a GPU"
            + " build with -Pgpu.",
        () -> {
          Engine engine = LibTorch.engine();
          return "libtorch %s, DJL %s, from %s"
              .formatted(
                  engine.getVersion(), Environment.djl(), Utils.getEngineCacheDir("pytorch"));
        });
  }

  private void devices() {
    look(
        "devices",
        "Check the driver with nvidia-smi.",
        () -> {
          StringBuilder devices = new StringBuilder(Environment.describe(Device.cpu()));
          for (int i = 0; i < LibTorch.engine().getGpuCount(); i++) {
            devices.append("; ").append(Environment.describe(Device.gpu(i)));
          }
          return devices.toString();
        });
  }

  // ------------------------------------------------------------------ a small computation

  private record Numbers(float[] logits, float loss, double gradientNorm, double milliseconds) {}

  private void selfTest(Device device) {
    Numbers[] exact = new Numbers[1];
    boolean works =
        look(
            "float32",
            "Delete the cache folder above and try again; if that does not help, report it.",
            () -> {
              exact[0] = compute(new LoadOptions(device, Precision.FLOAT32));
              return describe(exact[0]);
            });
    if (works) {
      look(
          "bfloat16",
          "Use --precision float32.",
          () -> {
            Numbers half = compute(new LoadOptions(device, Precision.BFLOAT16));
            double difference = relativeDifference(exact[0].logits, half.logits);
            String seen =
                "%s, logits differ by %.4f".formatted(describe(half), difference);
            if (!(difference <= BFLOAT16)) {
              throw new IllegalStateException(seen + ", which is more than " + BFLOAT16);
            }
            return seen;
          });
    }
  }

  private static Numbers compute(LoadOptions options) {
    try (LanguageModel model =
            LanguageModel.load(BundledModel.MINI_ROBERTA.folder(), options);
        NDManager scope = model.newScope()) {
      int mask = model.tokenizer().specials().mask().orElseThrow();
      int[] text = model.tokenizer().encodeWithSpecials("the film was x .");
      int at = text.length - 3;
      int word = text[at];
      text[at] = mask;
      TokenBatch batch = TokenBatch.of(List.of(text), model.spec().padId());
      long begin = System.nanoTime();
      float[] logits = model.logits(scope, batch, new int[] {at}).toFloatArray();
      EmbeddingGradient gradient =
          model.gradient(scope, batch, Targets.mean(new int[] {at}, new int[] {word}));
      float loss = gradient.losses().toFloatArray()[0];
      double norm = norm(gradient.vectors().toFloatArray());
      double milliseconds = (System.nanoTime() - begin) / 1e6;
      if (!Float.isFinite(loss) || !Double.isFinite(norm) || norm == 0) {
        throw new IllegalStateException("loss " + loss + " and gradient norm " + norm);
      }
      return new Numbers(logits, loss, norm, milliseconds);
    }
  }

  private static String describe(Numbers numbers) {
    return String.format(
        Locale.ROOT,
        "loss %.4f, gradient norm %.4f, forward and backward %.0f ms",
        numbers.loss,
        numbers.gradientNorm,
        numbers.milliseconds);
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum);
  }

  private static double relativeDifference(float[] exact, float[] other) {
    float[] difference = new float[exact.length];
    for (int i = 0; i < exact.length; i++) {
      difference[i] = exact[i] - other[i];
    }
    return norm(difference) / norm(exact);
  }
}
