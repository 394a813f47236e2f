package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.hub.CachedModel;
import io.promptgrad.lm.hub.Hub;
import io.promptgrad.lm.hub.HubReference;
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
    description = "Show, download and convert models.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      ModelsCommand.ListCommand.class,
      ModelsDownloadCommand.class,
      ModelsConvertCommand.class
    })
final class ModelsCommand {

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "List the bundled models and those in the cache of the Hugging Face hub.")
  static final class ListCommand implements Callable<Integer> {

    @Mixin private OutputOptions output;

    @Override
    public Integer call() throws IOException {
      Console console = output.console();
      Hub hub = Hub.fromEnvironment();
      ObjectNode json = Json.object().put("cache", hub.settings().cache().toString());
      ArrayNode models = json.putArray("models");
      for (BundledModel model : BundledModel.values()) {
        ObjectNode row = models.addObject().put("name", BundledModel.PREFIX + model.id());
        Path folder = model.folder();
        describe(row, folder)
            .put("bytes", Files.size(folder.resolve(Checkpoint.SINGLE)))
            .put("folder", folder.toString());
      }
      for (CachedModel model : hub.models()) {
        ObjectNode row = models.addObject().put("name", name(model));
        if (model.complete()) {
          describe(row, model.folder());
        }
        row.put("commit", model.commit()).put("complete", model.complete());
        model.revisions().forEach(row.putArray("revisions")::add);
        row.put("bytes", model.bytes()).put("folder", model.folder().toString());
      }
      if (output.json) {
        console.out().print(Json.pretty(json));
      } else {
        print(models, console);
        console.out().println("Cache of the hub: " + hub.settings().cache());
      }
      return Promptgrad.OK;
    }

    /** As the model can be named: by branch or tag, else by the beginning of the commit. */
    private static String name(CachedModel model) {
      if (model.revisions().contains(HubReference.MAIN)) {
        return model.name();
      }
      return model.name()
          + "@"
          + model.revisions().stream().findFirst().orElse(model.commit().substring(0, 12));
    }

    /** Family and size, if the model is one that can be loaded. */
    private static ObjectNode describe(ObjectNode row, Path folder) {
      try {
        String family = Architecture.read(folder).spec().family();
        Checkpoint checkpoint = Checkpoint.open(folder);
        long parameters =
            checkpoint.names().stream()
                .map(name -> checkpoint.get(name).shape())
                .mapToLong(shape -> Arrays.stream(shape).reduce(1, (a, b) -> a * b))
                .sum();
        row.put("family", family).put("parameters", parameters);
      } catch (InvalidInputException e) {
        row.put("problem", e.getMessage());
      }
      return row;
    }

    private static void print(ArrayNode models, Console console) {
      int width = 22;
      for (JsonNode model : models) {
        width = Math.max(width, model.path("name").asText().length());
      }
      String row = "%-" + width + "s %-11s %15s %10s  %s%n";
      console.out().printf(row, "model", "family", "parameters", "size", "folder");
      for (JsonNode model : models) {
        String family = model.path("complete").asBoolean(true) ? "not usable" : "incomplete";
        console
            .out()
            .printf(
                row,
                model.path("name").asText(),
                model.path("family").asText(family),
                model.has("parameters")
                    ? String.format(Locale.ROOT, "%,d", model.path("parameters").asLong())
                    : "",
                String.format(Locale.ROOT, "%.1f MB", model.path("bytes").asLong() / 1e6),
                model.path("folder").asText());
      }
    }
  }
}
