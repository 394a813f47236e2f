package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.promptgrad.experiments.command.Promptgrad;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.files.Json;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models by name, from a server of this machine that talks as the hub does. */
class ModelsCommandTest {

  private static final String COMMIT = "c".repeat(40);
  private static final List<String> PROPERTIES =
      List.of("HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_TOKEN");

  @TempDir private static Path shared;
  private static TinyWorld world;

  @TempDir Path folder;
  private HttpServer server;
  private int refusal;
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());

  @BeforeAll
  static void makeWorld() throws IOException {
    world = TinyWorld.create(shared.resolve("world"));
  }

  @BeforeEach
  void startHub() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.start();
    System.setProperty("HF_HOME", folder.resolve("hf").toString());
    System.setProperty("HF_ENDPOINT", "http://127.0.0.1:" + server.getAddress().getPort());
    System.setProperty("HF_HUB_OFFLINE", "0");
    System.setProperty("HF_TOKEN", "hf_canary");
  }

  @AfterEach
  void stopHub() {
    server.stop(0);
    PROPERTIES.forEach(System::clearProperty);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      requests.add(path);
      byte[] body;
      if (refusal > 0) {
        exchange.getResponseHeaders().set("X-Error-Code", "GatedRepo");
        exchange.sendResponseHeaders(refusal, -1);
        return;
      } else if (path.startsWith("/api/models/org/tiny/revision/")) {
        body = Json.line(listing()).getBytes(StandardCharsets.UTF_8);
      } else if (path.startsWith("/org/tiny/resolve/" + COMMIT + "/")) {
        body = Files.readAllBytes(world.model(path.substring(path.lastIndexOf('/') + 1)));
      } else {
        exchange.sendResponseHeaders(404, -1);
        return;
      }
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  private static ObjectNode listing() throws IOException {
    ObjectNode json = Json.object().put("sha", COMMIT);
    ArrayNode siblings = json.putArray("siblings");
    for (String name : List.of("config.json", "model.safetensors", "tokenizer.json")) {
      byte[] content = Files.readAllBytes(world.model(name));
      ObjectNode file = siblings.addObject().put("rfilename", name).put("size", content.length);
      if (name.endsWith(".safetensors")) {
        file.putObject("lfs").put("sha256", hash("SHA-256", content)).put("size", content.length);
      } else {
        byte[] start = ("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8);
        file.put("blobId", hash("SHA-1", start, content));
      }
    }
    return json;
  }

  private static String hash(String algorithm, byte[]... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance(algorithm);
      for (byte[] part : parts) {
        digest.update(part);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static JsonNode json(CommandLineRun run) throws IOException {
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.err()).isEmpty();
    return Json.parse(run.out());
  }

  // ------------------------------------------------------------------ list and download

  @Test
  void download_model_isListedAfterwards() throws IOException {
    JsonNode download = json(CommandLineRun.of("models", "download", "org/tiny", "--json"));
    Path snapshot = folder.resolve("hf/hub/models--org--tiny/snapshots").resolve(COMMIT);
    assertThat(download.path("commit").asText()).isEqualTo(COMMIT);
    assertThat(download.path("folder").asText()).isEqualTo(snapshot.toString());
    assertThat(download.path("files")).hasSize(3);
    JsonNode list = json(CommandLineRun.of("models", "list", "--json"));
    assertThat(list.path("cache").asText()).isEqualTo(folder.resolve("hf/hub").toString());
    JsonNode model = list.path("models").get(list.path("models").size() - 1);
    assertThat(model.path("name").asText()).isEqualTo("org/tiny");
    assertThat(model.path("family").asText()).isEqualTo("bert");
    assertThat(model.path("revisions").get(0).asText()).isEqualTo("main");
    assertThat(model.path("bytes").asLong()).isEqualTo(download.path("bytes").asLong());
    Files.delete(snapshot.resolve("model.safetensors"));
    assertThat(CommandLineRun.of("models", "list").out())
        .contains("bundled:mini-roberta", "org/tiny", "incomplete", "Cache of the hub: ");
  }

  @Test
  void download_progress_isShownOnATerminalOnly() {
    assertThat(download(false)).isEmpty();
    System.setProperty("HF_HOME", folder.resolve("another").toString());
    assertThat(download(true)).contains("\rmodel.safetensors", "####################", "100%");
  }

  private static String download(boolean terminal) {
    StringWriter err = new StringWriter();
    Console console =
        new Console(
            new PrintWriter(new StringWriter()), new PrintWriter(err), terminal, new Interrupt());
    assertThat(Promptgrad.execute(console, "models", "download", "org/tiny")).isZero();
    return err.toString();
  }

  @Test
  void download_gatedModel_endsWithOneSentence() {
    refusal = 403;
    CommandLineRun run = CommandLineRun.of("models", "download", "org/tiny");
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.errLines()).hasSize(1);
    assertThat(run.err()).contains("org/tiny is gated", "/org/tiny, accept its terms");
    assertThat(run.err() + run.out()).doesNotContain("hf_canary");
  }

  // ------------------------------------------------------------------ by name in an experiment

  @Test
  void run_modelOfTheHub_isDownloadedOnceAndPinned() throws IOException {
    Path out = folder.resolve("run");
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.file("run.yaml"),
            "--out",
            out,
            "--set",
            "model=org/tiny",
            "--set",
            "budget.steps=1");
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(Files.readString(out.resolve("config.yaml")))
        .contains("org/tiny@" + COMMIT)
        .doesNotContain("hf_canary");
    assertThat(requests.stream().filter(r -> r.endsWith("model.safetensors"))).hasSize(1);
    requests.clear();
    CommandLineRun more = CommandLineRun.of("resume", out, "--set", "budget.steps=2");
    assertThat(more.code()).as(more.err()).isZero();
    assertThat(requests).isEmpty();
  }

  // ------------------------------------------------------------------ convert

  @Test
  void convert_modelOfTheHub_writesAFolderThatRuns() throws IOException {
    Path target = folder.resolve("half");
    JsonNode result =
        json(
            CommandLineRun.of(
                "models",
                "convert",
                "org/tiny",
                target,
                "--dtype",
                "bfloat16",
                "--shard-size",
                "20 KB",
                "--json"));
    assertThat(result.path("bytes").asLong()).isEqualTo(2 * result.path("parameters").asLong());
    assertThat(result.path("files").toString()).contains("model-00001-of-", "tokenizer.json");
    assertThat(Checkpoint.open(target).get("bert.embeddings.word_embeddings.weight").type())
        .isEqualTo(WeightType.BF16);
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            world.file("run.yaml"),
            "--out",
            folder.resolve("run"),
            "--set",
            "model=" + target,
            "--set",
            "budget.steps=1");
    assertThat(run.code()).as(run.err()).isZero();
  }

  @Test
  void convert_withoutJson_saysWhatWasWritten() throws IOException {
    Path target = folder.resolve("copy");
    CommandLineRun run = CommandLineRun.of("models", "convert", world.model(), target);
    assertThat(run.code()).as(run.err()).isZero();
    assertThat(run.out()).contains("weights", "model.safetensors", "tokenizer.json");
  }
}
