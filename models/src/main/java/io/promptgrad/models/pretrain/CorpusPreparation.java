package io.promptgrad.models.pretrain;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.promptgrad.input.InvalidInputException;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * From text files to an {@link EncodedCorpus}, in three stages that each leave their result on
 * disk:
 *
 * <ol>
 *   <li><b>text</b>: sources are read, cleaned and freed of evaluation sentences ({@link
 *       Decontaminator}); {@code text/SOURCE.train.txt} and {@code .heldout.txt}, counts in {@code
 *       decontamination.json};
 *   <li><b>tokenizer</b>: learned from the training text, sources counted by their weights; {@code
 *       tokenizer.json};
 *   <li><b>ids</b>: {@code train.u16}, {@code heldout.u16}, {@code corpus.json}.
 * </ol>
 *
 * <p>A stage that is finished for the same settings and files is skipped; {@code stages.json} keeps
 * what each was made from.
 */
public final class CorpusPreparation {

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /**
   * The decontamination report: its rule, what was compared with, and what went.
   *
   * @param rule the rule in words
   * @param evaluationFiles the files, relative to the data root
   * @param furtherFiles names of files that were given besides
   * @param forbiddenForms different whole lines and sentences among them
   * @param forbiddenRuns different runs of words among them
   * @param sources counts per source
   * @param total their sums
   */
  public record Report(
      String rule,
      List<String> evaluationFiles,
      List<String> furtherFiles,
      int forbiddenForms,
      int forbiddenRuns,
      List<SourceCounts> sources,
      SourceCounts total) {}

  /**
   * What happened to one source. A line is a sentence.
   *
   * @param source its name
   * @param documents documents read
   * @param lines lines read
   * @param droppedEqual lines dropped because a whole evaluation line is the same
   * @param droppedRun further lines dropped because they share a run of words
   * @param keptCharacters characters that are left
   * @param heldOutDocuments documents among those read that are not trained on
   */
  public record SourceCounts(
      String source,
      long documents,
      long lines,
      long droppedEqual,
      long droppedRun,
      long keptCharacters,
      long heldOutDocuments) {

    SourceCounts plus(SourceCounts o) {
      return new SourceCounts(
          source,
          documents + o.documents,
          lines + o.lines,
          droppedEqual + o.droppedEqual,
          droppedRun + o.droppedRun,
          keptCharacters + o.keptCharacters,
          heldOutDocuments + o.heldOutDocuments);
    }
  }

  private record Stages(String text, String tokenizer, String ids) {}

  private static final String RULE =
      ("A sentence is dropped if its letters and digits, in lower case, are those of an evaluation"
              + " line or of a sentence in one (compared from %d words on), or if it shares %d"
              + " consecutive words with an evaluation line, across sentence ends too.")
          .formatted(Decontaminator.SHORTEST_EQUAL, Decontaminator.RUN);

  private final CorpusConfig config;
  private final Path root;
  private final List<Path> further;
  private final Path out;
  private final Consumer<String> progress;

  /**
   * A preparation.
   *
   * @param root folder below which the globs of the configuration are looked up
   * @param further evaluation files elsewhere
   * @param out folder for the results, made if absent
   * @param progress receives a line per stage and source
   */
  public CorpusPreparation(
      CorpusConfig config, Path root, List<Path> further, Path out, Consumer<String> progress) {
    this.config = config;
    this.root = root;
    this.further = List.copyOf(further);
    this.out = out;
    this.progress = progress;
  }

  /** Runs the stages that are not finished and returns what the corpus holds. */
  public EncodedCorpus run() {
    if (!Files.isDirectory(root)) {
      throw new InvalidInputException(
          "The data root %s is no folder; give the right one with --data.".formatted(root));
    }
    try {
      Files.createDirectories(out.resolve("text"));
      Stages done = stages();
      String text = textFingerprint();
      if (text.equals(done.text) && present(textFiles())) {
        progress.accept("text: finished before");
      } else {
        writeText();
        done = new Stages(text, null, null);
        save(done);
      }
      String settings = text + config.tokenizer();
      if (settings.equals(done.tokenizer) && present(List.of(out.resolve("tokenizer.json")))) {
        progress.accept("tokenizer: finished before");
      } else {
        trainTokenizer();
        done = new Stages(text, settings, null);
        save(done);
      }
      String ids = settings + config.lineBreak();
      if (ids.equals(done.ids) && present(idFiles())) {
        progress.accept("ids: finished before");
      } else {
        encode();
        save(new Stages(text, settings, ids));
      }
    } catch (IOException | UncheckedIOException e) {
      throw new InvalidInputException(
          "The corpus cannot be written to %s (%s); give another folder with --out."
              .formatted(out, e.getMessage()),
          e);
    }
    return EncodedCorpus.open(out);
  }

  // ---- stage 1: text

  private void writeText() throws IOException {
    Decontaminator decontaminator = new Decontaminator();
    List<Path> evaluation = EvaluationTexts.files(root, config.evaluation());
    for (Path file : evaluation) {
      EvaluationTexts.read(file, decontaminator::forbid);
    }
    for (Path file : further) {
      if (!Files.isRegularFile(file)) {
        throw new InvalidInputException(
            "The evaluation file %s does not exist; correct --against.".formatted(file));
      }
      EvaluationTexts.read(file, decontaminator::forbid);
    }
    progress.accept(
        "text: %,d forms and %,d runs of %d evaluation files are forbidden"
            .formatted(
                decontaminator.forbiddenForms(),
                decontaminator.forbiddenRuns(),
                evaluation.size() + further.size()));
    List<SourceCounts> counts = new ArrayList<>();
    for (TextSource source : config.sources()) {
      counts.add(writeText(source, decontaminator));
    }
    SourceCounts total = new SourceCounts("all", 0, 0, 0, 0, 0, 0);
    for (SourceCounts c : counts) {
      progress.accept(line(c));
      total = total.plus(c);
    }
    progress.accept(line(total));
    writeAtomically(
        "decontamination.json",
        new Report(
            RULE,
            evaluation.stream().map(p -> root.relativize(p).toString()).toList(),
            further.stream().map(p -> p.getFileName().toString()).toList(),
            decontaminator.forbiddenForms(),
            decontaminator.forbiddenRuns(),
            counts,
            total));
  }

  private SourceCounts writeText(TextSource source, Decontaminator decontaminator)
      throws IOException {
    SourceCounts[] counts = {new SourceCounts(source.name(), 0, 0, 0, 0, 0, 0)};
    try (BufferedWriter train = Files.newBufferedWriter(textFile(source, false));
        BufferedWriter heldOut = Files.newBufferedWriter(textFile(source, true))) {
      source.read(
          root,
          document -> {
            Decontaminator.Result result = decontaminator.clean(document.lines());
            long characters = result.lines().stream().mapToLong(String::length).sum();
            counts[0] =
                counts[0].plus(
                    new SourceCounts(
                        source.name(),
                        1,
                        result.sentences(),
                        result.droppedEqual(),
                        result.droppedRun(),
                        characters,
                        document.heldOut() ? 1 : 0));
            write(document.heldOut() ? heldOut : train, result.lines());
          });
    }
    return counts[0];
  }

  /** One paragraph per line, an empty line after each document. */
  private static void write(BufferedWriter writer, List<String> lines) {
    if (lines.isEmpty()) {
      return;
    }
    try {
      for (String line : lines) {
        writer.write(line);
        writer.write('\n');
      }
      writer.write('\n');
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path textFile(TextSource source, boolean heldOut) {
    return out.resolve("text").resolve(source.name() + (heldOut ? ".heldout.txt" : ".train.txt"));
  }

  private static String line(SourceCounts c) {
    return "  %-22s %,7d documents %,9d lines, dropped %,6d equal %,6d by a run, %,11d characters"
        .formatted(c.source, c.documents, c.lines, c.droppedEqual, c.droppedRun, c.keptCharacters);
  }

  // ---- stage 2: tokenizer

  private void trainTokenizer() throws IOException {
    BpeTrainer trainer = new BpeTrainer(config.tokenizer());
    for (TextSource source : config.sources()) {
      long weight = Math.max(1, Math.round(source.weight()));
      documents(
          source, false, lines -> trainer.add(String.join(config.lineBreak(), lines), weight));
    }
    BpeTokenizer tokenizer = trainer.train();
    tokenizer.save(out.resolve("tokenizer.json"));
    progress.accept(
        "tokenizer: %,d entries learned from %,d different words"
            .formatted(tokenizer.size(), trainer.distinctWords()));
  }

  // ---- stage 3: ids

  private void encode() throws IOException {
    Path file = out.resolve("tokenizer.json");
    BpeTokenizer tokenizer = BpeTokenizer.load(file);
    EncodedCorpus.Part train = encode(tokenizer, "train.u16", false);
    EncodedCorpus.Part heldOut = encode(tokenizer, "heldout.u16", true);
    EncodedCorpus.describe(
        out,
        new EncodedCorpus.Description(
            EncodedCorpus.sha256(file),
            config.tokenizer().objective(),
            tokenizer.size(),
            tokenizer.id("</s>"),
            train,
            heldOut));
    progress.accept(
        "ids: %,d for training, %,d held out".formatted(train.tokens(), heldOut.tokens()));
  }

  private EncodedCorpus.Part encode(BpeTokenizer tokenizer, String name, boolean heldOut)
      throws IOException {
    try (EncodedCorpus.Writer writer =
        new EncodedCorpus.Writer(out.resolve(name), tokenizer, config.lineBreak())) {
      for (TextSource source : config.sources()) {
        writer.source(source);
        documents(
            source,
            heldOut,
            lines -> {
              try {
                writer.document(lines);
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
      }
      return writer.finish();
    }
  }

  private void documents(TextSource source, boolean heldOut, Consumer<List<String>> sink)
      throws IOException {
    try (BufferedReader reader = Files.newBufferedReader(textFile(source, heldOut))) {
      List<String> lines = new ArrayList<>();
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (line.isEmpty()) {
          sink.accept(lines);
          lines = new ArrayList<>();
        } else {
          lines.add(line);
        }
      }
    }
  }

  // ---- what is finished

  private Stages stages() throws IOException {
    Path file = out.resolve("stages.json");
    try {
      return Files.exists(file)
          ? JSON.readValue(file.toFile(), Stages.class)
          : new Stages(null, null, null);
    } catch (JsonProcessingException e) {
      return new Stages(null, null, null); // unreadable: begin again
    }
  }

  private static boolean present(List<Path> files) {
    return files.stream().allMatch(Files::isRegularFile);
  }

  private List<Path> textFiles() {
    List<Path> files = new ArrayList<>(List.of(out.resolve("decontamination.json")));
    for (TextSource source : config.sources()) {
      files.add(textFile(source, false));
      files.add(textFile(source, true));
    }
    return files;
  }

  private List<Path> idFiles() {
    return List.of(
        out.resolve("train.u16"), out.resolve("heldout.u16"), out.resolve("corpus.json"));
  }

  private void save(Stages stages) throws IOException {
    writeAtomically("stages.json", stages);
  }

  private void writeAtomically(String name, Object value) throws IOException {
    Path part = out.resolve(name + ".part");
    JSON.writeValue(part.toFile(), value);
    Files.move(
        part,
        out.resolve(name),
        StandardCopyOption.REPLACE_EXISTING,
        StandardCopyOption.ATOMIC_MOVE);
  }

  /** What the text stage depends on: sources, globs, and the size and time of every file. */
  private String textFingerprint() throws IOException {
    StringBuilder all =
        new StringBuilder(RULE).append(config.sources()).append(config.evaluation());
    List<Path> files = new ArrayList<>(EvaluationTexts.files(root, config.evaluation()));
    config.sources().forEach(s -> files.addAll(TextSource.matching(root, s.files())));
    files.addAll(further);
    for (Path file : files) {
      all.append(file);
      if (Files.isRegularFile(file)) {
        all.append(Files.size(file)).append(Files.getLastModifiedTime(file).toMillis());
      }
    }
    return EncodedCorpus.sha256(all.toString());
  }
}
