package io.promptgrad.experiments.execution;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.hub.Hub;
import io.promptgrad.lm.hub.HubReference;
import io.promptgrad.lm.hub.Snapshot;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.models.BundledModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Turns what configurations say about a model into a model. */
public final class ModelLoader {

  private ModelLoader() {}

  /**
   * Loads {@code bundled:NAME}, a folder, or a model of the hub.
   *
   * @param console hears about a download, if there is one
   */
  public static LanguageModel load(String model, LoadOptions options, Console console) {
    return LanguageModel.load(folder(model, console), options);
  }

  /**
   * Returns the folder of {@code bundled:NAME}, unpacked if need be, the path itself, or the folder
   * in the cache of {@code org/name@revision}, downloaded if need be. A folder of that name wins.
   */
  public static Path folder(String model, Console console) {
    if (model.startsWith(BundledModel.PREFIX)) {
      return bundled(model).folder();
    }
    return onHub(model, console).map(Snapshot::folder).orElse(Path.of(model));
  }

  /** Returns the model's name with the commit, if it is on the hub, so that it stays the same. */
  static String settled(String model, Console console) {
    return onHub(model, console).map(s -> s.pinned().toString()).orElse(model);
  }

  private static BundledModel bundled(String model) {
    return BundledModel.named(model)
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "There is no bundled model '%s'; see promptgrad models list."
                        .formatted(model)));
  }

  private static Optional<Snapshot> onHub(String model, Console console) {
    if (model.startsWith(BundledModel.PREFIX) || Files.isDirectory(Path.of(model))) {
      return Optional.empty();
    }
    Hub hub = Hub.fromEnvironment();
    if (!hub.knows(model)) {
      return Optional.empty();
    }
    DownloadBar bar = new DownloadBar(console);
    try {
      return Optional.of(hub.listener(bar).find(HubReference.parse(model)));
    } finally {
      bar.end();
    }
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
