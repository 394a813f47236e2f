package io.promptgrad.models.pretrain;

import io.promptgrad.input.InvalidInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code pretrain prepare}: text files in, tokenizer and encoded corpus out. */
@Command(
    name = "prepare",
    mixinStandardHelpOptions = true,
    description = "Cleans and decontaminates text, trains a tokenizer and encodes the corpus.")
final class PrepareCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(names = "--corpus", required = true, description = "Corpus file (YAML).")
  private Path corpus;

  @Option(
      names = "--data",
      description = "Folder that the corpus file's globs start from (default: ../shared/data).")
  private Path data;

  @Option(names = "--out", required = true, description = "Folder for the results.")
  private Path out;

  @Option(names = "--vocab", description = "Vocabulary size (default: what the corpus file says).")
  private Integer vocab;

  @Option(
      names = "--against",
      arity = "1..*",
      description = "Further evaluation files that no training line may repeat.")
  private List<Path> against = new ArrayList<>();

  @Override
  public Integer call() {
    CorpusConfig config = CorpusConfig.load(corpus);
    if (vocab != null) {
      config = config.withVocab(vocab);
    }
    Path root = data == null ? defaultRoot() : data;
    EncodedCorpus prepared = new CorpusPreparation(config, root, against, out, this::print).run();
    EncodedCorpus.Description description = prepared.description();
    for (EncodedCorpus.Part part : List.of(description.train(), description.heldOut())) {
      print("%s: %,d tokens".formatted(part.file(), part.tokens()));
      for (EncodedCorpus.Range range : part.sources()) {
        print(
            "  %-22s %,11d tokens %,7d documents, weight %s (%s)"
                .formatted(
                    range.source(),
                    range.tokens(),
                    range.documents(),
                    range.weight(),
                    range.licence()));
      }
    }
    return 0;
  }

  private void print(String line) {
    spec.commandLine().getOut().println(line);
    spec.commandLine().getOut().flush();
  }

  private static Path defaultRoot() {
    Path shared =
        Optional.ofNullable(System.getProperty("promptgrad.shared"))
            .map(Path::of)
            .orElse(Path.of("..", "shared"));
    Path root = shared.resolve("data");
    if (!Files.isDirectory(root)) {
      throw new InvalidInputException(
          "There is no text at %s; say where it is with --data.".formatted(root));
    }
    return root;
  }
}
