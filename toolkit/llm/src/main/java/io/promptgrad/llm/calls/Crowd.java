package io.promptgrad.llm.calls;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** Tasks that some threads do together, taking the next one each, in order. */
final class Crowd<T> {

  private final List<? extends Supplier<T>> tasks;
  private final List<T> results; // each place is written by one thread
  private final AtomicInteger next = new AtomicInteger();
  private int failedAt = Integer.MAX_VALUE; // guarded by this
  private RuntimeException failure; // guarded by this

  Crowd(List<? extends Supplier<T>> tasks) {
    this.tasks = List.copyOf(tasks);
    results = new ArrayList<>();
    for (int i = 0; i < tasks.size(); i++) {
      results.add(null);
    }
  }

  /** Does all and returns the results in order, or throws the first failure in order. */
  List<T> run(ExecutorService threads, int workers) {
    int most = Math.min(workers, tasks.size());
    List<Future<?>> running = new ArrayList<>();
    // The caller's thread is one of them: a single task needs no other.
    for (int i = 1; i < most; i++) {
      running.add(threads.submit(this::work));
    }
    work();
    for (Future<?> worker : running) {
      await(worker);
    }
    synchronized (this) {
      if (failure != null) {
        throw failure;
      }
    }
    return results;
  }

  private void work() {
    for (int i = next.getAndIncrement(); i < tasks.size(); i = next.getAndIncrement()) {
      try {
        results.set(i, tasks.get(i).get());
      } catch (RuntimeException e) {
        next.set(tasks.size()); // nothing more is begun
        synchronized (this) {
          if (i < failedAt) {
            failedAt = i;
            failure = e;
          }
        }
        return;
      }
    }
  }

  private static void await(Future<?> worker) {
    try {
      worker.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while calls were on their way");
    } catch (ExecutionException e) {
      throw new IllegalStateException("A thread that makes calls ended.", e.getCause());
    }
  }
}
