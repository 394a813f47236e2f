package io.promptgrad.llm.calls;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.account.Allowance.Amount;
import io.promptgrad.llm.account.Meter;
import io.promptgrad.llm.account.Price;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.ReplyCache;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.Usage;
import io.promptgrad.llm.policy.Gate;
import io.promptgrad.search.BudgetSpentException;
import io.promptgrad.search.Cost;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * A model in a role. From the outside in: the cache, one call for equal questions that are asked at
 * the same time, limits and retries, and for each attempt the budget and the meter.
 */
final class RoleLlm implements Llm {

  /** What a call may write if nobody limits it, for budgets. */
  private static final int LONGEST_ANSWER = 4096;

  /** Tokens around a message that are not in its text, at the most. */
  private static final int AROUND_A_MESSAGE = 16;

  private final ModelCalls calls;
  private final Role role;
  private final Llm model;
  private final Gate gate;
  private final Price price;
  private final Map<String, CompletableFuture<Object>> onTheirWay = new ConcurrentHashMap<>();

  /** How one kind of answer is read, written and counted. */
  private record Form<R>(
      Function<JsonNode, R> read, Function<R, ObjectNode> write, Function<R, Usage> usage) {}

  private static final Form<ChatReply> CHAT =
      new Form<>(ChatReply::fromJson, ChatReply::toJson, ChatReply::usage);
  private static final Form<TextScore> SCORE =
      new Form<>(TextScore::fromJson, TextScore::toJson, TextScore::usage);

  RoleLlm(ModelCalls calls, Role role, Llm model, Gate gate, Price price) {
    this.calls = calls;
    this.role = role;
    this.model = model;
    this.gate = gate;
    this.price = price;
  }

  @Override
  public String model() {
    return model.model();
  }

  @Override
  public String identity() {
    return model.identity();
  }

  @Override
  public Scoring scoring() {
    return gate.pass(0, answer -> 0, model::scoring);
  }

  @Override
  public ChatReply chat(ChatRequest request) {
    long bytes =
        request.messages().stream()
            .mapToLong(message -> utf8(message.text()).length + AROUND_A_MESSAGE)
            .sum();
    int longest = request.sampling().maxTokens().orElse(LONGEST_ANSWER);
    // Cut by the server and not by the request: another time it may not be.
    Function<ChatReply, Boolean> keep =
        reply ->
            reply.finish() != ChatReply.Finish.LENGTH || request.sampling().maxTokens().isPresent();
    return ask(
        key("chat", request.toJson()), CHAT, keep, bytes, longest, () -> model.chat(request));
  }

  @Override
  public TextScore score(ScoreRequest request) {
    return ask(
        key("score", request.toJson()),
        SCORE,
        reply -> true,
        utf8(request.text()).length + AROUND_A_MESSAGE,
        1,
        () -> model.score(request));
  }

  private <R> R ask(
      String key,
      Form<R> form,
      Function<R, Boolean> keep,
      long promptBytes,
      long longest,
      Supplier<R> make) {
    Optional<R> kept = kept(key, form);
    if (kept.isPresent()) {
      return kept.get();
    }
    CompletableFuture<Object> mine = new CompletableFuture<>();
    CompletableFuture<Object> others = onTheirWay.putIfAbsent(key, mine);
    if (others != null) {
      R reply = joined(others);
      calls.count(role, Meter.cacheHit());
      return reply;
    }
    try {
      // Again: another thread's answer may have come between the look into the cache and now.
      R reply = kept(key, form).orElseGet(() -> fresh(key, form, keep, promptBytes, longest, make));
      mine.complete(reply);
      return reply;
    } catch (RuntimeException e) {
      mine.completeExceptionally(e);
      throw e;
    } finally {
      onTheirWay.remove(key);
    }
  }

  private <R> Optional<R> kept(String key, Form<R> form) {
    return calls
        .cache()
        .get(key)
        .map(
            entry -> {
              R reply = form.read.apply(entry.reply());
              calls.countCached(role, key, entry, paid(form.usage.apply(reply)));
              return reply;
            });
  }

  @SuppressWarnings("unchecked") // the key holds the kind of the answer
  private static <R> R joined(CompletableFuture<Object> others) {
    try {
      return (R) others.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  private <R> R fresh(
      String key,
      Form<R> form,
      Function<R, Boolean> keep,
      long promptBytes,
      long longest,
      Supplier<R> make) {
    // A token holds at least one byte, so this is the most that a call can use.
    Usage bound = new Usage(promptBytes, 0, longest, true);
    Amount most = new Amount(1, bound.tokens(), price.of(bound));
    long estimate = Usage.guess(promptBytes) + longest;
    // Kept before the gate lets another one in, so that a kill finds no more calls without a kept
    // answer than the limit allows at once.
    return gate.pass(
        estimate,
        answer -> form.usage.apply(answer).tokens(),
        () -> kept(key, form, keep, attempt(key, form, most, make)));
  }

  private <R> R kept(String key, Form<R> form, Function<R, Boolean> keep, R reply) {
    if (!keep.apply(reply)) {
      calls.cache().end(key, calls.run());
      return reply;
    }
    // Another process may have been faster: then both go on with its answer.
    calls.countPaid(key);
    Usage usage = form.usage.apply(reply);
    ReplyCache.Paid paid = new ReplyCache.Paid(1, usage.tokens(), price.of(usage));
    ReplyCache.Entry entry = calls.cache().put(key, calls.run(), form.write.apply(reply), paid);
    return entry.run().equals(calls.run()) ? reply : form.read.apply(entry.reply());
  }

  private <R> R attempt(String key, Form<R> form, Amount most, Supplier<R> make) {
    reserve(most);
    Amount used = new Amount(0, 0, 0);
    calls
        .cache()
        .begin(
            key,
            calls.run(),
            new ReplyCache.Unfinished(
                role.name().toLowerCase(Locale.ROOT), most.tokens(), most.usd()));
    boolean answered = false;
    try {
      R reply = make.get();
      answered = true;
      Usage usage = form.usage.apply(reply);
      Meter paid = paid(usage);
      used = new Amount(1, usage.tokens(), paid.usd());
      calls.count(role, paid);
      return reply;
    } catch (CallFailedException e) {
      boolean lost = e.kind() == CallFailedException.Kind.LOST;
      used = lost ? most : used;
      calls.count(role, lost ? Meter.loss(most.tokens(), most.usd()) : Meter.failure());
      if (lost) {
        calls.cache().lose(key, calls.run());
      }
      throw e;
    } finally {
      calls.allowance().settle(most, used);
      if (!answered) {
        calls.cache().end(key, calls.run());
      }
    }
  }

  private void reserve(Amount most) {
    boolean fits;
    try {
      fits = calls.allowance().reserve(most);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while waiting for the budget");
    }
    if (!fits) {
      throw new BudgetSpentException(
          "The next call does not fit into the budget (%s).".formatted(calls.allowance()),
          Cost.ZERO);
    }
  }

  private Meter paid(Usage usage) {
    return Meter.call(usage, price.of(usage));
  }

  private String key(String kind, ObjectNode request) {
    String all = kind + "\n" + model.identity() + "\n" + Json.line(request);
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(utf8(all)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
