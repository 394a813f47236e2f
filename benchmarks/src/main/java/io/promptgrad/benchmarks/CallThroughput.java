package io.promptgrad.benchmarks;

import com.sun.net.httpserver.HttpServer;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.openai.Endpoint;
import io.promptgrad.llm.openai.OpenAiClient;
import io.promptgrad.llm.policy.Limits;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Calls of a model behind HTTP: how many a second, with a server that takes its time, against the
 * ideal of concurrency / latency. Everything is in one process: server, client, cache, meters.
 *
 * <p>Workload: different chat requests of about 60 tokens, every answer written to the cache in a
 * SQLite file; then the same again, from the cache.
 */
@Command(
    name = "calls",
    mixinStandardHelpOptions = true,
    description = "Calls per second with a server of a given latency, and calls from the cache.")
final class CallThroughput implements Callable<Integer> {

  @Option(names = "--latency", description = "of the server, in ms (${DEFAULT-VALUE})")
  private int latency = 50;

  @Option(names = "--concurrency", description = "requests at once (${DEFAULT-VALUE})")
  private int concurrency = 32;

  @Option(names = "--warm-up", description = "requests before the measurement (${DEFAULT-VALUE})")
  private int warmUp = 3_000;

  @Option(names = "--requests", description = "measured requests (${DEFAULT-VALUE})")
  private int requests = 10_000;

  private CallThroughput() {}

  public static void main(String[] args) {
    // Before the first server: else each answer may wait 40 ms for an acknowledgement.
    System.setProperty("sun.net.httpserver.nodelay", "true");
    System.exit(new CommandLine(new CallThroughput()).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    Path folder = Files.createTempDirectory("promptgrad-calls");
    ExecutorService threads = Executors.newCachedThreadPool();
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1000);
    server.setExecutor(threads);
    byte[] answer =
        ("{\"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"positive\"},"
                + " \"finish_reason\": \"stop\"}],"
                + " \"usage\": {\"prompt_tokens\": 60, \"completion_tokens\": 1}}")
            .getBytes(StandardCharsets.UTF_8);
    server.createContext(
        "/",
        exchange -> {
          exchange.getRequestBody().readAllBytes();
          try {
            Thread.sleep(latency);
          } catch (InterruptedException e) {
            throw new IOException(e);
          }
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(200, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.close();
        });
    server.start();
    try (ModelCalls calls =
        new ModelCalls(
            SqliteCache.open(folder.resolve("cache.db")),
            PriceTable.builtIn(),
            Allowance.unlimited(),
            Optional.of("benchmark"))) {
      String base = "http://127.0.0.1:" + server.getAddress().getPort() + "/v1";
      Llm model =
          calls.as(
              Role.TASK,
              new OpenAiClient(Endpoint.at(base), "tiny"),
              Limits.defaults().withConcurrency(concurrency));
      time(calls, model, 0, warmUp);
      double seconds = time(calls, model, warmUp, requests);
      double ideal = 1000.0 * concurrency / latency;
      double rate = requests / seconds;
      System.out.printf(
          "%d requests, latency %d ms, concurrency %d: %.0f per second, %.1f %% of the ideal %.0f%n",
          requests, latency, concurrency, rate, 100 * rate / ideal, ideal);
      calls.save(); // what was paid for is counted; from here on the cache is free
      double again = time(calls, model, warmUp, requests);
      System.out.printf("the same from the cache: %.3f ms each%n", 1000 * again / requests);
      System.out.printf("calls counted: %d%n", calls.total().calls());
    } finally {
      server.stop(0);
      threads.shutdownNow();
    }
    return 0;
  }

  private static double time(ModelCalls calls, Llm model, int from, int n) {
    List<Supplier<ChatReply>> tasks = new ArrayList<>();
    for (int i = from; i < from + n; i++) {
      ChatRequest request =
          ChatRequest.of(
              "Is the following review positive or negative? Answer with one word.\n\nReview number "
                  + i
                  + ": it was long, and then it was over, and I cannot say that I was sad about it.\n\nAnswer:",
              Sampling.greedy(4),
              "");
      tasks.add(() -> model.chat(request));
    }
    long begin = System.nanoTime();
    calls.all(tasks);
    return (System.nanoTime() - begin) / 1e9;
  }
}
