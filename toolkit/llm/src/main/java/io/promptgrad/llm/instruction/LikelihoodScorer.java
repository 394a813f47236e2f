package io.promptgrad.llm.instruction;

import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The mean log-probability of the gold answer's tokens behind the prompt (APE's likelihood; Zhou et
 * al. 2022, section 3.2), in nats per token. Needs a model that scores given text.
 */
public final class LikelihoodScorer implements ExampleScorer {

  private final Llm model;
  private final String template;

  /** What a request that is refused counts: less than any answer that is not impossible. */
  private static final double REFUSED = -100;

  /**
   * @param template text with {@code {instruction}} and the example's fields; the answer follows
   *     behind it
   */
  public LikelihoodScorer(Llm model, String template) {
    this.model = Objects.requireNonNull(model, "model");
    this.template = Objects.requireNonNull(template, "template");
  }

  @Override
  public Outcome score(InstructionPrompt prompt, Example example) {
    Map<String, String> values = new LinkedHashMap<>(example.fields());
    values.put("instruction", prompt.instruction());
    values.put("question", example.text());
    // A line break before it, since a first token has no probability.
    String context = "\n" + Fields.fill(template, values);
    TextScore score;
    try {
      score = model.score(new ScoreRequest(context, example.label()));
    } catch (CallFailedException e) {
      return Outcome.failed(example.id(), example.label(), REFUSED, e.getMessage());
    }
    return new Outcome(
        example.id(),
        example.label(),
        "",
        score.mean(),
        0,
        Map.of(example.label(), score.sum()),
        Optional.empty());
  }
}
