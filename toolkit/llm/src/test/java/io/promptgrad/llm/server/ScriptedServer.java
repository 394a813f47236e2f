package io.promptgrad.llm.server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.promptgrad.files.Json;
import io.promptgrad.llm.openai.Endpoint;
import io.promptgrad.search.RandomSource;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** A real HTTP server in this process with a scripted model behind it that misbehaves on order. */
public final class ScriptedServer implements AutoCloseable {

  static {
    // Else the server waits 40 ms for acknowledgements (Nagle's algorithm).
    System.setProperty("sun.net.httpserver.nodelay", "true");
  }

  /** What a request gets instead of the model's answer. */
  @FunctionalInterface
  public interface Answer {
    void to(HttpExchange exchange, JsonNode request) throws IOException;
  }

  /** A request as it came. */
  public record Seen(String path, Map<String, List<String>> headers, JsonNode body) {}

  public final List<Seen> seen = Collections.synchronizedList(new ArrayList<>());

  /** How often each body was answered in full. */
  public final Map<String, AtomicInteger> answered = new ConcurrentHashMap<>();

  public final AtomicInteger atOnce = new AtomicInteger();
  public final AtomicInteger mostAtOnce = new AtomicInteger();

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Deque<Answer> answers = new ArrayDeque<>();
  private final Function<JsonNode, String> model;
  private final AtomicInteger attempts = new AtomicInteger();
  private volatile double faults;
  private volatile long latencyMillis;
  private volatile boolean keepsSeen = true;

  /**
   * @param model a request's body to the text of the answer
   */
  public ScriptedServer(Function<JsonNode, String> model) {
    this.model = model;
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1000);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  /** A model that says the same to everybody. */
  public static ScriptedServer saying(String text) {
    return new ScriptedServer(request -> text);
  }

  public Endpoint endpoint() {
    return Endpoint.at("http://127.0.0.1:" + server.getAddress().getPort() + "/v1")
        .withTimeout(Duration.ofSeconds(10));
  }

  /** This share of the requests fails in one of the transient ways, drawn at random. */
  public ScriptedServer faults(double share) {
    faults = share;
    return this;
  }

  public ScriptedServer latency(long millis) {
    latencyMillis = millis;
    return this;
  }

  /** Keeps no list of requests, for long runs. */
  public ScriptedServer forgetful() {
    keepsSeen = false;
    return this;
  }

  /** The next request that has no other answer gets this one. */
  public ScriptedServer then(Answer answer) {
    synchronized (answers) {
      answers.add(answer);
    }
    return this;
  }

  public ScriptedServer thenStatus(int status, String body, String... headers) {
    return then(
        (exchange, request) -> {
          for (int i = 0; i < headers.length; i += 2) {
            exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
          }
          send(exchange, status, body);
        });
  }

  public ScriptedServer thenBody(String body) {
    return thenStatus(200, body);
  }

  private void handle(HttpExchange exchange) throws IOException {
    boolean working = true;
    mostAtOnce.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
    try {
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      JsonNode request = Json.parse(body);
      if (keepsSeen) {
        seen.add(
            new Seen(exchange.getRequestURI().toString(), exchange.getRequestHeaders(), request));
      }
      if (latencyMillis > 0) {
        Thread.sleep(latencyMillis);
      }
      Answer answer;
      synchronized (answers) {
        answer = answers.poll();
      }
      if (answer == null) {
        answer = fault(attempts.incrementAndGet());
      }
      // Before the answer is sent: whoever has it may send the next request at once.
      atOnce.decrementAndGet();
      working = false;
      answer.to(exchange, request);
      exchange.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    } finally {
      if (working) {
        atOnce.decrementAndGet();
      }
    }
  }

  private Answer fault(int attempt) {
    var draw = new RandomSource(4711).stream("faults", attempt);
    if (draw.nextDouble() >= faults) {
      return this::answer;
    }
    List<Answer> kinds =
        List.of(
            (exchange, request) -> {
              exchange.getResponseHeaders().set("Retry-After", "0.01");
              send(exchange, 429, "{\"error\": {\"message\": \"slow down\"}}");
            },
            (exchange, request) -> send(exchange, 500, "oops"),
            (exchange, request) ->
                send(exchange, 503, "{\"error\": {\"message\": \"overloaded\"}}"),
            (exchange, request) -> reset(exchange),
            this::truncated,
            (exchange, request) -> send(exchange, 200, "{\"choices\": [{\"message\""),
            (exchange, request) -> send(exchange, 200, "{\"choices\": []}"),
            this::trickle);
    return kinds.get(draw.nextInt(kinds.size()));
  }

  /** Drops the connection without a byte. */
  public static void reset(HttpExchange exchange) throws IOException {
    throw new IOException("makes the server drop the connection");
  }

  /** Promises the whole answer, sends a half of it and drops the connection. */
  public void truncated(HttpExchange exchange, JsonNode request) throws IOException {
    byte[] bytes = body(request).getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes, 0, bytes.length / 2);
    exchange.getResponseBody().flush();
    throw new IOException("makes the server drop the connection");
  }

  /** Sends the whole answer, in small pieces. */
  public void trickle(HttpExchange exchange, JsonNode request) throws IOException {
    byte[] bytes = body(request).getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, bytes.length);
    for (int i = 0; i < bytes.length; i += 64) {
      exchange.getResponseBody().write(bytes, i, Math.min(64, bytes.length - i));
      exchange.getResponseBody().flush();
    }
    count(request);
  }

  /** The model's answer. */
  public void answer(HttpExchange exchange, JsonNode request) throws IOException {
    count(request);
    send(exchange, 200, body(request));
  }

  private void count(JsonNode request) {
    if (keepsSeen) {
      answered.computeIfAbsent(Json.line(request), k -> new AtomicInteger()).incrementAndGet();
    }
  }

  private String body(JsonNode request) {
    return Json.line(chatBody(model.apply(request), "stop", Json.line(request)));
  }

  /** An answer of a chat, as servers send it, with four bytes to a token. */
  public static ObjectNode chatBody(String text, String finish, String request) {
    ObjectNode json = Json.object().put("object", "chat.completion");
    ObjectNode choice = json.putArray("choices").addObject().put("index", 0);
    choice.putObject("message").put("role", "assistant").put("content", text);
    choice.put("finish_reason", finish);
    json.putObject("usage")
        .put("prompt_tokens", (request.length() + 3) / 4)
        .put("completion_tokens", (text.length() + 3) / 4);
    return json;
  }

  public static void send(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  /** The text of the last message of a chat request. */
  public static String lastMessage(JsonNode request) {
    JsonNode messages = request.path("messages");
    return messages.path(messages.size() - 1).path("content").asText();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
