package io.promptgrad.experiments.execution;

import io.promptgrad.lm.Devices;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
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

  /**
   * Settles names of devices (see {@link Devices}) and {@code auto} or a precision.
   *
   * @throws io.promptgrad.input.InvalidInputException if this machine does not have the devices
   */
  public static LoadOptions options(String devices, String precision) {
    LoadOptions options = LoadOptions.on(devices);
    return precision.equals("auto") ? options : options.withPrecision(Precision.parse(precision));
  }
}
