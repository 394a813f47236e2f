package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.cloze.LabelScorer;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.TokenBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Rows side by side with their virtual tokens, as a model takes them: padded on the right; word
 * vectors stand in the rows' slots or, where there are none, in front of everything, as in PEFT.
 *
 * @param at where each of the rows' targets is, row after row
 */
record SoftBatch(TokenBatch tokens, SoftModel.Placement placement, int[] at) {

  static SoftBatch of(
      LanguageModel model, List<SoftRow> rows, SoftModel.Layout layout, int virtual) {
    int pad = Math.max(0, model.spec().padId());
    List<int[]> sequences = new ArrayList<>();
    List<int[]> answers = new ArrayList<>();
    boolean typed = false;
    for (SoftRow row : rows) {
      sequences.add(shifted(row.ids(), front(row, layout, virtual), pad));
      answers.add(row.decoderIds());
      typed |= row.types().length > 0;
    }
    TokenBatch tokens = TokenBatch.of(sequences, pad);
    boolean decodes = model.spec().encoderDecoder();
    int[] types = new int[typed ? tokens.ids().length : 0];
    List<Integer> at = new ArrayList<>();
    List<Integer> places = new ArrayList<>();
    List<Integer> vectors = new ArrayList<>();
    if (decodes) {
      tokens = tokens.withDecoder(answers, pad);
    }
    for (int r = 0; r < rows.size(); r++) {
      SoftRow row = rows.get(r);
      int front = front(row, layout, virtual);
      if (typed) { // virtual tokens in front have type 0
        System.arraycopy(row.types(), 0, types, tokens.index(r, front), row.types().length);
      }
      for (int column : row.at()) {
        at.add(decodes ? tokens.decoderIndex(r, column) : tokens.index(r, front + column));
      }
      if (layout == SoftModel.Layout.VECTORS) {
        for (int t = 0; t < virtual; t++) {
          places.add(tokens.index(r, front > 0 ? t : row.slots()[t]));
          vectors.add(row.prompt() * virtual + t);
        }
      }
    }
    SoftModel.Placement placement =
        layout == SoftModel.Layout.VECTORS
            ? new SoftModel.Placement.At(ints(places), ints(vectors))
            : new SoftModel.Placement.Before(
                virtual, rows.stream().mapToInt(SoftRow::prompt).toArray());
    return new SoftBatch(typed ? tokens.withTypes(types) : tokens, placement, ints(at));
  }

  /** Rows of which only the answer's logits are wanted. */
  static SoftBatch ofRows(
      LanguageModel model,
      List<LabelScorer.Row> rows,
      SoftModel.Layout layout,
      int virtual,
      int prompt) {
    return of(
        model,
        rows.stream()
            .map(
                row ->
                    new SoftRow(
                        row.ids(),
                        row.types(),
                        row.slots(),
                        row.decoderIds(),
                        new int[] {row.predictAt()},
                        new int[0][],
                        prompt))
            .toList(),
        layout,
        virtual);
  }

  private static int front(SoftRow row, SoftModel.Layout layout, int virtual) {
    return layout == SoftModel.Layout.VECTORS && row.slots().length == 0 ? virtual : 0;
  }

  private static int[] shifted(int[] ids, int front, int pad) {
    int[] shifted = new int[front + ids.length];
    Arrays.fill(shifted, 0, front, pad);
    System.arraycopy(ids, 0, shifted, front, ids.length);
    return shifted;
  }

  private static int[] ints(List<Integer> values) {
    return IntStream.range(0, values.size()).map(values::get).toArray();
  }
}
