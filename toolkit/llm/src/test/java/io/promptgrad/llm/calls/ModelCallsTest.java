package io.promptgrad.llm.calls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.Meter;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.MemoryCache;
import io.promptgrad.llm.cache.ReplyCache;
import io.promptgrad.llm.cache.SqliteCache;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.openai.OpenAiClient;
import io.promptgrad.llm.policy.Limits;
import io.promptgrad.llm.server.ScriptedServer;
import io.promptgrad.search.BudgetSpentException;
import io.promptgrad.search.Cost;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class ModelCallsTest {

  @TempDir Path folder;

  private final ScriptedServer server =
      new ScriptedServer(request -> "echo " + ScriptedServer.lastMessage(request));

  private static final Limits QUICK =
      Limits.defaults().withAttempts(20, Duration.ofMillis(1), Duration.ofMillis(20));

  @AfterEach
  void stop() {
    server.close();
  }

  private OpenAiClient client() {
    return new OpenAiClient(server.endpoint(), "gpt-4o");
  }

  private static ChatRequest ask(String text) {
    return ChatRequest.of(text, Sampling.greedy(16), "");
  }

  private ModelCalls calls(ReplyCache cache, Allowance allowance, String run) {
    return new ModelCalls(cache, PriceTable.builtIn(), allowance, Optional.of(run));
  }

  private static Allowance limit(long calls) {
    return new Allowance(OptionalLong.of(calls), OptionalLong.empty(), OptionalDouble.empty());
  }

  @Test
  void chat_equalRequests_areAskedOnce() {
    try (ModelCalls calls = new ModelCalls()) {
      Llm model = calls.as(Role.TASK, client(), QUICK);
      ChatReply first = model.chat(ask("a"));
      assertThat(model.chat(ask("a"))).isEqualTo(first);
      assertThat(server.seen).hasSize(1);
      assertThat(calls.meter(Role.TASK).calls()).isEqualTo(1);
      assertThat(calls.meter(Role.TASK).cached()).isEqualTo(1);
    }
  }

  /** A thread looked into the cache, and before it went on another one asked and had its answer. */
  @Test
  @Timeout(60)
  void chat_answeredBetweenLookAndCall_isNotAskedAgain() {
    Runnable[] afterTheFirstLook = new Runnable[1];
    ReplyCache cache =
        new InterruptedLook(
            () -> {
              Runnable now = afterTheFirstLook[0];
              afterTheFirstLook[0] = null;
              if (now != null) {
                now.run();
              }
            });
    try (ModelCalls calls = calls(cache, Allowance.unlimited(), "run")) {
      Llm model = calls.as(Role.TASK, client(), QUICK);
      afterTheFirstLook[0] = () -> model.chat(ask("a"));
      assertThat(model.chat(ask("a")).text()).isEqualTo("echo a");
      assertThat(server.seen).hasSize(1);
      assertThat(calls.meter(Role.TASK).calls()).isEqualTo(1);
      assertThat(calls.meter(Role.TASK).cached()).isEqualTo(1);
    }
  }

  /** DSPy and others left fields out of the key and gave the answer to another question. */
  @Test
  void chat_anyFieldDiffers_isAnotherRequest() {
    try (ModelCalls calls = new ModelCalls()) {
      Llm model = calls.as(Role.TASK, client(), QUICK);
      Sampling s = Sampling.of(0.5, 16);
      List<ChatRequest> different =
          List.of(
              ChatRequest.of("a", s, ""),
              ChatRequest.of("b", s, ""),
              ChatRequest.of("a", s, "1"),
              ChatRequest.of("a", Sampling.of(0.6, 16), ""),
              ChatRequest.of("a", Sampling.of(0.5, 17), ""),
              ChatRequest.of("a", s.withTopP(0.5), ""),
              ChatRequest.of("a", s.withStop(List.of("x")), ""),
              ChatRequest.of("a", s.withTopLogProbs(2), ""),
              ChatRequest.of("a", s.withSeed(1), ""),
              ChatRequest.of("a", s.withExtra(Json.object().put("top_k", 3)), ""));
      different.forEach(model::chat);
      assertThat(server.seen).hasSize(different.size());
      Llm other = calls.as(Role.TASK, new OpenAiClient(server.endpoint(), "gpt-4o-mini"), QUICK);
      other.chat(different.get(0));
      Llm extra =
          calls.as(
              Role.TASK,
              new OpenAiClient(
                  server.endpoint().withExtra(Json.object().put("min_p", 1)), "gpt-4o"),
              QUICK);
      extra.chat(different.get(0));
      assertThat(server.seen).hasSize(different.size() + 2);
      different.forEach(model::chat);
      assertThat(server.seen).hasSize(different.size() + 2);
    }
  }

  @Test
  void chat_errorsAndCutAnswers_areNotKept() {
    server.thenStatus(400, "{\"error\": {\"message\": \"no\"}}");
    server.thenBody(Json.line(ScriptedServer.chatBody("cut", "length", "")));
    try (ModelCalls calls = new ModelCalls()) {
      Llm model = calls.as(Role.TASK, client(), QUICK);
      Sampling unlimited =
          new Sampling(
              OptionalDouble.empty(),
              OptionalDouble.empty(),
              OptionalInt.empty(),
              List.of(),
              OptionalInt.empty(),
              OptionalInt.empty(),
              Json.object());
      ChatRequest request = ChatRequest.of("a", unlimited, "");
      assertThatThrownBy(() -> model.chat(request)).isInstanceOf(CallFailedException.class);
      assertThat(model.chat(request).text()).isEqualTo("cut");
      assertThat(model.chat(request).text()).isEqualTo("echo a");
      assertThat(model.chat(request).text()).isEqualTo("echo a");
      assertThat(server.seen).hasSize(3);
    }
  }

  @Test
  void meters_ofRoles_areCountedApartWithTheirPrice() {
    try (ModelCalls calls = new ModelCalls()) {
      Llm task = calls.as(Role.TASK, client(), QUICK);
      Llm proposer = calls.as(Role.PROPOSER, client(), QUICK);
      ChatReply reply = task.chat(ask("a"));
      proposer.chat(ask("b"));
      proposer.chat(ask("c"));
      Meter meter = calls.meter(Role.TASK);
      assertThat(meter.calls()).isEqualTo(1);
      assertThat(calls.meter(Role.PROPOSER).calls()).isEqualTo(2);
      assertThat(calls.meter(Role.JUDGE)).isEqualTo(Meter.ZERO);
      // gpt-4o: 2.50 and 10 dollars for a million tokens.
      double usd =
          (reply.usage().promptTokens() * 2.5 + reply.usage().completionTokens() * 10) / 1e6;
      assertThat(meter.usd()).isCloseTo(usd, within(1e-12));
      calls.countEvaluations(5);
      Cost cost = calls.takeCost();
      assertThat(cost.calls()).isEqualTo(3);
      assertThat(cost.evaluations()).isEqualTo(5);
      assertThat(cost.forwardTokens()).isPositive();
      assertThat(calls.takeCost()).isEqualTo(Cost.ZERO);
    }
  }

  @Test
  @Timeout(60)
  void all_resultsInOrder_withinTheConcurrency() {
    server.latency(5);
    try (ModelCalls calls = new ModelCalls()) {
      Llm model = calls.as(Role.TASK, client(), QUICK.withConcurrency(4));
      List<Supplier<String>> tasks = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        String text = "" + i % 50; // each question twice
        tasks.add(() -> model.chat(ask(text)).text());
      }
      List<String> answers = calls.all(tasks);
      assertThat(answers)
          .isEqualTo(IntStream.range(0, 100).mapToObj(i -> "echo " + i % 50).toList());
      assertThat(server.mostAtOnce.get()).isBetween(2, 4);
      assertThat(server.seen).hasSize(50);
      assertThat(calls.total().calls() + calls.total().cached()).isEqualTo(100);
      assertThat(calls.total().calls()).isEqualTo(50);
    }
  }

  @Test
  @Timeout(60)
  void all_failure_isTheFirstInOrderAndEndsTheRest() {
    try (ModelCalls calls = new ModelCalls()) {
      calls.as(Role.TASK, client(), QUICK.withConcurrency(3));
      List<Integer> begun = java.util.Collections.synchronizedList(new ArrayList<>());
      List<Supplier<Integer>> tasks = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        int n = i;
        tasks.add(
            () -> {
              begun.add(n);
              if (n == 1 || n == 2) {
                throw new IllegalStateException("task " + n);
              }
              try {
                Thread.sleep(5);
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
              return n;
            });
      }
      assertThatThrownBy(() -> calls.all(tasks)).hasMessage("task 1");
      assertThat(begun.size()).isLessThan(20);
    }
  }

  // ------------------------------------------------------------------ budgets

  @Test
  @Timeout(60)
  void budget_ofCalls_isNeverPassedWhateverTheConcurrency() {
    server.latency(2);
    try (ModelCalls calls = calls(new MemoryCache(), limit(37), "r")) {
      Llm model = calls.as(Role.TASK, client(), QUICK.withConcurrency(16));
      List<Supplier<ChatReply>> tasks = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        String text = "" + i;
        tasks.add(() -> model.chat(ask(text)));
      }
      assertThatThrownBy(() -> calls.all(tasks))
          .isInstanceOfSatisfying(
              BudgetSpentException.class, e -> assertThat(e.cost().calls()).isEqualTo(37));
      assertThat(server.seen).hasSize(37);
      assertThat(calls.total().calls()).isEqualTo(37);
    }
  }

  /** The bound: with a longest answer that the server keeps to, dollars are never passed at all. */
  @Test
  @Timeout(60)
  void budget_ofDollars_isNeverPassedUnderFaults() {
    server.faults(0.3);
    double limit = 0.01;
    Allowance allowance =
        new Allowance(OptionalLong.empty(), OptionalLong.empty(), OptionalDouble.of(limit));
    try (ModelCalls calls = calls(new MemoryCache(), allowance, "r")) {
      Llm model = calls.as(Role.TASK, client(), QUICK.withConcurrency(16));
      List<Supplier<ChatReply>> tasks = new ArrayList<>();
      for (int i = 0; i < 500; i++) {
        String text = "" + i;
        tasks.add(() -> model.chat(ask(text)));
      }
      assertThatThrownBy(() -> calls.all(tasks)).isInstanceOf(BudgetSpentException.class);
      Meter total = calls.total();
      // 17 bytes at 2.5 and 16 tokens at 10 dollars for a million at the most: 0.0002 each.
      assertThat(total.usd() + total.lostUsd()).isLessThanOrEqualTo(limit);
      assertThat(total.usd() + total.lostUsd()).isGreaterThan(limit - 0.0003);
      assertThat(total.lost()).isPositive();
      assertThat(total.failed()).isGreaterThan(total.lost());
    }
  }

  @Test
  void budget_ofDollarsWithoutAPrice_isRefused() {
    Allowance dollars =
        new Allowance(OptionalLong.empty(), OptionalLong.empty(), OptionalDouble.of(1));
    OpenAiClient unknown = new OpenAiClient(server.endpoint(), "no-such-model");
    try (ModelCalls calls = calls(new MemoryCache(), dollars, "r")) {
      assertThatThrownBy(() -> calls.as(Role.TASK, unknown))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("No price of the model 'no-such-model'");
    }
    try (ModelCalls calls = new ModelCalls()) {
      calls.as(Role.TASK, unknown);
      calls.as(Role.PROPOSER, unknown);
      assertThat(calls.warnings()).hasSize(1);
    }
  }

  // ------------------------------------------------------------------ a killed run

  /**
   * There are as many threads as all models together allow calls. An answer that was not yet kept
   * let the next call in once, so that a kill could find twice as many without one.
   */
  @Test
  void calls_withoutAKeptAnswer_areNeverMoreThanTheLimit() {
    AtomicInteger open = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    MemoryCache memory = new MemoryCache();
    ReplyCache slow =
        (ReplyCache)
            Proxy.newProxyInstance(
                ReplyCache.class.getClassLoader(),
                new Class<?>[] {ReplyCache.class},
                (proxy, method, arguments) -> {
                  if (method.getName().equals("begin")) {
                    most.accumulateAndGet(open.incrementAndGet(), Math::max);
                  } else if (method.getName().equals("put")) {
                    Thread.sleep(5);
                    open.decrementAndGet();
                  }
                  return method.invoke(memory, arguments);
                });
    try (ModelCalls calls = calls(slow, limit(100), "run")) {
      Llm model = calls.as(Role.TASK, client(), QUICK.withConcurrency(2));
      calls.as(
          Role.PROPOSER, new OpenAiClient(server.endpoint(), "other"), QUICK.withConcurrency(6));
      List<Supplier<ChatReply>> tasks = new ArrayList<>();
      for (int i = 0; i < 30; i++) {
        ChatRequest request = ask("call " + i);
        tasks.add(() -> model.chat(request));
      }
      calls.all(tasks);
      assertThat(most.get()).isEqualTo(2);
    }
  }

  /** The losses of a process that was killed before its first checkpoint were forgotten once. */
  @Test
  void resume_killedAgainBeforeACheckpoint_stillCountsWhatWasLost() {
    Path file = folder.resolve("cache.db");
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(9), "run")) {
      calls.cache().begin("a", "run", new ReplyCache.Unfinished("task", 50, 0.5));
    }
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(9), "run")) {
      assertThat(calls.total().lost()).isEqualTo(1);
      calls.cache().begin("b", "run", new ReplyCache.Unfinished("proposer", 25, 0.25));
    }
    ObjectNode checkpoint;
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(9), "run")) {
      assertThat(calls.meter(Role.TASK).lostUsd()).isEqualTo(0.5);
      assertThat(calls.meter(Role.PROPOSER).lostUsd()).isEqualTo(0.25);
      checkpoint = calls.save();
      calls.cache().begin("c", "run", new ReplyCache.Unfinished("task", 12, 0.125));
      calls.cache().lose("c", "run"); // as when an answer does not come in time
    }
    Allowance limit = limit(9);
    try (ModelCalls calls = calls(SqliteCache.open(file), limit, "run")) {
      calls.restore(checkpoint);
      assertThat(calls.total().lost()).isEqualTo(3);
      assertThat(calls.total().lostUsd()).isEqualTo(0.875);
      assertThat(limit.spent()).isEqualTo(new Allowance.Amount(3, 87, 0.875));
    }
  }

  /** The budget got the tokens of lost calls back by a resume once. */
  @Test
  void resume_lostCalls_takeTheSameTokensAsBefore() {
    Path file = folder.resolve("cache.db");
    Allowance before = tokens();
    ObjectNode checkpoint;
    try (ModelCalls calls = calls(SqliteCache.open(file), before, "run")) {
      Llm model = calls.as(Role.TASK, client(), QUICK);
      server.thenBody("{"); // lost, then asked again
      model.chat(ask("a"));
      checkpoint = calls.save();
      server.thenBody("{");
      model.chat(ask("b"));
    }
    assertThat(before.spent().calls()).isEqualTo(4);
    // At the most 17 bytes are read and 16 tokens written.
    assertThat(checkpoint.path("task").path("lost_tokens").asLong()).isEqualTo(33);
    Allowance after = tokens();
    try (ModelCalls calls = calls(SqliteCache.open(file), after, "run")) {
      calls.restore(checkpoint);
      assertThat(after.spent().calls()).isEqualTo(4);
      assertThat(after.spent().tokens()).isEqualTo(before.spent().tokens());
    }
    // With another cache, what the checkpoint knows counts all the same.
    Allowance elsewhere = tokens();
    try (ModelCalls calls = calls(new MemoryCache(), elsewhere, "run")) {
      calls.restore(checkpoint);
      Meter known = Meter.fromJson(checkpoint.path("task"));
      assertThat(elsewhere.spent().tokens())
          .isEqualTo(33 + known.promptTokens() + known.completionTokens());
    }
  }

  private static Allowance tokens() {
    return new Allowance(OptionalLong.empty(), OptionalLong.of(1000), OptionalDouble.empty());
  }

  /** Steps 1 and 2 of three calls each; the kill comes in step 2, after two of its calls. */
  @Test
  void resume_afterAKill_repeatsNothingAndCountsEverythingOnce() {
    Path file = folder.resolve("cache.db");
    ObjectNode checkpoint;
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(7), "run")) {
      Llm model = calls.as(Role.TASK, client(), QUICK);
      List.of("1a", "1b", "1c", "1a").forEach(text -> model.chat(ask(text)));
      calls.countEvaluations(4);
      checkpoint = calls.save();
      List.of("1a", "2a", "2b").forEach(text -> model.chat(ask(text)));
      calls.cache().begin("2c", "run", new ReplyCache.Unfinished("task", 50, 0.5)); // on its way
    }
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(7), "run")) {
      calls.restore(checkpoint);
      assertThat(calls.takeCost()).isEqualTo(Cost.ZERO);
      Llm model = calls.as(Role.TASK, client(), QUICK);
      List.of("1a", "2a", "2b", "2c", "2a").forEach(text -> model.chat(ask(text)));
      // 2a and 2b were paid for by this run and count; 1a and the second 2a are free.
      assertThat(calls.takeCost().calls()).isEqualTo(3);
      Meter meter = calls.meter(Role.TASK);
      assertThat(meter.calls()).isEqualTo(6);
      assertThat(meter.cached()).isEqualTo(1 + 2);
      assertThat(meter.lost()).isEqualTo(1);
      assertThat(meter.lostUsd()).isEqualTo(0.5);
      assertThat(server.seen).hasSize(6);
      // Six calls and a lost one: the budget of seven is spent.
      assertThatThrownBy(() -> model.chat(ask("3a"))).isInstanceOf(BudgetSpentException.class);
    }
    try (ModelCalls other = calls(SqliteCache.open(file), limit(0), "other run")) {
      Llm model = other.as(Role.TASK, client(), QUICK);
      assertThat(model.chat(ask("2c")).text()).isEqualTo("echo 2c");
      assertThat(other.total().calls()).isZero();
    }
  }

  @Test
  void resume_killedInTheFirstStep_countsItsCallsToo() {
    Path file = folder.resolve("cache.db");
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(9), "run")) {
      calls.as(Role.TASK, client(), QUICK).chat(ask("a"));
    }
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(9), "run")) {
      calls.as(Role.TASK, client(), QUICK).chat(ask("a"));
      assertThat(calls.total().calls()).isEqualTo(1);
      assertThat(server.seen).hasSize(1);
    }
  }

  // ------------------------------------------------------------------ secrets

  @Test
  void key_ofTheServer_isInNoFile() throws Exception {
    String canary = "sk-canary-51c2d0";
    Path file = folder.resolve("cache.db");
    try (ModelCalls calls = calls(SqliteCache.open(file), limit(9), "run")) {
      Llm model =
          calls.as(
              Role.TASK,
              new OpenAiClient(
                  server
                      .endpoint()
                      .withKey(io.promptgrad.llm.openai.ApiKey.of(canary))
                      .withOrganization(canary + "-org"),
                  "gpt-4o"),
              QUICK);
      server.thenStatus(500, "your key is " + canary);
      model.chat(ask("a"));
      assertThat(calls.save().toString()).doesNotContain("canary");
      try (var files = Files.list(folder)) {
        for (Path one : files.toList()) {
          assertThat(new String(Files.readAllBytes(one), "ISO-8859-1")).doesNotContain("canary");
        }
      }
    }
    assertThat(server.seen.get(1).headers().get("Authorization").get(0)).contains(canary);
  }

  /** Something happens between a look into the cache and what comes of it. */
  private static final class InterruptedLook implements ReplyCache {

    private final MemoryCache cache = new MemoryCache();
    private final Runnable between;

    InterruptedLook(Runnable between) {
      this.between = between;
    }

    @Override
    public Optional<Entry> get(String key) {
      Optional<Entry> found = cache.get(key);
      between.run();
      return found;
    }

    @Override
    public void begin(String key, String run, Unfinished call) {
      cache.begin(key, run, call);
    }

    @Override
    public void end(String key, String run) {
      cache.end(key, run);
    }

    @Override
    public Entry put(String key, String run, JsonNode reply, Paid paid) {
      return cache.put(key, run, reply, paid);
    }

    @Override
    public Paid paidAfter(String run, long number) {
      return cache.paidAfter(run, number);
    }

    @Override
    public void lose(String key, String run) {
      cache.lose(key, run);
    }

    @Override
    public List<Lost> lost(String run) {
      return cache.lost(run);
    }

    @Override
    public long lastLost() {
      return cache.lastLost();
    }

    @Override
    public long lastNumber() {
      return cache.lastNumber();
    }

    @Override
    public void close() {
      cache.close();
    }
  }
}
