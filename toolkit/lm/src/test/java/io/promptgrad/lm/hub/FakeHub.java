package io.promptgrad.lm.hub;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import io.promptgrad.files.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * As much of the Hugging Face hub as is asked for here, after its public description: the list of
 * files with checksums, files by commit, and large files by redirect from another server.
 */
final class FakeHub implements AutoCloseable {

  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  /** What the hub answers in its headers about an error. */
  record Refusal(int status, String code) {}

  final Map<String, byte[]> files = new TreeMap<>();
  final Map<String, String> refs = new HashMap<>(Map.of("main", COMMIT));
  final Map<String, Refusal> refusals = new HashMap<>(); // by path
  final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  final List<String> tokens = Collections.synchronizedList(new ArrayList<>());
  final List<String> tokensElsewhere = Collections.synchronizedList(new ArrayList<>());
  String listing; // instead of the right one

  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final HttpServer hub = server(this::answer);
  private final HttpServer storage = server(this::serveLarge);

  FakeHub() throws IOException {
    file("config.json", "{\"model_type\": \"none\"}");
    file("tokenizer.json", "{}");
    file("README.md", "# A model");
    file("model.safetensors", "w".repeat(100_000));
    file("pytorch_model.bin", "never asked for");
  }

  private HttpServer server(HttpHandler handler) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/", handler);
    server.start();
    return server;
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + hub.getAddress().getPort());
  }

  FakeHub file(String name, String content) {
    files.put(name, content.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  FakeHub without(String name) {
    files.remove(name);
    return this;
  }

  static boolean isLarge(String name) {
    return name.endsWith(".safetensors") || name.endsWith(".bin");
  }

  static String checksum(String name, byte[] content) {
    try {
      if (isLarge(name)) {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
      }
      MessageDigest git = MessageDigest.getInstance("SHA-1");
      git.update(("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(git.digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getRawPath();
      requests.add(path);
      tokens.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
      Refusal refusal = refusals.get(path);
      if (refusal != null) {
        exchange.getResponseHeaders().set("X-Error-Code", refusal.code);
        exchange.sendResponseHeaders(refusal.status, -1);
      } else if (path.startsWith("/api/models/old-name/")) {
        redirect(exchange, path.replace("old-name", "org/tiny") + "?blobs=true");
      } else if (path.startsWith("/api/models/org/tiny/revision/")) {
        list(exchange, path.substring(path.lastIndexOf('/') + 1));
      } else if (path.matches("/(org/tiny|old-name)/resolve/" + COMMIT + "/[^/]+")) {
        serve(exchange, path.substring(path.lastIndexOf('/') + 1));
      } else {
        refuse(exchange, 401, "RepoNotFound");
      }
    }
  }

  private void list(HttpExchange exchange, String revision) throws IOException {
    String name = revision.replace("%2F", "/");
    String commit = COMMIT.startsWith(name) ? COMMIT : refs.get(name);
    if (commit == null) {
      refuse(exchange, 404, "RevisionNotFound");
      return;
    }
    ObjectNode json = Json.object().put("id", "org/tiny").put("sha", commit).put("gated", false);
    ArrayNode siblings = json.putArray("siblings");
    files.forEach(
        (file, content) -> {
          ObjectNode one = siblings.addObject().put("rfilename", file).put("size", content.length);
          if (isLarge(file)) {
            one.put("blobId", "f".repeat(40));
            one.putObject("lfs")
                .put("sha256", checksum(file, content))
                .put("size", content.length)
                .put("pointerSize", 134);
          } else {
            one.put("blobId", checksum(file, content));
          }
        });
    byte[] body = (listing != null ? listing : Json.line(json)).getBytes(StandardCharsets.UTF_8);
    send(exchange, body);
  }

  private void serve(HttpExchange exchange, String name) throws IOException {
    byte[] content = files.get(name);
    if (content == null) {
      refuse(exchange, 404, "EntryNotFound");
    } else if (isLarge(name)) {
      redirect(
          exchange,
          "http://localhost:" + storage.getAddress().getPort() + "/" + name + "?signed=1");
    } else {
      exchange.getResponseHeaders().set("ETag", '"' + checksum(name, content) + '"');
      send(exchange, content);
    }
  }

  private void serveLarge(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      requests.add("storage:" + path);
      tokensElsewhere.add(exchange.getRequestHeaders().entrySet().toString());
      exchange.getResponseHeaders().set("ETag", "\"storage's own\"");
      send(exchange, files.get(path.substring(1)));
    }
  }

  private static void send(HttpExchange exchange, byte[] body) throws IOException {
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
  }

  private static void redirect(HttpExchange exchange, String to) throws IOException {
    exchange.getResponseHeaders().set("Location", to);
    exchange.sendResponseHeaders(307, -1);
  }

  private static void refuse(HttpExchange exchange, int status, String code) throws IOException {
    exchange.getResponseHeaders().set("X-Error-Code", code);
    exchange.sendResponseHeaders(status, -1);
  }

  @Override
  public void close() {
    hub.stop(0);
    storage.stop(0);
    threads.shutdownNow();
  }
}
