package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a user gets wrong ends with code 2, one sentence on stderr and nothing on stdout. */
class BadInputTest {

  /** Makes one thing wrong in a copy of a good world and returns the command. */
  private interface Mistake {
    List<?> make(TinyWorld world) throws IOException;
  }

  @TempDir private static Path folder;
  private static Path good;
  private static int copy;

  @BeforeAll
  static void makeGoodWorld() throws IOException {
    System.setProperty("HF_HUB_OFFLINE", "1");
    System.setProperty("HF_HOME", folder.resolve("hub").toString());
    good = folder.resolve("good");
    TinyWorld world = TinyWorld.create(good);
    TinyStoryteller.create(good.resolve("causal"));
    CommandLineRun run =
        CommandLineRun.of("run", world.file("run.yaml"), "--out", folder.resolve("run"));
    assertThat(run.code()).as(run.err()).isZero(); // else every mistake below proves nothing
  }

  @AfterAll
  static void forgetTheHub() {
    System.clearProperty("HF_HUB_OFFLINE");
    System.clearProperty("HF_HOME");
  }

  private static Arguments wrong(String name, String expected, Mistake mistake) {
    return Arguments.of(name, expected, mistake);
  }

  /** Spoils a file of a world. */
  private interface Damage {
    void to(TinyWorld world) throws IOException;
  }

  /** The good experiment with something wrong in a file. */
  private static Arguments wrongFile(String name, String expected, Damage damage) {
    return wrong(
        name,
        expected,
        world -> {
          damage.to(world);
          return List.of("run", world.file("run.yaml"), "--out", world.file("out"));
        });
  }

  /** The good experiment with one value changed. */
  private static Arguments wrongValue(String name, String expected, String assignment) {
    return wrong(
        name,
        expected,
        world ->
            List.of(
                "run", world.file("run.yaml"), "--out", world.file("out"), "--set", assignment));
  }

  /** The good experiment with another dev split. */
  private static Arguments wrongTask(String name, String expected, String dev) {
    return wrongFile(
        name, expected, world -> replace(world.file("task.yaml"), "dev: dev.tsv", "dev: " + dev));
  }

  private static void replace(Path file, String what, String by) throws IOException {
    String text = Files.readString(file);
    assertThat(text).contains(what);
    Files.writeString(file, text.replace(what, by));
  }

  static Stream<Arguments> weights() {
    return Stream.of(
        wrongFile(
            "truncated safetensors",
            "model.safetensors",
            world -> {
              byte[] bytes = Files.readAllBytes(world.model("model.safetensors"));
              Files.write(
                  world.model("model.safetensors"), Arrays.copyOf(bytes, bytes.length - 100));
            }),
        wrongFile(
            "lying safetensors: a header longer than the file",
            "model.safetensors",
            world -> {
              byte[] bytes = Files.readAllBytes(world.model("model.safetensors"));
              ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, 1L << 40);
              Files.write(world.model("model.safetensors"), bytes);
            }),
        wrongFile(
            "corrupt safetensors: the header is not JSON",
            "model.safetensors",
            world -> {
              byte[] bytes = Files.readAllBytes(world.model("model.safetensors"));
              bytes[8] = '?';
              Files.write(world.model("model.safetensors"), bytes);
            }),
        wrongFile(
            "missing tensor",
            "bert.embeddings.LayerNorm.bias",
            world -> {
              byte[] bytes = Files.readAllBytes(world.model("model.safetensors"));
              String latin = new String(bytes, StandardCharsets.ISO_8859_1);
              Files.write(
                  world.model("model.safetensors"),
                  latin
                      .replace("bert.embeddings.LayerNorm.bias", "bert.embeddings.LayerNorm.bios")
                      .getBytes(StandardCharsets.ISO_8859_1));
            }),
        wrongFile(
            "wrong shape",
            "64",
            world ->
                replace(
                    world.model("config.json"),
                    "\"intermediate_size\": 64",
                    "\"intermediate_size\": 96")),
        wrongFile(
            "pickle checkpoint",
            "pytorch_model.bin",
            world -> {
              Files.delete(world.model("model.safetensors"));
              Files.write(world.model("pytorch_model.bin"), new byte[] {'P', 'K', 3, 4});
            }),
        wrongFile(
            "quantised checkpoint",
            "gptq",
            world ->
                replace(
                    world.model("config.json"),
                    "\"pad_token_id\": 0",
                    "\"pad_token_id\": 0, \"quantization_config\": {\"quant_method\":"
                        + " \"gptq\", \"bits\": 4}")));
  }

  static Stream<Arguments> models() {
    return Stream.of(
        wrongFile(
            "unknown architecture",
            "bart",
            world -> replace(world.model("config.json"), "\"bert\"", "\"bart\"")),
        wrongFile(
            "malformed config.json",
            "config.json is not valid JSON (line 2",
            world ->
                replace(world.model("config.json"), "\"hidden_size\": 32,", "\"hidden_size\": 32")),
        wrongFile(
            "tokenizer with more tokens than the model",
            "do not belong together",
            world ->
                replace(
                    world.model("tokenizer.json"),
                    "\"good\" : 9",
                    "\"surplus\" : 165, \"good\" : 9")),
        wrongFile(
            "no tokenizer",
            "tokenizer.json",
            world -> {
              Files.delete(world.model("tokenizer.json"));
            }),
        wrongValue("no such model", "there is no model folder", "model=nowhere"),
        wrongValue("model of the hub, offline", "HF_HUB_OFFLINE forbids", "model=org/name"),
        wrongValue("name that no model has", "is not the name of a model", "model=org/na..me"),
        wrongValue("name that leads away", "there is no model folder", "model=../../org/name"),
        wrongValue("revision that leads away", "is not a revision", "model=org/name@../../x"),
        wrongValue("no such bundled model", "did you mean", "model=bundled:mini-robert"));
  }

  static Stream<Arguments> configurations() {
    return Stream.of(
        wrongFile(
            "malformed YAML",
            "run.yaml, line 4: this is not YAML",
            world -> replace(world.file("run.yaml"), "template: \"{", "template: {")),
        wrongFile(
            "unknown key",
            "run.yaml, line 6: unknown key 'budget.step'; did you mean 'steps'?",
            world -> replace(world.file("run.yaml"), "{steps", "{step")),
        wrongFile(
            "wrong type",
            "run.yaml, line 6: 'budget.steps' must be a whole number, not 'many'.",
            world -> replace(world.file("run.yaml"), "steps: 3", "steps: many")),
        wrongFile(
            "missing key",
            "run.yaml: the key 'template' is missing",
            world -> replace(world.file("run.yaml"), "template: \"{sentence} [T]", "data: {} # ")),
        wrongFile(
            "unknown key in the task's own file",
            "task.yaml, line 3: unknown key 'task.trian'; did you mean 'train'?",
            world -> replace(world.file("task.yaml"), "train:", "trian:")),
        wrongFile(
            "missing data file",
            "task.yaml, line 3: there is no file",
            world -> replace(world.file("task.yaml"), "train.tsv", "no.tsv")),
        wrongFile(
            "empty split",
            "dev.tsv",
            world -> {
              Files.writeString(world.file("dev.tsv"), "sentence\tlabel\n");
            }),
        wrongFile(
            "row without label column",
            "test.tsv, line 3",
            world -> {
              Files.writeString(
                  world.file("test.tsv"), "sentence\tlabel\nbal dem\tpositive\nbal\n");
            }),
        wrongTask(
            "split from a file and from train",
            "line 4: 'task.dev.file' does not go with 'from'",
            "{from: train, size: 9, file: dev.tsv}"),
        wrongTask(
            "limit on what is taken from train",
            "line 4: 'task.dev.limit' does not go with 'from'",
            "{from: train, size: 9, limit: 3}"),
        wrongTask(
            "size of a file",
            "line 4: 'task.dev.size' does not go with 'file'",
            "{file: dev.tsv, size: 3}"),
        wrongTask(
            "size of 0", "line 4: 'task.dev.size' must be at least 1", "{from: train, size: 0}"),
        wrongTask("no size", "the key 'task.dev.size' is missing", "{from: train}"),
        wrongTask(
            "limit of another type",
            "line 4: 'task.dev.limit' must be a whole number",
            "{file: dev.tsv, limit: 1.5}"),
        wrongTask(
            "limit beyond all numbers",
            "line 4: 'task.dev.limit' is too large",
            "{file: dev.tsv, limit: 20240601123}"),
        wrongFile(
            "label names that are lists",
            "line 2: the name of the label 'positive' must be text",
            world ->
                replace(
                    world.file("task.yaml"),
                    "label: label",
                    "labels: {positive: [good], negative: bad}\nlabel: label")),
        wrongFile(
            "test row without the template's field",
            "Example test:2 has no field {sentence}",
            world -> {
              Files.delete(world.file("test.tsv"));
              Files.writeString(
                  world.file("test.jsonl"),
                  "{\"sentence\": \"bal\", \"label\": \"positive\"}\n"
                      + "{\"text\": \"bal\", \"label\": \"negative\"}\n");
              replace(world.file("task.yaml"), "test.tsv", "test.jsonl");
            }),
        wrongFile(
            "template that leaves no room in the model",
            "too many tokens",
            world ->
                replace(world.file("run.yaml"), "{sentence} [T] [T]", "it ".repeat(60) + "[T]")),
        wrongFile(
            "label that train lacks, with a label search",
            "has the label 'neutral'",
            world -> {
              Files.writeString(
                  world.file("test.tsv"), "sentence\tlabel\nbal dem\tpositive\nbal\tneutral\n");
              replace(
                  world.file("run.yaml"),
                  "verbalizer: {negative: [bad, awful], positive: [good, great]}",
                  "label_search: {epochs: 1}");
              String yaml = Files.readString(world.file("run.yaml"));
              Files.writeString(
                  world.file("run.yaml"), yaml.substring(0, yaml.indexOf("manual_prompts")));
            }),
        wrong(
            "no such configuration",
            "there is no file",
            world -> List.of("run", world.file("no.yaml"))),
        wrongValue("unknown method", "did you mean 'autoprompt'?", "method=autopromt"),
        wrongValue("unknown metric", "--set metric=acuracy", "metric=acuracy"),
        wrongValue("unknown device", "--set device=tpu", "device=tpu"),
        wrongValue("GPU that is not there", "cuda:99", "device=cuda:99"),
        wrongValue("second GPU that is not there", "cuda:98", "device=[cuda:98, cuda:99]"),
        wrongValue("CPU and GPU together", "one kind", "device='cpu,cuda:0'"),
        wrongValue("list of devices with another word", "cuda:all", "device=[cpu, tpu]"),
        wrongValue("negative budget", "must not be negative", "budget.steps=-1"),
        wrongValue("budget that is no duration", "not a duration", "budget.time=soon"),
        wrongValue("assignment without =", "not an assignment", "budget.steps"),
        wrongValue("patience of 0", "must be at least 1", "stop.patience=0"),
        wrongValue("no candidates", "candidates", "autoprompt.candidates=0"),
        wrongValue("unknown filter", "did you mean 'special'?", "autoprompt.filter=[specials]"),
        wrongValue(
            "first trigger of another length", "2 tokens", "autoprompt.start=[good, great]"));
  }

  static Stream<Arguments> prompts() {
    return Stream.of(
        wrongValue("template without [P]", "no prediction slot", "template='{sentence} [T]'"),
        wrongValue("template with two [P]", "second prediction slot", "template='[T] [P] [P]'"),
        wrongValue("template without [T]", "no trigger slot", "template='{sentence} [P]'"),
        wrongValue("template with an unknown field", "{text}", "template='{text} [T] [P]'"),
        wrongValue(
            "manual prompt with an unknown field",
            "{text}",
            "manual_prompts=[{template: '{text} [P]'}]"),
        wrongValue(
            "manual prompt with [T]", "trigger slot", "manual_prompts=[{template: '[T] [P]'}]"),
        wrongValue(
            "label that the verbalizer lacks",
            "has the label 'positive'",
            "verbalizer={negative: bad}"),
        wrongValue(
            "label word of several tokens",
            "'gripping'",
            "verbalizer={negative: bad, positive: gripping}"),
        wrongValue(
            "label word of two labels", "good", "verbalizer={negative: good, positive: good}"),
        wrongValue(
            "label word that is no text",
            "'positive'",
            "verbalizer={negative: bad, positive: 1.5}"),
        wrongValue(
            "label token beyond the vocabulary",
            "9999",
            "verbalizer={negative: bad, positive: 9999}"));
  }

  static Stream<Arguments> commands() {
    return Stream.of(
        wrong("unknown command", "did you mean 'run'?", world -> List.of("runn")),
        wrong(
            "unknown option",
            "did you mean '--seed'?",
            world -> List.of("run", world.file("run.yaml"), "--sed", "3")),
        wrong(
            "option of another type",
            "--seed",
            world -> List.of("run", world.file("run.yaml"), "--seed", "three")),
        wrong("missing argument", "CONFIG.yaml", world -> List.of("run")),
        wrong(
            "unknown method",
            "did you mean 'autoprompt'?",
            world -> search(world, "autopromt", TinyWorld.TEMPLATE, "negative=bad")),
        wrong(
            "label without words",
            "LABEL=WORD",
            world -> search(world, "autoprompt", TinyWorld.TEMPLATE, "negative")),
        wrong(
            "output is a file",
            "run.yaml",
            world -> List.of("run", world.file("run.yaml"), "--out", world.file("run.yaml"))),
        wrong(
            "output below a file",
            "cannot be written",
            world ->
                List.of("run", world.file("run.yaml"), "--out", world.file("run.yaml/inside"))),
        wrong(
            "output is not empty",
            "not empty",
            world -> List.of("run", world.file("run.yaml"), "--out", world.model())),
        wrong(
            "evaluation's output below a file",
            "cannot be written",
            world -> {
              List<Object> command =
                  new ArrayList<>(eval(world, folder.resolve("run") + "", "test"));
              command.addAll(List.of("--out", world.file("run.yaml/inside")));
              return command;
            }),
        wrong(
            "comparison's output below a file",
            "cannot be written",
            world -> {
              Path run = folder.resolve("run");
              return List.of("report", run, run, "--out", world.file("run.yaml/inside.html"));
            }),
        wrong("no run to resume", "not a run", world -> List.of("resume", world.model())),
        wrong("no run to report", "not a run", world -> List.of("report", world.model())),
        wrong("nothing to verify", "golden.json", world -> List.of("verify", world.model())),
        wrong("no folder to verify", "no folder", world -> List.of("verify", world.file("no"))),
        wrong(
            "no prompt to evaluate",
            "no prompt.json",
            world -> eval(world, world.model().toString(), "test")),
        wrong(
            "unknown split",
            "--split",
            world -> {
              Files.writeString(world.file("prompt.json"), "{}");
              return eval(world, world.file("prompt.json").toString(), "tset");
            }),
        wrong(
            "prompt that is none",
            "no saved trigger prompt",
            world -> {
              Files.writeString(world.file("prompt.json"), "{}");
              return eval(world, world.file("prompt.json").toString(), "test");
            }));
  }

  static Stream<Arguments> modelCommands() {
    return Stream.of(
        wrong("nothing to download", "MODEL", world -> List.of("models", "download")),
        wrong(
            "download of a path",
            "is not the name of a model on the hub",
            world -> List.of("models", "download", "../../etc/passwd")),
        wrong(
            "download without a revision after @",
            "is not a revision of org/name",
            world -> List.of("models", "download", "org/name@")),
        wrong(
            "download, offline",
            "HF_HUB_OFFLINE forbids",
            world -> List.of("models", "download", "org/name@v1")),
        wrong(
            "conversion of nothing",
            "no file or folder",
            world -> List.of("models", "convert", world.file("nowhere"), world.file("out"))),
        wrong(
            "conversion of a pickle",
            "convert it in Python",
            world -> {
              Path pickle = world.file("pytorch_model.bin");
              Files.write(pickle, new byte[] {'P', 'K', 3, 4});
              return List.of("models", "convert", pickle, world.file("out"));
            }),
        wrong(
            "conversion of something unknown",
            "neither a safetensors file nor",
            world -> List.of("models", "convert", world.file("task.yaml"), world.file("out"))),
        wrong(
            "conversion into a folder that is not empty",
            "not an empty folder",
            world -> List.of("models", "convert", world.model(), world.model())),
        wrong(
            "conversion to an unknown number format",
            "did you mean 'float16'?",
            world -> convert(world, "--dtype", "float15")),
        wrong(
            "conversion into files of no size",
            "is not a size",
            world -> convert(world, "--shard-size", "0GB")),
        wrong(
            "tokenizer for a model that has its own",
            "llama2.c file only",
            world -> convert(world, "--tokenizer", world.model("tokenizer.json").toString())),
        wrong(
            "conversion of weights without their configuration",
            "config.json",
            world -> {
              Files.delete(world.model("config.json"));
              return List.of(
                  "models", "convert", world.model("model.safetensors"), world.file("out"));
            }));
  }

  private static List<?> convert(TinyWorld world, String option, String value) {
    return List.of("models", "convert", world.model(), world.file("out"), option, value);
  }

  /** The good experiment on a data set, with a data folder of tiny originals. */
  private static Arguments wrongData(String name, String expected, String task) {
    return wrong(
        name,
        expected,
        world ->
            List.of(
                "run",
                world.file("run.yaml"),
                "--out",
                world.file("out"),
                "--set",
                "task=" + task,
                "--set",
                "data.dir=" + DataCommandTest.LAYOUTS));
  }

  private static Arguments wrongImport(String name, String expected, Damage damage) {
    return wrong(
        name,
        expected,
        world -> {
          damage.to(world);
          return List.of("data", "import", "cb", world.file("cb"), "--dir", world.file("data"));
        });
  }

  private static void cb(TinyWorld world, String train) throws IOException {
    Files.createDirectories(world.file("cb"));
    Files.writeString(world.file("cb/train.jsonl"), train);
    Files.writeString(world.file("cb/val.jsonl"), "");
  }

  static Stream<Arguments> data() {
    return Stream.of(
        wrongData("unknown data set", "'sst'; did you mean 'sst2'?", "data:sst"),
        wrongData("unknown data set in a mapping", "did you mean 'mpqa'?", "{data: mpq}"),
        wrongData("data set that is not there", "data download sst5-16", "data:sst5-16/13"),
        wrongData("name that is none", "names no data set", "data:../sst2"),
        wrongData("data set of another size", "expected 67,349 rows and found 3", "data:sst2"),
        wrongData("split without a data set", "task.train.data", "{train: {split: train}}"),
        wrongData("data set without a split", "task.train.split", "{train: {data: sst2}}"),
        wrongData(
            "data set that proposes no task", "does not say which rows", "data:bbh-cot/navigate"),
        wrong(
            "unknown data set to import",
            "did you mean 'sst2'?",
            world -> List.of("data", "import", "sst-2", world.file("cb"))),
        wrong(
            "unknown data set to download",
            "did you mean 'trec'?",
            world -> List.of("data", "download", "trek")),
        wrong(
            "data set without an address",
            "data import lama-prompts FOLDER",
            world -> List.of("data", "download", "lama-prompts", "--dir", world.file("data"))),
        wrongImport("no folder to import", "There is no folder", world -> {}),
        wrongImport(
            "nothing to import",
            "looked for [val.jsonl, train.jsonl]",
            world -> {
              Files.createDirectories(world.file("cb"));
            }),
        wrongImport(
            "a file that is no archive",
            "neither a folder nor a .zip",
            world -> {
              Files.writeString(world.file("cb"), "text");
            }),
        wrongImport(
            "a data set of another size",
            "cb, train: expected 250 rows and found 1",
            world ->
                cb(world, "{\"premise\": \"a\", \"hypothesis\": \"b\", \"label\": \"neutral\"}\n")),
        wrongImport(
            "a row without label",
            "train.jsonl, line 1: there is no 'label' among [premise, hypothesis]",
            world -> cb(world, "{\"premise\": \"a\", \"hypothesis\": \"b\"}\n")),
        wrongImport(
            "malformed JSON lines",
            "train.jsonl, line 1: this is not JSON",
            world -> cb(world, "{\"premise\": \n")));
  }

  private static List<?> search(TinyWorld world, String method, String template, String label) {
    return List.of(
        "search",
        method,
        "--model",
        world.model(),
        "--task",
        world.file("task.yaml"),
        "--template",
        template,
        "--label",
        label);
  }

  private static List<?> eval(TinyWorld world, String prompt, String split) {
    return List.of(
        "eval",
        "--prompt",
        prompt,
        "--model",
        world.model(),
        "--task",
        world.file("task.yaml"),
        "--split",
        split);
  }

  /** With a causal model at hand whose files a mistake may spoil. */
  private static Arguments wrongGeneration(String name, String expected, Mistake mistake) {
    return wrong(
        name,
        expected,
        world -> {
          List<Object> arguments = new ArrayList<>(List.of("generate", "--model"));
          arguments.add(world.file("causal"));
          arguments.addAll(mistake.make(world));
          return arguments;
        });
  }

  private static Arguments wrongTemplate(String name, String expected, String template) {
    return wrongGeneration(
        name,
        expected,
        world -> {
          Files.writeString(world.file("causal/chat_template.jinja"), template);
          return List.of("--chat", "--prompt", "Hi");
        });
  }

  private static Arguments wrongSetting(String name, String expected, String json) {
    return wrongGeneration(
        name,
        expected,
        world -> {
          Files.writeString(world.file("causal/generation_config.json"), json);
          return List.of("--prompt", "Hi");
        });
  }

  private static Arguments wrongChat(String name, String expected, String lines) {
    return wrongGeneration(
        name,
        expected,
        world ->
            List.of("--chat", "--prompts", Files.writeString(world.file("chats.jsonl"), lines)));
  }

  static Stream<Arguments> generation() {
    return Stream.of(
        wrong(
            "masked model that should generate",
            "masked language model (bert) cannot generate",
            world -> List.of("generate", "--model", world.model(), "--prompt", "bal")),
        wrong(
            "no model to generate with",
            "there is no model folder",
            world -> List.of("generate", "--model", world.file("no"), "--prompt", "bal")),
        wrongGeneration(
            "nothing to continue",
            "--prompts FILE, or a text on standard input",
            world -> List.of()),
        wrongGeneration(
            "two kinds of prompts",
            "only one of --prompt",
            world -> List.of("--prompt", "a", "--prompts", "b.txt")),
        wrongGeneration(
            "system without chat",
            "--system is for conversations",
            world -> List.of("--prompt", "a", "--system", "Be brief.")),
        wrongGeneration(
            "system for a file of conversations",
            "--system does not go with --prompts",
            world -> List.of("--chat", "--system", "Be brief.", "--prompts", "chats.jsonl")),
        wrongGeneration(
            "no file of prompts",
            "no.txt; check the path",
            world -> List.of("--prompts", world.file("no.txt"))),
        wrongGeneration(
            "empty file of prompts",
            "has no prompt",
            world -> List.of("--prompts", Files.writeString(world.file("prompts.txt"), "\n\n"))),
        wrongGeneration(
            "prompt that is not JSON",
            "prompts.jsonl, line 2: this is not JSON",
            world ->
                List.of("--prompts", Files.writeString(world.file("prompts.jsonl"), "\"a\"\n{\n"))),
        wrongGeneration(
            "JSON that is no prompt",
            "prompts.jsonl, line 1: this is neither",
            world -> List.of("--prompts", Files.writeString(world.file("prompts.jsonl"), "[1]\n"))),
        wrongGeneration(
            "prompt that is too long",
            "shorten the prompt",
            world -> List.of("--prompt", "x".repeat(200))),
        wrongGeneration(
            "temperature that is no number",
            "--temperature",
            world -> List.of("--prompt", "a", "--temperature", "warm")),
        wrongGeneration(
            "temperature below 0",
            "--temperature must be 0 or more",
            world -> List.of("--prompt", "a", "--temperature", "-1")),
        wrongGeneration(
            "temperature NaN",
            "--temperature must be",
            world -> List.of("--prompt", "a", "--temperature", "NaN")),
        wrongGeneration(
            "top-p of 0",
            "--top-p must be above 0",
            world -> List.of("--prompt", "a", "--top-p", "0")),
        wrongGeneration(
            "no new tokens",
            "--max-tokens must be 1 or more",
            world -> List.of("--prompt", "a", "--max-tokens", "0")),
        wrongGeneration(
            "top-p above 1",
            "--top-p must be above 0",
            world -> List.of("--prompt", "a", "--top-p", "1.01")),
        wrongGeneration(
            "top-k below 0", "--top-k must be", world -> List.of("--prompt", "a", "--top-k", "-1")),
        wrongGeneration(
            "min-p above 1",
            "--min-p must be",
            world -> List.of("--prompt", "a", "--min-p", "1.5")),
        wrongGeneration(
            "repetition penalty of 0",
            "--repetition-penalty must be",
            world -> List.of("--prompt", "a", "--repetition-penalty", "0")),
        wrongGeneration(
            "empty stop string", "--stop must be", world -> List.of("--prompt", "a", "--stop", "")),
        wrongGeneration(
            "no samples", "--samples must be", world -> List.of("--prompt", "a", "--samples", "0")),
        wrongGeneration(
            "more tokens than positions",
            "ask for at most 95 new tokens",
            world -> List.of("--prompt", "a", "--max-tokens", "96")),
        wrongGeneration(
            "several greedy texts",
            "greedy texts are all the same",
            world -> List.of("--prompt", "a", "--samples", "2")),
        wrongGeneration(
            "device that is not there",
            "cuda:99",
            world -> List.of("--prompt", "a", "--device", "cuda:99")),
        wrongGeneration(
            "model without chat template",
            "has no chat template",
            world -> {
              Files.writeString(world.file("causal/tokenizer_config.json"), "{}");
              return List.of("--chat", "--prompt", "Hi");
            }),
        wrongTemplate(
            "template that does not parse",
            "chat_template.jinja, line 2: the block 'if' that begins here does not end",
            "a\n{% if messages %}"),
        wrongTemplate(
            "template that fails",
            "chat_template.jinja, line 3: 'nope' is undefined",
            "{% for m in messages %}\n\n{{ nope.x }}{% endfor %}"),
        wrongTemplate(
            "template that refuses",
            "chat_template.jinja, line 2: the template says: no user here",
            "\n{{ raise_exception('No user here!') }}"),
        wrongTemplate(
            "template with something unknown",
            "chat_template.jinja, line 1: the filter 'nosuch' is not supported",
            "{{ messages | nosuch }}"),
        wrongTemplate(
            "template without end",
            "does too much work",
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
        wrongChat("chat that is not JSON", "chats.jsonl, line 1: this is not JSON", "Hi\n"),
        wrongChat("chat without role", "chats.jsonl, line 1: message 1 has no role", "[{}]\n"),
        wrongChat("empty chat file", "has no conversation", "\n"),
        wrongSetting("settings that are not JSON", "generation_config.json is not valid", "{"),
        wrongSetting(
            "setting of another type",
            "temperature must be a number",
            "{\"temperature\": \"warm\"}"),
        wrongSetting("setting out of range", "topP", "{\"top_p\": 3}"),
        wrongSetting(
            "stop id that is none", "eos_token_id must be", "{\"eos_token_id\": \"</s>\"}"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource({
    "weights",
    "models",
    "configurations",
    "prompts",
    "commands",
    "modelCommands",
    "data",
    "generation"
  })
  void command_badInput_endsWithOneSentence(String name, String expected, Mistake mistake)
      throws IOException {
    TinyWorld world = TinyWorld.in(copyOfGoodWorld());
    CommandLineRun run = CommandLineRun.of(mistake.make(world).toArray());
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(world.file("out/trace.jsonl")).doesNotExist();
    assertThat(run.errLines()).hasSize(1);
    assertThat(run.err().strip())
        .containsIgnoringCase(expected)
        .matches(sentence -> sentence.endsWith(".") || sentence.endsWith("?"), "a sentence")
        .doesNotContain("\tat ");
  }

  private static Path copyOfGoodWorld() throws IOException {
    Path target = folder.resolve("world-" + copy++);
    try (Stream<Path> files = Files.walk(good)) {
      for (Path file : files.toList()) {
        Files.copy(
            file, target.resolve(good.relativize(file)), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    return target;
  }
}
