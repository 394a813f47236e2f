package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LongHashSetTest {

  @Test
  void add_manyValues_behavesAsASet() {
    SplittableRandom random = new SplittableRandom(3);
    LongHashSet set = new LongHashSet();
    Set<Long> expected = new HashSet<>();
    for (int i = 0; i < 50_000; i++) {
      long value = random.nextLong(-20_000, 20_000); // many repeats, zero among them
      assertThat(set.add(value)).isEqualTo(expected.add(value));
    }

    assertThat(set.size()).isEqualTo(expected.size());
    for (long value = -25_000; value < 25_000; value++) {
      assertThat(set.contains(value)).isEqualTo(expected.contains(value));
    }
  }

  @Test
  void contains_zero_onlyAfterAdding() {
    LongHashSet set = new LongHashSet();
    assertThat(set.contains(0)).isFalse();
    assertThat(set.add(0)).isTrue();
    assertThat(set.add(0)).isFalse();
    assertThat(set.contains(0)).isTrue();
    assertThat(set.size()).isEqualTo(1);
  }
}
