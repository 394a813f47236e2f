package io.promptgrad.local;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;

/**
 * Puts together what several threads ask at the same time. While some jobs are worked on others
 * queue up; whoever gets the turn next works for all of them. A thread that is alone waits for
 * nobody, unless there were more the last time: then a moment, since threads that were answered
 * together come back together.
 *
 * @param <J> a job
 * @param <R> its result
 */
final class Together<J, R> {

  private static final long GLANCE_NANOS = 100_000;
  private static final int GLANCES = 20;

  private final Object turn;
  private final int most;
  private final Function<List<J>, List<R>> work;
  private final Queue<Asked<J, R>> waiting = new ConcurrentLinkedQueue<>();
  private int before; // jobs of the last batch; guarded by turn

  private record Asked<J, R>(J job, CompletableFuture<R> result) {}

  /**
   * @param turn whoever holds it may work
   * @param most jobs that are worked on together
   * @param work jobs to their results, in their order
   */
  Together(Object turn, int most, Function<List<J>, List<R>> work) {
    this.turn = turn;
    this.most = most;
    this.work = work;
  }

  /** Returns the job's result, or throws what the work on its batch threw. */
  R ask(J job) {
    Asked<J, R> mine = new Asked<>(job, new CompletableFuture<>());
    waiting.add(mine);
    synchronized (turn) {
      while (!mine.result().isDone()) {
        serve();
      }
    }
    try {
      return mine.result().join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    }
  }

  private void serve() {
    for (int i = 0; i < GLANCES && waiting.size() < before; i++) {
      LockSupport.parkNanos(GLANCE_NANOS);
    }
    List<Asked<J, R>> batch = new ArrayList<>();
    for (Asked<J, R> one = waiting.poll(); one != null; one = waiting.poll()) {
      batch.add(one);
      if (batch.size() == most) {
        break;
      }
    }
    before = batch.size();
    try {
      List<R> results = work.apply(batch.stream().map(Asked::job).toList());
      for (int i = 0; i < batch.size(); i++) {
        batch.get(i).result().complete(results.get(i));
      }
    } catch (RuntimeException | Error e) {
      batch.forEach(one -> one.result().completeExceptionally(e));
    }
  }
}
