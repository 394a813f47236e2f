package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.ConfigPaths.Base;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.ChatLayout;
import io.promptgrad.search.Budget;
import io.promptgrad.search.StopRule;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Reads a search for an instruction from YAML. Everything but {@code method}, {@code task} and
 * {@code scorer} has a default.
 *
 * <pre>{@code
 * method: opro                           # ape, evoprompt-ga, grips, gepa, ...
 * task: data:sst2                        # as for other methods
 * scorer: openai:gpt-4o-mini             # the model that is prompted, or local:bundled:mini-llama
 * proposer: openai:gpt-4o                # the model that writes prompts, or edits
 * judge: openai:gpt-4o                   # only for scoring by judge or pairwise
 * server: {base_url: "http://localhost:8000/v1", key_env: MY_KEY, concurrency: 8, attempts: 8}
 * proposer_server: {base_url: "..."}     # where it is another one
 * scoring: {by: answer, extractor: auto, max_tokens: 512, temperature: 0}
 * layout: auto                           # chat, completion, before_question, ..., or its texts
 * seed_prompts: ["Decide whether the review is positive or negative."]
 * manual_prompts: ["Is this positive or negative?"]
 * selection: dev                         # what the result is chosen by; papers: train
 * edits: [delete, swap, mask]            # what stands in where the proposer cannot be read
 * optimizer: {samples: 8, temperature: 1.0}   # of the method, see InstructionMethods
 * budget: {steps: 20, calls: 5000, tokens: 1000000, usd: 2.5, time: 1h}
 * cache: answers.sqlite                  # shared between runs
 * prices: prices.yaml                    # go before the built-in ones
 * }</pre>
 */
public final class InstructionReader {

  /** Layouts by name. */
  static final List<String> LAYOUTS =
      List.of(
          "auto",
          "chat",
          "completion",
          "before_question",
          "question_begin",
          "question_end",
          "answer_begin");

  private static final List<String> EDITS = List.of("delete", "swap", "mask");
  private static final String ANYTHING = "Answer the question.";
  private static final long DEFAULT_STEPS = 20;

  private InstructionReader() {}

  /** Returns whether a configuration is one of these, by its method. */
  public static boolean isFor(YamlDocument document) {
    JsonNode method = document.root().path("method");
    return method.isTextual() && InstructionMethods.names().contains(method.asText());
  }

  /**
   * Reads a search.
   *
   * @param base folder that relative paths start from
   * @throws io.promptgrad.input.InvalidInputException naming file, line and key of what is wrong
   */
  public static InstructionConfig read(YamlDocument document, Path base) {
    Section root =
        Section.root(
            document,
            "method",
            "task",
            "scorer",
            "proposer",
            "judge",
            "server",
            "proposer_server",
            "judge_server",
            ScoringConfig.KEY,
            "layout",
            "seed_prompts",
            "manual_prompts",
            "selection",
            "edits",
            "mask_model",
            "attempts",
            InstructionMethods.KEY,
            "budget",
            "stop",
            "cache",
            "prices",
            "seed",
            "device",
            "precision",
            "data",
            "out");
    String method = root.text("method").orElseThrow();
    Base paths = ConfigPaths.base(base, root.section("data", "dir").text("dir"));
    String scorer =
        model(root, "scorer", paths)
            .orElseThrow(
                () ->
                    root.missing(
                        "scorer",
                        "name the model that is prompted: openai:MODEL, or local:bundled:mini-llama."));
    String proposer = model(root, "proposer", paths).orElse(InstructionConfig.EDITS);
    Optional<String> judge = model(root, "judge", paths);
    ScoringConfig scoring = ScoringConfig.read(root);
    if (scoring.judged() && judge.isEmpty()) {
      throw root.missing("judge", "name the model that judges answers, such as openai:gpt-4o.");
    }
    ServerConfig server = ServerConfig.read(root, "server", Optional.empty(), paths);
    List<String> manual = root.texts("manual_prompts").orElse(List.of());
    List<String> seeds =
        root.texts("seed_prompts").orElse(manual.isEmpty() ? List.of(ANYTHING) : manual);
    if (seeds.isEmpty()) {
      throw root.problem("seed_prompts", "'seed_prompts' is empty; give at least one instruction.");
    }
    List<StopRule> stop = ConfigReader.stop(root);
    return new InstructionConfig(
        method,
        TaskConfig.read(root, paths),
        scorer,
        proposer,
        judge,
        server,
        ServerConfig.read(root, "proposer_server", Optional.of(server), paths),
        ServerConfig.read(root, "judge_server", Optional.of(server), paths),
        scoring,
        layout(root),
        seeds,
        manual,
        root.choice("selection", "dev", List.of("dev", "train")),
        edits(root),
        ConfigPaths.model(
            root, "mask_model", root.text("mask_model").orElse("bundled:mini-roberta"), paths),
        root.positive("attempts", 3),
        InstructionMethods.read(root, method),
        budget(root, stop),
        stop,
        root.text("cache").map(base::resolve),
        root.text("prices").map(file -> ConfigPaths.file(root, "prices", file, paths)),
        root.wholeNumber("seed").orElse(0),
        ConfigReader.device(root),
        root.choice("precision", "auto", ConfigReader.PRECISIONS),
        root.text("out").map(base::resolve));
  }

  private static Optional<String> model(Section root, String key, Base paths) {
    return root.text(key)
        .map(
            name -> {
              if (name.startsWith(InstructionConfig.LOCAL)) {
                String model = name.substring(InstructionConfig.LOCAL.length());
                return InstructionConfig.LOCAL + ConfigPaths.model(root, key, model, paths);
              }
              boolean edits = key.equals("proposer") && name.equals(InstructionConfig.EDITS);
              if (!edits
                  && (!name.startsWith(InstructionConfig.OPENAI)
                      || name.length() == InstructionConfig.OPENAI.length())) {
                throw root.problem(
                    key,
                    "'%s' is '%s'; write openai:MODEL for a server's model, local:MODEL for one of this machine%s."
                        .formatted(key, name, key.equals("proposer") ? ", or edits" : ""));
              }
              return name;
            });
  }

  private static JsonNode layout(Section root) {
    Optional<JsonNode> given = root.get("layout");
    if (given.isEmpty() || given.get().isTextual()) {
      return TextNode.valueOf(root.choice("layout", "auto", LAYOUTS));
    }
    Section section = root.section("layout", "system", "user", "question", "demonstration");
    ObjectNode texts = Json.object();
    texts.put("system", section.text("system").orElse(""));
    texts.put("user", section.text("user").orElse("{demonstrations}{question}"));
    texts.put("question", section.text("question").orElse(""));
    texts.put("demonstration", section.text("demonstration").orElse("{question}\n{answer}\n\n"));
    root.reading("layout", () -> layout(texts)); // checks it
    return texts;
  }

  /** Returns the layout of these texts. */
  public static ChatLayout layout(JsonNode texts) {
    return new ChatLayout(
        texts.path("system").asText(),
        texts.path("user").asText(),
        texts.path("question").asText(),
        texts.path("demonstration").asText());
  }

  private static List<String> edits(Section root) {
    List<String> edits = root.texts("edits").orElse(EDITS);
    for (String edit : edits) {
      if (!EDITS.contains(edit)) {
        throw root.problem(
            "edits", "there is no edit '%s'%s".formatted(edit, Nearest.hint(edit, EDITS)));
      }
    }
    if (edits.isEmpty()
        && root.text("proposer").orElse(InstructionConfig.EDITS).equals(InstructionConfig.EDITS)) {
      throw root.problem("edits", "nothing proposes prompts; name a proposer, or some edits.");
    }
    return edits;
  }

  private static Budget budget(Section root, List<StopRule> stop) {
    Section section =
        root.section("budget", "steps", "evaluations", "calls", "tokens", "usd", "time");
    Budget budget =
        root.reading(
            "budget",
            () ->
                new Budget(
                    section.wholeNumber("steps"),
                    section.wholeNumber("evaluations"),
                    section.wholeNumber("tokens"),
                    section.wholeNumber("calls"),
                    section.number("usd"),
                    section
                        .text("time")
                        .map(t -> section.reading("time", () -> Durations.parse(t)))));
    return budget.equals(Budget.UNLIMITED) && stop.isEmpty()
        ? Budget.ofSteps(DEFAULT_STEPS)
        : budget;
  }
}
