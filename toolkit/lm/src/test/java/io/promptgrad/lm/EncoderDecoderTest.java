package io.promptgrad.lm;

import static io.promptgrad.lm.Batches.SEQUENCES;
import static io.promptgrad.lm.Batches.real;
import static io.promptgrad.lm.Batches.row;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.generate.Generation;
import io.promptgrad.lm.generate.GenerationOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A model with an encoder agrees with itself however its two halves are called. */
class EncoderDecoderTest {

  private static final String GATED = "t5__v1_1_gated_untied";
  private static final String TIED = "t5__classic_relu_tied";

  /** One for each of {@link Batches#SEQUENCES}. */
  private static final List<int[]> ANSWERS =
      List.of(new int[] {0, 17, 4}, new int[] {0, 33}, new int[] {0, 5, 90, 2, 61}, new int[] {0});

  private static TokenBatch batch() {
    return TokenBatch.of(SEQUENCES, 0).withDecoder(ANSWERS, 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {GATED, TIED})
  void rowAlone_equalsItsRowInABatchHoweverPadded(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      for (TokenBatch texts :
          List.of(TokenBatch.of(SEQUENCES, 0), TokenBatch.leftPadded(SEQUENCES, 0))) {
        TokenBatch batch = texts.withDecoder(ANSWERS, 0);
        assertThat(batch.decoderLength()).isEqualTo(5);
        int[] at = new int[20];
        Arrays.setAll(at, i -> i);
        double[] logits = Tensors.doubles(model.logits(scope, batch, at));
        Targets targets = atEachEnd(batch);
        EmbeddingGradient gradient = model.gradient(scope, batch, targets);
        double[] vectors = Tensors.doubles(gradient.vectors());
        double[] answers = Tensors.doubles(gradient.decoderVectors().orElseThrow());
        for (int r = 0; r < 4; r++) {
          TokenBatch alone = row(texts, r).withDecoder(List.of(ANSWERS.get(r)), 0);
          int last = ANSWERS.get(r).length - 1;
          assertThat(Tensors.row(logits, batch.decoderIndex(r, last), 97))
              .containsExactly(
                  Tensors.doubles(model.logits(scope, alone, new int[] {last})), within(1e-12));
          EmbeddingGradient single = model.gradient(scope, alone, atEachEnd(alone));
          double[] singleVectors = Tensors.doubles(single.vectors());
          int[] real = real(texts, r);
          for (int i = 0; i < real.length; i++) {
            assertThat(Tensors.row(vectors, real[i], 32))
                .containsExactly(Tensors.row(singleVectors, i, 32), within(1e-12));
          }
          double[] singleAnswers = Tensors.doubles(single.decoderVectors().orElseThrow());
          for (int i = 0; i < 5; i++) {
            double[] expected =
                i <= last ? Tensors.row(singleAnswers, i, 32) : new double[32]; // padding
            assertThat(Tensors.row(answers, batch.decoderIndex(r, i), 32))
                .containsExactly(expected, within(i <= last ? 1e-12 : 0));
          }
        }
      }
    }
  }

  /** Each decoder's last token predicts 96 or 3. */
  private static Targets atEachEnd(TokenBatch batch) {
    int[] at = new int[batch.rows()];
    int[][] tokens = new int[batch.rows()][];
    float[] weights = new float[batch.rows()];
    for (int r = 0; r < at.length; r++) {
      int length = batch.rows() == 1 ? batch.decoderLength() : ANSWERS.get(r).length;
      at[r] = batch.decoderIndex(r, length - 1);
      tokens[r] = new int[] {96, 3};
      weights[r] = 1;
    }
    return new Targets(at, tokens, weights);
  }

  @ParameterizedTest
  @ValueSource(strings = {GATED, TIED})
  void decode_tokenByTokenBehindItsCache_equalsOnePass(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = batch();
      int[] everywhere = new int[20];
      Arrays.setAll(everywhere, i -> i);
      double[] whole = Tensors.doubles(model.logits(scope, batch, everywhere));
      var text = model.forCaching().encode(scope, null, batch);
      assertThat(text.keyValues().getShape())
          .isEqualTo(
              new Shape(model.spec().layers(), 2, 4, 4, 8, model.spec().attention().headDim()));
      int[] all = batch.decoderIds();
      assertThat(
              Tensors.doubles(
                  model.forCaching().decode(scope, text, 4, all, null, everywhere).logits()))
          .containsExactly(whole, within(1e-12));
      NDArray past = null;
      NDArray room = null;
      for (int step = 0; step < 5; step++) {
        int[] ids = new int[4];
        for (int r = 0; r < 4; r++) {
          ids[r] = all[batch.decoderIndex(r, step)];
        }
        var one = model.forCaching().decode(scope, text, 4, ids, past, new int[] {0, 1, 2, 3});
        past =
            past == null
                ? one.keyValues()
                : model.forCaching().joinCaches(scope, past, one.keyValues());
        double[] logits = Tensors.doubles(one.logits());
        if (room == null) {
          room = model.forCaching().roomBehind(scope, past, 4, 5);
        } else {
          int[] at = {0, 1, 2, 3};
          assertThat(
                  Tensors.doubles(
                      model.forCaching().decodeInto(scope, text, 4, ids, room, step, at)))
              .containsExactly(logits, within(1e-12));
        }
        for (int r = 0; r < 4; r++) {
          assertThat(Tensors.row(logits, r, 97))
              .as("row %d step %d", r, step)
              .containsExactly(Tensors.row(whole, batch.decoderIndex(r, step), 97), within(1e-12));
        }
      }
      // and extend, from word vectors, gives the same keys and values at once
      NDArray vectors = model.wordVectors(scope, batch);
      var extended = model.forCaching().extend(scope, vectors, batch, null, null, everywhere);
      assertThat(Tensors.doubles(extended.logits())).containsExactly(whole, within(1e-12));
      assertThat(Tensors.doubles(extended.keyValues()))
          .containsExactly(Tensors.doubles(past), within(1e-12));
    }
  }

  @Test
  void decode_severalAnswersToOneText_equalsTheTextRepeated() {
    LanguageModel model = TinyModels.shared(GATED, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      int[] text = SEQUENCES.get(0);
      TokenBatch three =
          TokenBatch.of(List.of(text, text, text), 0)
              .withDecoder(List.of(new int[] {0, 1}, new int[] {0, 2}, new int[] {0, 3}), 0);
      var one = model.forCaching().encode(scope, null, TokenBatch.of(List.of(text), 0));
      int[] at = {1, 3, 5};
      assertThat(
              Tensors.doubles(
                  model.forCaching().decode(scope, one, 3, three.decoderIds(), null, at).logits()))
          .containsExactly(Tensors.doubles(model.logits(scope, three, at)), within(1e-12));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {GATED, TIED})
  void headsAndLosses_agreeWithTheLogits(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = batch();
      int[] at = {2, 12, 14};
      double[] logits = Tensors.doubles(model.logits(scope, batch, at));
      double[] few = Tensors.doubles(model.logits(scope, batch, at, new int[] {96, 0}));
      double[] products =
          Tensors.doubles(model.timesOutputMatrix(scope, model.features(scope, batch, at)));
      assertThat(products).containsExactly(logits, within(1e-11));
      double[] losses =
          Tensors.doubles(model.losses(scope, batch, Targets.mean(at, new int[] {5, 6, 7})));
      for (int n = 0; n < 3; n++) {
        double[] row = Tensors.row(logits, n, 97);
        assertThat(few[2 * n]).isCloseTo(row[96], within(1e-12));
        assertThat(few[2 * n + 1]).isCloseTo(row[0], within(1e-12));
        double all = Arrays.stream(row).map(Math::exp).sum();
        assertThat(losses[n]).isCloseTo(Math.log(all) - row[5 + n], within(1e-11));
      }
      int[] among = {7, 5, 6};
      double[] chosen =
          Tensors.doubles(
              model.gradient(scope, batch, Targets.mean(at, new int[] {5, 6, 7}), among).losses());
      for (int n = 0; n < 3; n++) {
        double[] row = Tensors.row(logits, n, 97);
        double all = Math.exp(row[5]) + Math.exp(row[6]) + Math.exp(row[7]);
        assertThat(chosen[n]).isCloseTo(Math.log(all) - row[5 + n], within(1e-11));
      }
    }
  }

  @Test
  void tokensOfBothHalves_areCounted() {
    try (LanguageModel model = TinyModels.load(TIED, Precision.FLOAT32);
        NDManager scope = model.newScope()) {
      TokenBatch batch = batch(); // 4 x 8 and 4 x 5
      model.logits(scope, batch, new int[] {0});
      assertThat(model.forwardTokens()).isEqualTo(52);
      var text = model.forCaching().encode(scope, null, batch);
      assertThat(model.forwardTokens()).isEqualTo(52 + 32);
      model.forCaching().decode(scope, text, 4, new int[8], null, new int[] {0});
      assertThat(model.forwardTokens()).isEqualTo(52 + 32 + 8);
      model.gradient(scope, batch, Targets.mean(new int[] {0}, new int[] {1}));
      assertThat(model.backwardTokens()).isEqualTo(52);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {GATED, TIED})
  void generate_greedy_equalsRepeatedFullPassesForEachRow(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    List<int[]> tokens =
        Generation.generate(model, SEQUENCES, GenerationOptions.greedy(6).withStopIds()).tokens();
    try (NDManager scope = model.newScope()) {
      for (int r = 0; r < 4; r++) {
        List<Integer> answer = new ArrayList<>(List.of(0));
        for (int step = 0; step < 6; step++) {
          int[] ids = answer.stream().mapToInt(Integer::intValue).toArray();
          TokenBatch alone =
              TokenBatch.of(List.of(SEQUENCES.get(r)), 0).withDecoder(List.of(ids), 0);
          float[] logits = model.logits(scope, alone, new int[] {step}).toFloatArray();
          int best = 0;
          for (int id = 1; id < 97; id++) {
            best = logits[id] > logits[best] ? id : best;
          }
          assertThat(tokens.get(r)[step]).as("row %d step %d", r, step).isEqualTo(best);
          answer.add(best);
        }
      }
    }
    // the penalty is for what the decoder has said, not for the text
    GenerationOptions penal = GenerationOptions.greedy(6).withRepetitionPenalty(1e6);
    for (int[] answer : Generation.generate(model, SEQUENCES, penal).tokens()) {
      assertThat(Arrays.stream(answer).distinct().count()).isEqualTo(6);
    }
  }

  @Test
  void arguments_thatDoNotFit_areRefusedBeforeNativeCode() {
    LanguageModel model = TinyModels.shared(GATED, Precision.FLOAT32);
    LanguageModel causal = TinyModels.shared("llama", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      TokenBatch texts = TokenBatch.of(SEQUENCES, 0);
      TokenBatch batch = batch();
      int[] at = {0};
      Targets target = Targets.mean(at, new int[] {1});
      refused("decoder's tokens", () -> model.logits(scope, texts, at));
      refused("decoder's tokens", () -> model.gradient(scope, texts, target));
      refused("no encoder", () -> causal.logits(scope, batch, at));
      refused("position index 20", () -> model.logits(scope, batch, new int[] {20}));
      refused("token id 97", () -> model.logits(scope, answering(97), at));
      refused("token id -1", () -> model.hiddenStates(scope, answering(-1)));
      refused("gets 3 sequences", () -> texts.withDecoder(ANSWERS.subList(0, 3), 0));
      refused("7 ids", () -> new TokenBatch(2, 1, at(2), new byte[2], at(2), at(0), at(7)));

      var text = model.forCaching().encode(scope, null, texts);
      NDArray past = model.forCaching().decode(scope, text, 4, new int[4], null, at).keyValues();
      refused(
          "encode and decode", () -> model.forCaching().extend(scope, null, batch, past, null, at));
      refused("encode and decode", () -> model.gradient(scope, null, batch, past, null, target));
      refused("use extend", () -> causal.forCaching().encode(scope, null, texts));
      refused("use extend", () -> causal.forCaching().decode(scope, text, 4, new int[4], null, at));
      refused(
          "whole number", () -> model.forCaching().decode(scope, text, 4, new int[5], null, at));
      refused("decodeInto", () -> model.forCaching().extendInto(scope, texts, past, 1, null, at));
      refused(
          "use extend",
          () -> causal.forCaching().decodeInto(scope, text, 4, new int[4], past, 1, at));
      refused(
          "cannot take",
          () -> model.forCaching().decodeInto(scope, text, 4, new int[4], past, 1, at));
      refused(
          "whole number", () -> model.forCaching().decode(scope, text, 4, new int[0], null, at));
      refused(
          "whole number", () -> model.forCaching().decode(scope, text, 0, new int[4], null, at));
      refused(
          "encoded texts", () -> model.forCaching().decode(scope, text, 2, new int[4], null, at));
      refused(
          "position index 4",
          () -> model.forCaching().decode(scope, text, 4, new int[4], null, at(4, 4)));
      refused(
          "no position",
          () -> model.forCaching().decode(scope, text, 4, new int[4], null, new int[0]));
      refused("token id 98", () -> model.forCaching().decode(scope, text, 4, at(4, 98), null, at));
      refused(
          "mask of an encoded text",
          () ->
              model
                  .forCaching()
                  .decode(
                      scope,
                      new CachingModel.Encoded(text.keyValues(), new byte[31]),
                      4,
                      new int[4],
                      null,
                      at));
      refused(
          "text of 0 tokens",
          () ->
              model
                  .forCaching()
                  .decode(
                      scope,
                      new CachingModel.Encoded(
                          scope.zeros(new Shape(2, 2, 4, 4, 0, 6)), new byte[0]),
                      4,
                      new int[4],
                      null,
                      at));
      NDArray wrong = scope.zeros(new Shape(2, 2, 4, 4, 3, 7));
      refused(
          "cached keys", () -> model.forCaching().decode(scope, text, 4, new int[4], wrong, at));
      refused("word vectors", () -> model.forCaching().encode(scope, wrong, texts));
      LanguageModel limited = TinyModels.shared(TIED, Precision.FLOAT32);
      TokenBatch endless = TokenBatch.of(List.of(new int[(1 << 16) + 1]), 0);
      assertThatThrownBy(() -> limited.forCaching().encode(scope, null, endless))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("65537 tokens is longer than the 65536");
    }
  }

  private static TokenBatch answering(int id) {
    return TokenBatch.of(SEQUENCES.subList(0, 1), 0).withDecoder(List.of(new int[] {id}), 0);
  }

  private static int[] at(int n) {
    return new int[n];
  }

  private static int[] at(int n, int value) {
    int[] all = new int[n];
    Arrays.fill(all, value);
    return all;
  }

  private static void refused(
      String naming, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(naming);
  }
}
