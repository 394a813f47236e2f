package io.promptgrad.lm.program;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;

/** Process-wide and thread-wide settings of the native engine. */
public final class LibTorch {

  /** The engine's name for DJL. */
  public static final String ENGINE = "PyTorch";

  static {
    // No telemetry, no search for a CUDA build of the tokenizers library.
    setDefault("OPT_OUT_TRACKING", "true");
    setDefault("RUST_FLAVOR", "cpu");
  }

  private LibTorch() {}

  private static void setDefault(String key, String value) {
    if (System.getenv(key) == null && System.getProperty(key) == null) {
      System.setProperty(key, value);
    }
  }

  /**
   * Starts the engine if need be and switches off, for this thread, the TorchScript optimizer: it
   * recompiles for every new shape (seconds on a deep model) and gains nothing on this program.
   */
  static void prepareThread() {
    engine();
    JniUtils.setGraphExecutorOptimize(false);
  }

  /** The engine, started on first use. */
  public static Engine engine() {
    return Engine.getEngine(ENGINE);
  }

  /** Seeds what the native engine draws by itself (dropout), in the whole process. */
  public static void seed(long seed) {
    engine().setRandomSeed(Long.hashCode(seed));
  }

  /** The first GPU if there is one, else the CPU. */
  public static Device defaultDevice() {
    return engine().getGpuCount() > 0 ? Device.gpu(0) : Device.cpu();
  }
}
