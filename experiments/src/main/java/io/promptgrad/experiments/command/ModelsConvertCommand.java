package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.Nearest;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.ModelLoader;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.CheckpointConversion;
import io.promptgrad.lm.weights.WeightType;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "convert",
    mixinStandardHelpOptions = true,
    description = {
      "Write a model folder from a checkpoint in another layout: names without the base model's",
      "prefix, a file of another name, shards, another number format, a llama2.c file (version 0)."
    })
final class ModelsConvertCommand implements Callable<Integer> {

  private static final Map<String, WeightType> TYPES =
      new TreeMap<>(
          Map.of(
              "float32", WeightType.F32,
              "float16", WeightType.F16,
              "bfloat16", WeightType.BF16,
              "float64", WeightType.F64));
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})(KB|MB|GB)");

  @Parameters(
      index = "0",
      paramLabel = "SRC",
      description = "A model folder, org/name on the hub, a .safetensors file, or a llama2.c file.")
  private String source;

  @Parameters(index = "1", paramLabel = "DST", description = "A new or empty folder.")
  private Path target;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description = "float32, float16, bfloat16 or float64; by default as they are.")
  private String dtype;

  @Option(
      names = "--shard-size",
      paramLabel = "SIZE",
      description = "Split the weights into files of at most this size, such as 5GB.")
  private String shardSize;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "A llama2.c model's tokenizer; by default tokenizer.bin beside it.")
  private Path tokenizer;

  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    Console console = output.console();
    CheckpointConversion conversion = CheckpointConversion.of(ModelLoader.folder(source, console));
    if (dtype != null) {
      conversion.type(type(dtype));
    }
    if (shardSize != null) {
      conversion.shards(bytes(shardSize));
    }
    if (tokenizer != null) {
      conversion.tokenizer(tokenizer);
    }
    CheckpointConversion.Result result = conversion.to(target);
    if (output.json) {
      ObjectNode json =
          Json.object()
              .put("folder", result.folder().toString())
              .put("parameters", result.parameters())
              .put("bytes", result.bytes());
      result.files().forEach(json.putArray("files")::add);
      result.leftOut().forEach(json.putArray("left_out")::add);
      console.out().print(Json.pretty(json));
    } else {
      console
          .out()
          .printf(
              Locale.ROOT,
              "%s: %,d weights, %.1f MB (%s)%n",
              result.folder(),
              result.parameters(),
              result.bytes() / 1e6,
              String.join(", ", result.files()));
      if (!result.leftOut().isEmpty()) {
        console
            .out()
            .println(
                "Left out, since no forward pass uses it: " + String.join(", ", result.leftOut()));
      }
      if (result.files().stream()
          .noneMatch(f -> f.equals("tokenizer.json") || f.startsWith("vocab"))) {
        console.say("There is no tokenizer in it, which prompts need; put tokenizer.json into it.");
      }
    }
    return Promptgrad.OK;
  }

  private static WeightType type(String name) {
    WeightType type = TYPES.get(name);
    if (type == null) {
      throw new InvalidInputException(
          "--dtype: there is no number format '%s'%s"
              .formatted(name, Nearest.hint(name, TYPES.keySet())));
    }
    return type;
  }

  private static long bytes(String size) {
    Matcher matcher = SIZE.matcher(size.toUpperCase(Locale.ROOT).replace(" ", ""));
    long number = matcher.matches() ? Long.parseLong(matcher.group(1)) : 0;
    if (number == 0) {
      throw new InvalidInputException(
          "--shard-size: '%s' is not a size; write one such as 500MB or 5GB.".formatted(size));
    }
    return number
        * switch (matcher.group(2)) {
          case "KB" -> 1_000L;
          case "MB" -> 1_000_000L;
          default -> 1_000_000_000L;
        };
  }
}
