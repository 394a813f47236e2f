package io.promptgrad.experiments.execution;

import java.io.PrintWriter;
import java.nio.file.Path;
import sun.misc.Signal;

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

    Interrupted(String message) {
      super(message);
    }
  }

  /** Takes over the process's signals. */
  public void onSignals(PrintWriter err) {
    for (String name : new String[] {"INT", "TERM"}) {
      try {
        Signal.handle(new Signal(name), signal -> received(err));
      } catch (IllegalArgumentException e) {
        // The JVM was told to leave signals alone (-Xrs); then they end the process as ever.
      }
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
      throw new Interrupted("Interrupted; saved. Continue with: promptgrad resume " + run);
    }
  }
}
