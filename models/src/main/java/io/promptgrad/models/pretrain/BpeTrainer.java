package io.promptgrad.models.pretrain;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;

/**
 * Learns a byte-level BPE vocabulary (Sennrich et al. 2016, arXiv 1508.07909; on bytes as in
 * GPT-2): starting from the 256 bytes, the most frequent pair of neighbouring symbols inside words
 * becomes a new symbol, again and again.
 *
 * <p>Pair counts are kept up to date word by word instead of being counted anew; the most frequent
 * pair comes from a priority queue whose entries may be stale: an entry whose count is no longer
 * true is put back with the true one. Every count that rises gets a new entry, so the top entry
 * that is true is the maximum.
 *
 * <p>Deterministic: of pairs with equal counts the one with the lower left id, then the lower right
 * id, is merged. The order in which text is added does not matter.
 */
public final class BpeTrainer {

  /** A pair that is rarer than this is not worth an entry. */
  private static final int LEAST_COUNT = 2;

  /** No symbol is newest: a word is counted for the first time. */
  private static final int NONE = -1;

  private final TokenizerSettings settings;
  private final Map<String, long[]> counts = new HashMap<>();

  /** A trainer that has seen no text. */
  public BpeTrainer(TokenizerSettings settings) {
    this.settings = settings;
  }

  /**
   * Counts the words of a text.
   *
   * @param weight how often the text counts
   */
  public void add(String text, long weight) {
    String normal = BpeTokenizer.normalise(text, settings);
    ByteLevel.words(normal, word -> counts.computeIfAbsent(word, w -> new long[1])[0] += weight);
  }

  /** How many different words were seen. */
  public int distinctWords() {
    return counts.size();
  }

  /**
   * Learns the vocabulary. It is smaller than asked for if the text runs out of pairs that occur
   * twice.
   */
  public BpeTokenizer train() {
    return new Training().run();
  }

  /** A pair with the count that it had when it was queued. */
  private record Candidate(long pair, long count) implements Comparable<Candidate> {
    @Override
    public int compareTo(Candidate other) {
      int byCount = Long.compare(other.count, count);
      return byCount != 0 ? byCount : Long.compare(pair, other.pair);
    }
  }

  /** How often a pair occurs now, and the words in which it has occurred (some may be stale). */
  private static final class Occurrences {
    private long count;
    private int[] words = new int[2];
    private int size;

    void addWord(int word) {
      if (size > 0 && words[size - 1] == word) {
        return;
      }
      if (size == words.length) {
        words = Arrays.copyOf(words, size * 2);
      }
      words[size++] = word;
    }
  }

  private final class Training {
    // Ids here: 0 to 255 are bytes, 256 + i is the result of merge i.
    private final int[][] words = new int[counts.size()][];
    private final long[] wordCounts = new long[counts.size()];
    private final Map<Long, Occurrences> pairs = new HashMap<>();
    private final PriorityQueue<Candidate> queue = new PriorityQueue<>();

    BpeTokenizer run() {
      int w = 0;
      for (Map.Entry<String, long[]> entry : counts.entrySet()) {
        byte[] bytes = entry.getKey().getBytes(StandardCharsets.UTF_8);
        int[] symbols = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
          symbols[i] = bytes[i] & 0xff;
        }
        words[w] = symbols;
        wordCounts[w] = entry.getValue()[0];
        count(w, 1, NONE, new HashSet<>());
        w++;
      }
      pairs.forEach((pair, found) -> queue.add(new Candidate(pair, found.count)));

      int wanted =
          settings.vocab()
              - 256
              - settings.objective().first().size()
              - settings.objective().last().size();
      List<long[]> merges = new ArrayList<>();
      while (merges.size() < wanted) {
        Long best = mostFrequent();
        if (best == null) {
          break;
        }
        merge(best, 256 + merges.size());
        merges.add(new long[] {best >>> 32, best & 0xffffffffL});
      }
      return BpeTokenizer.of(settings, merges);
    }

    /** The most frequent pair, or null if none is frequent enough. */
    private Long mostFrequent() {
      while (!queue.isEmpty()) {
        Candidate top = queue.poll();
        Occurrences now = pairs.get(top.pair);
        if (now == null || now.count < LEAST_COUNT) {
          continue;
        }
        if (now.count == top.count) {
          return top.pair;
        }
        queue.add(new Candidate(top.pair, now.count));
      }
      return null;
    }

    private void merge(long pair, int merged) {
      int left = (int) (pair >>> 32);
      int right = (int) pair;
      Occurrences occurrences = pairs.get(pair);
      Set<Long> risen = new HashSet<>();
      for (int i = 0; i < occurrences.size; i++) {
        int w = occurrences.words[i];
        int[] before = words[w];
        int[] after = new int[before.length];
        int n = 0;
        for (int j = 0; j < before.length; j++) {
          boolean here = j + 1 < before.length && before[j] == left && before[j + 1] == right;
          after[n++] = here ? merged : before[j];
          j += here ? 1 : 0;
        }
        if (n < before.length) {
          count(w, -1, merged, risen);
          words[w] = Arrays.copyOf(after, n);
          count(w, 1, merged, risen);
        }
      }
      pairs.remove(pair);
      risen.forEach(p -> queue.add(new Candidate(p, pairs.get(p).count)));
    }

    /**
     * Adds (sign 1) or takes away (sign -1) the pairs of a word. Only a pair with the newest symbol
     * can become more frequent by a merge or be new to the word; these are noted.
     */
    private void count(int word, int sign, int newest, Set<Long> risen) {
      int[] symbols = words[word];
      for (int i = 0; i + 1 < symbols.length; i++) {
        long pair = (long) symbols[i] << 32 | symbols[i + 1];
        Occurrences found = pairs.computeIfAbsent(pair, p -> new Occurrences());
        found.count += sign * wordCounts[word];
        if (sign > 0 && (newest == NONE || symbols[i] == newest || symbols[i + 1] == newest)) {
          found.addWord(word);
          risen.add(pair);
        }
      }
    }
  }
}
