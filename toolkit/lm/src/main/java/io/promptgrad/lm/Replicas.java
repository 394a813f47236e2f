package io.promptgrad.lm;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ObjIntConsumer;

/**
 * Copies of a model on several devices, one thread each, that divide numbered tasks among
 * themselves: whoever is free takes the next number.
 *
 * <p>Which copy does which task is a matter of chance; that it does not show in the results is up
 * to the tasks. They write to places of their own, and whoever adds their results up does so in the
 * order of the tasks. With a single copy everything runs in the caller's thread.
 *
 * <p>The threads live as long as the copies: libtorch keeps state for every thread that it has
 * seen.
 */
final class Replicas<R> implements AutoCloseable {

  private final List<R> copies;
  private final List<ExecutorService> threads;
  private final ThreadLocal<R> ownCopy = new ThreadLocal<>(); // in one of those threads

  Replicas(List<R> copies) {
    this.copies = List.copyOf(copies);
    this.threads = new ArrayList<>();
    if (copies.size() > 1) {
      for (int i = 0; i < copies.size(); i++) {
        String name = "promptgrad-replica-" + i;
        threads.add(
            Executors.newSingleThreadExecutor(
                work -> {
                  Thread thread = new Thread(work, name);
                  thread.setDaemon(true); // a model that nobody closed does not keep the JVM alive
                  return thread;
                }));
      }
    }
  }

  /** The copies; the first is the one that callers know. */
  List<R> copies() {
    return copies;
  }

  /**
   * Does the tasks 0 to n - 1 and returns when all are done. After a failure no further task
   * begins, and the failure with the lowest number is thrown. A task may itself call this: what it
   * asks for is done by its own copy, which would else wait for itself.
   */
  void run(int n, ObjIntConsumer<R> task) {
    R own = ownCopy.get();
    if (threads.isEmpty() || n < 2 || own != null) {
      for (int i = 0; i < n; i++) {
        task.accept(own == null ? copies.get(0) : own, i);
      }
      return;
    }
    AtomicInteger next = new AtomicInteger();
    Throwable[] failures = new Throwable[n];
    List<Future<?>> running = new ArrayList<>();
    for (int c = 0; c < Math.min(n, copies.size()); c++) {
      R copy = copies.get(c);
      try {
        running.add(threads.get(c).submit(() -> takeTasks(copy, next, task, failures)));
      } catch (RejectedExecutionException e) {
        throw new IllegalStateException("the model is closed", e);
      }
    }
    running.forEach(Replicas::await);
    for (Throwable failure : failures) {
      if (failure instanceof RuntimeException exception) {
        throw exception;
      }
      if (failure instanceof Error error) {
        throw error;
      }
    }
  }

  private void takeTasks(R copy, AtomicInteger next, ObjIntConsumer<R> task, Throwable[] failures) {
    ownCopy.set(copy);
    int n = failures.length;
    for (int i = next.getAndIncrement(); i < n; i = next.getAndIncrement()) {
      try {
        task.accept(copy, i);
      } catch (RuntimeException | Error e) {
        failures[i] = e;
        next.set(n); // nobody begins another one
      }
    }
  }

  /** Waits even when interrupted, because native code that has begun cannot be called off. */
  private static void await(Future<?> future) {
    boolean interrupted = false;
    while (true) {
      try {
        future.get();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      } catch (ExecutionException e) {
        throw new IllegalStateException(e); // takeTasks catches everything
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Ends the threads, not the copies. */
  @Override
  public void close() {
    threads.forEach(ExecutorService::shutdown);
  }
}
