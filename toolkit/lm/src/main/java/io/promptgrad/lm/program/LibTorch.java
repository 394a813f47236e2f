package io.promptgrad.lm.program;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.engine.StandardCapabilities;
import ai.djl.pytorch.jni.JniUtils;
import java.util.List;
import java.util.Locale;

/**
 * Process-wide and thread-wide settings of the native engine, and what it says about itself. DJL's
 * {@code Engine} calls its makers' servers as soon as the class is touched, so nothing else does.
 */
public final class LibTorch {

  /** The engine's name for DJL. */
  static final String ENGINE = "PyTorch";

  /** The release that DJL's bindings read: another one's tensors have their fields elsewhere. */
  public static final String RELEASE = "2.7.1";

  /** What the allocators of the GPU (CUDA, cuBLAS) and of the CPU say, in lower case. */
  private static final List<String> OUT_OF_MEMORY =
      List.of(
          "out of memory",
          "cublas_status_alloc_failed",
          "can't allocate memory",
          "not enough memory",
          "std::bad_alloc");

  static {
    stayOffTheNetwork();
  }

  private LibTorch() {}

  /**
   * Keeps DJL from telling its makers about its use, and from fetching a CUDA build of the
   * tokenizers library, which gains nothing. DJL reads each name as environment variable first,
   * then as system property; what the user has set stays.
   */
  public static void stayOffTheNetwork() {
    setIfAbsent("OPT_OUT_TRACKING", "true");
    setIfAbsent("RUST_FLAVOR", "cpu");
  }

  private static void setIfAbsent(String key, String value) {
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

  /** The version of the native library. */
  public static String version() {
    return engine().getVersion();
  }

  /** The version of DJL. */
  public static String djlVersion() {
    return Engine.getDjlVersion();
  }

  /** Seeds what the native engine draws by itself (dropout), in the whole process. */
  public static void seed(long seed) {
    engine().setRandomSeed(Long.hashCode(seed));
  }

  /** Whether the library that was loaded can compute on GPUs, be there one or not. */
  public static boolean isBuiltForCuda() {
    return engine().hasCapability(StandardCapabilities.CUDA);
  }

  /**
   * How many GPUs can be computed on: none with a CPU build of the library, whatever the machine
   * has.
   */
  public static int gpuCount() {
    return isBuiltForCuda() ? engine().getGpuCount() : 0;
  }

  /** The first GPU if there is one, else the CPU. */
  public static Device defaultDevice() {
    return gpuCount() > 0 ? Device.gpu(0) : Device.cpu();
  }

  /** Whether native code failed because a device has not enough memory left. */
  public static boolean isOutOfMemory(Throwable failure) {
    String message = String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
    return failure instanceof EngineException && OUT_OF_MEMORY.stream().anyMatch(message::contains);
  }
}
