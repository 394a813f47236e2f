package io.promptgrad.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class TogetherTest {

  private final List<Integer> batches = Collections.synchronizedList(new ArrayList<>());

  /** While the first job is worked on nine others queue up; they are one batch, of at most four. */
  @Test
  void ask_whileOthersWork_isPutTogether() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    Together<Integer, Integer> together =
        new Together<>(
            new Object(),
            4,
            jobs -> {
              batches.add(jobs.size());
              begun.countDown();
              await(goOn);
              return jobs.stream().map(job -> job * job).toList();
            });
    int[] results = new int[10];
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      int job = i;
      threads.add(new Thread(() -> results[job] = together.ask(job)));
      threads.get(i).start();
      await(begun);
    }
    while (threads.stream().skip(1).anyMatch(t -> t.getState() != Thread.State.BLOCKED)) {
      Thread.onSpinWait();
    }
    goOn.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(results).containsExactly(0, 1, 4, 9, 16, 25, 36, 49, 64, 81);
    assertThat(batches).containsExactly(1, 4, 4, 1);
  }

  @Test
  void ask_failure_isThrownToWhoeverAskedAndTheNextIsServed() {
    Together<Integer, Integer> together =
        new Together<>(
            new Object(),
            4,
            jobs -> {
              if (jobs.contains(13)) {
                throw new IllegalStateException("thirteen");
              }
              return jobs;
            });
    assertThatThrownBy(() -> together.ask(13))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("thirteen");
    assertThat(together.ask(14)).isEqualTo(14);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
