package io.promptgrad.llm.account;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.account.Allowance.Amount;
import io.promptgrad.llm.client.Usage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class AllowanceTest {

  private static Allowance of(long calls, long tokens, double usd) {
    return new Allowance(OptionalLong.of(calls), OptionalLong.of(tokens), OptionalDouble.of(usd));
  }

  @Test
  void reserve_eachLimit_isKept() throws Exception {
    assertThat(of(0, 100, 1).reserve(new Amount(1, 1, 0))).isFalse();
    assertThat(of(1, 0, 1).reserve(new Amount(1, 1, 0))).isFalse();
    assertThat(of(1, 1, 0).reserve(new Amount(1, 1, 0.01))).isFalse();
    assertThat(of(1, 1, 0.01).reserve(new Amount(1, 1, 0.01))).isTrue();
  }

  /** Sums of 0.1 miss 1 by a crumb. */
  @Test
  void reserve_manySmallSums_reachTheLimit() throws Exception {
    Allowance allowance = of(100, 100, 1);
    for (int i = 0; i < 10; i++) {
      assertThat(allowance.reserve(new Amount(1, 1, 0.1))).isTrue();
      allowance.settle(new Amount(1, 1, 0.1), new Amount(1, 1, 0.1));
    }
    assertThat(allowance.reserve(new Amount(1, 1, 0.1))).isFalse();
  }

  /** Without waiting, the first requests would set aside all and the rest be refused. */
  @Test
  @Timeout(30)
  void reserve_byManyThreads_spendsAllAndNothingMore() throws Exception {
    Allowance allowance = of(1000, 100_000, 1);
    ExecutorService threads = Executors.newFixedThreadPool(16);
    AtomicInteger done = new AtomicInteger();
    AtomicInteger atOnce = new AtomicInteger();
    List<Future<?>> running = new ArrayList<>();
    Amount most = new Amount(1, 5_000, 0.05);
    Amount used = new Amount(1, 250, 0.002);
    for (int t = 0; t < 16; t++) {
      running.add(
          threads.submit(
              () -> {
                while (allowance.reserve(most)) {
                  assertThat(atOnce.incrementAndGet()).isLessThanOrEqualTo(20); // 1 / 0.05
                  Thread.sleep(1);
                  atOnce.decrementAndGet();
                  allowance.settle(most, used);
                  done.incrementAndGet();
                }
                return null;
              }));
    }
    for (Future<?> one : running) {
      one.get();
    }
    threads.shutdown();
    // Tokens end first: 380 * 250 = 95,000 still lets one in, 381 * 250 does not.
    assertThat(done.get()).isEqualTo(381);
    assertThat(allowance.spent().tokens()).isEqualTo(381 * 250L).isLessThanOrEqualTo(100_000);
  }

  @Test
  void count_ofElsewhere_isSpent() throws Exception {
    Allowance allowance = of(2, 100, 1);
    allowance.count(new Amount(2, 0, 0));
    assertThat(allowance.reserve(new Amount(1, 1, 0))).isFalse();
  }

  // ------------------------------------------------------------------ prices

  @Test
  void price_ofAUsage_countsCachedTokensApart() {
    // 600 * 2 + 400 * 1 + 100 * 10 = 2600 dollars for a million
    assertThat(new Price(2, 1, 10).of(new Usage(1000, 400, 100, false)))
        .isCloseTo(0.0026, within(1e-12));
  }

  @Test
  void table_builtIn_goesByTheDay() {
    PriceTable table = PriceTable.builtIn();
    assertThat(table.of("gpt-4o", LocalDate.of(2026, 3, 1)).get().input()).isEqualTo(2.5);
    assertThat(table.of("gpt-4o", LocalDate.of(2026, 2, 28))).isEmpty();
    assertThat(table.of("local:bundled:mini-llama", LocalDate.of(2026, 3, 1))).contains(Price.FREE);
    assertThat(table.of("no-such-model", LocalDate.of(2025, 1, 1))).isEmpty();
  }

  @Test
  void table_ownFile_goesFirst(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("prices.yaml");
    Files.writeString(
        file,
        """
        - {model: "local/*", from: 2020-01-01, input: 0, output: 0}
        - {model: "local/big*", from: 2020-01-01, input: 1, output: 2}
        - {model: gpt-4o, from: 2020-01-01, input: 8, cached_input: 4, output: 10}
        - {model: gpt-4o, from: 2021-01-01, input: 7, cached_input: 3, output: 9}
        """);
    PriceTable table = PriceTable.builtIn().with(file);
    LocalDate day = LocalDate.of(2025, 1, 1);
    assertThat(table.of("gpt-4o", day)).contains(new Price(7, 3, 9));
    assertThat(table.of("local/tiny", day)).contains(Price.FREE);
    assertThat(table.of("local/big-7b", day)).contains(new Price(1, 1, 2));
    assertThat(table.of("gpt-4o-mini", LocalDate.of(2026, 3, 1)))
        .contains(new Price(0.15, 0.075, 0.6));
  }

  @Test
  void table_badFile_isRefusedByKey(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("prices.yaml");
    for (String bad :
        List.of(
            "model: x",
            "- {from: 2020-01-01, input: 1, output: 1}",
            "- {model: x, from: yesterday, input: 1, output: 1}",
            "- {model: x, from: 2020-01-01, input: -1, output: 1}",
            "- {model: x, from: 2020-01-01, input: 1}")) {
      Files.writeString(file, bad);
      assertThatThrownBy(() -> PriceTable.builtIn().with(file))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("prices.yaml");
    }
  }
}
