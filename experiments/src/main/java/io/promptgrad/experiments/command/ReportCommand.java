package io.promptgrad.experiments.command;

import io.promptgrad.experiments.execution.Console;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.report.HtmlReport;
import io.promptgrad.run.RunDirectory;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "report",
    mixinStandardHelpOptions = true,
    description = "Write the report of a run again, or a page that compares several.")
final class ReportCommand implements Callable<Integer> {

  @Parameters(paramLabel = "RUN_DIR", arity = "1..*", description = "Run directories.")
  private List<Path> folders;

  @Option(
      names = "--out",
      paramLabel = "FILE.html",
      description = "Where a comparison is written; comparison.html if it is not given.")
  private Path out;

  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    Console console = output.console();
    Path file = folders.size() == 1 ? one() : several();
    if (output.json) {
      console.out().print(Json.pretty(Json.object().put("report", file.toString())));
    } else {
      console.out().println(file);
    }
    return Promptgrad.OK;
  }

  private Path one() {
    if (out != null) {
      throw new InvalidInputException(
          "--out %s: the report of one run goes into its own folder; give --out for several runs."
              .formatted(out));
    }
    return HtmlReport.write(RunDirectory.view(folders.get(0)));
  }

  private Path several() {
    return HtmlReport.compare(
        folders.stream().map(RunDirectory::view).toList(),
        out == null ? Path.of("comparison.html") : out);
  }
}
