package io.promptgrad.experiments;

import io.promptgrad.experiments.command.Promptgrad;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Interrupt;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** The program behind {@code experiments/promptgrad}. */
public final class Main {

  private Main() {}

  /** Runs a command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    Locale.setDefault(Locale.ROOT); // digits and decimal points are the same everywhere
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
    // The start script knows whether stderr is a terminal; Java 17 cannot tell.
    boolean terminal = Boolean.getBoolean("promptgrad.terminal");
    Console console = new Console(out, err, terminal, new Interrupt(), System.in);
    System.exit(Promptgrad.execute(console, arguments));
  }
}
