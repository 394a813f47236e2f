package io.promptgrad.experiments.execution;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.program.LibTorch;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** What results depend on besides the configuration. */
public final class Environment {

  private Environment() {}

  /** Versions of this program and of the libraries that compute. */
  public static Map<String, String> versions() {
    Map<String, String> versions = new LinkedHashMap<>();
    versions.put("promptgrad", own());
    versions.put("libtorch", LibTorch.engine().getVersion());
    versions.put("djl", djl());
    return versions;
  }

  /** The version of this program; {@code development} when it does not run from a jar. */
  public static String own() {
    return Optional.ofNullable(Environment.class.getPackage().getImplementationVersion())
        .orElse("development");
  }

  /** The version of DJL. */
  public static String djl() {
    return ai.djl.engine.Engine.getDjlVersion();
  }

  /** The model's device in words. */
  public static String device(LanguageModel model) {
    return describe(model.device()) + ", " + model.precision();
  }

  /** A device in words. */
  public static String describe(Device device) {
    if (device.isGpu()) {
      return "%s, compute capability %s"
          .formatted(ModelLoader.name(device), CudaUtils.getComputeCapability(device.getDeviceId()));
    }
    return "cpu, %d processors".formatted(Runtime.getRuntime().availableProcessors());
  }
}
