package io.promptgrad.llm.cache;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;

/**
 * Keeps answers, and knows which calls are on their way, so that a killed run can tell what it may
 * have paid for. Thread-safe.
 */
public interface ReplyCache extends AutoCloseable {

  /**
   * An answer that was kept.
   *
   * @param reply the answer
   * @param run the run that got it
   * @param number answers are numbered in the order in which they came
   */
  record Entry(JsonNode reply, String run, long number) {}

  /**
   * What answers were paid with.
   *
   * @param calls how many
   * @param tokens read and written
   * @param usd US dollars
   */
  record Paid(long calls, long tokens, double usd) {}

  /**
   * A call that a process began and did not end.
   *
   * @param role the role it was made in
   * @param tokens what it may have read and written
   * @param usd what it may have cost
   */
  record Unfinished(String role, long tokens, double usd) {}

  /**
   * A call whose answer the server may have written and billed, and nobody has.
   *
   * @param number losses are numbered in the order in which they were noted
   * @param role the role it was made in
   * @param tokens what it may have read and written
   * @param usd what it may have cost
   */
  record Lost(long number, String role, long tokens, double usd) {}

  /** Returns the answer of that key, if there is one. */
  Optional<Entry> get(String key);

  /** Notes that a call is on its way. */
  void begin(String key, String run, Unfinished call);

  /** Notes that a call ended without an answer. */
  void end(String key, String run);

  /** Notes that a call ended without an answer that may be billed all the same. */
  void lose(String key, String run);

  /**
   * Keeps an answer and ends its call. The first answer of a key stays: of two processes with the
   * same question both go on with one answer.
   *
   * @return the answer that is kept
   */
  Entry put(String key, String run, JsonNode reply, Paid paid);

  /** Returns what a run paid for its answers behind that number. */
  Paid paidAfter(String run, long number);

  /**
   * Returns every call that a run ever lost, those among them that were on their way when it was
   * killed. Only the run's own process may ask, before its first call.
   */
  List<Lost> lost(String run);

  /** Returns the highest number of a loss; 0 if there is none. */
  long lastLost();

  /** Returns the highest number of an answer; 0 if there is none. */
  long lastNumber();

  @Override
  void close();
}
