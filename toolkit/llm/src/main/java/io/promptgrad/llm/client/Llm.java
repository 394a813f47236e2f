package io.promptgrad.llm.client;

/**
 * A language model that can be asked. One call is one attempt: what fails, fails with a {@link
 * CallFailedException} that says whether another attempt may help.
 *
 * <p>Implementations may be called by many threads at once.
 */
public interface Llm {

  /** Returns the model's name, such as {@code gpt-4o-mini}; prices are found by it. */
  String model();

  /**
   * Returns what tells this model from all others, such as the server's address and the model's
   * name. Answers are kept under it, so two models never share one.
   */
  String identity();

  /** Answers a conversation. */
  ChatReply chat(ChatRequest request);

  /** Returns what is known about {@link #score}; finding out may cost a call or two, once. */
  Scoring scoring();

  /**
   * Returns the log-probabilities of given text.
   *
   * @throws io.promptgrad.input.InvalidInputException if {@link #scoring} says that it cannot
   */
  TextScore score(ScoreRequest request);
}
