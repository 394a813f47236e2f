package io.promptgrad.experiments.execution;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * The wish of the user to stop. The first Ctrl-C (or SIGTERM) lets the step under way end and its
 * state be saved; the second one ends the process at once.
 */
public final class Interrupt {

  /** The exit code of a run that was interrupted. */
  public static final int EXIT_CODE = 130;

  private volatile boolean requested;

  /** Thrown between pieces of work once the user has asked to stop; everything is saved. */
  public static final class Interrupted extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final transient Path run;

    Interrupted(Path run) {
      super("Interrupted; saved. Continue with: promptgrad resume " + run);
      this.run = run;
    }

    /** The run that can be resumed. */
    public Path run() {
      return run;
    }
  }

  /**
   * Takes over the process's signals while work runs that ends in order if {@link #requested} says
   * so; else they end the process.
   */
  public <T> T during(PrintWriter err, Supplier<T> work) {
    Map<Signal, SignalHandler> before = new HashMap<>();
    for (String name : new String[] {"INT", "TERM"}) {
      try {
        Signal signal = new Signal(name);
        before.put(signal, Signal.handle(signal, unused -> received(err)));
      } catch (IllegalArgumentException e) {
        // The JVM was told to leave signals alone (-Xrs); then they end the process as ever.
      }
    }
    try {
      return work.get();
    } finally {
      before.forEach(Signal::handle);
    }
  }

  private void received(PrintWriter err) {
    if (requested) {
      Runtime.getRuntime().halt(EXIT_CODE);
    }
    requested = true;
    err.println();
    err.println("Stopping after the step under way; press Ctrl-C again to stop at once.");
    err.flush();
  }

  /** Returns whether to stop. */
  public boolean requested() {
    return requested;
  }

  /** Asks to stop, as a signal does. */
  public void request() {
    requested = true;
  }

  /**
   * Stops here if that is wanted.
   *
   * @throws Interrupted if it is
   */
  void check(Path run) {
    if (requested) {
      throw new Interrupted(run);
    }
  }
}
