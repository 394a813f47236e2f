package io.promptgrad.llm.cache;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Keeps answers in a SQLite file with a write-ahead log: processes share it, and what was kept is
 * there after a kill (after a power cut the last answers may be missing). Needs {@code
 * org.xerial:sqlite-jdbc} on the class path.
 */
public final class SqliteCache implements ReplyCache {

  private static final int FORMAT = 1;
  private static final List<String> SETUP =
      List.of(
          // First: others may be setting up the same file.
          "PRAGMA busy_timeout = 60000",
          "PRAGMA journal_mode = WAL",
          "PRAGMA synchronous = NORMAL",
          "CREATE TABLE IF NOT EXISTS replies (number INTEGER PRIMARY KEY AUTOINCREMENT,"
              + " key TEXT NOT NULL UNIQUE, run TEXT NOT NULL, reply TEXT NOT NULL,"
              + " tokens INTEGER NOT NULL, usd REAL NOT NULL)",
          "CREATE TABLE IF NOT EXISTS calls (key TEXT NOT NULL, run TEXT NOT NULL,"
              + " role TEXT NOT NULL, usd REAL NOT NULL, tokens INTEGER NOT NULL DEFAULT 0,"
              + " PRIMARY KEY (key, run)) WITHOUT ROWID",
          "CREATE TABLE IF NOT EXISTS losses (number INTEGER PRIMARY KEY AUTOINCREMENT,"
              + " run TEXT NOT NULL, role TEXT NOT NULL, usd REAL NOT NULL,"
              + " tokens INTEGER NOT NULL DEFAULT 0)");

  private final Path file;
  private final Connection connection; // and its statements: guarded by this
  private final PreparedStatement select;
  private final PreparedStatement insert;
  private final PreparedStatement begin;
  private final PreparedStatement end;

  private SqliteCache(Path file, Connection connection) throws SQLException {
    this.file = file;
    this.connection = connection;
    select = connection.prepareStatement("SELECT reply, run, number FROM replies WHERE key = ?");
    insert =
        connection.prepareStatement(
            "INSERT INTO replies (key, run, reply, tokens, usd) VALUES (?, ?, ?, ?, ?)"
                + " ON CONFLICT (key) DO NOTHING");
    begin =
        connection.prepareStatement(
            "INSERT OR REPLACE INTO calls (key, run, role, tokens, usd) VALUES (?, ?, ?, ?, ?)");
    end = connection.prepareStatement("DELETE FROM calls WHERE key = ? AND run = ?");
  }

  /** Returns whether SQLite is on the class path. */
  public static boolean available() {
    try {
      Class.forName("org.sqlite.JDBC");
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /**
   * Opens the file, or makes it.
   *
   * @throws InvalidInputException if SQLite is not there or the file is none of ours
   */
  public static SqliteCache open(Path file) {
    if (!available()) {
      throw new InvalidInputException(
          "The cache %s needs org.xerial:sqlite-jdbc on the class path; add it, or leave the file out to keep answers in memory."
              .formatted(file));
    }
    Connection connection = null;
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      connection = DriverManager.getConnection("jdbc:sqlite:" + file.toAbsolutePath());
      try (Statement statement = connection.createStatement()) {
        statement.execute(SETUP.get(0));
        int format = format(statement);
        if (format != 0 && format != FORMAT) {
          connection.close();
          throw new InvalidInputException(
              "The cache %s has format %d, but this version reads format %d; name another file."
                  .formatted(file, format, FORMAT));
        }
        for (String sql : SETUP) {
          statement.execute(sql);
        }
        addTokens(statement);
        statement.execute("PRAGMA user_version = " + FORMAT);
      }
      return new SqliteCache(file, connection);
    } catch (SQLException | IOException e) {
      if (connection != null) {
        closeQuietly(connection);
      }
      throw unusable(file, e);
    }
  }

  /** Files of earlier versions do not know the tokens of calls without an answer. */
  private static void addTokens(Statement statement) throws SQLException {
    statement.execute("BEGIN IMMEDIATE"); // others may be about to add them too
    for (String table : List.of("calls", "losses")) {
      if (!hasTokens(statement, table)) {
        statement.execute("ALTER TABLE " + table + " ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0");
      }
    }
    statement.execute("COMMIT");
  }

  private static boolean hasTokens(Statement statement, String table) throws SQLException {
    try (ResultSet columns =
        statement.executeQuery(
            "SELECT 1 FROM pragma_table_info('" + table + "') WHERE name = 'tokens'")) {
      return columns.next();
    }
  }

  private static int format(Statement statement) throws SQLException {
    try (ResultSet result = statement.executeQuery("PRAGMA user_version")) {
      return result.next() ? result.getInt(1) : 0;
    }
  }

  @Override
  public synchronized Optional<Entry> get(String key) {
    try {
      select.setString(1, key);
      try (ResultSet result = select.executeQuery()) {
        return result.next()
            ? Optional.of(
                new Entry(parse(result.getString(1)), result.getString(2), result.getLong(3)))
            : Optional.empty();
      }
    } catch (SQLException e) {
      throw unusable(file, e);
    }
  }

  private JsonNode parse(String reply) {
    try {
      return Json.parse(reply);
    } catch (JsonProcessingException e) {
      throw unusable(file, e);
    }
  }

  @Override
  public synchronized void begin(String key, String run, Unfinished call) {
    try {
      begin.setString(1, key);
      begin.setString(2, run);
      begin.setString(3, call.role());
      begin.setLong(4, call.tokens());
      begin.setDouble(5, call.usd());
      begin.executeUpdate();
    } catch (SQLException e) {
      throw unusable(file, e);
    }
  }

  @Override
  public synchronized void end(String key, String run) {
    try {
      end.setString(1, key);
      end.setString(2, run);
      end.executeUpdate();
    } catch (SQLException e) {
      throw unusable(file, e);
    }
  }

  @Override
  public synchronized Entry put(String key, String run, JsonNode reply, Paid paid) {
    try {
      insert.setString(1, key);
      insert.setString(2, run);
      insert.setString(3, Json.line(reply));
      insert.setLong(4, paid.tokens());
      insert.setDouble(5, paid.usd());
      insert.executeUpdate();
    } catch (SQLException e) {
      throw unusable(file, e);
    }
    // A kill between these two leaves a call that has its answer, which is none that was lost.
    end(key, run);
    return get(key).orElseThrow();
  }

  @Override
  public synchronized void lose(String key, String run) {
    try {
      moveToLosses("run = ? AND key = ?", run, key);
    } catch (SQLException e) {
      throw unusable(file, e);
    }
  }

  @Override
  public synchronized List<Lost> lost(String run) {
    List<Lost> losses = new ArrayList<>();
    try {
      // One that has its answer was killed between the two statements of put.
      moveToLosses("run = ? AND key NOT IN (SELECT key FROM replies)", run);
      try (PreparedStatement all =
          connection.prepareStatement(
              "SELECT number, role, tokens, usd FROM losses WHERE run = ? ORDER BY number")) {
        all.setString(1, run);
        try (ResultSet result = all.executeQuery()) {
          while (result.next()) {
            losses.add(
                new Lost(
                    result.getLong(1),
                    result.getString(2),
                    result.getLong(3),
                    result.getDouble(4)));
          }
        }
      }
      return losses;
    } catch (SQLException e) {
      throw unusable(file, e);
    }
  }

  /** In one transaction: a kill must neither forget a loss nor note it twice. */
  private void moveToLosses(String which, String... values) throws SQLException {
    connection.setAutoCommit(false);
    try (PreparedStatement note =
            connection.prepareStatement(
                "INSERT INTO losses (run, role, tokens, usd) SELECT run, role, tokens, usd FROM calls WHERE "
                    + which
                    + " ORDER BY key");
        PreparedStatement forget =
            connection.prepareStatement("DELETE FROM calls WHERE " + which)) {
      for (PreparedStatement statement : List.of(note, forget)) {
        for (int i = 0; i < values.length; i++) {
          statement.setString(i + 1, values[i]);
        }
        statement.executeUpdate();
      }
      connection.commit();
    } catch (SQLException e) {
      connection.rollback();
      throw e;
    } finally {
      connection.setAutoCommit(true);
    }
  }

  @Override
  public synchronized long lastLost() {
    return highest("losses");
  }

  @Override
  public synchronized Paid paidAfter(String run, long number) {
    try (PreparedStatement sums =
        connection.prepareStatement(
            "SELECT COUNT(*), COALESCE(SUM(tokens), 0), COALESCE(SUM(usd), 0) FROM replies"
                + " WHERE run = ? AND number > ?")) {
      sums.setString(1, run);
      sums.setLong(2, number);
      try (ResultSet result = sums.executeQuery()) {
        result.next();
        return new Paid(result.getLong(1), result.getLong(2), result.getDouble(3));
      }
    } catch (SQLException e) {
      throw unusable(file, e);
    }
  }

  @Override
  public synchronized long lastNumber() {
    return highest("replies");
  }

  private long highest(String table) {
    try (Statement statement = connection.createStatement();
        ResultSet result =
            statement.executeQuery("SELECT COALESCE(MAX(number), 0) FROM " + table)) {
      return result.next() ? result.getLong(1) : 0;
    } catch (SQLException e) {
      throw unusable(file, e);
    }
  }

  private static InvalidInputException unusable(Path file, Exception e) {
    return new InvalidInputException(
        "The cache %s cannot be used (%s); check space and permissions, or name another file."
            .formatted(file, String.valueOf(e.getMessage()).replaceAll("\\s+", " ")),
        e);
  }

  private static void closeQuietly(Connection connection) {
    try {
      connection.close();
    } catch (SQLException e) {
      // It holds no transaction, and the process will let go of it.
    }
  }

  @Override
  public synchronized void close() {
    closeQuietly(connection);
  }
}
