package io.promptgrad.experiments.command;

import io.promptgrad.experiments.config.Nearest;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Environment;
import io.promptgrad.experiments.execution.Interrupt;
import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line: its commands, and what becomes of errors. */
@Command(
    name = "promptgrad",
    mixinStandardHelpOptions = true,
    versionProvider = Promptgrad.Version.class,
    description = "Searches prompts for language models with gradients.",
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      QuickstartCommand.class,
      RunCommand.class,
      ResumeCommand.class,
      SearchCommand.class,
      EvalCommand.class,
      BenchCommand.class,
      RobustnessCommand.class,
      GenerateCommand.class,
      ModelsCommand.class,
      DataCommand.class,
      VerifyCommand.class,
      ReportCommand.class,
      DoctorCommand.class
    },
    footer = {
      "",
      "Exit codes: 0 fine, 1 worse or mismatch, 2 bad input, 3 internal error,",
      "130 interrupted and saved."
    })
public final class Promptgrad {

  /** All is well. */
  static final int OK = 0;

  /** Something did not agree. */
  static final int MISMATCH = 1;

  /** The user gave something that cannot be used. */
  static final int BAD_INPUT = 2;

  /** A fault of this program or of the machine. */
  static final int INTERNAL_ERROR = 3;

  private final Console console;

  private Promptgrad(Console console) {
    this.console = console;
  }

  Console console() {
    return console;
  }

  /** Reads the version from the jar. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {"promptgrad " + Environment.own()};
    }
  }

  /**
   * Runs a command.
   *
   * @return the exit code
   */
  public static int execute(Console console, String... arguments) {
    boolean debug = Arrays.asList(arguments).contains("--debug");
    CommandLine line =
        new CommandLine(new Promptgrad(console))
            .setOut(console.out())
            .setErr(console.err())
            .setParameterExceptionHandler((e, args) -> badArguments(e, console, debug))
            .setExecutionExceptionHandler((e, command, parsed) -> failed(e, console, debug));
    // Options after which a word is missing would else swallow the next option.
    line.setUnmatchedOptionsAllowedAsOptionParameters(false);
    if (arguments.length == 0) {
      line.usage(console.err());
      console.err().flush();
      return BAD_INPUT;
    }
    try {
      return line.execute(arguments);
    } catch (Error e) { // out of memory, natives that cannot be loaded
      return failed(e, console, debug);
    } finally {
      console.out().flush();
      console.err().flush();
    }
  }

  private static int badArguments(ParameterException e, Console console, boolean debug) {
    return failed(new InvalidInputException(sentence(e), e), console, debug);
  }

  private static String sentence(ParameterException e) {
    CommandLine command = e.getCommandLine();
    if (e instanceof UnmatchedArgumentException unmatched) {
      String word = unmatched.getUnmatched().get(0);
      if (word.startsWith("-")) {
        List<String> options = new ArrayList<>();
        command.getCommandSpec().options().forEach(o -> options.add(o.longestName()));
        String name = word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
        return "Unknown option '%s' of '%s'%s"
            .formatted(name, command.getCommandSpec().qualifiedName(), Nearest.hint(name, options));
      }
      if (!command.getSubcommands().isEmpty()) {
        return "Unknown command '%s'%s"
            .formatted(word, Nearest.hint(word, command.getSubcommands().keySet()));
      }
    }
    return "%s; see '%s --help'."
        .formatted(
            String.valueOf(e.getMessage()).replaceFirst("\\.$", ""),
            command.getCommandSpec().qualifiedName());
  }

  private static int failed(Throwable e, Console console, boolean debug) {
    if (debug) {
      e.printStackTrace(console.err());
    }
    if (e instanceof Interrupt.Interrupted) {
      console.say(e.getMessage());
      return Interrupt.EXIT_CODE;
    }
    if (e instanceof InvalidInputException) {
      console.say(oneLine(e.getMessage()));
      return BAD_INPUT;
    }
    String advice =
        debug
            ? "please report it with the lines above"
            : "run it again with --debug for the details, or run 'promptgrad doctor'";
    console.say("Internal error (%s); %s.".formatted(oneLine(e.toString()), advice));
    return INTERNAL_ERROR;
  }

  private static String oneLine(String text) {
    return text.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
