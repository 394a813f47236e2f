package io.promptgrad.lm.generate;

/** Is told what a generation writes while it writes. An exception that it throws ends all. */
public interface GenerationListener {

  /** A listener that does nothing. */
  GenerationListener NONE = (row, piece) -> {};

  /**
   * More text of a row. The pieces of a row make up its text; none ends within a character, and
   * none holds what may turn out to be a stop string.
   *
   * @param row index of the prompt
   */
  void text(int row, String piece);

  /** A row has ended. */
  default void end(int row, Generation.End end) {}

  /** Whether to go on, asked before each step; if not, rows end with what they have. */
  default boolean goesOn() {
    return true;
  }
}
