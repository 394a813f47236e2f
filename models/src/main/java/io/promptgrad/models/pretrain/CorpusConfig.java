package io.promptgrad.models.pretrain;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What a pretraining corpus is made of, as read from a YAML file: the sources, the tokenizer and
 * the evaluation files that no training line may repeat.
 *
 * @param base another file of this kind that fills in what is left out here (key {@code extends},
 *     relative to this file), or null
 * @param tokenizer kind and size of the vocabulary
 * @param lineBreak what stands between two paragraphs of a document when it is encoded
 * @param sources the texts, in the order in which they are encoded
 * @param evaluation which files below the data root are evaluation sets
 */
public record CorpusConfig(
    @JsonProperty("extends") String base,
    TokenizerSettings tokenizer,
    String lineBreak,
    List<TextSource> sources,
    EvaluationFiles evaluation) {

  /** Which files are evaluation sets: globs relative to the data root. */
  public record EvaluationFiles(List<String> include, List<String> exclude) {

    /** Missing lists are empty. */
    public EvaluationFiles {
      include = include == null ? List.of() : List.copyOf(include);
      exclude = exclude == null ? List.of() : List.copyOf(exclude);
    }
  }

  /**
   * Reads a corpus file.
   *
   * @throws InvalidInputException if the file is missing, is no YAML, has an unknown key or lacks a
   *     needed one
   */
  public static CorpusConfig load(Path file) {
    CorpusConfig config = parse(file);
    if (config.base != null) {
      CorpusConfig base = load(file.resolveSibling(config.base));
      config =
          new CorpusConfig(
              null,
              config.tokenizer == null ? base.tokenizer : config.tokenizer,
              config.lineBreak == null ? base.lineBreak : config.lineBreak,
              config.sources == null ? base.sources : config.sources,
              config.evaluation == null ? base.evaluation : config.evaluation);
    }
    config.check(file);
    return config;
  }

  /** This corpus with another vocabulary size. */
  public CorpusConfig withVocab(int vocab) {
    return new CorpusConfig(base, tokenizer.withVocab(vocab), lineBreak, sources, evaluation);
  }

  private void check(Path file) {
    if (tokenizer == null || sources == null || sources.isEmpty() || evaluation == null) {
      String missing =
          tokenizer == null ? "tokenizer" : evaluation == null ? "evaluation" : "sources";
      throw new InvalidInputException(
          "The corpus file %s has no '%s'; add that section.".formatted(file, missing));
    }
    if (lineBreak == null || lineBreak.isEmpty()) {
      throw new InvalidInputException(
          "The corpus file %s has no 'line_break'; give \" \" or \"\\n\".".formatted(file));
    }
    Set<String> names = new HashSet<>();
    for (TextSource source : sources) {
      if (!names.add(source.name())) {
        throw new InvalidInputException(
            "The corpus file %s names the source '%s' twice; give each its own name."
                .formatted(file, source.name()));
      }
    }
  }

  private static CorpusConfig parse(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InvalidInputException(
          "The corpus file %s does not exist; give one with --corpus.".formatted(file));
    }
    ObjectMapper yaml =
        YAMLMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
            .build();
    try {
      CorpusConfig config = yaml.readValue(file.toFile(), CorpusConfig.class);
      if (config == null) {
        throw new InvalidInputException("The corpus file %s is empty.".formatted(file));
      }
      return config;
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(sentence(file, e), e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "The corpus file %s cannot be read: %s.".formatted(file, e.getMessage()), e);
    }
  }

  private static String sentence(Path file, JsonProcessingException e) {
    int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
    if (e.getCause() instanceof InvalidInputException cause) {
      return "%s, before line %d: %s".formatted(file, line, cause.getMessage());
    }
    if (e instanceof UnrecognizedPropertyException unknown) {
      return "%s, line %d: the key '%s' is unknown; known here are %s."
          .formatted(
              file,
              lineOf(file, unknown.getPropertyName(), line),
              unknown.getPropertyName(),
              unknown.getKnownPropertyIds().stream()
                  .map(Object::toString)
                  .sorted()
                  .collect(Collectors.joining(", ")));
    }
    String key = "";
    if (e instanceof JsonMappingException mapping && !mapping.getPath().isEmpty()) {
      String name = mapping.getPath().get(mapping.getPath().size() - 1).getFieldName();
      key = name == null ? "" : ", key '" + name + "'";
    }
    String reason = e.getOriginalMessage().lines().findFirst().orElse("malformed").strip();
    return "%s, line %d%s: %s; correct that entry of the corpus file."
        .formatted(file, line, key, reason);
  }

  /** Jackson notices an unknown key at the end of its section; the key itself stands further up. */
  private static int lineOf(Path file, String key, int noticed) {
    try {
      List<String> lines = Files.readAllLines(file);
      for (int line = Math.min(noticed, lines.size()); line > 0; line--) {
        if (lines.get(line - 1).matches(".*\\b" + Pattern.quote(key) + "\"?\\s*:.*")) {
          return line;
        }
      }
    } catch (IOException e) {
      // The place where it was noticed is good enough.
    }
    return noticed;
  }
}
