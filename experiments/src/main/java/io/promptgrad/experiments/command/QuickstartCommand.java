package io.promptgrad.experiments.command;

import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.experiments.execution.Experiment;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "quickstart",
    mixinStandardHelpOptions = true,
    description =
        "Find a prompt for the bundled model on the bundled task: nothing to download, under two"
            + " minutes.")
final class QuickstartCommand implements Callable<Integer> {

  private static final String CONFIG = "/io/promptgrad/experiments/quickstart/quickstart.yaml";

  @Mixin private RunOptions options;
  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    YamlDocument document = configuration();
    options.applyTo(document);
    var console = output.console();
    var experiment = Configs.read(document, Path.of("").toAbsolutePath(), options);
    ResultView.print(Experiment.start(experiment, console), output.json, console);
    return Promptgrad.OK;
  }

  /** The experiment behind it. */
  static YamlDocument configuration() {
    try (InputStream in = QuickstartCommand.class.getResourceAsStream(CONFIG)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return YamlDocument.parse(text, "quickstart.yaml");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
