package io.promptgrad.llm.instruction;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Fills {@code {name}} in a text. Only names that are given are fields, every other brace stays as
 * it is, and what is filled in is not looked at again: prompts and examples may hold braces.
 */
public final class Fields {

  private static final Pattern FIELD = Pattern.compile("\\{([A-Za-z_][A-Za-z0-9_]*)}");

  private Fields() {}

  /** Returns the text with the fields filled in. */
  public static String fill(String text, Map<String, String> values) {
    return FIELD
        .matcher(text)
        .replaceAll(
            field -> Matcher.quoteReplacement(values.getOrDefault(field.group(1), field.group())));
  }
}
