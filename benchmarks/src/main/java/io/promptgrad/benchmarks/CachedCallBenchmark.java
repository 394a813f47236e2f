package io.promptgrad.benchmarks;

import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.MemoryCache;
import io.promptgrad.llm.cache.ReplyCache;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.calls.ModelCalls;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.Usage;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A call that the cache answers, among ten thousand kept answers; one thread. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class CachedCallBenchmark {

  private static final int KEPT = 10_000;

  /** Where answers are kept. */
  @Param({"memory", "sqlite"})
  public String cache;

  private ModelCalls calls;
  private Llm model;
  private int next;

  /** Says the same to everybody, at once. */
  private static final class Instant implements Llm {

    @Override
    public String model() {
      return "instant";
    }

    @Override
    public String identity() {
      return "instant";
    }

    @Override
    public ChatReply chat(ChatRequest request) {
      return new ChatReply(
          "positive", ChatReply.Finish.STOP, List.of(), new Usage(60, 0, 1, false));
    }

    @Override
    public Scoring scoring() {
      return new Scoring(Scoring.Kind.NONE, "none");
    }

    @Override
    public TextScore score(ScoreRequest request) {
      throw new IllegalStateException("scoring() says that this model does not score");
    }
  }

  /** Fills the cache. */
  @Setup
  public void fill() throws IOException {
    ReplyCache kept =
        cache.equals("memory")
            ? new MemoryCache()
            : SqliteCache.open(Files.createTempDirectory("promptgrad").resolve("cache.db"));
    calls =
        new ModelCalls(kept, PriceTable.builtIn(), Allowance.unlimited(), Optional.of("benchmark"));
    model = calls.as(Role.TASK, new Instant());
    for (int i = 0; i < KEPT; i++) {
      model.chat(request(i));
    }
    calls.save();
  }

  /** Closes the cache. */
  @TearDown
  public void close() {
    calls.close();
  }

  private static ChatRequest request(int i) {
    return ChatRequest.of(
        "Is review %d positive or negative? It was long, and then it was over.".formatted(i),
        Sampling.greedy(4),
        "");
  }

  /** One cached call. */
  @Benchmark
  public ChatReply cached() {
    next = (next + 1) % KEPT;
    return model.chat(request(next));
  }
}
