package io.promptgrad.template;

/** A piece of a {@link PromptTemplate}, in reading order. */
public sealed interface Segment {

  /**
   * Literal text. Never empty; whitespace is exact.
   *
   * <p>In a filled template a run is maximal: it reaches from one slot to the next, so that it can
   * be tokenised as a whole. A slot's token is joined to the run before it without a blank of its
   * own, so a tokenizer whose tokens carry their leading blank asks {@link #endsWithBlank()}.
   */
  record Text(String text) implements Segment {
    /** Refuses empty text. */
    public Text {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("A text segment must not be empty.");
      }
    }

    /** Returns whether the slot that follows this run is preceded by whitespace. */
    public boolean endsWithBlank() {
      return Character.isWhitespace(text.codePointBefore(text.length()));
    }

    /** Returns whether this run begins with whitespace. */
    public boolean startsWithBlank() {
      return Character.isWhitespace(text.codePointAt(0));
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** A place for the value of a field. */
  record Field(String name) implements Segment {
    @Override
    public String toString() {
      return "{" + name + "}";
    }
  }

  /**
   * A trigger slot {@code [T]}.
   *
   * @param index 0 for the first trigger slot of the template, counted from the left
   */
  record Trigger(int index) implements Segment {
    @Override
    public String toString() {
      return "[T]";
    }
  }

  /** The prediction slot {@code [P]}. */
  record Prediction() implements Segment {
    @Override
    public String toString() {
      return "[P]";
    }
  }
}
