package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.experiments.config.ConfigReader;
import io.promptgrad.experiments.config.ModelConfig;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Environment;
import io.promptgrad.experiments.execution.GenerationPrompts;
import io.promptgrad.experiments.execution.GenerationPrompts.Prompt;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.experiments.execution.ModelLoader;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.chat.Conversation;
import io.promptgrad.lm.generate.Generation;
import io.promptgrad.lm.generate.Generation.End;
import io.promptgrad.lm.generate.GenerationDefaults;
import io.promptgrad.lm.generate.GenerationListener;
import io.promptgrad.lm.generate.GenerationOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    description =
        "Continue a text with a causal model, answer it with an encoder-decoder, or answer in a"
            + " conversation.",
    footer = {
      "",
      "Without --prompt and --prompts the prompt is read from standard input. What is not given",
      "comes from the model's generation_config.json: the ids that end a text, temperature,",
      "top-k, top-p, min-p, repetition penalty, number of tokens. Without that file and without",
      "a temperature the most probable token is taken each time."
    })
final class GenerateCommand implements Callable<Integer> {

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "A model folder, org/name[@revision] on the hub, or bundled:NAME.")
  private String model;

  @Option(names = "--prompt", paramLabel = "TEXT", description = "A text to continue.")
  private String prompt;

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      description =
          "A text to continue on each line; in a .jsonl file JSON texts or objects with a prompt,"
              + " with --chat lists of messages, or objects with messages, tools, documents and"
              + " variables.")
  private Path prompts;

  @Option(
      names = "--chat",
      description = "Answer what a user says, written as the model's chat template has it.")
  private boolean chat;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "What the model is told before the conversation, with --chat.")
  private String system;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "At most so many new tokens; 128 if nothing says otherwise.")
  private Integer maxTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "Divides the logits before a token is drawn; 0 takes the most probable one.")
  private Double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Draw among the K most probable tokens; 0: among all.")
  private Integer topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Draw among the fewest tokens whose probability reaches P; 1: among all.")
  private Double topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description = "Draw among tokens at least P times as probable as the best; 0: among all.")
  private Double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Makes tokens that occurred less probable if above 1.")
  private Double repetitionPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "Ends a text before the first occurrence of TEXT. Repeatable.")
  private List<String> stop = new ArrayList<>();

  @Option(
      names = "--samples",
      paramLabel = "N",
      defaultValue = "1",
      description = "Draw so many texts for each prompt.")
  private int samples;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "8",
      description = "So many texts at a time (default 8); changes speed and memory only.")
  private int batch;

  @Option(names = "--seed", paramLabel = "N", description = "Fixes what is drawn; 0 by default.")
  private Long seed;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description = "cpu, cuda:N or auto (the first GPU if there is one).")
  private String device;

  @Option(
      names = "--precision",
      paramLabel = "TYPE",
      description =
          "float32, bfloat16, float16, float64 or auto (bfloat16 on a GPU, else float32).")
  private String precision;

  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    Console console = output.console();
    requireRanges();
    GenerationPrompts given = prompts(console);
    ModelConfig config = config();
    try (LanguageModel loaded =
        ModelLoader.load(
            config.model(), ModelLoader.options(config.device(), config.precision()), console)) {
      Generation.requireGenerative(loaded);
      GenerationDefaults defaults = GenerationDefaults.of(loaded);
      List<Prompt> all = given.forModel(loaded);
      GenerationOptions options = options(defaults, all, loaded, config.seed());
      List<String> warnings =
          defaults.notApplied().stream()
              .map(s -> "generation_config.json sets " + s + ", which is not supported.")
              .toList();
      warnings.forEach(warning -> console.say("Warning: " + warning));
      List<Prompt> rows =
          all.stream().flatMap(p -> Collections.nCopies(samples, p).stream()).toList();
      List<int[]> ids = rows.stream().map(Prompt::ids).toList();
      GenerationListener listener =
          output.json ? new Quiet(console) : new Printed(console, rows.size(), samples);
      long begin = System.nanoTime();
      Generation generation =
          console
              .interrupt()
              .during(
                  console.err(), () -> Generation.generate(loaded, ids, options, batch, listener));
      double seconds = (System.nanoTime() - begin) / 1e9;
      int tokens = generation.tokens().stream().mapToInt(fresh -> fresh.length).sum();
      if (output.json) {
        ObjectNode json = Json.object();
        json.put("model", config.model()).put("device", Environment.device(loaded));
        json.put("seed", options.seed()).set("options", json(options));
        json.set("generations", json(rows, generation));
        json.put("tokens", tokens).put("seconds", seconds);
        json.put("tokens_per_second", tokens / seconds);
        json.set("warnings", Json.tree(warnings));
        console.out().print(Json.pretty(json));
      } else if (console.terminal()) {
        console.say(
            String.format(Locale.ROOT, "(%,d tokens, %.1f per second)", tokens, tokens / seconds));
      }
      if (generation.ends().contains(End.CANCELLED)) {
        console.say("Interrupted; what was written until then is all there is.");
        return Interrupt.EXIT_CODE;
      }
    }
    return Promptgrad.OK;
  }

  // ------------------------------------------------------------------ options

  private void requireRanges() {
    require(maxTokens == null || maxTokens > 0, "--max-tokens", "1 or more");
    require(temperature == null || in(temperature, 0, 1e6), "--temperature", "0 or more");
    require(topK == null || topK >= 0, "--top-k", "0 or more");
    require(topP == null || in(topP, 0, 1) && topP > 0, "--top-p", "above 0 and at most 1");
    require(minP == null || in(minP, 0, 1), "--min-p", "from 0 to 1");
    require(
        repetitionPenalty == null || in(repetitionPenalty, 0, 1e6) && repetitionPenalty > 0,
        "--repetition-penalty",
        "above 0");
    require(samples > 0, "--samples", "1 or more");
    require(batch > 0, "--batch", "1 or more");
    require(!stop.contains(""), "--stop", "a text that is not empty");
  }

  private static boolean in(double value, double low, double high) {
    return value >= low && value <= high; // false for NaN
  }

  private static void require(boolean right, String option, String range) {
    if (!right) {
      throw new InvalidInputException("%s must be %s.".formatted(option, range));
    }
  }

  private GenerationPrompts prompts(Console console) {
    if (system != null && !chat) {
      throw new InvalidInputException(
          "--system is for conversations; give --chat with it, or leave it out.");
    }
    if (prompt != null && prompts != null) {
      throw new InvalidInputException("Give only one of --prompt and --prompts.");
    }
    if (prompts != null) {
      if (system != null) {
        throw new InvalidInputException(
            "--system does not go with --prompts; write it into the file as a first message with the role system.");
      }
      return chat ? GenerationPrompts.readChats(prompts) : GenerationPrompts.readTexts(prompts);
    }
    if (prompt == null && System.console() != null) {
      console.say("Write the prompt, and end it with Ctrl-D.");
    }
    String text = prompt == null ? GenerationPrompts.read(console.in()) : prompt;
    if (!chat) {
      return GenerationPrompts.ofText(text);
    }
    Conversation conversation = Conversation.empty();
    conversation = system == null ? conversation : conversation.system(system);
    return GenerationPrompts.ofChat(conversation.user(text));
  }

  private ModelConfig config() {
    YamlDocument document = YamlDocument.empty("The command line");
    text(document, "model", model);
    text(document, "device", device);
    text(document, "precision", precision);
    if (seed != null) {
      document.set("seed", LongNode.valueOf(seed), "--seed");
    }
    return ConfigReader.readModel(document, Path.of("").toAbsolutePath());
  }

  private static void text(YamlDocument document, String key, String value) {
    if (value != null) {
      document.set(key, TextNode.valueOf(value), "--" + key);
    }
  }

  /** The model's own settings under those of the command line. */
  private GenerationOptions options(
      GenerationDefaults defaults, List<Prompt> all, LanguageModel loaded, long seeded) {
    GenerationOptions options = defaults.options().withSeed(seeded);
    if (temperature != null) {
      options = options.withTemperature(temperature);
    } else if (topK != null || topP != null || minP != null) { // asks for sampling
      options = options.withTemperature(defaults.samplingTemperature());
    }
    options = topK == null ? options : options.withTopK(topK);
    options = topP == null ? options : options.withTopP(topP);
    options = minP == null ? options : options.withMinP(minP);
    if (repetitionPenalty != null) {
      options = options.withRepetitionPenalty(repetitionPenalty);
    }
    List<String> stops = new ArrayList<>(options.stopStrings());
    stops.addAll(stop);
    options = options.withStopStrings(stops.toArray(String[]::new));
    if (options.temperature() == 0 && samples > 1) {
      throw new InvalidInputException(
          "--samples %d needs sampling, since greedy texts are all the same; give --temperature."
              .formatted(samples));
    }
    if (maxTokens != null) {
      return options.withMaxNewTokens(maxTokens);
    }
    int longest = all.stream().mapToInt(p -> p.ids().length).max().orElseThrow();
    int room = Generation.mostNewTokens(loaded, longest); // none: Generation says what to do
    return options.withMaxNewTokens(Math.max(1, Math.min(room, options.maxNewTokens())));
  }

  // ------------------------------------------------------------------ results

  private record Quiet(Console console) implements GenerationListener {
    @Override
    public void text(int row, String piece) {}

    @Override
    public boolean goesOn() {
      return !console.interrupt().requested();
    }
  }

  /** Prints texts in the order of the prompts: the first that has not ended as it comes. */
  private static final class Printed implements GenerationListener {

    private final Console console;
    private final int rows;
    private final int samples;
    private final List<StringBuilder> waiting = new ArrayList<>();
    private final End[] ends;
    private int first;
    private boolean begun; // the first one's heading is there

    Printed(Console console, int rows, int samples) {
      this.console = console;
      this.rows = rows;
      this.samples = samples;
      this.ends = new End[rows];
      for (int row = 0; row < rows; row++) {
        waiting.add(new StringBuilder());
      }
    }

    @Override
    public boolean goesOn() {
      return !console.interrupt().requested();
    }

    @Override
    public void text(int row, String piece) {
      waiting.get(row).append(piece);
      show();
    }

    @Override
    public void end(int row, End end) {
      ends[row] = end;
      show();
    }

    private void show() {
      while (first < rows) {
        StringBuilder text = waiting.get(first);
        boolean goesOn = ends[first] == null;
        if (!text.isEmpty() || (!goesOn && ends[first] != End.CANCELLED)) {
          begin();
        }
        console.out().print(text);
        text.setLength(0);
        if (goesOn) {
          break;
        }
        if (begun) {
          console.out().println();
        }
        first++;
        begun = false;
      }
      console.out().flush();
    }

    private void begin() {
      if (rows > 1 && !begun) {
        String sample = samples > 1 ? ", sample %d".formatted(first % samples + 1) : "";
        console.out().printf("--- prompt %d%s%n", first / samples + 1, sample);
      }
      begun = true;
    }
  }

  private static ObjectNode json(GenerationOptions options) {
    ObjectNode json = Json.object();
    json.put("max_tokens", options.maxNewTokens())
        .put("temperature", options.temperature())
        .put("top_k", options.topK())
        .put("top_p", options.topP())
        .put("min_p", options.minP())
        .put("repetition_penalty", options.repetitionPenalty());
    json.set("stop_ids", Json.tree(options.stopIds()));
    json.set("stop", Json.tree(options.stopStrings()));
    return json;
  }

  private ArrayNode json(List<Prompt> rows, Generation generation) {
    ArrayNode list = Json.array(new int[0]);
    for (int row = 0; row < rows.size(); row++) {
      ObjectNode json = list.addObject();
      json.put("prompt", rows.get(row).text())
          .put("prompt_tokens", rows.get(row).ids().length)
          .put("sample", row % samples)
          .put("text", generation.texts().get(row));
      json.set("token_ids", Json.array(generation.tokens().get(row)));
      json.put("finish_reason", reason(generation.ends().get(row)));
    }
    return list;
  }

  private static String reason(End end) {
    return switch (end) {
      case LENGTH -> "length";
      case STOP_ID -> "eos";
      case STOP_STRING -> "stop";
      case CANCELLED -> "interrupted";
    };
  }
}
