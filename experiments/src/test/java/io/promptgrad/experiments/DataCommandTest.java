package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import io.promptgrad.data.Catalogue;
import io.promptgrad.data.CatalogueEntry;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.data.Dataset;
import io.promptgrad.experiments.execution.DataIntake;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataCommandTest {

  /** Tiny copies of the layouts that the catalogue knows. */
  static final Path LAYOUTS =
      Path.of("")
          .toAbsolutePath()
          .resolveSibling("toolkit")
          .resolve("core/src/test/resources/io/promptgrad/data/layouts");

  @TempDir private Path folder;

  private Path data() {
    return folder.resolve("data");
  }

  private CommandLineRun importTiny(String name, Object... more) {
    List<Object> arguments =
        new ArrayList<>(List.of("data", "import", name, LAYOUTS, "--dir", data(), "--force"));
    arguments.addAll(List.of(more));
    CommandLineRun run = CommandLineRun.of(arguments.toArray());
    assertThat(run.code()).as(run.err()).isZero();
    return run;
  }

  @Test
  void list_beforeAndAfterAnImport_showsTheState() throws IOException {
    CommandLineRun before = CommandLineRun.of("data", "list", "--dir", data());
    assertThat(before.code()).isZero();
    assertThat(before.out()).contains("sick-e", "train 67,349, dev 872", "Data folder: " + data());
    importTiny("trec");
    CommandLineRun after = CommandLineRun.of("data", "list", "--dir", data(), "--json");
    Map<String, String> states = new HashMap<>();
    for (JsonNode set : Json.parse(after.out()).path("data")) {
      states.put(set.path("name").asText(), set.path("state").asText());
    }
    assertThat(states).containsEntry("trec", "imported").containsEntry("mr", "absent");
    assertThat(states).hasSameSizeAs(Catalogue.builtIn().names());
    CommandLineRun originals = CommandLineRun.of("data", "list", "--dir", LAYOUTS);
    assertThat(originals.out().lines().filter(l -> l.startsWith("trec ")))
        .singleElement()
        .asString()
        .contains("original");
  }

  @Test
  void import_forced_tellsWhatIsWrongAndWhatLeaks() throws IOException {
    CommandLineRun run = importTiny("lama-trex");
    assertThat(run.out())
        .contains(
            "Warning: lama-trex/P19, train: expected",
            "rows and found 2 in",
            "in 2 parts: P19, P36",
            "Leak: rows of test that are in train as well: 1; see " + data().resolve("lama-trex"),
            "Licence: CC BY-NC 4.0 (LAMA)",
            "Imported to " + data().resolve("lama-trex"));
    JsonNode json = Json.parse(importTiny("lama-trex", "--json").out()).path("data").get(0);
    assertThat(json.path("leaks")).hasToString("{\"P19\":{\"train/test\":1}}");
    assertThat(json.path("rows")).hasToString("{\"train\":3,\"dev\":1,\"test\":2}");
    assertThat(Dataset.open(data().resolve("lama-trex")).parts()).containsExactly("P19", "P36");
    try (Stream<Path> left = Files.list(data())) {
      assertThat(left).containsExactly(data().resolve("lama-trex"));
    }
  }

  private static byte[] zipOf(Path directory, String under) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes);
        Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        zip.putNextEntry(new ZipEntry(under + directory.relativize(file)));
        zip.write(Files.readAllBytes(file));
        zip.closeEntry();
      }
    }
    return bytes.toByteArray();
  }

  @Test
  void import_archive_isUnpackedAndCleanedUp() throws IOException {
    Path archive = Files.write(folder.resolve("qc.zip"), zipOf(LAYOUTS.resolve("trec"), "qc/"));
    CommandLineRun run =
        CommandLineRun.of("data", "import", "trec", archive, "--dir", data(), "--force");
    assertThat(run.code()).as(run.err()).isZero();
    Dataset trec = Dataset.open(data().resolve("trec"));
    assertThat(trec.info().source()).isEqualTo(archive.toString());
    assertThat(trec.examples("", "test")).hasSize(1);
    try (Stream<Path> left = Files.list(data())) {
      assertThat(left).containsExactly(data().resolve("trec"));
    }
  }

  @Test
  void run_onADataSet_resolvesItAndRepeats() throws IOException {
    TinyWorld world = TinyWorld.create(folder.resolve("world"));
    importTiny("sst2");
    Path out = folder.resolve("run");
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.file("run.yaml"),
            "--set",
            "task={data: sst2, dev: {size: 1}}",
            "--set",
            "data.dir=" + data(),
            "--set",
            "budget.steps=1",
            "--out",
            out,
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode result = Json.parse(run.out());
    assertThat(result.path("task").asText()).isEqualTo("sst2");
    assertThat(result.path("found").path("test").path("n").asInt()).isEqualTo(1);
    assertThat(result.path("warnings").toString()).contains("of the texts of test also occur in");
    String config = Files.readString(out.resolve("config.yaml"));
    assertThat(config).containsPattern("data: \"?sst2").contains(data().toString());

    CommandLineRun again =
        CommandLineRun.of("run", out.resolve("config.yaml"), "--out", folder.resolve("again"));
    assertThat(again.code()).as(again.err()).isZero();
    assertThat(Files.readString(folder.resolve("again/config.yaml"))).isEqualTo(config);
  }

  @Test
  void search_twoWaySick_readsOptionsOfTheTask() throws IOException {
    TinyWorld world = TinyWorld.create(folder.resolve("world"));
    importTiny("sick-e");
    Files.writeString(
        world.file("two-way.yaml"),
        """
        data: sick-e
        keep_labels: [entailment, contradiction]
        balanced: true
        train: {split: train, seed: 4}
        """);
    CommandLineRun run =
        CommandLineRun.of(
            "search",
            "autoprompt",
            "--model",
            world.model(),
            "--task",
            world.file("two-way.yaml"),
            "--template",
            "{sentence_A} [P] [T] {sentence_B}",
            "--label",
            "entailment=good",
            "--label",
            "contradiction=bad",
            "--set",
            "data.dir=" + data(),
            "--set",
            "budget.steps=1",
            "--out",
            folder.resolve("two-way"),
            "--json");
    assertThat(run.code()).as(run.err()).isZero();
    JsonNode result = Json.parse(run.out());
    assertThat(result.path("found").path("test").path("n").asInt()).isEqualTo(2);
    assertThat(result.path("baselines").path("majority").path("dev").path("value").asDouble())
        .isEqualTo(0.5);
  }

  // ------------------------------------------------------------------ download

  /** A server of this machine with some files. */
  private static HttpServer serve(Map<String, byte[]> files, List<String> asked)
      throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          String path = exchange.getRequestURI().getPath();
          asked.add(path);
          byte[] body = files.get(path);
          exchange.sendResponseHeaders(body == null ? 404 : 200, body == null ? -1 : body.length);
          if (body != null) {
            exchange.getResponseBody().write(body);
          }
          exchange.close();
        });
    server.start();
    return server;
  }

  private static CatalogueEntry entry(HttpServer server, String sha256) throws IOException {
    return Catalogue.parse(
            """
            tiny:
              title: a tiny set
              citation: nobody
              licence: none
              folders: [qc]
              download:
                - {url: "http://localhost:PORT/{part:a|b}.tsv", to: "{part}.tsv"}
                - {url: "http://localhost:PORT/more.zip", to: more.zip}
              reader: {kind: table}
              columns: {text: text, label: label}
              label: label
              layouts:
                - splits: {train: "{part:a|b}.tsv", test: more.tsv}
                  rows: {train: 2, test: 1}
                  sha256: SHA
            """
                .replace("PORT", "" + server.getAddress().getPort())
                .replace("SHA", sha256))
        .get("tiny");
  }

  @Test
  void download_filesAndArchive_areImported() throws IOException {
    Path more = Files.createDirectories(folder.resolve("more"));
    Files.writeString(more.resolve("more.tsv"), "text\tlabel\nthree\t1\n");
    Map<String, byte[]> files = new HashMap<>();
    files.put("/a.tsv", "text\tlabel\none\t0\n".getBytes(StandardCharsets.UTF_8));
    files.put("/more.zip", zipOf(more, ""));
    List<String> asked = Collections.synchronizedList(new ArrayList<>());
    HttpServer server = serve(files, asked);
    try {
      DataDirectory directory = new DataDirectory(data(), Catalogue.builtIn());
      CatalogueEntry wrong = entry(server, "0".repeat(64));
      // One file is missing: what has come is kept for the next time.
      assertThatThrownBy(() -> DataIntake.download(wrong, false, directory, (name, event) -> {}))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("There is nothing at");
      assertThat(asked).containsExactly("/a.tsv", "/b.tsv");
      files.put("/b.tsv", "text\tlabel\ntwo\t1\n".getBytes(StandardCharsets.UTF_8));
      asked.clear();
      assertThatThrownBy(() -> DataIntake.download(wrong, false, directory, (name, event) -> {}))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("are not those that the catalogue knows (SHA-256");
      assertThat(asked).containsExactly("/b.tsv", "/more.zip");
      assertThat(data().resolve("tiny")).doesNotExist();

      List<String> told = new ArrayList<>();
      Dataset forced = DataIntake.download(wrong, true, directory, (name, event) -> told.add(name));
      assertThat(told).contains("tiny/a.tsv", "tiny/more.zip");
      assertThat(forced.info().asKnown()).contains(false);
      Dataset right =
          DataIntake.download(
              entry(server, forced.info().sha256()), false, directory, (name, event) -> {});
      assertThat(right.info().asKnown()).contains(true);
      Dataset opened = Dataset.open(data().resolve("tiny"));
      assertThat(opened.parts()).containsExactly("a", "b");
      assertThat(opened.examples("b", "train").get(0).text()).isEqualTo("two");
      assertThat(opened.examples("b", "test").get(0).text()).isEqualTo("three");
      assertThat(opened.info().source()).contains("/{part}.tsv, http://localhost:");
    } finally {
      server.stop(0);
    }
  }
}
