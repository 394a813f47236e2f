package io.promptgrad.evaluation;

import io.promptgrad.task.Example;
import java.util.List;

/**
 * Applies a prompt to examples.
 *
 * @param <P> the kind of prompt that it understands
 */
public interface Evaluator<P> {

  /** Returns the report with one outcome per example, in the order of the examples. */
  EvalReport evaluate(P prompt, List<Example> examples);
}
