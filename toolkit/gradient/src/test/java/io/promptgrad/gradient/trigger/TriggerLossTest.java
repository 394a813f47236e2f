package io.promptgrad.gradient.trigger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TargetLoss;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TriggerLossTest {

  @TempDir static Path folder;
  static LanguageModel causal;
  static LanguageModel masked;
  static LanguageModel replicated;

  private static final List<TargetLoss> LOSSES =
      List.of(
          new TargetLoss.CrossEntropy(), new TargetLoss.Mellowmax(1), new TargetLoss.Hinge(0.001));

  @BeforeAll
  static void load() {
    causal = TinyModels.causal(folder.resolve("causal"));
    masked = TinyModels.masked(folder.resolve("masked"));
    replicated =
        LanguageModel.load(
            folder.resolve("causal"),
            new LoadOptions(List.of(Device.cpu(), Device.cpu()), Precision.FLOAT32));
  }

  @AfterAll
  static void close() {
    causal.close();
    masked.close();
    replicated.close();
  }

  private static List<TargetSequence> sequences() {
    return List.of(
        TargetSequence.continuation(
            "a", new int[] {5, 6, 7, 9, 30}, 4, new int[] {11}, new int[] {20, 21, 22}),
        TargetSequence.continuation("b", new int[] {40, 8}, 4, new int[] {}, new int[] {13}),
        TargetSequence.itself("c", new int[] {2}, 4));
  }

  /** The current trigger, changes of one and several places, the same again, equal ones. */
  private static List<int[]> triggers() {
    Random random = new Random(3);
    int[] current = {10, 20, 30, 40};
    List<int[]> all = new ArrayList<>(List.of(current, current.clone()));
    for (int i = 0; i < 30; i++) {
      int[] changed = current.clone();
      for (int c = 0; c <= i / 12; c++) {
        changed[random.nextInt(4)] = 5 + random.nextInt(50);
      }
      all.add(changed);
    }
    all.add(all.get(7).clone());
    return all;
  }

  @Test
  void scores_whateverIsReused_areThoseOfWholeSequences() {
    for (TargetLoss kind : LOSSES) {
      TriggerLoss.Scores plain = scores(causal, kind, TriggerLoss.Reuse.NONE);
      for (LanguageModel model : List.of(causal, replicated)) {
        for (TriggerLoss.Reuse reuse : TriggerLoss.Reuse.values()) {
          TriggerLoss.Scores scores = scores(model, kind, reuse);
          for (int c = 0; c < plain.losses().length; c++) {
            assertThat(scores.losses()[c]).containsExactly(plain.losses()[c], within(1e-4));
            assertThat(scores.said()[c]).containsExactly(plain.said()[c]);
          }
        }
      }
    }
  }

  private static TriggerLoss.Scores scores(
      LanguageModel model, TargetLoss kind, TriggerLoss.Reuse reuse) {
    try (TriggerLoss loss = new TriggerLoss(model, kind, null, reuse)) {
      return loss.scores(sequences(), triggers(), new int[] {10, 20, 30, 40});
    }
  }

  /** One after the other, each in a call of its own, which shares nothing with others. */
  @Test
  void scores_ofManyTriggers_areThoseOfEachAlone() {
    for (LanguageModel model : List.of(causal, masked)) {
      List<TargetSequence> some = sequences().subList(0, 2);
      try (TriggerLoss loss =
          new TriggerLoss(model, LOSSES.get(0), null, TriggerLoss.Reuse.FIRST_DIFFERENCE)) {
        TriggerLoss.Scores all = loss.scores(some, triggers(), triggers().get(0));
        for (int c = 0; c < triggers().size(); c++) {
          TriggerLoss.Scores alone =
              loss.scores(some.subList(1, 2), List.of(triggers().get(c)), triggers().get(c));
          assertThat(all.losses()[c][1]).isCloseTo(alone.losses()[0][0], within(1e-4));
        }
      }
    }
  }

  @Test
  void scores_reusingMore_sendsFewerTokensForward() {
    long none = tokens(TriggerLoss.Reuse.NONE);
    long prefix = tokens(TriggerLoss.Reuse.PREFIX);
    long difference = tokens(TriggerLoss.Reuse.FIRST_DIFFERENCE);
    assertThat(prefix).isLessThan(none / 2);
    assertThat(difference).isLessThan(prefix * 9 / 10);
  }

  private static long tokens(TriggerLoss.Reuse reuse) {
    TargetSequence sequence =
        TargetSequence.continuation("a", new int[12], 4, new int[] {}, new int[] {20, 21, 22});
    int[] current = {10, 20, 30, 40};
    List<int[]> candidates = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      int[] changed = current.clone();
      changed[i % 4] = 41 + i / 4 % 16;
      changed[3] = i < 64 ? changed[3] : 10 + i / 64;
      candidates.add(changed);
    }
    long distinct = candidates.stream().map(Arrays::toString).distinct().count();
    long before = causal.forwardTokens();
    try (TriggerLoss loss = new TriggerLoss(causal, LOSSES.get(0), null, reuse)) {
      loss.scores(List.of(sequence), candidates, current);
    }
    long tokens = causal.forwardTokens() - before;
    // every whole sequence has 18 tokens, and 6 behind the prefix of 12
    switch (reuse) {
      case NONE -> assertThat(tokens).isEqualTo(distinct * 18);
      case PREFIX -> assertThat(tokens).isEqualTo(distinct * 6 + 12);
      case FIRST_DIFFERENCE -> assertThat(tokens).isLessThan(distinct * 6);
    }
    return tokens;
  }

  /** First-order: moving along the gradient changes the mean loss as it says. */
  @Test
  void gradients_ofAnyLossAndSeveralTriggers_matchFiniteDifferences() {
    for (TargetLoss kind : LOSSES) {
      for (List<TargetSequence> some : List.of(sequences(), sequences().subList(0, 1))) {
        try (TriggerLoss loss =
            new TriggerLoss(causal, kind, null, TriggerLoss.Reuse.FIRST_DIFFERENCE)) {
          List<int[]> two = List.of(triggers().get(0), triggers().get(5));
          TriggerLoss.Gradients found = loss.gradients(some, two);
          for (int k = 0; k < 2; k++) {
            float[] vectors = causal.forSearch().vectors(two.get(k));
            assertThat(found.mean(k))
                .isCloseTo(loss.scores(some, two, two.get(0)).mean(k), within(1e-4));
            for (int i : new int[] {0, 17, 63}) {
              double[] values = new double[2];
              for (int side = 0; side < 2; side++) {
                float[] moved = vectors.clone();
                moved[i] += side == 0 ? 5e-3f : -5e-3f;
                values[side] = loss.gradients(some, List.of(moved), List.of(two.get(k))).mean(0);
              }
              double numeric = (values[0] - values[1]) / 1e-2;
              assertThat((double) found.values().get(k)[i]).isCloseTo(numeric, within(5e-3));
            }
          }
        }
      }
    }
  }
}
