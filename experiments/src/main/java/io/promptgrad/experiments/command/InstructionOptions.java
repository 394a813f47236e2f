package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.InstructionRun;
import io.promptgrad.experiments.execution.Rehearsal;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** What a search for an instruction understands besides. */
final class InstructionOptions {

  @Option(
      names = "--scorer",
      paramLabel = "MODEL",
      description =
          "The model that is prompted by an instruction: openai:MODEL or local:MODEL, such as"
              + " local:bundled:mini-llama.")
  private String scorer;

  @Option(
      names = "--proposer",
      paramLabel = "MODEL",
      description = "The model that writes instructions, or edits (default).")
  private String proposer;

  @Option(
      names = "--judge",
      paramLabel = "MODEL",
      description = "The model that judges answers, with --set scoring.by=judge or =pairwise.")
  private String judge;

  @Option(
      names = "--base-url",
      paramLabel = "URL",
      description = "The server of openai: models, any that speaks OpenAI's protocol.")
  private String baseUrl;

  @Option(
      names = "--key-env",
      paramLabel = "NAME",
      description = "The environment variable with the server's key (OPENAI_API_KEY for OpenAI's).")
  private String keyEnv;

  @Option(names = "--key-file", paramLabel = "FILE", description = "A file with the server's key.")
  private Path keyFile;

  @Option(
      names = "--seed-prompt",
      paramLabel = "TEXT",
      description = "An instruction to begin with. Repeatable.")
  private List<String> seedPrompts = new ArrayList<>();

  @Option(
      names = "--cache",
      paramLabel = "FILE",
      description = "Keeps the models' answers in a SQLite file that runs may share.")
  private Path cache;

  @Option(
      names = "--dry-run",
      description = "Print the expected calls, tokens and dollars, and ask no model.")
  private boolean dryRun;

  /** Puts the options over a configuration. */
  void applyTo(YamlDocument document) {
    text(document, "scorer", scorer, "--scorer");
    text(document, "proposer", proposer, "--proposer");
    text(document, "judge", judge, "--judge");
    if (!seedPrompts.isEmpty()) {
      ArrayNode texts = JsonNodeFactory.instance.arrayNode();
      seedPrompts.forEach(texts::add);
      document.set("seed_prompts", texts, "--seed-prompt");
    }
    if (cache != null) {
      text(document, "cache", cache.toAbsolutePath().toString(), "--cache");
    }
    assign(document, "server.base_url", baseUrl);
    assign(document, "server.key_env", keyEnv);
    assign(
        document, "server.key_file", keyFile == null ? null : keyFile.toAbsolutePath().toString());
  }

  private static void text(YamlDocument document, String key, String value, String option) {
    if (value != null) {
      document.set(key, TextNode.valueOf(value), option);
    }
  }

  private static void assign(YamlDocument document, String path, String value) {
    if (value != null) {
      document.set(path + "=" + Json.line(TextNode.valueOf(value)));
    }
  }

  /** Runs the search, or says what it will cost. */
  void run(InstructionConfig config, boolean json, Console console) {
    run(config, dryRun, json, console);
  }

  static void run(InstructionConfig config, boolean dryRun, boolean json, Console console) {
    if (!dryRun) {
      ResultView.print(InstructionRun.start(config, console), json, console);
      return;
    }
    Rehearsal.Result expected = Rehearsal.run(config);
    if (json) {
      console.out().print(Json.pretty(expected.toJson()));
    } else {
      expected.print(console.out());
    }
    console.out().flush();
  }

  /** The name of an option that means nothing to other methods, if one was given. */
  Optional<String> foreign() {
    if (dryRun) {
      return Optional.of("--dry-run");
    }
    if (scorer != null || proposer != null || judge != null) {
      return Optional.of(scorer != null ? "--scorer" : proposer != null ? "--proposer" : "--judge");
    }
    return baseUrl != null || keyEnv != null || keyFile != null || cache != null
        ? Optional.of("--base-url, --key-env, --key-file or --cache")
        : seedPrompts.isEmpty() ? Optional.empty() : Optional.of("--seed-prompt");
  }
}
