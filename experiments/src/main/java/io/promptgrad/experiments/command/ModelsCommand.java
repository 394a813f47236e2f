package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.files.Json;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.models.BundledModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "models",
    mixinStandardHelpOptions = true,
    description = "Show the models that are at hand.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = ModelsCommand.ListCommand.class)
final class ModelsCommand {

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "List the bundled models.")
  static final class ListCommand implements Callable<Integer> {

    @Mixin private OutputOptions output;

    @Override
    public Integer call() throws IOException {
      Console console = output.console();
      ObjectNode json = Json.object();
      ArrayNode models = json.putArray("models");
      for (BundledModel model : BundledModel.values()) {
        models.add(describe(model));
      }
      if (output.json) {
        console.out().print(Json.pretty(json));
        return Promptgrad.OK;
      }
      console.out().printf("%-22s %-9s %12s %10s  %s%n", "model", "family", "parameters", "size", "folder");
      for (var model : models) {
        console
            .out()
            .printf(
                Locale.ROOT,
                "%-22s %-9s %,12d %7.1f MB  %s%n",
                model.path("name").asText(),
                model.path("family").asText(),
                model.path("parameters").asLong(),
                model.path("bytes").asLong() / 1e6,
                model.path("folder").asText());
      }
      return Promptgrad.OK;
    }

    private static ObjectNode describe(BundledModel model) throws IOException {
      Path folder = model.folder();
      long parameters =
          Checkpoint.open(folder).names().stream()
              .map(name -> Checkpoint.open(folder).get(name).shape())
              .mapToLong(shape -> Arrays.stream(shape).reduce(1, (a, b) -> a * b))
              .sum();
      ObjectNode json = Json.object();
      json.put("name", BundledModel.PREFIX + model.id())
          .put("family", Architecture.read(folder).spec().family())
          .put("parameters", parameters)
          .put("bytes", Files.size(folder.resolve("model.safetensors")))
          .put("folder", folder.toString());
      return json;
    }
  }
}
