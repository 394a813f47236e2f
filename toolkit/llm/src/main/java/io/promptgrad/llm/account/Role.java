package io.promptgrad.llm.account;

/** What a model is asked for. Calls are counted apart for each. */
public enum Role {
  /** The model whose prompt is searched: it answers the task's examples. */
  TASK,
  /** The model that writes prompts. */
  PROPOSER,
  /** The model that judges answers. */
  JUDGE,
  /** The model that shortens prompts. */
  COMPRESSOR
}
