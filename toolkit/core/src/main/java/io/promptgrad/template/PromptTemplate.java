package io.promptgrad.template;

import io.promptgrad.input.InvalidInputException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/**
 * A prompt with places for fields, trigger tokens and the prediction, in AutoPrompt's language.
 *
 * <pre>{@code
 * {sentence} [T] [T] [T] [P] .
 * }</pre>
 *
 * <ul>
 *   <li>{@code {name}} is replaced by the example's field of that name;
 *   <li>{@code [T]} is a trigger slot, one token each, any number of them;
 *   <li>{@code [P]} is the prediction slot, exactly one;
 *   <li>two opening or two closing braces stand for a literal one;
 *   <li>everything else is literal text, {@code [CLS]}, {@code [SEP]}, {@code <s>} and {@code </s>}
 *       included: the tokenizer knows them.
 * </ul>
 *
 * <p>Slots are what the parser saw in the template. The original program (Shin et al. 2020,
 * arXiv:2010.15980) counts whitespace-separated words that equal {@code [T]}, so that {@code [T].}
 * and {@code [T][T]} miscount, and it looks for slots after filling in the fields, so that a
 * sentence that happens to contain {@code [T]} shifts the trigger of later rows. Here both work.
 */
public final class PromptTemplate {

  private static final String TRIGGER = "[T]";
  private static final String PREDICTION = "[P]";

  private final String source;
  private final List<Segment> segments;
  private final List<String> fields;
  private final int triggerCount;

  private PromptTemplate(String source, List<Segment> segments) {
    this.source = source;
    this.segments = List.copyOf(segments);
    LinkedHashSet<String> names = new LinkedHashSet<>();
    int triggers = 0;
    for (Segment segment : segments) {
      if (segment instanceof Segment.Field field) {
        names.add(field.name());
      } else if (segment instanceof Segment.Trigger) {
        triggers++;
      }
    }
    this.fields = List.copyOf(names);
    this.triggerCount = triggers;
  }

  /**
   * Parses a template.
   *
   * @throws InvalidInputException if {@code [P]} is missing or given twice, or a brace is
   *     unbalanced; positions in the message count characters from 1
   */
  public static PromptTemplate parse(String template) {
    List<Segment> segments = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    int triggers = 0;
    int prediction = -1;
    int i = 0;
    while (i < template.length()) {
      if (template.startsWith("{{", i) || template.startsWith("}}", i)) {
        text.append(template.charAt(i));
        i += 2;
      } else if (template.charAt(i) == '{') {
        int end = endOfField(template, i);
        flush(text, segments);
        segments.add(new Segment.Field(template.substring(i + 1, end)));
        i = end + 1;
      } else if (template.charAt(i) == '}') {
        throw new InvalidInputException(
            ("The template '%s' closes a brace at character %d that was never opened; write "
                    + "}} for a literal brace.")
                .formatted(template, i + 1));
      } else if (template.startsWith(TRIGGER, i)) {
        flush(text, segments);
        segments.add(new Segment.Trigger(triggers++));
        i += TRIGGER.length();
      } else if (template.startsWith(PREDICTION, i)) {
        if (prediction >= 0) {
          throw new InvalidInputException(
              ("The template '%s' has a second prediction slot [P] at character %d (the first "
                      + "is at character %d); keep exactly one.")
                  .formatted(template, i + 1, prediction + 1));
        }
        prediction = i;
        flush(text, segments);
        segments.add(new Segment.Prediction());
        i += PREDICTION.length();
      } else {
        text.append(template.charAt(i++));
      }
    }
    flush(text, segments);
    if (prediction < 0) {
      throw new InvalidInputException(
          "The template '%s' has no prediction slot; put [P] where the model shall answer."
              .formatted(template));
    }
    return new PromptTemplate(template, segments);
  }

  private static int endOfField(String template, int open) {
    for (int i = open + 1; i < template.length(); i++) {
      if (template.charAt(i) == '}') {
        if (i == open + 1) {
          throw new InvalidInputException(
              ("The template '%s' has an empty field {} at character %d; write the field's name "
                      + "between the braces.")
                  .formatted(template, open + 1));
        }
        return i;
      }
      if (template.charAt(i) == '{') {
        break;
      }
    }
    throw new InvalidInputException(
        ("The template '%s' opens a brace at character %d that is not closed; close the "
                + "field, or write {{ for a literal brace.")
            .formatted(template, open + 1));
  }

  private static void flush(StringBuilder text, List<Segment> segments) {
    if (text.length() > 0) {
      segments.add(new Segment.Text(text.toString()));
      text.setLength(0);
    }
  }

  /** Returns the parsed pieces in reading order. */
  public List<Segment> segments() {
    return segments;
  }

  /** Returns the names of the fields, each once, in order of first use. */
  public List<String> fields() {
    return fields;
  }

  /** Returns the number of {@code [T]} slots. */
  public int triggerCount() {
    return triggerCount;
  }

  /**
   * Checks that every field of this template is among the known ones.
   *
   * @throws InvalidInputException naming the first unknown field and the known ones
   */
  public void requireFields(Collection<String> known) {
    for (String field : fields) {
      if (!known.contains(field)) {
        throw new InvalidInputException(
            "The template '%s' uses the field {%s}, but the data has only %s."
                .formatted(source, field, List.copyOf(known)));
      }
    }
  }

  /**
   * Replaces the fields by their values and joins neighbouring text.
   *
   * @return {@link Segment.Text} runs, each maximal, and the slots between them; a value that
   *     contains "[T]" or "[P]" stays text
   * @throws InvalidInputException if the template uses a field that is not among the keys
   */
  public List<Segment> fill(Map<String, String> values) {
    requireFields(values.keySet());
    List<Segment> filled = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    for (Segment segment : segments) {
      if (segment instanceof Segment.Text literal) {
        text.append(literal.text());
      } else if (segment instanceof Segment.Field field) {
        text.append(values.get(field.name()));
      } else {
        flush(text, filled);
        filled.add(segment);
      }
    }
    flush(text, filled);
    return filled;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PromptTemplate that && source.equals(that.source);
  }

  @Override
  public int hashCode() {
    return source.hashCode();
  }

  /** Returns the template as it was written. */
  @Override
  public String toString() {
    return source;
  }
}
