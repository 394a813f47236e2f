package io.promptgrad.models.pretrain;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.models.pretrain.CorpusConfig.EvaluationFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Finds the evaluation files below a data root and takes the text out of them, whatever their
 * format: every string value of JSON and JSON lines, every cell of CSV, every line of anything else
 * (TSV and plain text) and each of its tab-separated fields. Labels and numbers come along; they
 * are too short to match.
 */
final class EvaluationTexts {

  private EvaluationTexts() {}

  /** The evaluation files, sorted. */
  static List<Path> files(Path root, EvaluationFiles globs) {
    List<PathMatcher> include = matchers(globs.include());
    List<PathMatcher> exclude = matchers(globs.exclude());
    try (Stream<Path> tree = Files.walk(root)) {
      return tree.filter(Files::isRegularFile)
          .filter(p -> include.stream().anyMatch(m -> m.matches(root.relativize(p))))
          .filter(p -> exclude.stream().noneMatch(m -> m.matches(root.relativize(p))))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new InvalidInputException(
          "The data root %s cannot be read: %s.".formatted(root, e.getMessage()), e);
    }
  }

  private static List<PathMatcher> matchers(List<String> globs) {
    return globs.stream().map(g -> FileSystems.getDefault().getPathMatcher("glob:" + g)).toList();
  }

  /** Hands over every piece of text in a file. */
  static void read(Path file, Consumer<String> sink) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    try {
      if (name.endsWith(".json") || name.endsWith(".jsonl")) {
        json(file, sink);
      } else if (name.endsWith(".csv")) {
        csv(file, sink);
      } else {
        fields(file, sink);
      }
    } catch (IOException e) {
      throw new InvalidInputException(
          "The evaluation file %s cannot be read: %s."
              .formatted(file, e.getMessage().lines().findFirst().orElse("malformed")),
          e);
    }
  }

  private static void json(Path file, Consumer<String> sink) throws IOException {
    try (JsonParser parser = new ObjectMapper().createParser(file.toFile())) {
      for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
        if (token == JsonToken.VALUE_STRING) {
          sink.accept(parser.getText());
        }
      }
    }
  }

  private static void csv(Path file, Consumer<String> sink) throws IOException {
    CsvMapper mapper = CsvMapper.builder().enable(CsvParser.Feature.WRAP_AS_ARRAY).build();
    try (MappingIterator<String[]> rows =
        mapper.readerFor(String[].class).readValues(file.toFile())) {
      while (rows.hasNext()) {
        for (String cell : rows.next()) {
          sink.accept(cell);
        }
      }
    }
  }

  private static void fields(Path file, Consumer<String> sink) throws IOException {
    // Some old sets are Latin-1: a byte that is no UTF-8 must not end the reading.
    String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    text.lines()
        .forEach(
            line -> {
              sink.accept(line);
              if (line.indexOf('\t') >= 0) {
                for (String field : line.split("\t")) {
                  sink.accept(field);
                }
              }
            });
  }
}
