package io.promptgrad.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.AtomicFiles;
import io.promptgrad.files.Json;
import io.promptgrad.files.Yaml;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Outcome;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.search.TraceStep;
import io.promptgrad.task.Example;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The files of one run.
 *
 * <pre>
 * config.yaml           the resolved configuration, secrets masked
 * environment.json      JDK, system, processors, device, versions, as the run began
 * inputs.json           hashes of data and model, as the run began
 * trace.jsonl           one line per step ({@link TraceStep})
 * checkpoint/           where a killed run goes on
 * outcomes/NAME.SPLIT.jsonl   one line per example, such as found.test.jsonl
 * result.json           {@link RunResult}
 * prompt/               prompt.json and prompt.txt, and what else the method saves
 * report.html           {@link io.promptgrad.report.HtmlReport}
 * </pre>
 *
 * <p>Every file is written atomically. A directory that was created or opened is locked until it is
 * closed, so that two processes cannot write one run; {@link #view} reads without the lock.
 */
public final class RunDirectory implements AutoCloseable {

  private static final String CONFIG = "config.yaml";
  private static final String LOCK = ".lock";

  private final Path path;
  private final Optional<FileChannel> lock; // absent in a view

  private RunDirectory(Path path, Optional<FileChannel> lock) {
    this.path = path;
    this.lock = lock;
  }

  /**
   * Makes a new run directory.
   *
   * @param out a folder that does not exist yet or is empty
   * @param resolvedConfig the configuration with all defaults filled in
   * @throws InvalidInputException if the folder holds something or cannot be written
   */
  public static RunDirectory create(Path out, ObjectNode resolvedConfig) {
    if (Files.exists(out.resolve(CONFIG))) {
      throw new InvalidInputException(
          "%s holds a run already; resume it or choose another output folder.".formatted(out));
    }
    if (Files.exists(out) && !Files.isDirectory(out)) {
      throw new InvalidInputException(
          "The output %s is a file; choose a folder for the run.".formatted(out));
    }
    try {
      Files.createDirectories(out);
      try (Stream<Path> content = Files.list(out)) {
        // A lock, or half a configuration, is what a process left that was killed right here.
        Set<String> leftovers = Set.of(LOCK, AtomicFiles.temporary(CONFIG));
        if (content.anyMatch(file -> !leftovers.contains(file.getFileName().toString()))) {
          throw new InvalidInputException(
              "The output folder %s is not empty and not a run; choose another.".formatted(out));
        }
      }
    } catch (IOException e) {
      throw unwritable(out, e);
    }
    RunDirectory run = new RunDirectory(out, Optional.of(lock(out)));
    try {
      AtomicFiles.write(out.resolve(CONFIG), Yaml.write(Secrets.masked(resolvedConfig)));
    } catch (IOException e) {
      run.close();
      throw unwritable(out, e);
    }
    return run;
  }

  /**
   * Opens an existing run to go on with it.
   *
   * @throws InvalidInputException if it is not a run directory or in use by another process
   */
  public static RunDirectory open(Path run) {
    requireRun(run);
    return new RunDirectory(run, Optional.of(lock(run)));
  }

  /**
   * Opens an existing run for reading only, whether or not a process is writing it.
   *
   * @throws InvalidInputException if it is not a run directory
   */
  public static RunDirectory view(Path run) {
    requireRun(run);
    return new RunDirectory(run, Optional.empty());
  }

  private static void requireRun(Path run) {
    if (!Files.isRegularFile(run.resolve(CONFIG))) {
      throw new InvalidInputException(
          "%s is not a run directory (it has no %s); name a folder that a run wrote."
              .formatted(run, CONFIG));
    }
  }

  private static FileChannel lock(Path run) {
    FileChannel channel = null;
    try {
      channel =
          FileChannel.open(run.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return channel;
      }
      channel.close();
    } catch (OverlappingFileLockException e) {
      closeQuietly(channel);
    } catch (IOException e) {
      closeQuietly(channel);
      throw unwritable(run, e);
    }
    throw new InvalidInputException(
        "The run %s is in use by another process; wait for it or choose another output folder."
            .formatted(run));
  }

  private static void closeQuietly(FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // The channel is not used any more and held no lock.
    }
  }

  private static InvalidInputException unwritable(Path path, IOException e) {
    return new InvalidInputException(
        "%s cannot be written: %s; check space and permissions or choose another output folder."
            .formatted(path, e),
        e);
  }

  /** Returns the folder. */
  public Path path() {
    return path;
  }

  /** Returns config.yaml as it was written, secrets masked. */
  public String configText() {
    return text(CONFIG).orElse("");
  }

  /**
   * Writes environment.json.
   *
   * @param versions what else the result depends on, such as library versions, by name
   * @param device the device in words, such as "cpu, 2 threads"
   */
  public void writeEnvironment(Map<String, String> versions, String device) {
    ObjectNode json = Json.object();
    json.put("java", System.getProperty("java.runtime.version"))
        .put("jvm", System.getProperty("java.vm.name"))
        .put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"))
        .put("arch", System.getProperty("os.arch"))
        .put("processors", Runtime.getRuntime().availableProcessors())
        .put("max_heap_mib", Runtime.getRuntime().maxMemory() >> 20)
        .put("device", device);
    ObjectNode all = json.putObject("versions");
    versions.forEach(all::put);
    write("environment.json", Json.pretty(json));
  }

  /** Writes inputs.json: what the run computes from, by name, with a hash of its content. */
  public void writeInputs(ObjectNode hashes) {
    write("inputs.json", Json.pretty(hashes));
  }

  /** Returns inputs.json, if it was written. */
  public Optional<JsonNode> inputs() {
    return json("inputs.json");
  }

  /** Returns environment.json, if it was written. */
  public Optional<JsonNode> environment() {
    return json("environment.json");
  }

  /** Returns transfer.json, what other models made of the prompt, if any were asked. */
  public Optional<JsonNode> transfer() {
    return json("transfer.json");
  }

  /** Returns the steps so far; empty before the first. */
  public List<TraceStep> trace() {
    return TraceStep.read(path.resolve("trace.jsonl"));
  }

  /**
   * Writes the outcomes of a prompt on a split, with the examples' fields, so that a report can
   * show them.
   *
   * @param name which prompt: {@code majority}, {@code manual}, {@code found}
   * @param split {@code dev} or {@code test}
   * @param examples the examples, looked up by id; may be empty
   */
  public void writeOutcomes(
      String name, String split, List<Outcome> outcomes, List<Example> examples) {
    Map<String, Example> byId = new HashMap<>();
    examples.forEach(example -> byId.put(example.id(), example));
    StringBuilder lines = new StringBuilder();
    for (Outcome outcome : outcomes) {
      ObjectNode line = outcome.toJson();
      Example example = byId.get(outcome.exampleId());
      if (example != null) {
        line.set("fields", Json.tree(example.fields()));
      }
      lines.append(Json.line(line)).append('\n');
    }
    write(outcomesFile(name, split), lines.toString());
  }

  /** Returns the outcomes of a prompt on a split; empty if they were not written. */
  public List<Outcome> outcomes(String name, String split) {
    return outcomeLines(name, split).stream().map(Outcome::fromJson).toList();
  }

  /** Returns the outcome lines with the examples' {@code fields}; empty if not written. */
  public List<JsonNode> outcomeLines(String name, String split) {
    String file = outcomesFile(name, split);
    List<JsonNode> outcomes = new ArrayList<>();
    String[] lines = text(file).orElse("").split("\n");
    for (int i = 0; i < lines.length; i++) {
      if (!lines[i].isEmpty()) {
        outcomes.add(parse(lines[i], file, i + 1));
      }
    }
    return outcomes;
  }

  private static String outcomesFile(String name, String split) {
    if (!name.matches("[\\w-]+") || !split.matches("[\\w-]+")) {
      throw new IllegalArgumentException("Not a name for a file: " + name + ", " + split);
    }
    return "outcomes/" + name + "." + split + ".jsonl";
  }

  /** Writes prompt/prompt.json and prompt/prompt.txt, and what else the prompt consists of. */
  public void writePrompt(Prompt prompt) {
    requireWritable();
    prompt.saveFiles(path.resolve("prompt"));
    write("prompt/prompt.json", Json.pretty(prompt.toJson()));
    write("prompt/prompt.txt", prompt.text() + "\n");
  }

  /** Returns prompt/prompt.json, if it was written. */
  public Optional<JsonNode> prompt() {
    return json("prompt/prompt.json");
  }

  /** Returns prompt/tokens.json, where a soft prompt's virtual tokens stand among words. */
  public Optional<JsonNode> virtualTokens() {
    return json("prompt/tokens.json");
  }

  /** Writes result.json. */
  public void writeResult(RunResult result) {
    write("result.json", Json.pretty(result.toJson()));
  }

  /** Deletes result.json and report.html: the run goes on, and until it ends it has no result. */
  public void withdrawResult() {
    requireWritable();
    try {
      Files.deleteIfExists(path.resolve("result.json"));
      Files.deleteIfExists(path.resolve("report.html"));
    } catch (IOException e) {
      throw unwritable(path, e);
    }
  }

  /** Returns result.json, if the run has ended. */
  public Optional<RunResult> result() {
    Optional<JsonNode> json = json("result.json");
    if (json.isPresent() && !json.get().path("found").isObject()) {
      throw new InvalidInputException(
          "%s is not the result of a run (it has no \"found\"); was the file edited?"
              .formatted(path.resolve("result.json")));
    }
    return json.map(RunResult::fromJson);
  }

  /**
   * Writes a text file of the run, atomically.
   *
   * @param file path within the run directory
   * @throws InvalidInputException if it cannot be written
   */
  public void write(String file, String text) {
    requireWritable();
    try {
      AtomicFiles.write(path.resolve(file), text);
    } catch (IOException e) {
      throw unwritable(path.resolve(file), e);
    }
  }

  private void requireWritable() {
    if (lock.isEmpty() || !lock.get().isOpen()) {
      throw new IllegalStateException("The run " + path + " is not open for writing.");
    }
  }

  private Optional<JsonNode> json(String file) {
    return text(file).map(text -> parse(text, file, 1));
  }

  private JsonNode parse(String text, String file, int line) {
    try {
      return Json.parse(text);
    } catch (JsonProcessingException e) {
      int within = e.getLocation() == null ? 0 : Math.max(0, e.getLocation().getLineNr() - 1);
      throw new InvalidInputException(
          "%s, line %d: this is not JSON (%s); was the file edited?"
              .formatted(path.resolve(file), line + within, Json.problem(e)),
          e);
    }
  }

  private Optional<String> text(String file) {
    Path full = path.resolve(file);
    if (!Files.exists(full)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Files.readString(full));
    } catch (IOException e) {
      throw new InvalidInputException("%s cannot be read: %s.".formatted(full, e), e);
    }
  }

  /** Gives the lock back. */
  @Override
  public void close() {
    lock.ifPresent(RunDirectory::closeQuietly);
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
