package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.YamlDocument;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** What every command understands that runs something. */
final class RunOptions {

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "The run directory; a new one below runs/ if it is not given.")
  private String out;

  @Option(names = "--seed", paramLabel = "N", description = "Fixes everything random.")
  private Long seed;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description =
          "cpu, cuda:N, cuda:all, several with commas (each gets a replica of the model), or auto"
              + " (the first GPU if there is one).")
  private String device;

  @Option(
      names = "--precision",
      paramLabel = "TYPE",
      description =
          "float32, bfloat16, float16, float64 or auto (bfloat16 on a GPU, else float32).")
  private String precision;

  @Option(
      names = "--set",
      paramLabel = "a.b=c",
      description = "Sets a value of the configuration; the value is read as YAML. Repeatable.")
  private List<String> assignments = new ArrayList<>();

  /** Puts the options over a configuration. */
  void applyTo(YamlDocument document) {
    assignments.forEach(document::set);
    text(document, "out", out);
    text(document, "device", device);
    text(document, "precision", precision);
    if (seed != null) {
      document.set("seed", LongNode.valueOf(seed), "--seed");
    }
  }

  private static void text(YamlDocument document, String key, String value) {
    if (value != null) {
      document.set(key, TextNode.valueOf(value), "--" + key);
    }
  }

  /** The output folder as it was given. */
  Optional<String> out() {
    return Optional.ofNullable(out);
  }
}
