package io.promptgrad.gradient.coordinate;

import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Triggers that were scored before, by a 64-bit hash: that one of a million triggers is taken for
 * another has a chance of about 3 in 100 million. The oldest are forgotten.
 */
final class Visited {

  private static final int MOST = 1 << 18;

  private final Set<Long> hashes = new LinkedHashSet<>();

  boolean contains(int[] trigger) {
    return hashes.contains(hash(trigger));
  }

  void add(int[] trigger) {
    hashes.add(hash(trigger));
    if (hashes.size() > MOST) {
      hashes.remove(hashes.iterator().next());
    }
  }

  /** FNV-1a over the ids, then mixed. */
  private static long hash(int[] trigger) {
    long hash = 0xcbf29ce484222325L;
    for (int id : trigger) {
      hash = (hash ^ id) * 0x100000001b3L;
      hash ^= hash >>> 29;
    }
    return hash * 0xbf58476d1ce4e5b9L;
  }

  String save() {
    ByteBuffer bytes = ByteBuffer.allocate(hashes.size() * Long.BYTES);
    hashes.forEach(bytes::putLong);
    return Base64.getEncoder().encodeToString(bytes.array());
  }

  void restore(String saved) {
    hashes.clear();
    ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(saved));
    while (bytes.hasRemaining()) {
      hashes.add(bytes.getLong());
    }
  }
}
