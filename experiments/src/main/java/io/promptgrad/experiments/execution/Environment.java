package io.promptgrad.experiments.execution;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.program.LibTorch;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What results depend on besides the configuration. */
public final class Environment {

  private Environment() {}

  /** Versions of this program and of the libraries that compute. */
  public static Map<String, String> versions() {
    Map<String, String> versions = new LinkedHashMap<>();
    versions.put("promptgrad", own());
    versions.put("libtorch", LibTorch.version());
    versions.put("djl", LibTorch.djlVersion());
    NvidiaDriver.find().ifPresent(driver -> versions.put("nvidia_driver", driver.version()));
    return versions;
  }

  /** The version of this program; {@code development} when it does not run from a jar. */
  public static String own() {
    return Optional.ofNullable(Environment.class.getPackage().getImplementationVersion())
        .orElse("development");
  }

  /** The model's devices in words. */
  public static String device(LanguageModel model) {
    List<Device> devices = model.devices();
    String words =
        devices.stream().map(Environment::describe).distinct().collect(Collectors.joining("; "));
    String replicas = devices.size() > 1 ? ", %d replicas".formatted(devices.size()) : "";
    return words + replicas + ", " + model.precision();
  }

  /** A device in words. */
  public static String describe(Device device) {
    if (!device.isGpu()) {
      return "cpu, %d processors".formatted(Runtime.getRuntime().availableProcessors());
    }
    String model = NvidiaDriver.find().flatMap(NvidiaDriver::model).map(m -> m + ", ").orElse("");
    String capability = CudaUtils.getComputeCapability(device.getDeviceId()); // "90" is 9.0
    int point = capability.length() - 1;
    return "%s, %scompute capability %s.%s"
        .formatted(
            Devices.name(device),
            model,
            capability.substring(0, point),
            capability.substring(point));
  }
}
