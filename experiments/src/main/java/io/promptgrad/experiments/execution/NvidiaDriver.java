package io.promptgrad.experiments.execution;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What Linux knows of NVIDIA's driver, whether or not any library can use it.
 *
 * @param version such as {@code 580.65.06}
 * @param gpus their models, in the order of the bus
 */
public record NvidiaDriver(String version, List<String> gpus) {

  private static final Path PROC = Path.of("/proc/driver/nvidia");
  private static final Pattern VERSION = Pattern.compile("\\s(\\d{3}\\.\\d+(\\.\\d+)?)\\s");
  private static final Pattern MODEL = Pattern.compile("(?m)^Model:\\s*(.+?)\\s*$");

  /** The driver of this machine, if it has one. */
  public static Optional<NvidiaDriver> find() {
    return find(PROC);
  }

  static Optional<NvidiaDriver> find(Path proc) {
    String text = read(proc.resolve("version"));
    if (text.isEmpty()) {
      return Optional.empty();
    }
    Matcher version = VERSION.matcher(text);
    List<String> gpus = new ArrayList<>();
    try (Stream<Path> folders = Files.list(proc.resolve("gpus"))) {
      folders
          .sorted()
          .map(folder -> MODEL.matcher(read(folder.resolve("information"))))
          .filter(Matcher::find)
          .forEach(model -> gpus.add(model.group(1)));
    } catch (IOException e) {
      gpus.clear(); // a container may hide them
    }
    return Optional.of(
        new NvidiaDriver(version.find() ? version.group(1) : "of an unknown version", gpus));
  }

  /**
   * The model of every GPU if they are all alike; which one CUDA calls which number, Linux does not
   * know.
   */
  public Optional<String> model() {
    return gpus.stream().distinct().count() == 1 ? Optional.of(gpus.get(0)) : Optional.empty();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return "";
    }
  }
}
