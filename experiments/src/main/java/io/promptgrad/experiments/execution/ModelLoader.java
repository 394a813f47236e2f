package io.promptgrad.experiments.execution;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.models.BundledModel;
import java.nio.file.Path;

/** Turns what configurations say about a model into a model. */
public final class ModelLoader {

  private ModelLoader() {}

  /** Loads {@code bundled:NAME} or a folder. */
  public static LanguageModel load(String model, LoadOptions options) {
    return LanguageModel.load(folder(model), options);
  }

  /** Returns the folder of {@code bundled:NAME}, unpacked if need be, or the path itself. */
  public static Path folder(String model) {
    return model.startsWith(BundledModel.PREFIX)
        ? BundledModel.named(model).orElseThrow().folder()
        : Path.of(model);
  }

  /** Settles {@code auto}, {@code cpu} or {@code cuda:N}, and {@code auto} or a precision. */
  public static LoadOptions options(String device, String precision) {
    Device settled = device(device);
    return new LoadOptions(
        settled,
        precision.equals("auto") ? Precision.defaultFor(settled) : Precision.parse(precision));
  }

  /**
   * Returns the device of that name.
   *
   * @throws InvalidInputException if this machine does not have it
   */
  public static Device device(String name) {
    if (name.equals("auto")) {
      return LibTorch.defaultDevice();
    }
    if (name.equals("cpu")) {
      return Device.cpu();
    }
    int number = Integer.parseInt(name.substring(name.indexOf(':') + 1));
    int gpus = LibTorch.engine().getGpuCount();
    if (number >= gpus) {
      throw new InvalidInputException(
          gpus == 0
              ? "There is no device %s: no GPU can be used here; run promptgrad doctor, or use --device cpu."
                  .formatted(name)
              : "There is no device %s: the GPUs are cuda:0 to cuda:%d.".formatted(name, gpus - 1));
    }
    return Device.gpu(number);
  }

  /** The device's name as {@link #device} reads it. */
  public static String name(Device device) {
    return device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu";
  }
}
