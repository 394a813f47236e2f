package io.promptgrad.experiments;

import io.promptgrad.experiments.command.Promptgrad;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Interrupt;
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
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    Console console =
        new Console(new PrintWriter(out), new PrintWriter(err), false, interrupt);
    int code =
        Promptgrad.execute(
            console, Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
    return new CommandLineRun(code, out.toString(), err.toString());
  }

  List<String> errLines() {
    return err.lines().toList();
  }
}
