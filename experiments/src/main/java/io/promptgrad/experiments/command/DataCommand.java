package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.data.Catalogue;
import io.promptgrad.data.CatalogueEntry;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.data.Dataset;
import io.promptgrad.experiments.config.DataFolder;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.DataIntake;
import io.promptgrad.experiments.execution.DownloadBar;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.LeakReport;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "data",
    mixinStandardHelpOptions = true,
    description = "Show, download and import data sets.",
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      DataCommand.ListCommand.class,
      DataCommand.DownloadCommand.class,
      DataCommand.ImportCommand.class
    })
final class DataCommand {

  /** What all three understand. */
  static final class Options {

    @Option(
        names = "--dir",
        paramLabel = "DIR",
        description =
            "The data folder; PROMPTGRAD_DATA if it is not given, else ~/.cache/promptgrad/data.")
    private Path dir;

    DataDirectory directory() {
      return DataFolder.open(Optional.ofNullable(dir));
    }
  }

  @Command(
      name = "list",
      mixinStandardHelpOptions = true,
      description = "List the data sets that are known, and which of them are at hand.")
  static final class ListCommand implements Callable<Integer> {

    @Mixin private Options options;
    @Mixin private OutputOptions output;

    @Override
    public Integer call() {
      Console console = output.console();
      DataDirectory directory = options.directory();
      ObjectNode json = Json.object().put("folder", directory.folder().toString());
      ArrayNode sets = json.putArray("data");
      for (CatalogueEntry entry : Catalogue.builtIn().entries()) {
        ObjectNode set = sets.addObject();
        set.put("name", entry.name())
            .put("title", entry.title())
            .put("citation", entry.citation())
            .put("licence", entry.licence())
            .put("state", directory.state(entry.name()).name().toLowerCase(Locale.ROOT))
            .put("download", !entry.sources().isEmpty());
        set.set("rows", Json.tree(entry.knownRows()));
      }
      if (output.json) {
        console.out().print(Json.pretty(json));
        return Promptgrad.OK;
      }
      console.out().printf("%-34s %-9s %-38s %s%n", "data set", "state", "rows", "what it is");
      for (JsonNode set : sets) {
        console
            .out()
            .printf(
                "%-34s %-9s %-38s %s%n",
                set.path("name").asText(),
                set.path("state").asText().replace("absent", "-"),
                counts(set.path("rows")),
                set.path("title").asText());
      }
      console.out().println("Data folder: " + directory.folder());
      return Promptgrad.OK;
    }

    private static String counts(JsonNode rows) {
      return rows.properties().stream()
          .map(split -> "%s %s".formatted(split.getKey(), number(split.getValue().asInt())))
          .collect(Collectors.joining(", "));
    }
  }

  @Command(
      name = "import",
      mixinStandardHelpOptions = true,
      description = "Read a copy of a data set as its authors gave it out.")
  static final class ImportCommand implements Callable<Integer> {

    @Parameters(index = "0", paramLabel = "NAME", description = "Its name; see 'data list'.")
    private String name;

    @Parameters(
        index = "1",
        paramLabel = "FOLDER",
        description = "The folder, or the .zip, .tar or .tar.gz archive, that holds its files.")
    private Path source;

    @Option(names = "--force", description = "Go on where splits are missing or of another size.")
    private boolean force;

    @Mixin private Options options;
    @Mixin private OutputOptions output;

    @Override
    public Integer call() {
      Console console = output.console();
      DataDirectory directory = options.directory();
      Dataset dataset = DataIntake.importFrom(known(name), source, force, directory);
      show(List.of(dataset), directory, output.json, console);
      return Promptgrad.OK;
    }
  }

  @Command(
      name = "download",
      mixinStandardHelpOptions = true,
      description = "Download data sets from where their authors, or others, share them.")
  static final class DownloadCommand implements Callable<Integer> {

    @Parameters(paramLabel = "NAME", arity = "1..*", description = "Their names; see 'data list'.")
    private List<String> names;

    @Option(
        names = "--force",
        description = "Take the files even if they are not those that the catalogue knows.")
    private boolean force;

    @Mixin private Options options;
    @Mixin private OutputOptions output;

    @Override
    public Integer call() {
      Console console = output.console();
      DataDirectory directory = options.directory();
      List<CatalogueEntry> entries = names.stream().map(DataCommand::known).toList();
      DownloadBar bar = new DownloadBar(console);
      List<Dataset> datasets = new ArrayList<>();
      try {
        for (CatalogueEntry entry : entries) {
          datasets.add(DataIntake.download(entry, force, directory, bar));
        }
      } finally {
        bar.end();
      }
      show(datasets, directory, output.json, console);
      return Promptgrad.OK;
    }
  }

  /** The entry of that name. */
  private static CatalogueEntry known(String name) {
    return Catalogue.builtIn()
        .find(name)
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "There is no data set '%s'%s".formatted(name, DataFolder.hint(name))));
  }

  private static void show(
      List<Dataset> datasets, DataDirectory directory, boolean json, Console console) {
    ArrayNode array = Json.object().putArray("data");
    for (Dataset dataset : datasets) {
      Map<String, LeakReport> leaks = dataset.leaks();
      Path folder = directory.path(dataset.info().name());
      if (json) {
        array.add(describe(dataset, leaks).put("folder", folder.toString()));
      } else {
        print(dataset, leaks, folder, console);
      }
    }
    if (json) {
      console.out().print(Json.pretty(Json.object().set("data", array)));
    }
  }

  private static ObjectNode describe(Dataset dataset, Map<String, LeakReport> leaks) {
    ObjectNode json =
        Json.object()
            .put("name", dataset.info().name())
            .put("licence", dataset.info().licence())
            .put("citation", dataset.info().citation())
            .put("source", dataset.info().source())
            .put("sha256", dataset.info().sha256());
    dataset.info().asKnown().ifPresent(same -> json.put("as_known", same));
    json.set("rows", Json.tree(rows(dataset)));
    json.put("parts", dataset.parts().size());
    json.set("leaks", Dataset.leaksJson(leaks));
    dataset.info().warnings().forEach(json.putArray("warnings")::add);
    return json;
  }

  /** Rows of all parts, by split. */
  private static Map<String, Integer> rows(Dataset dataset) {
    Map<String, Integer> rows = new LinkedHashMap<>();
    dataset.splits().forEach(split -> rows.merge(split.name(), split.rows(), Integer::sum));
    return rows;
  }

  private static void print(
      Dataset dataset, Map<String, LeakReport> leaks, Path folder, Console console) {
    PrintWriter out = console.out();
    out.println(dataset.info().name() + ": " + dataset.info().title());
    rows(dataset)
        .forEach(
            (split, rows) -> {
              Map<String, Integer> labels = new LinkedHashMap<>();
              dataset.splits().stream()
                  .filter(s -> s.name().equals(split))
                  .forEach(s -> s.labels().forEach((l, n) -> labels.merge(l, n, Integer::sum)));
              String counts =
                  labels.entrySet().stream()
                      .map(label -> label.getKey() + " " + number(label.getValue()))
                      .collect(Collectors.joining(", "));
              out.printf(
                  "  %-9s %9s rows  %s%n", split, number(rows), labels.size() > 8 ? "" : counts);
            });
    if (dataset.parts().size() > 1) {
      out.printf("  in %d parts: %s%n", dataset.parts().size(), shortened(dataset.parts()));
    }
    printLeaks(leaks, folder, out);
    dataset.info().warnings().forEach(warning -> out.println("Warning: " + warning));
    dataset.info().notices().forEach(notice -> out.println("Its files say: " + notice));
    out.printf(
        "Files: SHA-256 %s%s%n",
        dataset.info().sha256(),
        dataset.info().asKnown().orElse(false) ? ", as the catalogue knows them" : "");
    out.println("Licence: " + dataset.info().licence() + ". Cite: " + dataset.info().citation());
    out.println("Imported to " + folder);
  }

  private static void printLeaks(Map<String, LeakReport> leaks, Path folder, PrintWriter out) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    leaks.values().forEach(r -> r.counts().forEach((s, n) -> counts.merge(s, n, Integer::sum)));
    counts.forEach(
        (splits, count) ->
            out.printf(
                "Leak: rows of %s that are in %s as well: %s; see %s%n",
                splits.replaceFirst(".*/", ""),
                splits.replaceFirst("/.*", ""),
                number(count),
                folder.resolve("leaks.jsonl")));
  }

  private static String shortened(List<String> parts) {
    return String.join(", ", parts.subList(0, Math.min(6, parts.size())))
        + (parts.size() > 6 ? ", ..." : "");
  }

  private static String number(int value) {
    return String.format(Locale.ROOT, "%,d", value);
  }
}
