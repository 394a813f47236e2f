package io.promptgrad.llm.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReplyCacheTest {

  private static final ReplyCache.Paid ONE = new ReplyCache.Paid(1, 10, 0.25);

  @TempDir Path folder;

  private ReplyCache open(String kind) {
    return kind.equals("memory") ? new MemoryCache() : SqliteCache.open(folder.resolve("c.db"));
  }

  private static JsonNode reply(String text) {
    return Json.object().put("text", text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"memory", "sqlite"})
  void put_twice_keepsTheFirst(String kind) {
    try (ReplyCache cache = open(kind)) {
      assertThat(cache.get("k")).isEmpty();
      assertThat(cache.lastNumber()).isZero();
      cache.put("k", "run-1", reply("one"), ONE);
      ReplyCache.Entry kept = cache.put("k", "run-2", reply("two"), ONE);
      assertThat(kept.reply()).isEqualTo(reply("one"));
      assertThat(kept.run()).isEqualTo("run-1");
      assertThat(cache.get("k")).contains(kept);
      long before = cache.lastNumber();
      assertThat(cache.put("l", "run-1", reply("\u00e9\n{}"), ONE).number()).isGreaterThan(before);
      assertThat(cache.get("l").get().reply()).isEqualTo(reply("\u00e9\n{}"));
    }
  }

  @Test
  void sqlite_unfinishedCalls_areLostToTheirRunOnce() {
    try (ReplyCache cache = open("sqlite")) {
      cache.begin("a", "run-1", new ReplyCache.Unfinished("task", 50, 0.5));
      cache.begin("b", "run-1", new ReplyCache.Unfinished("task", 25, 0.25));
      cache.begin("c", "run-1", new ReplyCache.Unfinished("proposer", 12, 0.125));
      cache.begin("d", "run-2", new ReplyCache.Unfinished("task", 100, 1));
      cache.end("a", "run-1");
      cache.put("b", "run-1", reply("b"), ONE);
    }
    try (ReplyCache cache = open("sqlite")) {
      List<ReplyCache.Lost> lost = cache.lost("run-1");
      assertThat(lost).containsExactly(new ReplyCache.Lost(1, "proposer", 12, 0.125));
      assertThat(cache.lost("run-1")).isEqualTo(lost);
      cache.begin("c", "run-1", new ReplyCache.Unfinished("proposer", 12, 0.125));
      cache.lose("c", "run-1");
      assertThat(cache.lost("run-1")).hasSize(2);
      assertThat(cache.lost("run-2")).containsExactly(new ReplyCache.Lost(3, "task", 100, 1));
      assertThat(cache.lastLost()).isEqualTo(3);
    }
  }

  @Test
  void sqlite_whatWasPaid_isSummedByRunBehindANumber() {
    try (ReplyCache cache = open("sqlite")) {
      cache.put("a", "run-1", reply("a"), ONE);
      long mark = cache.lastNumber();
      cache.put("b", "run-2", reply("b"), ONE);
      cache.put("c", "run-1", reply("c"), ONE);
      cache.put("a", "run-1", reply("a"), ONE); // is there already
      assertThat(cache.paidAfter("run-1", 0)).isEqualTo(new ReplyCache.Paid(2, 20, 0.5));
      assertThat(cache.paidAfter("run-1", mark)).isEqualTo(ONE);
      assertThat(cache.paidAfter("run-3", 0)).isEqualTo(new ReplyCache.Paid(0, 0, 0));
    }
  }

  @Test
  void sqlite_severalConnectionsAtOnce_shareOneFile() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<?>> running = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      String run = "run-" + t;
      running.add(
          threads.submit(
              () -> {
                try (ReplyCache cache = open("sqlite")) {
                  for (int i = 0; i < 100; i++) {
                    cache.begin("k" + i, run, new ReplyCache.Unfinished("task", 0, 0));
                    cache.put("k" + i, run, reply(run), ONE);
                  }
                }
              }));
    }
    for (Future<?> one : running) {
      one.get();
    }
    threads.shutdown();
    try (ReplyCache cache = open("sqlite")) {
      assertThat(cache.lastNumber()).isGreaterThanOrEqualTo(100); // numbers may have gaps
      for (int i = 0; i < 100; i++) {
        String run = cache.get("k" + i).get().run();
        assertThat(cache.get("k" + i).get().reply()).isEqualTo(reply(run));
      }
    }
  }

  /** What another process had kept when it was killed is there. */
  @Test
  void sqlite_killedProcess_leavesWhatItKept() throws Exception {
    Path file = folder.resolve("c.db");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Keeper.class.getName(),
                file.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    int kept = -1;
    try (BufferedReader out =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      while (kept < 50) {
        kept = Integer.parseInt(out.readLine());
      }
      process.destroyForcibly().waitFor();
    }
    try (ReplyCache cache = open("sqlite")) {
      for (int i = 0; i <= kept; i++) {
        assertThat(cache.get("k" + i).get().reply()).isEqualTo(reply("answer " + i));
      }
      assertThat(cache.lost("killed").size()).isLessThanOrEqualTo(1);
    }
  }

  /** Keeps answers for ever, and says which it has kept. */
  static final class Keeper {

    private Keeper() {}

    public static void main(String[] args) {
      try (ReplyCache cache = SqliteCache.open(Path.of(args[0]))) {
        for (int i = 0; ; i++) {
          cache.begin("k" + i, "killed", new ReplyCache.Unfinished("task", 0, 0));
          cache.put("k" + i, "killed", reply("answer " + i), ONE);
          System.out.println(i);
        }
      }
    }
  }

  /** Earlier versions kept no tokens of calls without an answer. */
  @Test
  void sqlite_fileOfAnEarlierVersion_isGoneOnWith() throws Exception {
    String url = "jdbc:sqlite:" + folder.resolve("c.db");
    try (Connection connection = DriverManager.getConnection(url);
        Statement statement = connection.createStatement()) {
      for (String sql :
          List.of(
              "CREATE TABLE replies (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL"
                  + " UNIQUE, run TEXT NOT NULL, reply TEXT NOT NULL, tokens INTEGER NOT NULL,"
                  + " usd REAL NOT NULL)",
              "CREATE TABLE calls (key TEXT NOT NULL, run TEXT NOT NULL, role TEXT NOT NULL,"
                  + " usd REAL NOT NULL, PRIMARY KEY (key, run)) WITHOUT ROWID",
              "CREATE TABLE losses (number INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL,"
                  + " role TEXT NOT NULL, usd REAL NOT NULL)",
              "INSERT INTO replies VALUES (1, 'k', 'run', '{\"text\":\"k\"}', 10, 0.25)",
              "INSERT INTO calls VALUES ('a', 'run', 'task', 0.5)",
              "INSERT INTO losses VALUES (1, 'run', 'judge', 0.125)",
              "PRAGMA user_version = 1")) {
        statement.execute(sql);
      }
    }
    for (int i = 0; i < 2; i++) { // the second time there is nothing to add
      try (ReplyCache cache = open("sqlite")) {
        assertThat(cache.get("k").get().reply()).isEqualTo(reply("k"));
        assertThat(cache.lost("run"))
            .containsExactly(
                new ReplyCache.Lost(1, "judge", 0, 0.125), new ReplyCache.Lost(2, "task", 0, 0.5));
      }
    }
  }

  @Test
  void sqlite_fileOfSomethingElse_isRefused() throws Exception {
    Path file = folder.resolve("c.db");
    Files.writeString(file, "this is no database, ".repeat(100));
    assertThatThrownBy(() -> SqliteCache.open(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("c.db");
  }
}
