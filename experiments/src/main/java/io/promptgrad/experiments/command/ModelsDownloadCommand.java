package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.DownloadBar;
import io.promptgrad.files.Json;
import io.promptgrad.lm.hub.Hub;
import io.promptgrad.lm.hub.HubReference;
import io.promptgrad.lm.hub.Snapshot;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "download",
    mixinStandardHelpOptions = true,
    description = {
      "Download a model of the Hugging Face hub into the cache that Python uses as well.",
      "Reads HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_TOKEN and HF_ENDPOINT."
    })
final class ModelsDownloadCommand implements Callable<Integer> {

  @Parameters(
      paramLabel = "MODEL",
      description = "org/name, or org/name@REVISION with a branch, tag or commit.")
  private String model;

  @Mixin private OutputOptions output;

  @Override
  public Integer call() throws IOException {
    Console console = output.console();
    HubReference reference = HubReference.parse(model);
    DownloadBar bar = new DownloadBar(console);
    Snapshot snapshot;
    try {
      snapshot = Hub.fromEnvironment().listener(bar).download(reference);
    } finally {
      bar.end();
    }
    if (output.json) {
      ObjectNode json =
          Json.object()
              .put("model", reference.name())
              .put("revision", reference.revision())
              .put("commit", snapshot.commit())
              .put("folder", snapshot.folder().toString())
              .put("bytes", snapshot.bytes());
      ArrayNode files = json.putArray("files");
      try (Stream<Path> content = Files.list(snapshot.folder())) {
        content.map(file -> file.getFileName().toString()).sorted().forEach(files::add);
      }
      console.out().print(Json.pretty(json));
    } else {
      console
          .out()
          .printf(
              Locale.ROOT,
              "%s at commit %s: %.1f MB in %s%n",
              reference,
              snapshot.commit().substring(0, 12),
              snapshot.bytes() / 1e6,
              snapshot.folder());
    }
    return Promptgrad.OK;
  }
}
