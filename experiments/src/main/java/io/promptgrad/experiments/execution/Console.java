package io.promptgrad.experiments.execution;

import java.io.PrintWriter;

/**
 * Where a command talks to.
 *
 * @param out results
 * @param err progress, warnings and errors
 * @param terminal whether {@code err} is a terminal, where a line can be written over
 * @param interrupt the user's wish to stop
 */
public record Console(PrintWriter out, PrintWriter err, boolean terminal, Interrupt interrupt) {

  /** Writes a line about what happens, at once. */
  public void say(String line) {
    err.println(line);
    err.flush();
  }
}
