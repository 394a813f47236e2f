package io.promptgrad.experiments.execution;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.hub.Hub;
import io.promptgrad.lm.hub.HubReference;
import io.promptgrad.lm.hub.Snapshot;
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

  /**
   * Settles names of devices (see {@link Devices}) and {@code auto} or a precision.
   *
   * @throws InvalidInputException if this machine does not have the devices
   */
  public static LoadOptions options(String devices, String precision) {
    LoadOptions options = LoadOptions.on(devices);
    return precision.equals("auto") ? options : options.withPrecision(Precision.parse(precision));
  }
}
