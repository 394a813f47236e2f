package io.promptgrad.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Task;
import io.promptgrad.task.TaskFiles;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A folder of data sets, each in a folder of its name: in our own form, or as its authors gave it
 * out, if the catalogue knows that layout.
 */
public final class DataDirectory {

  private final Path folder;
  private final Catalogue catalogue;
  private final Map<String, Dataset> opened = new ConcurrentHashMap<>();

  /** Names the folder; it need not exist. */
  public DataDirectory(Path folder, Catalogue catalogue) {
    this.folder = folder;
    this.catalogue = catalogue;
  }

  /** How a data set is there. */
  public enum State {
    /** In our own form. */
    IMPORTED,
    /** As its authors gave it out. */
    ORIGINAL,
    /** Not at all. */
    ABSENT
  }

  /** Returns whether and how a data set is there. */
  public State state(String name) {
    if (Dataset.isAt(path(name))) {
      return State.IMPORTED;
    }
    Optional<CatalogueEntry> entry = catalogue.find(name);
    return entry.isPresent() && Import.isOriginal(entry.get(), folder)
        ? State.ORIGINAL
        : State.ABSENT;
  }

  /** Returns the folder. */
  public Path folder() {
    return folder;
  }

  /** Returns where a data set is, or would be, in our own form. */
  public Path path(String name) {
    return folder.resolve(name);
  }

  /**
   * Opens a data set; opened once, it is remembered.
   *
   * @throws InvalidInputException if it is not there or not complete
   */
  public Dataset open(String name) {
    return opened.computeIfAbsent(name, this::read);
  }

  private Dataset read(String name) {
    return switch (state(name)) {
      case IMPORTED -> Dataset.open(path(name));
      case ORIGINAL -> Import.read(catalogue.get(name), folder, folder.toString(), false);
      case ABSENT -> throw absent(catalogue.get(name));
    };
  }

  private InvalidInputException absent(CatalogueEntry entry) {
    String command =
        entry.sources().isEmpty()
            ? "import %s FOLDER".formatted(entry.name())
            : "download %s".formatted(entry.name());
    return new InvalidInputException(
        "The data set %s is not in %s; run 'promptgrad data %s', or name another data folder (data.dir, PROMPTGRAD_DATA)."
            .formatted(entry.name(), folder, command));
  }

  /**
   * Returns the names of the splits of a data set, or of a part of one.
   *
   * @param fullName as for {@link #taskOf}
   */
  public List<String> splitNames(String fullName) {
    Name name = Name.parse(fullName);
    return open(name.dataset()).splits(name.part()).stream().map(Dataset.Split::name).toList();
  }

  /**
   * Returns a split of a data set, or of a part of one.
   *
   * @param fullName as for {@link #taskOf}
   * @throws InvalidInputException if there is none
   */
  public Dataset.Split requireSplit(String fullName, String split) {
    Name name = Name.parse(fullName);
    return open(name.dataset()).split(name.part(), split);
  }

  /**
   * Returns the task of a data set, as {@link #load} reads it: its own choice of splits, label and
   * columns.
   *
   * @param fullName the data set, with its part if it has parts: {@code sst2}, {@code bbh/navigate}
   */
  public ObjectNode taskOf(String fullName) {
    Name name = Name.parse(fullName);
    Dataset dataset = open(name.dataset());
    dataset.requirePart(name.part());
    ObjectNode config = Json.object();
    config.put("name", fullName).put("dir", folder.toAbsolutePath().normalize().toString());
    if (!dataset.info().label().isEmpty()) {
      config.put("label", dataset.info().label());
    }
    dataset.info().text().forEach(config.withArray("fields")::add);
    dataset
        .info()
        .task()
        .properties()
        .forEach(role -> config.set(role.getKey(), role(role.getValue(), fullName)));
    return config;
  }

  /** A bare name is one of the data set's own splits. */
  private static JsonNode role(JsonNode role, String fullName) {
    if (role.isTextual()) {
      return Json.object().put("data", fullName).put("split", role.asText());
    }
    ObjectNode copy = role.deepCopy();
    return copy.has("split") && !copy.has("data") ? copy.put("data", fullName) : copy;
  }

  /**
   * Loads a task whose splits are files or splits of data sets.
   *
   * @param config the mapping that {@link TaskFiles} reads, with {@code dir}: the data folder
   * @param base folder that relative paths of files start from
   * @throws InvalidInputException naming what cannot be used
   */
  public static Task load(JsonNode config, Path base) {
    if (!(config instanceof ObjectNode task) || !task.path("dir").isTextual()) {
      return TaskFiles.load(config, base);
    }
    DataDirectory directory =
        new DataDirectory(Path.of(task.get("dir").asText()), Catalogue.builtIn());
    ObjectNode files = task.deepCopy();
    files.remove("dir");
    return TaskFiles.load(files, base, directory::lines);
  }

  private byte[] lines(String fullName, String split) {
    return requireSplit(fullName, split).lines().get();
  }

  /** The name of a data set and of one of its parts; "" where it has none. */
  private record Name(String dataset, String part) {
    static Name parse(String fullName) {
      if (!fullName.matches("[A-Za-z0-9][\\w.-]*(/[\\w.-]+)?")) {
        throw new InvalidInputException(
            "'%s' names no data set; write a name such as sst2, or with a part bbh/navigate."
                .formatted(fullName));
      }
      int slash = fullName.indexOf('/');
      return slash < 0
          ? new Name(fullName, "")
          : new Name(fullName.substring(0, slash), fullName.substring(slash + 1));
    }
  }
}
