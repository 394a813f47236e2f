package io.promptgrad.gradient.trigger;

import ai.djl.ndarray.NDManager;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.TokenBatch;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Keys and values of what stands before the triggers of sequences: no step changes them. Those that
 * were not used for the longest time make room for others.
 */
final class PrefixCaches implements AutoCloseable {

  private static final long CPU_BYTES = 256L << 20;
  private static final long GPU_BYTES = 2L << 30;

  private record Key(LanguageModel replica, List<Integer> tokens) {}

  private record Entry(SearchModel.Cache cache, NDManager scope, long bytes) {}

  private final Map<Key, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
  private final long limit;
  private final int copies; // so many of the last ones may be in use
  private long held;

  PrefixCaches(LanguageModel model) {
    this.limit = model.device().isGpu() ? GPU_BYTES : CPU_BYTES;
    this.copies = model.devices().size();
  }

  /** The beginning of a sequence on a replica; null if the trigger is at its beginning. */
  synchronized SearchModel.Cache of(LanguageModel replica, TargetSequence sequence) {
    int tokens = sequence.slots()[0];
    if (tokens == 0) {
      return null;
    }
    int[] beginning = Arrays.copyOf(sequence.ids(), tokens);
    Key key = new Key(replica, Arrays.stream(beginning).boxed().toList());
    Entry known = entries.get(key);
    if (known != null) {
      return known.cache();
    }
    NDManager scope = replica.newScope();
    TokenBatch batch = TokenBatch.of(List.of(beginning), replica.spec().padId());
    SearchModel.Cache cache = replica.forSearch().cache(scope, batch, null, 0);
    long bytes = cache.keyValues().getShape().size() * 4;
    entries.put(key, new Entry(cache, scope, bytes));
    held += bytes;
    Iterator<Entry> oldest = entries.values().iterator();
    while (held > limit && entries.size() > copies) {
      Entry entry = oldest.next();
      oldest.remove();
      entry.scope().close();
      held -= entry.bytes();
    }
    return cache;
  }

  @Override
  public synchronized void close() {
    entries.values().forEach(entry -> entry.scope().close());
    entries.clear();
    held = 0;
  }
}
