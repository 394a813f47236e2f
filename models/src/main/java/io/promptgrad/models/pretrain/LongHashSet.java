package io.promptgrad.models.pretrain;

/** A set of 64-bit hashes: open addressing, linear probing, no boxing. Grows at two thirds full. */
final class LongHashSet {

  private long[] slots = new long[1 << 12]; // 0 marks a free slot
  private boolean hasZero;
  private int used;

  boolean add(long value) {
    if (value == 0) {
      boolean isNew = !hasZero;
      hasZero = true;
      return isNew;
    }
    int slot = slotOf(value);
    if (slots[slot] == value) {
      return false;
    }
    slots[slot] = value;
    if (++used > slots.length / 3 * 2) {
      grow();
    }
    return true;
  }

  boolean contains(long value) {
    return value == 0 ? hasZero : slots[slotOf(value)] == value;
  }

  int size() {
    return used + (hasZero ? 1 : 0);
  }

  /** The slot that holds the value, or the free one where it belongs. */
  private int slotOf(long value) {
    int mask = slots.length - 1;
    int slot = (int) mix(value) & mask;
    while (slots[slot] != 0 && slots[slot] != value) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private void grow() {
    long[] old = slots;
    slots = new long[old.length * 2];
    for (long value : old) {
      if (value != 0) {
        slots[slotOf(value)] = value;
      }
    }
  }

  /** The finaliser of SplitMix64: every input bit reaches every output bit. */
  static long mix(long z) {
    long x = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    x = (x ^ (x >>> 27)) * 0x94d049bb133111ebL;
    return x ^ (x >>> 31);
  }
}
