package io.promptgrad.models.pretrain;

import io.promptgrad.input.InvalidInputException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code pretrain}: the program that makes the bundled models. */
@Command(
    name = "pretrain",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    description = "Pretrains small language models.",
    subcommands = {PrepareCommand.class, TrainCommand.class})
public final class PretrainCommand {

  /** Runs the program and ends the JVM: 0 fine, 2 bad input (one sentence), 3 anything else. */
  public static void main(String[] args) {
    System.exit(commandLine().execute(args));
  }

  /** The program as a picocli command. */
  public static CommandLine commandLine() {
    return new CommandLine(new PretrainCommand())
        .setExecutionExceptionHandler(
            (e, command, parsed) -> {
              if (e instanceof InvalidInputException) {
                command.getErr().println(e.getMessage());
                return 2;
              }
              e.printStackTrace(command.getErr());
              return 3;
            });
  }
}
