package io.promptgrad.llm.cache;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Keeps answers as long as the process lives. */
public final class MemoryCache implements ReplyCache {

  private final Map<String, Entry> entries = new HashMap<>(); // guarded by this

  @Override
  public synchronized Optional<Entry> get(String key) {
    return Optional.ofNullable(entries.get(key));
  }

  @Override
  public void begin(String key, String run, Unfinished call) {
    // Nobody will ask: what this process did not end, no other process can know.
  }

  @Override
  public void end(String key, String run) {
    // See begin.
  }

  @Override
  public synchronized Entry put(String key, String run, JsonNode reply, Paid paid) {
    return entries.computeIfAbsent(key, k -> new Entry(reply, run, entries.size() + 1));
  }

  @Override
  public void lose(String key, String run) {
    // See begin.
  }

  @Override
  public List<Lost> lost(String run) {
    return List.of();
  }

  @Override
  public long lastLost() {
    return 0;
  }

  @Override
  public Paid paidAfter(String run, long number) {
    return new Paid(0, 0, 0); // nothing was here before this process, which counts by itself
  }

  @Override
  public synchronized long lastNumber() {
    return entries.size();
  }

  @Override
  public void close() {
    // The garbage collector closes it.
  }
}
