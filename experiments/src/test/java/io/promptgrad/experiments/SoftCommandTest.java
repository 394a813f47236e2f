package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TrainableModel;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Soft prompts from the command line to the files, and back. */
class SoftCommandTest {

  @TempDir static Path folder;
  static TinyWorld world;

  @BeforeAll
  static void makeWorld() throws IOException {
    world = TinyWorld.create(folder);
  }

  private static CommandLineRun search(String method, Path out, String... more) {
    return search(world.model(), method, out, more);
  }

  private static CommandLineRun search(Path model, String method, Path out, String... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "search",
                method,
                "--model",
                model,
                "--task",
                world.file("task.yaml"),
                "--template",
                "{sentence} it was [P] .",
                "--label",
                "negative=bad,awful",
                "--label",
                "positive=good,great",
                "--set",
                "soft.updates=20",
                "--set",
                "soft.tokens=4",
                "--set",
                "soft.updates_per_step=5",
                "--out",
                out,
                "--json"));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static CommandLineRun eval(Path prompt, String... more) {
    return eval(world.model(), prompt, more);
  }

  private static CommandLineRun eval(Path model, Path prompt, String... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "eval",
                "--prompt",
                prompt,
                "--model",
                model,
                "--task",
                world.file("task.yaml"),
                "--json"));
    arguments.addAll(Arrays.asList(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static double test(CommandLineRun run) throws IOException {
    assertThat(run.code()).as(run.err()).isZero();
    return Json.parse(run.out()).path("found").path("test").path("value").asDouble();
  }

  @ParameterizedTest
  @CsvSource({
    "prompt-tuning, PROMPT_TUNING, true",
    "p-tuning, P_TUNING, true",
    "prefix-tuning, PREFIX_TUNING, false",
    "p-tuning-v2, PREFIX_TUNING, false"
  })
  void search_byEachMethod_leavesAPromptThatEvaluatesToTheSame(
      String method, String type, boolean mapped) throws IOException {
    Path out = folder.resolve(method);
    CommandLineRun run = search(method, out);
    double found = test(run);
    JsonNode result = Json.parse(run.out());
    assertThat(result.path("found").path("kind").asText()).isEqualTo("soft");
    assertThat(result.path("stopped_by").asText()).isEqualTo("finished");
    assertThat(result.path("cost").path("steps").asInt()).isEqualTo(4);
    assertThat(result.path("cost").path("backward_tokens").asLong()).isPositive();

    JsonNode config = Json.read(out.resolve("prompt/adapter_config.json"));
    assertThat(config.path("peft_type").asText()).isEqualTo(type);
    assertThat(config.path("num_virtual_tokens").asInt()).isEqualTo(4);
    assertThat(out.resolve("prompt/adapter_model.safetensors")).exists();
    String report = Files.readString(out.resolve("report.html"));
    assertThat(report).contains("Losses over the steps");
    assertThat(report.contains("Virtual tokens among words")).isEqualTo(mapped);
    assertThat(report.contains("Nearest tokens")).isEqualTo(mapped);

    assertThat(test(eval(out))).isEqualTo(found);
    assertThat(test(eval(out.resolve("prompt")))).isEqualTo(found);

    // What Python would have written: the two files and nothing else.
    Path adapter = folder.resolve(method + "-adapter");
    Files.createDirectories(adapter);
    for (String file : List.of("adapter_config.json", "adapter_model.safetensors")) {
      Files.copy(out.resolve("prompt").resolve(file), adapter.resolve(file));
    }
    assertThat(
            test(
                eval(
                    adapter,
                    "--template",
                    "{sentence} it was [P] .",
                    "--label",
                    "negative=bad,awful",
                    "--label",
                    "positive=good,great")))
        .isEqualTo(found);
  }

  @Test
  void resume_ofAStoppedRun_isTheWholeRun() throws IOException {
    Path whole = folder.resolve("whole");
    Path pieces = folder.resolve("pieces");
    assertThat(search("prompt-tuning", whole).code()).isZero();
    assertThat(search("prompt-tuning", pieces, "--set", "budget.steps=2").code()).isZero();
    CommandLineRun resumed = CommandLineRun.of("resume", pieces, "--set", "budget.steps=100");
    assertThat(resumed.code()).as(resumed.err()).isZero();
    for (String file : List.of("prompt/adapter_model.safetensors", "prompt/prompt.json")) {
      assertThat(pieces.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
    }
  }

  @Test
  void search_fromAnotherPrompt_beginsThere() throws IOException {
    Path first = folder.resolve("first");
    assertThat(search("prompt-tuning", first).code()).isZero();
    Path second = folder.resolve("second");
    CommandLineRun run =
        search(
            "prompt-tuning",
            second,
            "--set",
            "soft.start=prompt",
            "--set",
            "soft.from=" + first,
            "--set",
            "budget.steps=0");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(second.resolve("prompt/adapter_model.safetensors"))
        .hasSameBinaryContentAs(first.resolve("prompt/adapter_model.safetensors"));

    refused(eval(first, "--set", "facts.context.words=5"), "answers with labels");

    // Another prompt in its place, and the run would not be the one that was begun.
    Path weights = first.resolve("prompt/adapter_model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 3] ^= 0x40;
    Files.write(weights, bytes);
    CommandLineRun resumed = CommandLineRun.of("resume", second, "--set", "budget.steps=1");
    assertThat(resumed.code()).isEqualTo(2);
    assertThat(resumed.err()).contains("first prompt's adapter_model.safetensors has changed");
  }

  @Test
  void search_withOtherTokensThanSlots_isRefused() throws IOException {
    String[] slots = {"--set", "template='[T] [T] {sentence} it was [P] .'"};
    Path out = folder.resolve("slots");
    refused(
        search("prompt-tuning", out, joined(slots, new String[] {"--set", "soft.tokens=7"})),
        "'soft.tokens' is 7, but the template has 2 slots");
    for (String tokens : List.of("null", "2")) {
      Path own = folder.resolve("slots-" + tokens);
      String[] options = {"--set", "soft.tokens=" + tokens, "--set", "budget.steps=0"};
      CommandLineRun run = search("prompt-tuning", own, joined(slots, options));
      assertThat(run.code()).as(run.err()).isZero();
      assertThat(Files.readString(own.resolve("config.yaml"))).contains("tokens: 2");
    }
  }

  /** Two of four tokens, and of the sixteen pieces of the others eight, of four numbers each. */
  @Test
  void search_withPruning_trainsTwiceAndKeepsTheZeros() throws IOException {
    String[] pruning = {"--set", "soft.prune_tokens=0.5", "--set", "soft.prune_pieces=0.5"};
    String[] pieces = {"--set", "soft.pieces=8"};
    String[] all = joined(pruning, pieces);
    Path out = folder.resolve("pruned");
    CommandLineRun run = search("prompt-tuning", out, all);
    double found = test(run);
    assertThat(Json.parse(run.out()).path("cost").path("steps").asInt()).isEqualTo(8);
    List<String> steps = Files.readAllLines(out.resolve("trace.jsonl"));
    for (int step = 1; step <= 8; step++) {
      JsonNode details = Json.parse(steps.get(step - 1)).path("candidates").path(0).path("details");
      assertThat(details.path("pruned").asInt()).isEqualTo(step > 4 ? 2 * 32 + 8 * 4 : 0);
    }
    assertThat(test(eval(out))).isEqualTo(found);

    Path halves = folder.resolve("pruned-in-halves");
    for (int limit : new int[] {4, 6, 100}) { // before pruning, and behind it
      CommandLineRun part =
          limit == 4
              ? search(
                  "prompt-tuning", halves, joined(all, new String[] {"--set", "budget.steps=4"}))
              : CommandLineRun.of("resume", halves, "--set", "budget.steps=" + limit);
      assertThat(part.code()).as(part.err()).isZero();
      String result = Files.readString(halves.resolve("result.json"));
      String warning = "Pruning was not reached: it follows step 4";
      assertThat(result.contains(warning)).isEqualTo(limit == 4);
      assertThat(eval(halves).out().contains(warning)).isEqualTo(limit == 4);
    }
    for (String file : List.of("prompt/adapter_model.safetensors", "prompt/prompt.json")) {
      assertThat(halves.resolve(file)).hasSameBinaryContentAs(out.resolve(file));
    }
    refused(
        search("prompt-tuning", folder.resolve("no"), "--set", "soft.prune_tokens=1"), "[0, 1)");
    refused(
        search(
            "prompt-tuning", folder.resolve("no"), "--set", "soft={prune_pieces: 0.5, pieces: 5}"),
        "5 pieces");
    refused(
        search("prefix-tuning", folder.resolve("no"), "--set", "soft.prune_tokens=0.5"), "encoder");
  }

  private static String[] joined(String[] a, String[] b) {
    String[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  @Test
  void search_towardsAText_beginsThereAndSaysHowNearItIs() throws IOException {
    Path out = folder.resolve("towards");
    CommandLineRun run =
        search(
            "prompt-tuning",
            out,
            "--set",
            "soft={towards: it was very grip ., gamma: 1, learning_rate: 0.001, updates: 5, updates_per_step: 5}");
    assertThat(run.code()).as(run.err()).isZero();
    // "very" is no word of this vocabulary, and one unknown token
    assertThat(
            Json.read(out.resolve("prompt/adapter_config.json")).path("num_virtual_tokens").asInt())
        .isEqualTo(5);
    JsonNode towards = Json.read(out.resolve("prompt/tokens.json")).path("towards");
    assertThat(towards.path("text").asText()).isEqualTo("it was very grip .");
    // 3 of 4 words, and as many found: the unknown token is one
    assertThat(towards.path("projections").path("cosine").path("f1").asDouble()).isEqualTo(0.75);
    assertThat(Files.readString(out.resolve("report.html"))).contains("it was very grip .", "F1");
    refused(
        search("prompt-tuning", folder.resolve("no"), "--set", "soft={towards: it was, tokens: 3}"),
        "2 tokens");
    refused(
        search("prefix-tuning", folder.resolve("no"), "--set", "soft.towards=it was"),
        "word vectors");
    refused(
        search("prompt-tuning", folder.resolve("no"), "--set", "soft.start=towards"),
        "soft.towards");
    refused(
        search("prompt-tuning", folder.resolve("no"), "--set", "soft={towards: '  '}"),
        "soft.towards",
        "blank");
  }

  @Test
  void search_onSeveralTasks_trainsOnePromptThatEachCanUse() throws IOException {
    String template = "it was [P] : {sentence}";
    String words = "{negative: [awful], positive: [great]}";
    Path out = folder.resolve("several");
    String tasks =
        "soft.tasks=[{task: %s, template: '%s', verbalizer: %s}]"
            .formatted(world.file("task.yaml"), template, words);
    CommandLineRun run = search("prompt-tuning", out, "--set", tasks, "--set", "budget.steps=2");
    double own = test(run);
    JsonNode further = Json.read(out.resolve("tasks.json")).path("tasks");
    assertThat(further).hasSize(1);
    assertThat(further.path(0).path("template").asText()).isEqualTo(template);
    Path prompt = out.resolve(further.path(0).path("prompt").asText());
    assertThat(prompt.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(out.resolve("prompt/adapter_model.safetensors"));
    assertThat(test(eval(prompt))).isEqualTo(further.path(0).path("test").path("value").asDouble());
    assertThat(test(eval(out))).isEqualTo(own);
    assertThat(Json.read(prompt.resolve("prompt.json")).path("template").asText())
        .isEqualTo(template);

    // Other rows: a batch of the one task alone would have given the prompt of the one task.
    Path alone = folder.resolve("alone");
    assertThat(search("prompt-tuning", alone, "--set", "budget.steps=2").code()).isZero();
    assertThat(Files.readAllBytes(alone.resolve("prompt/adapter_model.safetensors")))
        .isNotEqualTo(Files.readAllBytes(out.resolve("prompt/adapter_model.safetensors")));

    Path whole = folder.resolve("several-whole");
    assertThat(search("prompt-tuning", whole, "--set", tasks).code()).isZero();
    CommandLineRun rest = CommandLineRun.of("resume", out, "--set", "budget.steps=100");
    assertThat(rest.code()).as(rest.err()).isZero();
    for (String file : List.of("prompt/prompt.json", "tasks.json")) {
      assertThat(out.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
    }
    refused(
        search(
            "prompt-tuning",
            folder.resolve("no"),
            "--set",
            "soft.tasks=[{task: %s, template: '{sentence} [P]'}]"
                .formatted(world.file("task.yaml"))),
        "soft.tasks[0].verbalizer");

    String leaking =
        "soft.tasks=[{task: {label: label, train: %s, dev: %s, test: %s}, template: '%s', verbalizer: %s}]"
            .formatted(
                world.file("test.tsv"),
                world.file("dev.tsv"),
                world.file("train.tsv"),
                template,
                words);
    CommandLineRun warned =
        search(
            "prompt-tuning",
            folder.resolve("leaking"),
            "--set",
            leaking,
            "--set",
            "budget.steps=1");
    assertThat(warned.code()).as(warned.err()).isZero();
    assertThat(Json.parse(warned.out()).path("warnings").toString())
        .contains(
            "60 of the texts of test also occur in train of further task 1",
            "of the texts of test of further task 1 also occur in train (such as");

    // Chosen by the first task's test, and trained on it under another name of its column.
    Path renamed = folder.resolve("renamed.tsv");
    Files.writeString(
        renamed, Files.readString(world.file("test.tsv")).replaceFirst("sentence", "text"));
    Path others = folder.resolve("others.tsv");
    Files.writeString(
        others, Files.readString(world.file("train.tsv")).replaceFirst("sentence", "text"));
    CommandLineRun chosen =
        search(
            "prompt-tuning",
            folder.resolve("chosen"),
            "--set",
            "soft.tasks=[{task: {label: label, train: %s, dev: %s, test: %s}, template: '%s', verbalizer: %s}]"
                .formatted(others, renamed, others, template.replace("sentence", "text"), words),
            "--set",
            "budget.steps=1");
    assertThat(chosen.code()).as(chosen.err()).isZero();
    assertThat(Json.parse(chosen.out()).path("warnings").toString())
        .contains(
            "60 of the texts of test also occur in dev of further task 1",
            "of the texts of test of further task 1 also occur in train of further task 1");
  }

  @Test
  void search_ofAPrefix_beginsAtATextAndDropsKeysAndValues() throws IOException {
    Path out = folder.resolve("dropped");
    String[] options = {
      "--set", "soft={dropout: 0.3, start: text, text: it was good, tokens: 3, updates: 20}"
    };
    double found = test(search("p-tuning-v2", out, options));
    assertThat(test(eval(out))).isEqualTo(found);
    Path halves = folder.resolve("dropped-in-halves");
    assertThat(
            search("p-tuning-v2", halves, joined(options, new String[] {"--set", "budget.steps=1"}))
                .code())
        .isZero();
    CommandLineRun rest = CommandLineRun.of("resume", halves, "--set", "budget.steps=100");
    assertThat(rest.code()).as(rest.err()).isZero();
    for (String file : List.of("prompt/adapter_model.safetensors", "prompt/prompt.json")) {
      assertThat(halves.resolve(file)).hasSameBinaryContentAs(out.resolve(file));
    }
    CommandLineRun fitted =
        search(
            "prefix-tuning",
            folder.resolve("fitted"),
            "--set",
            "soft={start: text, text: good, updates: 10}");
    assertThat(fitted.code()).as(fitted.err()).isZero();
    Path no = folder.resolve("no");
    refused(search("prompt-tuning", no, "--set", "soft.dropout=0.1"), "word vectors");
    refused(search("prompt-tuning", no, "--set", "soft.attentions=all"), "keys and values");
    refused(search("p-tuning-v2", no, "--set", "soft.attentions=all"), "encoder-decoders");
    refused(search("p-tuning", no, "--set", "soft={start: text, text: good}"), "encoder");
  }

  /** An encoder-decoder with the world's words and a first sentinel behind them. */
  private static Path encoderDecoder() throws IOException {
    Path model = Files.createDirectories(folder.resolve("t5"));
    ObjectNode tokenizer = (ObjectNode) Json.read(world.model("tokenizer.json"));
    int words = tokenizer.path("model").path("vocab").size();
    ObjectNode sentinel = ((ObjectNode) tokenizer.path("added_tokens").path(0)).deepCopy();
    tokenizer
        .withArray("added_tokens")
        .add(sentinel.put("id", words).put("content", "<extra_id_0>"));
    Files.writeString(model.resolve("tokenizer.json"), Json.pretty(tokenizer));
    Files.writeString(
        model.resolve("config.json"),
        """
        {"model_type": "t5", "vocab_size": %d, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2,
         "num_layers": 2, "relative_attention_num_buckets": 8, "n_positions": 48,
         "relative_attention_max_distance": 16, "pad_token_id": 0, "decoder_start_token_id": 0}
        """
            .formatted(words + 1));
    try (TrainableModel random =
        TrainableModel.create(model, 0.4, 5, new LoadOptions(Device.cpu(), Precision.FLOAT32))) {
      random.saveWeights(model.resolve("model.safetensors"), WeightType.F32);
    }
    return model;
  }

  @Test
  void search_ofPrefixesOfAllAttentions_isResumedSavedAndEvaluated() throws IOException {
    Path model = encoderDecoder();
    String[] all = {"--set", "soft.attentions=all"};
    Path out = folder.resolve("all attentions");
    double found = test(search(model, "prefix-tuning", out, all));
    JsonNode config = Json.read(out.resolve("prompt/adapter_config.json"));
    assertThat(config.path("peft_type").asText()).isEqualTo("ALL_PREFIX_TUNING");
    assertThat(config.path("num_layers").asInt()).isEqualTo(6);
    assertThat(test(eval(model, out))).isEqualTo(found);

    Path halves = folder.resolve("all attentions in halves");
    String[] one = joined(all, new String[] {"--set", "budget.steps=1"});
    assertThat(search(model, "prefix-tuning", halves, one).code()).isZero();
    assertThat(CommandLineRun.of("resume", halves, "--set", "budget.steps=100").code()).isZero();
    assertThat(halves.resolve("prompt/adapter_model.safetensors"))
        .hasSameBinaryContentAs(out.resolve("prompt/adapter_model.safetensors"));

    Path peft = folder.resolve("decoder alone");
    assertThat(search(model, "prefix-tuning", peft).code()).isZero();
    assertThat(Json.read(peft.resolve("prompt/adapter_config.json")).path("peft_type").asText())
        .isEqualTo("PREFIX_TUNING");
  }

  private static void refused(CommandLineRun run, String... parts) {
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).contains(parts);
    assertThat(run.errLines().stream().filter(line -> !line.isBlank()).count()).isEqualTo(1);
  }

  @Test
  void mistakes_areToldInASentence() throws IOException {
    Path out = folder.resolve("never");
    refused(
        search("prompt-tuning", out, "--set", "soft.tokens=48"), "48 virtual tokens", "no room");
    refused(search("prefix-tuning", out, "--set", "soft.start=labels"), "encoder");
    refused(search("prompt-tuning", out, "--set", "soft.start=text"), "soft.text");
    refused(search("prompt-tuning", out, "--set", "soft.text=a"), "start: text");
    for (String start : List.of("zero", "uniform", "labels")) {
      String unused = "soft={deviation: 0.5, start: " + start + "}";
      refused(search("prompt-tuning", out, "--set", unused), "soft.deviation", "start: normal");
    }
    // an encoder's table is drawn with the method's own deviation
    refused(search("p-tuning", out, "--set", "soft={deviation: 0.5, start: zero}"), "normal");
    refused(search("prompt-tuning", out, "--set", "soft={deviation: 0.5, towards: it}"), "normal");
    refused(search("prompt-tuning", out, "--set", "soft.learning_rat=1"), "learning_rate");
    refused(search("prompt-tuning", out, "--set", "search.width=1"), "'search'");
    refused(search("gcg", out), "soft");
    assertThat(out).doesNotExist();

    Path good = folder.resolve("good");
    assertThat(search("prompt-tuning", good).code()).isZero();
    Path adapter = good.resolve("prompt");
    ObjectNode config = (ObjectNode) Json.read(adapter.resolve("adapter_config.json"));
    Files.delete(adapter.resolve("prompt.json"));
    Files.writeString(
        adapter.resolve("adapter_config.json"),
        Json.pretty(config.put("base_model_name_or_path", "org/other")));
    String[] asked = {
      "--template", "{sentence} it was [P] .", "--label", "negative=bad", "--label", "positive=good"
    };
    refused(eval(adapter, asked), "org/other");
    refused(eval(adapter), "template");
    Files.writeString(
        adapter.resolve("adapter_config.json"), Json.pretty(config.put("peft_type", "LORA")));
    refused(eval(adapter, asked), "LORA");
  }

  /** The two families meet: vectors that were trained say where the search over tokens begins. */
  @Test
  void search_fromASoftPrompt_beginsAtItsNearestTokens() throws IOException {
    Path soft = folder.resolve("begun");
    assertThat(
            search("prompt-tuning", soft, "--set", "soft={tokens: 3, updates: 4, batch_size: 4}")
                .code())
        .isZero();
    Path out = folder.resolve("continued");
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "gcg",
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--template",
            "{sentence} [T] [T] [T] [P]",
            "--label",
            "negative=bad",
            "--label",
            "positive=good",
            "--set",
            "search={width: 4, from: " + soft + ", filter: [special]}",
            "--set",
            "budget.steps=1",
            "--out",
            out,
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode nearest = Json.read(soft.resolve("prompt/prompt.json")).path("nearest_tokens");
    for (String budget : List.of("0", "1")) {
      Path discrete = folder.resolve("autoprompt " + budget);
      CommandLineRun auto =
          CommandLineRun.of(
              "search",
              "autoprompt",
              "--model",
              world.model(),
              "--task",
              world.file("task.yaml"),
              "--template",
              "{sentence} [T] [T] [T] [P]",
              "--label",
              "negative=bad",
              "--label",
              "positive=good",
              "--set",
              "autoprompt={candidates: 2, from: " + soft + ", filter: [special]}",
              "--set",
              "budget.steps=" + budget,
              "--out",
              discrete,
              "--json");
      assertThat(auto.code()).as(auto.err()).isZero();
      if (budget.equals("0")) {
        assertThat(Json.read(discrete.resolve("prompt/prompt.json")).path("tokens"))
            .isEqualTo(nearest);
        CommandLineRun again =
            CommandLineRun.of(
                "run",
                discrete.resolve("config.yaml"),
                "--out",
                folder.resolve("autoprompt again"));
        assertThat(again.code()).as(again.err()).isZero();
      }
    }
    refused(
        CommandLineRun.of(
            "search",
            "autoprompt",
            "--model",
            world.model(),
            "--task",
            world.file("task.yaml"),
            "--template",
            "{sentence} [T] [P]",
            "--label",
            "negative=bad",
            "--label",
            "positive=good",
            "--set",
            "autoprompt.from=" + soft),
        "3 vectors",
        "1 slots");
    JsonNode parent = Json.parse(Files.readAllLines(out.resolve("trace.jsonl")).get(0));
    // The first trigger is scored beside its candidates, which differ from it at one place.
    assertThat(parent.path("candidates").path(0).path("text").asText().split(" "))
        .containsExactlyElementsOf(
            StreamSupport.stream(nearest.spliterator(), false).map(JsonNode::asText).toList());
  }
}
