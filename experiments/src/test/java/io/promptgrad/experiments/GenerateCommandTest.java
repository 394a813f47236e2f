package io.promptgrad.experiments;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.experiments.command.Promptgrad;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateCommandTest {

  @TempDir private static Path folder;
  private static Path model;

  @BeforeAll
  static void create() throws IOException {
    model = folder.resolve("model");
    TinyStoryteller.create(model);
  }

  @BeforeEach
  void forgetSettings() throws IOException {
    Files.deleteIfExists(model.resolve("generation_config.json"));
  }

  private static CommandLineRun generate(Object... options) {
    return generate(new Interrupt(), options);
  }

  private static CommandLineRun generate(Interrupt interrupt, Object... options) {
    List<Object> arguments = new ArrayList<>(List.of("generate", "--model", model));
    arguments.addAll(Arrays.asList(options));
    return CommandLineRun.of(interrupt, arguments.toArray());
  }

  private static JsonNode json(Object... options) throws IOException {
    List<Object> all = new ArrayList<>(Arrays.asList(options));
    all.add("--json");
    CommandLineRun run = generate(all.toArray());
    assertThat(run.code()).as(run.err()).isZero();
    return Json.parse(run.out());
  }

  private static Path write(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  private static List<String> texts(JsonNode json) {
    List<String> texts = new ArrayList<>();
    json.path("generations").forEach(g -> texts.add(g.path("text").asText()));
    return texts;
  }

  @Test
  void prompt_greedy_tellsEverythingInJson() throws IOException {
    JsonNode json = json("--prompt", "Once", "--max-tokens", 20);
    JsonNode only = json.path("generations").get(0);
    assertThat(json.path("generations")).hasSize(1);
    assertThat(only.path("prompt").asText()).isEqualTo("Once");
    assertThat(only.path("prompt_tokens").asInt()).isEqualTo(5); // <s> and four bytes
    assertThat(only.path("finish_reason").asText()).isIn("length", "eos");
    assertThat(only.path("token_ids").size()).isBetween(1, 20);
    assertThat(json.path("options").path("temperature").asDouble()).isZero();
    assertThat(json.path("options").path("stop_ids").toString()).isEqualTo("[257]");
    assertThat(json.path("seed").asLong()).isZero();
    assertThat(json.path("tokens").asInt()).isEqualTo(only.path("token_ids").size());
    assertThat(json.path("tokens_per_second").asDouble())
        .isEqualTo(json.path("tokens").asInt() / json.path("seconds").asDouble());
    assertThat(json("--prompt", "Once", "--max-tokens", 20).path("generations"))
        .isEqualTo(json.path("generations"));
  }

  @Test
  void prompt_withoutJson_printsTheTextAlone() throws IOException {
    String text = texts(json("--prompt", "Once", "--max-tokens", 30)).get(0);
    CommandLineRun run = generate("--prompt", "Once", "--max-tokens", 30);
    assertThat(run.code()).isZero();
    assertThat(run.out()).isEqualTo(text + System.lineSeparator());
    assertThat(run.err()).isEmpty();
  }

  @Test
  void promptFile_anyBatch_givesTheSameTextsInOrder() throws IOException {
    Path file = write("prompts.txt", "Once\n\nA much longer beginning of a story\nx\n");
    Object[] sampled = {"--prompts", file, "--max-tokens", 12, "--temperature", 1, "--seed", 5};
    JsonNode together = json(sampled);
    assertThat(texts(together)).hasSize(3);
    List<Object> single = new ArrayList<>(Arrays.asList(sampled));
    single.addAll(List.of("--batch", 1));
    assertThat(texts(json(single.toArray()))).isEqualTo(texts(together));
    CommandLineRun run = generate(sampled);
    List<String> blocks = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      blocks.add("--- prompt %d%n%s%n".formatted(i + 1, texts(together).get(i)));
    }
    assertThat(run.out()).isEqualTo(String.join("", blocks));
  }

  @Test
  void promptFile_jsonLines_mayHoldLineFeeds() throws IOException {
    Path file = write("prompts.jsonl", "\"a\\nb\"\n{\"prompt\": \"c\", \"id\": 3}\n");
    JsonNode json = json("--prompts", file, "--max-tokens", 2);
    assertThat(json.path("generations").get(0).path("prompt").asText()).isEqualTo("a\nb");
    assertThat(json.path("generations").get(1).path("prompt").asText()).isEqualTo("c");
  }

  @Test
  void samples_severalForAPrompt_differAndAreFixedByTheSeed() throws IOException {
    Object[] options = {
      "--prompt", "Once", "--samples", 3, "--temperature", 2, "--max-tokens", 10, "--seed", 1
    };
    JsonNode json = json(options);
    assertThat(texts(json)).hasSize(3).doesNotHaveDuplicates();
    assertThat(json.path("generations").get(2).path("sample").asInt()).isEqualTo(2);
    assertThat(texts(json(options))).isEqualTo(texts(json));
    options[options.length - 1] = 2;
    assertThat(texts(json(options))).isNotEqualTo(texts(json));
    assertThat(generate(options).out()).contains("--- prompt 1, sample 3");
  }

  @Test
  void chat_systemAndUser_areWrittenByTheTemplateAndReadAsSpecialTokens() throws IOException {
    JsonNode json = json("--chat", "--system", "Hm.", "--prompt", "Hi", "--max-tokens", 3);
    JsonNode only = json.path("generations").get(0);
    String prompt =
        "<|im_start|>system\nHm.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    assertThat(only.path("prompt").asText()).isEqualTo(prompt);
    int names = "system\nHm.\nuser\nHi\nassistant\n".length();
    assertThat(only.path("prompt_tokens").asInt()).isEqualTo(names + 5);
  }

  @Test
  void chat_file_holdsOneConversationALine() throws IOException {
    Path file =
        write(
            "chats.jsonl",
            """
            [{"role": "user", "content": "Hi"}]
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
            """);
    JsonNode json = json("--chat", "--prompts", file, "--max-tokens", 2);
    assertThat(json.path("generations").get(1).path("prompt").asText())
        .isEqualTo(
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
                + "<|im_start|>assistant\n");
    Path single = write("chat.json", "[\n {\"role\": \"user\",\n  \"content\": \"Hi\"}]\n");
    assertThat(texts(json("--chat", "--prompts", single, "--max-tokens", 2)).get(0))
        .isEqualTo(texts(json).get(0));
  }

  @Test
  void settings_ofTheModel_holdUnlessTheCommandLineSaysOtherwise() throws IOException {
    Files.writeString(
        model.resolve("generation_config.json"),
        """
        {"do_sample": true, "temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1,
         "eos_token_id": [257, 259], "max_new_tokens": 7, "num_beams": 4, "num_beam_groups": 1}
        """);
    JsonNode options = json("--prompt", "Once").path("options");
    assertThat(options.path("max_tokens").asInt()).isEqualTo(7);
    assertThat(options.path("temperature").asDouble()).isEqualTo(0.7);
    assertThat(options.path("top_k").asInt()).isEqualTo(50); // as transformers has it
    assertThat(options.path("top_p").asDouble()).isEqualTo(0.9);
    assertThat(options.path("repetition_penalty").asDouble()).isEqualTo(1.1);
    assertThat(options.path("stop_ids").toString()).isEqualTo("[257,259]");
    JsonNode changed =
        json(
            "--prompt",
            "Once",
            "--temperature",
            0,
            "--top-k",
            3,
            "--top-p",
            1,
            "--min-p",
            0.1,
            "--repetition-penalty",
            1,
            "--max-tokens",
            2,
            "--stop",
            "a",
            "--stop",
            "bc");
    assertThat(changed.path("options").path("temperature").asDouble()).isZero();
    assertThat(changed.path("options").path("top_k").asInt()).isEqualTo(3);
    assertThat(changed.path("options").path("min_p").asDouble()).isEqualTo(0.1);
    assertThat(changed.path("options").path("max_tokens").asInt()).isEqualTo(2);
    assertThat(changed.path("options").path("stop").toString()).isEqualTo("[\"a\",\"bc\"]");
    assertThat(changed.path("warnings").toString())
        .isEqualTo("[\"generation_config.json sets num_beams = 4, which is not supported.\"]");
    assertThat(generate("--prompt", "Once").err())
        .startsWith("Warning: generation_config.json sets num_beams = 4");
  }

  @Test
  void settings_greedyModel_samplesWhereAskedFor() throws IOException {
    Files.writeString(
        model.resolve("generation_config.json"), "{\"do_sample\": false, \"temperature\": 0.6}");
    assertThat(json("--prompt", "x").path("options").path("temperature").asDouble()).isZero();
    JsonNode options = json("--prompt", "x", "--top-p", 0.5).path("options");
    assertThat(options.path("temperature").asDouble()).isEqualTo(0.6);
    assertThat(options.path("top_k").asInt()).isZero();
  }

  @Test
  void length_notGiven_fitsIntoThePositions() throws IOException {
    JsonNode options = json("--prompt", "x".repeat(90)).path("options");
    assertThat(options.path("max_tokens").asInt()).isEqualTo(6); // 96 - 91 + 1
    CommandLineRun run = generate("--prompt", "x".repeat(90), "--max-tokens", 7);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains("ask for at most 6 new tokens");
  }

  @Test
  void prompt_empty_beginsAsATextBegins() throws IOException {
    JsonNode json = json("--prompt", "", "--max-tokens", 1);
    assertThat(json.path("generations").get(0).path("prompt_tokens").asInt()).isEqualTo(1);
  }

  @Test
  void stdin_withoutPrompt_isThePrompt() throws IOException {
    Object[] arguments = {"generate", "--model", model, "--max-tokens", 5, "--json"};
    CommandLineRun run = CommandLineRun.reading("Zwölf\nmonths\n".getBytes(UTF_8), arguments);
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(Json.parse(run.out()).path("generations").get(0).path("prompt").asText())
        .isEqualTo("Zwölf\nmonths");
    assertThat(texts(Json.parse(run.out())))
        .isEqualTo(texts(json("--prompt", "Zwölf\nmonths", "--max-tokens", 5)));
  }

  @Test
  void stop_string_endsTheTextBeforeItAndIsTheReason() throws IOException {
    String text = texts(json("--prompt", "Once", "--max-tokens", 30)).get(0);
    int at = text.offsetByCodePoints(0, 3);
    String stop = text.substring(at, text.offsetByCodePoints(at, 2));
    JsonNode json =
        json("--prompt", "Once", "--max-tokens", 30, "--stop", "no such", "--stop", stop);
    assertThat(texts(json)).containsExactly(text.substring(0, text.indexOf(stop)));
    assertThat(json.path("generations").get(0).path("finish_reason").asText()).isEqualTo("stop");
    CommandLineRun run = generate("--prompt", "Once", "--max-tokens", 30, "--stop", stop);
    assertThat(run.out()).isEqualTo(texts(json).get(0) + System.lineSeparator());
  }

  @Test
  void stop_idOfTheModel_isTheReasonEos() throws IOException {
    JsonNode free = json("--prompt", "Once", "--max-tokens", 4).path("generations").get(0);
    int second = free.path("token_ids").get(1).asInt();
    Files.writeString(
        model.resolve("generation_config.json"), "{\"eos_token_id\": %d}".formatted(second));
    JsonNode only = json("--prompt", "Once", "--max-tokens", 4).path("generations").get(0);
    assertThat(only.path("finish_reason").asText()).isEqualTo("eos");
    assertThat(only.path("token_ids").size()).isLessThanOrEqualTo(1);
  }

  /** A model of two halves reads the prompt, and the answer does not go on from it. */
  @Test
  void encoderDecoder_answers() throws IOException {
    Path answering = folder.resolve("answering");
    TinyStoryteller.createAnswering(answering);
    Path file = write("questions.txt", "Is it?\nWas it ever so long ago?\n");
    List<Object> arguments =
        List.of("generate", "--model", answering, "--prompts", file, "--max-tokens", 9, "--json");
    CommandLineRun run = CommandLineRun.of(arguments.toArray());
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode second = Json.parse(run.out()).path("generations").get(1);
    List<Object> alone = new ArrayList<>(arguments);
    alone.set(3, "--prompt");
    alone.set(4, "Was it ever so long ago?");
    JsonNode only = Json.parse(CommandLineRun.of(alone.toArray()).out()).path("generations").get(0);
    assertThat(only).isEqualTo(second);
    assertThat(only.path("token_ids")).isNotEmpty();
  }

  @Test
  void precision_float64_generates() throws IOException {
    Object[] options = {"--prompt", "Once", "--temperature", 1, "--max-tokens", 3};
    List<Object> wide = new ArrayList<>(Arrays.asList(options));
    wide.addAll(List.of("--precision", "float64"));
    assertThat(texts(json(wide.toArray()))).isEqualTo(texts(json(options)));
  }

  @Test
  void interrupt_whileItWrites_keepsWhatThereIsAndEndsWithCode130() throws IOException {
    String text = texts(json("--prompt", "Once", "--max-tokens", 60)).get(0);
    assertThat(text.codePointCount(0, text.length())).isGreaterThan(10);
    Interrupt interrupt = new Interrupt();
    StringWriter out =
        new StringWriter() {
          @Override
          public void flush() {
            if (getBuffer().length() > 3) {
              interrupt.request();
            }
          }
        };
    StringWriter err = new StringWriter();
    Console console = new Console(new PrintWriter(out), new PrintWriter(err), false, interrupt);
    String[] arguments = {
      "generate", "--model", model.toString(), "--prompt", "Once", "--max-tokens", "60"
    };
    assertThat(Promptgrad.execute(console, arguments)).isEqualTo(130);
    assertThat(out.toString().stripTrailing()).hasSizeBetween(4, text.length() - 1);
    assertThat(text).startsWith(out.toString().replaceFirst("\ufffd*\\R$", ""));
    assertThat(err.toString()).startsWith("Interrupted;").hasLineCount(1);
  }

  @Test
  void interrupt_beforeAnything_isTheReasonOfAllInJson() throws IOException {
    Interrupt interrupt = new Interrupt();
    interrupt.request();
    Path file = write("two.txt", "a\nb\n");
    CommandLineRun run = generate(interrupt, "--prompts", file, "--json");
    assertThat(run.code()).isEqualTo(130);
    assertThat(Json.parse(run.out()).path("generations"))
        .hasSize(2)
        .allMatch(g -> g.path("finish_reason").asText().equals("interrupted"));
    assertThat(generate(interrupt, "--prompts", file).out()).isEmpty();
  }

  /** The folder that the property names, or the nearest one above. */
  private static Path shared() {
    String given = System.getProperty("promptgrad.shared");
    Path at = Path.of("").toAbsolutePath();
    while (given == null && at.getParent() != null && !Files.isDirectory(at.resolve("shared"))) {
      at = at.getParent();
    }
    return given == null ? at.resolve("shared") : Path.of(given);
  }

  /** A trained checkpoint of 260 thousand weights; its story was recorded elsewhere. */
  @Test
  void stories_greedy_areTheRecordedOnes() throws IOException {
    Path stories = shared().resolve("data/stories260K");
    assumeThat(stories).exists();
    JsonNode prompt = Json.parse(Files.readString(stories.resolve("expected.json"))).path("prompt");
    CommandLineRun run =
        CommandLineRun.of(
            "generate",
            "--model",
            stories.resolve("hf"),
            "--prompt",
            prompt.path("text").asText(),
            "--max-tokens",
            40);
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(prompt.path("text").asText() + run.out().stripTrailing())
        .isEqualTo(prompt.path("greedy_text").asText());
  }
}
