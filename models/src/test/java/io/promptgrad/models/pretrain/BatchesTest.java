package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.TokenBatch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Batches from a stream whose ids tell where they stand: source a holds 4..499, b 500..998. */
class BatchesTest {

  private static final int SEPARATOR = 2;
  private static final int MASK = 999;
  private static final int TOKENS_OF_EACH = 4000;
  private static final int WEIGHT_OF_A = 3;

  @TempDir private Path folder;
  private static final int LONG = 40; // the first step with whole windows

  @BeforeEach
  void write() throws IOException {
    byte[] ids = new byte[4 * TOKENS_OF_EACH];
    for (int i = 0; i < 2 * TOKENS_OF_EACH; i++) {
      int id = i % 50 == 49 ? SEPARATOR : expected(i);
      ids[2 * i] = (byte) id;
      ids[2 * i + 1] = (byte) (id >>> 8);
    }
    Files.write(folder.resolve("train.u16"), ids);
    Files.write(folder.resolve("heldout.u16"), ids);
  }

  private EncodedCorpus corpus(boolean masked) throws IOException {
    List<EncodedCorpus.Range> ranges =
        List.of(
            new EncodedCorpus.Range("a", "CC0", WEIGHT_OF_A, 80, 0, TOKENS_OF_EACH),
            new EncodedCorpus.Range("b", "CC0", 1, 80, TOKENS_OF_EACH, TOKENS_OF_EACH));
    EncodedCorpus.describe(
        folder,
        new EncodedCorpus.Description(
            "",
            masked ? TokenizerSettings.Objective.MASKED : TokenizerSettings.Objective.CAUSAL,
            1000,
            SEPARATOR,
            new EncodedCorpus.Part("train.u16", 2 * TOKENS_OF_EACH, "", ranges),
            new EncodedCorpus.Part("heldout.u16", 2 * TOKENS_OF_EACH, "", ranges)));
    return EncodedCorpus.open(folder);
  }

  private static int expected(int index) {
    return index < TOKENS_OF_EACH ? 4 + index % 496 : 500 + index % 499;
  }

  private Batches batches(boolean masked, int windows, long seed) throws IOException {
    PretrainingPlan plan =
        new PretrainingPlan(
            100, windows, 64, 1e-3, 1e-4, 10, AdamW.forPretraining(), 0, 0.02, seed, 10, 20, 10);
    return new Batches(corpus(masked), plan);
  }

  /** The ids before masking. */
  private static int[] original(Batches.Batch batch) {
    int[] ids = batch.tokens().ids().clone();
    for (int n = 0; n < batch.targets().at().length; n++) {
      ids[batch.targets().at()[n]] = batch.targets().tokens()[n][0];
    }
    return ids;
  }

  @Test
  void training_masked_windowsAreStretchesOfOneSource() throws IOException {
    Batches.Batch batch = batches(true, 200, 1).training(LONG);

    TokenBatch tokens = batch.tokens();
    assertThat(tokens.length()).isEqualTo(64);
    int[] ids = original(batch);
    for (int row = 0; row < tokens.rows(); row++) {
      assertThat(ids[tokens.index(row, 0)]).isZero();
      assertThat(ids[tokens.index(row, 63)]).isEqualTo(SEPARATOR);
      int ordinary = 0;
      int inA = 0;
      for (int column = 1; column < 63; column++) {
        int id = ids[tokens.index(row, column)];
        if (id != SEPARATOR) {
          ordinary++;
          inA += id < 500 ? 1 : 0;
        }
      }
      assertThat(inA).isIn(0, ordinary);
    }
  }

  @Test
  void training_weights_areShareOfDraws() throws IOException {
    Batches.Batch batch = batches(true, 4000, 2).training(0);

    int[] ids = original(batch);
    int fromA = 0;
    for (int row = 0; row < 4000; row++) {
      int first = batch.tokens().index(row, 1);
      int id = ids[first] == SEPARATOR ? ids[first + 1] : ids[first];
      fromA += id < 500 ? 1 : 0;
    }
    // Three to one; one standard deviation is sqrt(0.75 * 0.25 / 4000) = 0.007.
    assertThat(fromA / 4000.0).isCloseTo(0.75, within(0.03));
  }

  @Test
  void training_masked_oneInFiveOfWhichEightInTenAreMasked() throws IOException {
    Batches.Batch batch = batches(true, 2000, 3).training(0);

    int ordinary = 0;
    for (int id : original(batch)) {
      ordinary += id >= 4 ? 1 : 0;
    }
    int[] at = batch.targets().at();
    int masked = 0;
    int kept = 0;
    for (int n = 0; n < at.length; n++) {
      int target = batch.targets().tokens()[n][0];
      int seen = batch.tokens().ids()[at[n]];
      assertThat(target).isBetween(4, MASK - 1);
      assertThat(seen).isBetween(4, MASK);
      masked += seen == MASK ? 1 : 0;
      kept += seen == target ? 1 : 0;
    }
    // About 110,000 ordinary tokens and 22,000 targets: one deviation is 0.0012, 0.0027 and 0.002.
    assertThat(at.length / (double) ordinary).isCloseTo(0.2, within(0.006));
    assertThat(masked / (double) at.length).isCloseTo(0.8, within(0.015));
    assertThat(kept / (double) at.length).isCloseTo(0.1, within(0.012));
  }

  /** The plan has 100 steps: the first 40, and then steps 43, 47, 51 ..., have short windows. */
  @Test
  void training_firstStepsAndEveryFourth_areShortWindowsOfAsManyTokens() throws IOException {
    Batches batches = batches(true, 8, 4);

    for (int step : new int[] {0, 38, 39, 43, 99}) {
      assertThat(batches.training(step).tokens().length()).as("step %d", step).isEqualTo(16);
      assertThat(batches.training(step).tokens().rows()).isEqualTo(32);
    }
    for (int step : new int[] {40, 41, 42, 44, 98}) {
      assertThat(batches.training(step).tokens().length()).as("step %d", step).isEqualTo(64);
      assertThat(batches.training(step).tokens().rows()).isEqualTo(8);
    }
  }

  @Test
  void training_sameSeedAndStep_sameBatch() throws IOException {
    Batches.Batch once = batches(true, 8, 5).training(6);
    Batches.Batch again = batches(true, 8, 5).training(6);

    assertThat(again.tokens().ids()).isEqualTo(once.tokens().ids());
    assertThat(again.targets().at()).isEqualTo(once.targets().at());
    assertThat(batches(true, 8, 5).training(8).tokens().ids()).isNotEqualTo(once.tokens().ids());
    assertThat(batches(true, 8, 6).training(6).tokens().ids()).isNotEqualTo(once.tokens().ids());
  }

  @Test
  void training_causal_predictsTheNextTokenWithinADocument() throws IOException {
    Batches.Batch batch = batches(false, 50, 7).training(LONG);

    int[] ids = batch.tokens().ids();
    int[] at = batch.targets().at();
    for (int n = 0; n < at.length; n++) {
      assertThat(ids[at[n]])
          .as("nothing follows from the end of a document")
          .isNotEqualTo(SEPARATOR);
      assertThat(batch.targets().tokens()[n][0]).isEqualTo(ids[at[n] + 1]);
      assertThat(at[n] % 64).as("the window's own end is no token of the text").isLessThan(62);
    }
    assertThat(at.length).isGreaterThan(50 * 58);
  }

  @Test
  void heldOut_everyCall_isTheSame() throws IOException {
    List<Batches.Batch> first = batches(true, 8, 8).heldOut();
    List<Batches.Batch> second = batches(true, 8, 8).heldOut();

    assertThat(first).extracting(b -> b.tokens().rows()).containsExactly(8, 8, 4);
    for (int i = 0; i < first.size(); i++) {
      assertThat(second.get(i).tokens().ids()).isEqualTo(first.get(i).tokens().ids());
      assertThat(second.get(i).targets().at()).isEqualTo(first.get(i).targets().at());
    }
  }
}
