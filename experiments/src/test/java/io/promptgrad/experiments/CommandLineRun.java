package io.promptgrad.experiments;

import io.promptgrad.experiments.command.Promptgrad;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Interrupt;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;

/** One command, run in this process. */
record CommandLineRun(int code, String out, String err) {

  static CommandLineRun of(Object... arguments) {
    return of(new Interrupt(), arguments);
  }

  static CommandLineRun of(Interrupt interrupt, Object... arguments) {
    return of(interrupt, InputStream.nullInputStream(), arguments);
  }

  /** With this on standard input. */
  static CommandLineRun reading(byte[] input, Object... arguments) {
    return of(new Interrupt(), new ByteArrayInputStream(input), arguments);
  }

  private static CommandLineRun of(Interrupt interrupt, InputStream in, Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    Console console = new Console(new PrintWriter(out), new PrintWriter(err), false, interrupt, in);
    int code =
        Promptgrad.execute(
            console, Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
    return new CommandLineRun(code, out.toString(), err.toString());
  }

  List<String> errLines() {
    return err.lines().toList();
  }
}
