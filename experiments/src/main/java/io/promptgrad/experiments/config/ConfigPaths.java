package io.promptgrad.experiments.config;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.hub.Hub;
import io.promptgrad.lm.hub.HubReference;
import io.promptgrad.models.BundledModel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Finds what the paths of a configuration mean. */
final class ConfigPaths {

  private ConfigPaths() {}

  /**
   * Where relative paths start.
   *
   * @param folder the configuration's
   * @param data the data folder, tried second
   */
  record Base(Path folder, Optional<Path> data) {

    /** The first place where the path exists. */
    Optional<Path> find(String path) {
      return places(path).stream().filter(Files::exists).findFirst();
    }

    private List<Path> places(String path) {
      List<Path> places = new ArrayList<>();
      places.add(folder.resolve(path).toAbsolutePath().normalize());
      data.ifPresent(d -> places.add(d.resolve(path).toAbsolutePath().normalize()));
      return places.stream().distinct().toList();
    }
  }

  /** {@code data.dir} of the configuration, else {@code PROMPTGRAD_DATA}. */
  static Base base(Path folder, Optional<String> dataDir) {
    return new Base(folder, dataDir.map(folder::resolve).or(DataFolder::ofEnvironment));
  }

  /** An existing file named by a key. */
  static Path file(Section section, String key, String path, Base base) {
    try {
      return base.find(path)
          .orElseThrow(
              () ->
                  section.problem(
                      key,
                      "there is no file %s for '%s'; check the path%s."
                          .formatted(
                              String.join(
                                  " or ", base.places(path).stream().map(Path::toString).toList()),
                              section.at(key),
                              base.data().isEmpty()
                                  ? ", or set " + DataFolder.VARIABLE + " to your data folder"
                                  : "")));
    } catch (InvalidPathException e) {
      throw section.problem(key, "'%s' is not a path (%s).".formatted(path, e.getReason()));
    }
  }

  /** The prompt.json of a run directory, of its prompt folder, or the file itself. */
  static Path prompt(Section root, String path, Base base) {
    Path named = file(root, "prompt", path, base);
    for (String inside : List.of("prompt/prompt.json", "prompt.json")) {
      if (Files.isRegularFile(named.resolve(inside))) {
        return named.resolve(inside);
      }
    }
    if (Files.isDirectory(named)) {
      throw root.problem(
          "prompt",
          "%s holds no prompt.json; name a run that has ended, or a prompt.json.".formatted(named));
    }
    return named;
  }

  /**
   * The model: a bundled one by its full name, a folder as an absolute path, or, where no folder
   * has that name, a model of the hub as it was written.
   */
  static String model(Section root, Base base) {
    String model =
        root.text("model")
            .orElseThrow(
                () ->
                    root.missing(
                        "model",
                        "name a model folder, org/name on the hub, or bundled:mini-roberta."));
    return model(root, "model", model, base);
  }

  /** The same for a model that stands at another key. */
  static String model(Section root, String key, String model, Base base) {
    if (model.startsWith(BundledModel.PREFIX)) {
      if (BundledModel.named(model).isEmpty()) {
        List<String> known =
            Arrays.stream(BundledModel.values()).map(m -> BundledModel.PREFIX + m.id()).toList();
        throw root.problem(
            key, "there is no bundled model '%s'%s".formatted(model, Nearest.hint(model, known)));
      }
      return model;
    }
    Optional<Path> folder = base.find(model).filter(Files::isDirectory);
    if (folder.isPresent()) {
      return folder.get().toString();
    }
    if (Hub.fromEnvironment().knows(model)) {
      try {
        return HubReference.parse(model).toString();
      } catch (InvalidInputException e) {
        throw root.problem(key, e.getMessage());
      }
    }
    throw root.problem(
        key,
        "there is no model folder %s; give the path of a folder with config.json, org/name on the hub, or bundled:mini-roberta."
            .formatted(base.places(model).get(0)));
  }
}
