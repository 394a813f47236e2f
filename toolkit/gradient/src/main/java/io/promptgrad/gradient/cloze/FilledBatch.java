package io.promptgrad.gradient.cloze;

import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.TokenBatch;
import java.util.ArrayList;
import java.util.List;

/**
 * Filled sequences side by side, as a model takes them.
 *
 * @param tokens padded on the right
 * @param at where each row answers, as an index that the model understands
 */
public record FilledBatch(TokenBatch tokens, int[] at) {

  /** Rows of one template, in their order. */
  public static FilledBatch of(LanguageModel model, List<LabelScorer.Row> rows) {
    int pad = model.spec().padId();
    List<int[]> sequences = new ArrayList<>(rows.size());
    List<int[]> answers = new ArrayList<>(rows.size());
    boolean typed = false;
    for (LabelScorer.Row row : rows) {
      sequences.add(row.ids());
      answers.add(row.decoderIds());
      typed |= row.types().length > 0;
    }
    TokenBatch tokens = TokenBatch.of(sequences, pad);
    if (typed) {
      int[] types = new int[tokens.ids().length];
      for (int r = 0; r < rows.size(); r++) {
        int[] own = rows.get(r).types();
        System.arraycopy(own, 0, types, tokens.index(r, 0), own.length);
      }
      tokens = tokens.withTypes(types);
    }
    boolean decodes = model.spec().encoderDecoder();
    if (decodes) {
      tokens = tokens.withDecoder(answers, pad);
    }
    int[] at = new int[rows.size()];
    for (int r = 0; r < at.length; r++) {
      int column = rows.get(r).predictAt();
      at[r] = decodes ? tokens.decoderIndex(r, column) : tokens.index(r, column);
    }
    return new FilledBatch(tokens, at);
  }
}
