package io.promptgrad.llm.calls;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.account.Allowance;
import io.promptgrad.llm.account.Meter;
import io.promptgrad.llm.account.Price;
import io.promptgrad.llm.account.PriceTable;
import io.promptgrad.llm.account.Role;
import io.promptgrad.llm.cache.MemoryCache;
import io.promptgrad.llm.cache.ReplyCache;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.policy.Gate;
import io.promptgrad.llm.policy.Limits;
import io.promptgrad.search.BudgetSpentException;
import io.promptgrad.search.Cost;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;

/**
 * All calls of one run to its models: cached, metered, limited, repeated where that helps.
 *
 * <p>Costs survive a kill. An answer in the cache costs nothing, unless this very run got it after
 * its last checkpoint: then the kill came between paying and writing down, and it is counted when
 * the resumed run comes to it. Calls that were on their way are counted as lost.
 *
 * <p>Thread-safe. {@link #all} is how many calls are made at once.
 */
public final class ModelCalls implements AutoCloseable {

  private final ReplyCache cache;
  private final PriceTable prices;
  private final Allowance allowance;
  private final String run;
  private final LocalDate day;
  private final ExecutorService threads;
  private final Map<String, Gate> gates = new ConcurrentHashMap<>();
  private final List<ReplyCache.Lost> lostBefore; // by earlier processes of this run
  private final List<String> warnings = Collections.synchronizedList(new ArrayList<>());

  private final Map<Role, Meter> meters = new EnumMap<>(Role.class); // guarded by meters
  private long evaluations; // guarded by meters
  private Cost taken = Cost.ZERO; // guarded by meters
  private long mark; // of the last checkpoint; guarded by meters
  private final Set<String> counted = new HashSet<>(); // since the mark; guarded by meters

  /** Answers kept in memory, built-in prices, no limits. */
  public ModelCalls() {
    this(new MemoryCache(), PriceTable.builtIn(), Allowance.unlimited(), Optional.empty());
  }

  /**
   * @param cache is closed with this
   * @param run names the run among all that ever use the cache, the same when it is resumed;
   *     without it, what was paid for before a kill is not counted again
   */
  public ModelCalls(
      ReplyCache cache, PriceTable prices, Allowance allowance, Optional<String> run) {
    this.cache = Objects.requireNonNull(cache, "cache");
    this.prices = Objects.requireNonNull(prices, "prices");
    this.allowance = Objects.requireNonNull(allowance, "allowance");
    this.run = run.orElseGet(() -> UUID.randomUUID().toString());
    this.day = LocalDate.ofInstant(Instant.now(), ZoneOffset.UTC);
    this.threads =
        Executors.newCachedThreadPool(
            task -> {
              Thread thread = new Thread(task, "promptgrad-calls");
              thread.setDaemon(true);
              return thread;
            });
    for (Role role : Role.values()) {
      meters.put(role, Meter.ZERO);
    }
    lostBefore = cache.lost(this.run);
    countLostAfter(0);
    allowance.count(lostUpTo(Long.MAX_VALUE));
    // All at once, and not when the resumed run comes to them: else what is new would be sent
    // first.
    allowance.count(amount(cache.paidAfter(this.run, 0)));
  }

  private void countLostAfter(long number) {
    for (ReplyCache.Lost call : lostBefore) {
      if (call.number() > number) {
        count(
            Role.valueOf(call.role().toUpperCase(Locale.ROOT)),
            Meter.loss(call.tokens(), call.usd()));
      }
    }
  }

  private Allowance.Amount lostUpTo(long number) {
    List<ReplyCache.Lost> calls =
        lostBefore.stream().filter(call -> call.number() <= number).toList();
    long tokens = calls.stream().mapToLong(ReplyCache.Lost::tokens).sum();
    double usd = calls.stream().mapToDouble(ReplyCache.Lost::usd).sum();
    return new Allowance.Amount(calls.size(), tokens, usd);
  }

  private static Allowance.Amount amount(ReplyCache.Paid paid) {
    return new Allowance.Amount(paid.calls(), paid.tokens(), paid.usd());
  }

  /**
   * Returns a model to be used in a role. Models of one server and name share their limits, those
   * that were given first.
   *
   * @throws InvalidInputException if dollars are limited and the model's price is unknown
   */
  public Llm as(Role role, Llm model, Limits limits) {
    Optional<Price> price = prices.of(model.model(), day);
    if (price.isEmpty()) {
      if (allowance.limitsUsd()) {
        throw new InvalidInputException(
            "No price of the model '%s' is known, so that its dollars cannot be limited; put it into a price table, or limit calls or tokens."
                .formatted(model.model()));
      }
      warn(
          "No price of the model '%s' is known: its calls count as free.".formatted(model.model()));
    }
    Gate gate = gates.computeIfAbsent(model.identity(), name -> new Gate(model.model(), limits));
    return new RoleLlm(this, role, model, gate, price.orElse(Price.FREE));
  }

  /** Returns a model to be used in a role, within {@link Limits#defaults}. */
  public Llm as(Role role, Llm model) {
    return as(role, model, Limits.defaults());
  }

  /** Notes a sentence for people, once. */
  public void warn(String sentence) {
    synchronized (warnings) {
      if (!warnings.contains(sentence)) {
        warnings.add(sentence);
      }
    }
  }

  /** Returns sentences for people. */
  public List<String> warnings() {
    return List.copyOf(warnings);
  }

  // ------------------------------------------------------------------ many at once

  /**
   * Does all of these, as many at once as the models' limits allow, and returns the results in
   * their order. They are begun in their order too. After a failure nothing more is begun; what
   * runs is waited for, and the first failure in the order of the tasks is thrown.
   *
   * @throws BudgetSpentException with what was used since {@link #takeCost}, if the allowance ended
   */
  public <T> List<T> all(List<? extends Supplier<T>> tasks) {
    int workers = gates.values().stream().mapToInt(gate -> gate.limits().concurrency()).sum();
    try {
      return new Crowd<T>(tasks).run(threads, Math.max(1, workers));
    } catch (BudgetSpentException e) {
      throw new BudgetSpentException(e.getMessage(), takeCost());
    }
  }

  // ------------------------------------------------------------------ what was used

  void count(Role role, Meter used) {
    synchronized (meters) {
      meters.merge(role, used, Meter::plus);
    }
  }

  /** Counts an answer from the cache: as a call if this run paid for it and it was not counted. */
  void countCached(Role role, String key, ReplyCache.Entry entry, Meter asCall) {
    synchronized (meters) {
      boolean uncounted = entry.run().equals(run) && entry.number() > mark && counted.add(key);
      if (!uncounted) {
        meters.merge(role, Meter.cacheHit(), Meter::plus);
        return;
      }
      meters.merge(role, asCall, Meter::plus);
    }
  }

  void countPaid(String key) {
    synchronized (meters) {
      counted.add(key);
    }
  }

  /** Counts examples that were scored, one for each prompt and example. */
  public void countEvaluations(long n) {
    synchronized (meters) {
      evaluations += n;
    }
  }

  /** Returns what was used in a role. */
  public Meter meter(Role role) {
    synchronized (meters) {
      return meters.get(role);
    }
  }

  /** Returns what was used in all roles. */
  public Meter total() {
    synchronized (meters) {
      return meters.values().stream().reduce(Meter.ZERO, Meter::plus);
    }
  }

  /** Returns what was used since this was last called: the cost of a step. */
  public Cost takeCost() {
    synchronized (meters) {
      Meter total = total();
      Cost now =
          new Cost(
              evaluations,
              total.promptTokens() + total.completionTokens(),
              0,
              total.calls(),
              total.usd());
      Cost since =
          new Cost(
              now.evaluations() - taken.evaluations(),
              now.forwardTokens() - taken.forwardTokens(),
              0,
              now.calls() - taken.calls(),
              now.usd() - taken.usd());
      taken = now;
      return since;
    }
  }

  /** Returns the meters for a checkpoint, and that all answers so far are counted in them. */
  public ObjectNode save() {
    synchronized (meters) {
      mark = cache.lastNumber();
      counted.clear();
      ObjectNode json = metersAsJson();
      json.put("evaluations", evaluations).put("mark", mark);
      return json.put("lost_mark", cache.lastLost());
    }
  }

  /** Returns the meters of the roles that were used, by name. */
  public ObjectNode metersAsJson() {
    synchronized (meters) {
      ObjectNode json = Json.object();
      meters.forEach(
          (role, meter) -> {
            if (!meter.equals(Meter.ZERO)) {
              json.set(role.name().toLowerCase(Locale.ROOT), meter.toJson());
            }
          });
      return json;
    }
  }

  /** Goes on from what {@link #save} wrote, before the first call. */
  public void restore(JsonNode json) {
    synchronized (meters) {
      Meter all = Meter.ZERO;
      for (Role role : Role.values()) {
        Meter before = Meter.fromJson(json.path(role.name().toLowerCase(Locale.ROOT)));
        meters.put(role, before);
        all = all.plus(before);
      }
      long lostMark = json.path("lost_mark").asLong();
      countLostAfter(lostMark); // the others are among those of the checkpoint
      Allowance.Amount lost = lostUpTo(lostMark);
      // What the cache knows of it was counted when it was opened.
      ReplyCache.Paid kept = cache.paidAfter(run, 0);
      ReplyCache.Paid later = cache.paidAfter(run, json.path("mark").asLong());
      allowance.count(
          new Allowance.Amount(
              all.calls() + all.lost() - (kept.calls() - later.calls()) - lost.calls(),
              all.promptTokens()
                  + all.completionTokens()
                  + all.lostTokens()
                  - (kept.tokens() - later.tokens())
                  - lost.tokens(),
              Math.max(0, all.usd() + all.lostUsd() - (kept.usd() - later.usd()) - lost.usd())));
      evaluations += json.path("evaluations").asLong();
      mark = json.path("mark").asLong();
      // The loop's own checkpoint holds the cost of the steps up to here.
      taken = Cost.ZERO;
      takeCost();
    }
  }

  ReplyCache cache() {
    return cache;
  }

  Allowance allowance() {
    return allowance;
  }

  String run() {
    return run;
  }

  /** Ends the threads and closes the cache. */
  @Override
  public void close() {
    threads.shutdownNow();
    cache.close();
  }
}
