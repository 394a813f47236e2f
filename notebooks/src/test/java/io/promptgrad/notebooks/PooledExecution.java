package io.promptgrad.notebooks;

import java.lang.reflect.Method;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import jdk.jshell.execution.DirectExecutionControl;
import jdk.jshell.spi.ExecutionControl;
import jdk.jshell.spi.ExecutionControlProvider;
import jdk.jshell.spi.ExecutionEnv;

/**
 * Runs statements in this JVM, like JShell's own "local" control, but each on another thread than
 * the one before. The kernels run cells on pool threads, so nothing that a thread remembers (grad
 * mode, optimizer settings) may be needed from one statement to the next.
 */
final class PooledExecution extends DirectExecutionControl {

  private static final int THREADS = 3;

  private final List<ExecutorService> threads =
      IntStream.range(0, THREADS).mapToObj(i -> Executors.newSingleThreadExecutor()).toList();
  private int statements;

  static ExecutionControlProvider provider() {
    return new ExecutionControlProvider() {
      @Override
      public String name() {
        return "pooled";
      }

      @Override
      public ExecutionControl generate(
          ExecutionEnv environment, java.util.Map<String, String> parameters) {
        return new PooledExecution();
      }
    };
  }

  @Override
  protected String invoke(Method statement) throws Exception {
    ExecutorService thread = threads.get(statements++ % THREADS);
    try {
      return thread.submit(() -> super.invoke(statement)).get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception cause) {
        throw cause; // what a call on this thread would have thrown
      }
      throw e;
    }
  }

  @Override
  public void close() {
    threads.forEach(ExecutorService::shutdown);
    super.close();
  }
}
