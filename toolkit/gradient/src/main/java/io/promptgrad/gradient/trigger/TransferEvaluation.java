package io.promptgrad.gradient.trigger;

import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TargetLoss;
import java.util.ArrayList;
import java.util.List;

/**
 * What a trigger does to a model that it was not searched on: written out as text, and read by that
 * model's own tokenizer.
 *
 * @param losses mean loss of each text's target tokens, in nats
 * @param said whether the model, asked greedily, would say exactly the target
 */
public record TransferEvaluation(List<Double> losses, List<Boolean> said) {

  /** Evaluates a trigger's text on a model. */
  public static TransferEvaluation of(LanguageModel model, List<TargetText> texts, String trigger) {
    return of(model, texts, model.tokenizer().encode(trigger));
  }

  /** Evaluates a trigger of a model's own tokens; of none, the texts by themselves. */
  public static TransferEvaluation of(LanguageModel model, List<TargetText> texts, int[] ids) {
    List<Double> losses = new ArrayList<>();
    List<Boolean> said = new ArrayList<>();
    try (TriggerLoss loss =
        new TriggerLoss(model, new TargetLoss.CrossEntropy(), null, TriggerLoss.Reuse.NONE)) {
      List<TargetSequence> sequences = new ArrayList<>();
      for (int i = 0; i < texts.size(); i++) {
        sequences.add(texts.get(i).encode("text " + (i + 1), model, ids.length));
      }
      TriggerLoss.Scores scores = loss.scores(sequences, List.of(ids), ids);
      for (int i = 0; i < texts.size(); i++) {
        losses.add(scores.losses()[0][i]);
        said.add(scores.said()[0][i]);
      }
    }
    return new TransferEvaluation(losses, said);
  }

  /** Share of the targets that the model would say. */
  public double success() {
    return said.stream().filter(s -> s).count() / (double) said.size();
  }

  /** Mean loss over the texts. */
  public double meanLoss() {
    return losses.stream().mapToDouble(d -> d).average().orElseThrow();
  }
}
