package io.promptgrad.llm.account;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Prices by model and date: the ones that ship with this library, and a file of one's own, which
 * goes before them.
 *
 * <pre>{@code
 * - model: gpt-4o-mini      # as requests name it; * at the end stands for anything
 *   from: 2024-07-18        # the first day of this price
 *   input: 0.15             # US dollars for a million tokens
 *   cached_input: 0.075     # the same as input if left out
 *   output: 0.60
 * }</pre>
 *
 * <p>Of several entries for a model the latest that has begun counts; an entry with the full name
 * goes before one with a star, and of those the longest.
 */
public final class PriceTable {

  private static final String BUILT_IN = "prices.yaml";

  private final List<Entry> own;
  private final List<Entry> builtIn;

  private record Entry(String model, LocalDate from, Price price) {

    boolean prefix() {
      return model.endsWith("*");
    }

    boolean names(String asked) {
      return prefix()
          ? asked.startsWith(model.substring(0, model.length() - 1))
          : asked.equals(model);
    }
  }

  private PriceTable(List<Entry> own, List<Entry> builtIn) {
    this.own = own;
    this.builtIn = builtIn;
  }

  /** The prices that ship with this library. */
  public static PriceTable builtIn() {
    try (InputStream in = PriceTable.class.getResourceAsStream(BUILT_IN)) {
      return new PriceTable(List.of(), read(new String(in.readAllBytes(), UTF_8), BUILT_IN));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Returns this table with a file that goes before it.
   *
   * @throws InvalidInputException if the file cannot be read
   */
  public PriceTable with(Path file) {
    try {
      return new PriceTable(read(Files.readString(file), file.toString()), builtIn);
    } catch (IOException e) {
      throw new InvalidInputException(
          "The price table %s cannot be read (%s); check the path and its permissions."
              .formatted(file, e.getClass().getSimpleName()),
          e);
    }
  }

  /** Returns the price of a model on a day, if it is known. */
  public Optional<Price> of(String model, LocalDate day) {
    Optional<Price> price = find(own, model, day);
    return price.isPresent() ? price : find(builtIn, model, day);
  }

  private static Optional<Price> find(List<Entry> entries, String model, LocalDate day) {
    Entry best = null;
    for (Entry entry : entries) {
      if (entry.names(model)
          && !entry.from().isAfter(day)
          && (best == null || better(entry, best))) {
        best = entry;
      }
    }
    return Optional.ofNullable(best).map(Entry::price);
  }

  private static boolean better(Entry entry, Entry than) {
    if (entry.prefix() != than.prefix()) {
      return than.prefix();
    }
    if (entry.model().length() != than.model().length()) {
      return entry.model().length() > than.model().length();
    }
    return entry.from().isAfter(than.from());
  }

  private static List<Entry> read(String yaml, String where) {
    JsonNode list;
    try {
      list =
          YAMLMapper.builder()
              .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
              .build()
              .readTree(yaml);
    } catch (IOException e) {
      throw new InvalidInputException("The price table %s is not YAML.".formatted(where), e);
    }
    if (!list.isArray()) {
      throw new InvalidInputException(
          "The price table %s is not a list; write entries that begin with '- model:'."
              .formatted(where));
    }
    List<Entry> entries = new ArrayList<>();
    for (JsonNode entry : list) {
      double input = price(entry, "input", where);
      entries.add(
          new Entry(
              text(entry, "model", where),
              day(entry, where),
              new Price(
                  input,
                  entry.has("cached_input") ? price(entry, "cached_input", where) : input,
                  price(entry, "output", where))));
    }
    return List.copyOf(entries);
  }

  private static String text(JsonNode entry, String key, String where) {
    if (!entry.path(key).isValueNode() || entry.path(key).asText().isBlank()) {
      throw new InvalidInputException(
          "The price table %s has an entry without '%s': %s.".formatted(where, key, entry));
    }
    return entry.path(key).asText();
  }

  private static LocalDate day(JsonNode entry, String where) {
    try {
      return LocalDate.parse(text(entry, "from", where));
    } catch (DateTimeException e) {
      throw new InvalidInputException(
          "The price table %s has '%s' where a day such as 2024-07-18 is expected."
              .formatted(where, entry.path("from").asText()),
          e);
    }
  }

  private static double price(JsonNode entry, String key, String where) {
    JsonNode value = entry.path(key);
    if (!value.isNumber() || !(value.asDouble() >= 0)) {
      throw new InvalidInputException(
          "The price table %s has no number of dollars for '%s' in the entry %s."
              .formatted(where, key, entry));
    }
    return value.asDouble();
  }
}
