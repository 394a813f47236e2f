package io.promptgrad.experiments.command;

import io.promptgrad.experiments.execution.Console;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command understands. */
final class OutputOptions {

  @Option(
      names = "--json",
      description = "Print one JSON object on stdout and nothing else there.")
  boolean json;

  @Option(names = "--debug", description = "Log details and show stack traces.")
  boolean debug;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  /** Where the command talks to. */
  Console console() {
    if (debug) {
      Logging.debug();
    }
    return ((Promptgrad) command.root().userObject()).console();
  }
}
