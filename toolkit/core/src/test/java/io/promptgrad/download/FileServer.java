package io.promptgrad.download;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One file on a local server that keeps a list of what was asked and can misbehave on order. */
final class FileServer implements AutoCloseable {

  private static final Pattern RANGE = Pattern.compile("bytes=(\\d+)-(\\d+)");

  /** What a request gets instead of the file. */
  interface Answer {
    void to(HttpExchange exchange) throws IOException;
  }

  final List<Headers> requests = Collections.synchronizedList(new ArrayList<>());
  volatile byte[] content;
  volatile Optional<String> etag = Optional.of("\"one\"");
  volatile boolean ranges = true;
  volatile boolean chunked;

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Deque<Answer> answers = new ArrayDeque<>();

  FileServer(byte[] content) throws IOException {
    this.content = content;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(threads);
    server.createContext("/", this::handle);
    server.start();
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/files/a%20b.bin");
  }

  /** The next request that has no other answer gets this one. */
  FileServer then(Answer answer) {
    synchronized (answers) {
      answers.add(answer);
    }
    return this;
  }

  /** A status and nothing else. */
  FileServer thenStatus(int status, String... headers) {
    return then(
        exchange -> {
          for (int i = 0; i < headers.length; i += 2) {
            exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
          }
          exchange.sendResponseHeaders(status, -1);
        });
  }

  /** The right answer, but the connection ends after some bytes of it. */
  FileServer thenCut(int after) {
    return then(
        exchange -> {
          serve(exchange, after);
          if (after < content.length) {
            throw new IOException("makes the server drop the connection");
          }
        });
  }

  List<String> ranges() {
    return requests.stream().map(r -> String.valueOf(r.getFirst("Range"))).toList();
  }

  private void handle(HttpExchange exchange) throws IOException {
    requests.add(exchange.getRequestHeaders());
    Answer answer;
    synchronized (answers) {
      answer = answers.poll();
    }
    if (answer != null) {
      answer.to(exchange);
    } else {
      serve(exchange, Integer.MAX_VALUE);
    }
    exchange.close();
  }

  void serve(HttpExchange exchange, int most) throws IOException {
    byte[] bytes = content;
    etag.ifPresent(mark -> exchange.getResponseHeaders().set("ETag", mark));
    exchange.getResponseHeaders().set("Accept-Ranges", ranges ? "bytes" : "none");
    String condition = exchange.getRequestHeaders().getFirst("If-Range");
    Matcher range = RANGE.matcher(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
    boolean part = ranges && range.matches() && (condition == null || condition.equals(etag.get()));
    int from = part ? Integer.parseInt(range.group(1)) : 0;
    int to = part ? Integer.parseInt(range.group(2)) + 1 : bytes.length;
    if (part && to > bytes.length) {
      exchange.sendResponseHeaders(416, -1);
      return;
    }
    if (part) {
      String where = "bytes %d-%d/%d".formatted(from, to - 1, bytes.length);
      exchange.getResponseHeaders().set("Content-Range", where);
    }
    int length = to - from;
    exchange.sendResponseHeaders(part ? 206 : 200, chunked ? 0 : length == 0 ? -1 : length);
    exchange.getResponseBody().write(bytes, from, Math.min(most, length));
    exchange.getResponseBody().flush();
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }
}
