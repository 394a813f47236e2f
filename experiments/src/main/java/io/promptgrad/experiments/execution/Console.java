package io.promptgrad.experiments.execution;

import java.io.InputStream;
import java.io.PrintWriter;

/**
 * Where a command talks to, and what it may read.
 *
 * @param out results
 * @param err progress, warnings and errors
 * @param terminal whether {@code err} is a terminal, where a line can be written over
 * @param interrupt the user's wish to stop
 * @param in standard input
 */
public record Console(
    PrintWriter out, PrintWriter err, boolean terminal, Interrupt interrupt, InputStream in) {

  /** With nothing to read. */
  public Console(PrintWriter out, PrintWriter err, boolean terminal, Interrupt interrupt) {
    this(out, err, terminal, interrupt, InputStream.nullInputStream());
  }

  /** Writes a line about what happens, at once. */
  public void say(String line) {
    err.println(line);
    err.flush();
  }
}
