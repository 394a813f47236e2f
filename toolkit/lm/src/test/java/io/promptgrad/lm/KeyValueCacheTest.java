package io.promptgrad.lm;

import static io.promptgrad.lm.Batches.SEQUENCES;
import static io.promptgrad.lm.Batches.everywhere;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.arch.TransformerSpec.Attention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys and values that are kept stand for the tokens that they came from. */
class KeyValueCacheTest {

  @ParameterizedTest
  @CsvSource({
    "gpt2, FLOAT32, 1e-5",
    "gpt2, FLOAT64, 1e-12",
    "llama, FLOAT32, 1e-5",
    "llama__rope_llama3, FLOAT64, 1e-12",
    "opt__projected_postnorm, FLOAT64, 1e-12",
    "gpt_neo, FLOAT64, 1e-12",
    "mistral, FLOAT64, 1e-12",
    "gemma2, FLOAT64, 1e-12",
    "gemma3_text, FLOAT64, 1e-12"
  })
  void extend_behindACacheSplitAnywhere_equalsOnePass(
      String name, Precision precision, double tolerance) {
    for (TokenBatch batch :
        List.of(TokenBatch.of(SEQUENCES, 0), TokenBatch.leftPadded(SEQUENCES, 0))) {
      LanguageModel model = TinyModels.shared(name, precision);
      Attention attention = model.spec().attention();
      try (NDManager scope = model.newScope()) {
        double[] whole = Tensors.doubles(model.logits(scope, batch, everywhere(batch)));
        for (int split = 1; split < batch.length(); split++) {
          TokenBatch head = columns(batch, 0, split);
          TokenBatch tail = columns(batch, split, batch.length());
          var first = model.forCaching().extend(scope, null, head, null, null, everywhere(head));
          assertThat(first.keyValues().getShape())
              .isEqualTo(new Shape(3, 2, 4, attention.keyValueHeads(), split, attention.headDim()));
          var second =
              model
                  .forCaching()
                  .extend(scope, null, tail, first.keyValues(), head.mask(), everywhere(tail));
          assertSame(batch, head, 0, first.logits(), whole, tolerance);
          assertSame(batch, tail, split, second.logits(), whole, tolerance);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "llama", "mistral", "gemma3_text"})
  void extend_oneTokenAtATimeBehindJoinedCaches_equalsOnePass(String name) {
    TokenBatch batch = TokenBatch.leftPadded(SEQUENCES, 0);
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      double[] whole = Tensors.doubles(model.logits(scope, batch, everywhere(batch)));
      NDArray past = null;
      for (int column = 0; column < batch.length(); column++) {
        TokenBatch one = columns(batch, column, column + 1);
        byte[] pastMask = column == 0 ? null : columns(batch, 0, column).mask();
        var step = model.forCaching().extend(scope, null, one, past, pastMask, everywhere(one));
        assertSame(batch, one, column, step.logits(), whole, 1e-12);
        past =
            past == null
                ? step.keyValues()
                : model.forCaching().joinCaches(scope, past, step.keyValues());
      }
      assertThat(past.getShape().get(4)).isEqualTo(batch.length());
    }
  }

  @ParameterizedTest
  @CsvSource({"bert, FLOAT64", "gpt2, FLOAT64", "llama, BFLOAT16"})
  void extend_pastOfOneRow_equalsThatRowRepeated(String name, Precision precision) {
    LanguageModel model = TinyModels.shared(name, precision);
    try (NDManager scope = model.newScope()) {
      List<int[]> three =
          List.of(new int[] {38, 87, 88}, new int[] {38, 87, 88}, new int[] {38, 87, 88});
      TokenBatch prefix = TokenBatch.of(List.of(three.get(0)), 0);
      TokenBatch prefixes = TokenBatch.of(three, 0);
      NDArray one =
          model.forCaching().extend(scope, null, prefix, null, null, new int[] {0}).keyValues();
      NDArray all =
          model.forCaching().extend(scope, null, prefixes, null, null, new int[] {0}).keyValues();
      TokenBatch rows =
          shifted(TokenBatch.of(List.of(new int[] {9, 8}, new int[] {96}, new int[] {1, 2}), 0), 3);
      int[] at = {1, 2, 5};
      var fromOne = model.forCaching().extend(scope, null, rows, one, null, at);
      var fromAll = model.forCaching().extend(scope, null, rows, all, null, at);
      double tolerance = precision == Precision.BFLOAT16 ? 0.05 : 1e-12;
      assertThat(Tensors.doubles(fromOne.logits()))
          .containsExactly(Tensors.doubles(fromAll.logits()), within(tolerance));
      NDArray joinedOne = model.forCaching().joinCaches(scope, one, fromOne.keyValues());
      NDArray joinedAll = model.forCaching().joinCaches(scope, all, fromAll.keyValues());
      assertThat(joinedOne.getShape()).isEqualTo(joinedAll.getShape());
      if (precision != Precision.BFLOAT16) {
        assertThat(Tensors.doubles(joinedOne))
            .containsExactly(Tensors.doubles(joinedAll), within(1e-12));
      }
      // and both can be passed back
      TokenBatch last =
          shifted(TokenBatch.of(List.of(new int[] {4}, new int[] {5}, new int[] {6}), 0), 5);
      assertThat(
              Tensors.doubles(
                  model
                      .forCaching()
                      .extend(scope, null, last, joinedOne, null, new int[] {2})
                      .logits()))
          .containsExactly(
              Tensors.doubles(
                  model
                      .forCaching()
                      .extend(scope, null, last, joinedAll, null, new int[] {2})
                      .logits()),
              within(tolerance));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "gpt2", "llama"})
  void extend_behindAPastThatIsAllMasked_equalsNone(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(SEQUENCES, 0);
      TokenBatch other = TokenBatch.of(List.of(new int[] {50, 51}), 0);
      NDArray past =
          model.forCaching().extend(scope, null, other, null, null, new int[] {0}).keyValues();
      int[] at = {7, 8, 20};
      double[] without =
          Tensors.doubles(model.forCaching().extend(scope, null, batch, null, null, at).logits());
      double[] masked =
          Tensors.doubles(
              model.forCaching().extend(scope, null, batch, past, new byte[4 * 2], at).logits());
      double[] seen =
          Tensors.doubles(model.forCaching().extend(scope, null, batch, past, null, at).logits());
      assertThat(masked).containsExactly(without, within(1e-12));
      assertThat(seen).isNotEqualTo(without);
    }
  }

  /** A window counts tokens, not the padding between a cached row and what follows it. */
  @ParameterizedTest
  @ValueSource(strings = {"llama", "gpt_neo", "mistral", "gemma2", "gemma3_text"})
  void extend_behindRowsPaddedOnTheRight_equalsTheTokensWithoutAGap(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      TokenBatch head = TokenBatch.of(SEQUENCES, 0);
      int[] next = {3, 14, 15, 92, 65, 35};
      int[] at = new int[4];
      int[] ids = new int[4 * next.length];
      int[] positions = new int[ids.length];
      byte[] ones = new byte[ids.length];
      Arrays.fill(ones, (byte) 1);
      for (int i = 0; i < ids.length; i++) {
        ids[i] = next[i % next.length];
        positions[i] = SEQUENCES.get(i / next.length).length + i % next.length;
      }
      Arrays.setAll(at, row -> row * next.length + next.length - 1);
      NDArray past =
          model.forCaching().extend(scope, null, head, null, null, new int[] {0}).keyValues();
      TokenBatch tail = new TokenBatch(4, next.length, ids, ones, positions, new int[0]);
      double[] behind =
          Tensors.doubles(
              model.forCaching().extend(scope, null, tail, past, head.mask(), at).logits());
      for (int row = 0; row < 4; row++) {
        int[] first = SEQUENCES.get(row);
        int[] joined = Arrays.copyOf(first, first.length + next.length);
        System.arraycopy(next, 0, joined, first.length, next.length);
        TokenBatch alone = TokenBatch.of(List.of(joined), 0);
        assertThat(Tensors.row(behind, row, 97))
            .as("%s row %d", name, row)
            .containsExactly(
                Tensors.doubles(model.logits(scope, alone, new int[] {joined.length - 1})),
                within(1e-12));
      }
    }
  }

  @Test
  void extend_fromVectorsOfTheIds_equalsFromIds() {
    LanguageModel model = TinyModels.shared("roberta", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(SEQUENCES, 1);
      int[] at = {0, 5, 17};
      NDArray vectors = model.wordVectors(scope, batch);
      double[] expected = Tensors.doubles(model.logits(scope, batch, at));
      assertThat(
              Tensors.doubles(
                  model.forCaching().extend(scope, vectors, batch, null, null, at).logits()))
          .isEqualTo(expected);
      assertThat(
              Tensors.doubles(
                  model.forCaching().extend(scope, null, batch, null, null, at).logits()))
          .isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gpt2, FLOAT64, 1e-12",
    "llama, FLOAT64, 1e-12",
    "mistral, FLOAT64, 1e-12",
    "gemma2, FLOAT64, 1e-12",
    "gemma3_text, FLOAT64, 1e-12",
    "llama, BFLOAT16, 0.05"
  })
  void extendInto_inPiecesOfARoom_equalsOnePass(String name, Precision precision, double near) {
    TokenBatch batch = TokenBatch.leftPadded(SEQUENCES, 0);
    LanguageModel model = TinyModels.shared(name, precision);
    try (NDManager scope = model.newScope()) {
      double[] whole = Tensors.doubles(model.logits(scope, batch, everywhere(batch)));
      TokenBatch head = columns(batch, 0, 3);
      NDArray past =
          model.forCaching().extend(scope, null, head, null, null, everywhere(head)).keyValues();
      NDArray room = model.forCaching().roomBehind(scope, past, batch.rows(), 6);
      int cached = 3;
      for (int end : new int[] {4, 6, 7, 8}) {
        if (end == 7) { // a larger room behind what the first one holds
          room = model.forCaching().roomBehind(scope, room, batch.rows(), 10);
        }
        TokenBatch piece = columns(batch, cached, end);
        byte[] pastMask = columns(batch, 0, cached).mask();
        NDArray logits =
            model.forCaching().extendInto(scope, piece, room, cached, pastMask, everywhere(piece));
        assertSame(batch, piece, cached, logits, whole, near);
        cached = end;
      }
      assertThat(past.getShape().get(4)).isEqualTo(3); // a room is another array
    }
  }

  @Test
  void extendInto_roomForSeveralRowsBehindOne_holdsItForEach() {
    LanguageModel model = TinyModels.shared("llama", Precision.FLOAT64);
    try (NDManager scope = model.newScope()) {
      TokenBatch prefix = TokenBatch.of(List.of(new int[] {7, 8, 9}), 0);
      NDArray one =
          model.forCaching().extend(scope, null, prefix, null, null, new int[] {0}).keyValues();
      TokenBatch rows = shifted(TokenBatch.of(List.of(new int[] {4, 1}, new int[] {5, 2}), 0), 3);
      int[] at = {1, 3};
      NDArray room = model.forCaching().roomBehind(scope, one, 2, 5);
      assertThat(Tensors.doubles(model.forCaching().extendInto(scope, rows, room, 3, null, at)))
          .containsExactly(
              Tensors.doubles(model.forCaching().extend(scope, null, rows, one, null, at).logits()),
              within(1e-12));
    }
  }

  @Test
  void room_thatDoesNotFit_isRefusedBeforeNativeCode() {
    LanguageModel model = TinyModels.shared("llama", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(new int[] {1, 2}, new int[] {3, 4}), 0);
      int[] at = {0};
      NDArray past = scope.zeros(new Shape(3, 2, 2, 2, 4, 8));
      refused("room for 3 tokens", () -> model.forCaching().roomBehind(scope, past, 2, 3));
      refused("room for 65 tokens", () -> model.forCaching().roomBehind(scope, past, 2, 65));
      refused("cached keys and values", () -> model.forCaching().roomBehind(scope, past, 3, 5));
      NDArray single = scope.zeros(new Shape(3, 2, 1, 2, 4, 8));
      refused("in 0 rows", () -> model.forCaching().roomBehind(scope, single, 0, 5));
      for (int cached : new int[] {-1, 0, 3, 4, Integer.MAX_VALUE}) {
        refused(
            "cannot take 2",
            () -> model.forCaching().extendInto(scope, batch, past, cached, null, at));
      }
      refused("in 1 rows", () -> model.forCaching().extendInto(scope, batch, single, 2, null, at));
      NDArray wrong = scope.zeros(new Shape(3, 2, 2, 2, 4, 16));
      refused(
          "room for keys", () -> model.forCaching().extendInto(scope, batch, wrong, 2, null, at));
      refused(
          "mask of 2", () -> model.forCaching().extendInto(scope, batch, past, 2, new byte[5], at));
    }
  }

  @Test
  void arguments_thatDoNotFit_areRefusedBeforeNativeCode() {
    LanguageModel model = TinyModels.shared("llama", Precision.FLOAT32);
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(new int[] {1, 2}, new int[] {3, 4}), 0);
      int[] at = {0};
      NDArray past = scope.zeros(new Shape(3, 2, 2, 2, 4, 8));
      for (Shape shape :
          List.of(
              new Shape(2, 32),
              new Shape(2, 2, 31),
              new Shape(2, 3, 32),
              new Shape(1, 2, 32),
              new Shape(),
              new Shape(0, 2, 32))) {
        refused(
            "word vectors",
            () -> model.forCaching().extend(scope, scope.zeros(shape), batch, null, null, at));
      }
      for (Shape shape :
          List.of(
              new Shape(3, 2, 2, 2, 4),
              new Shape(2, 2, 2, 2, 4, 8),
              new Shape(3, 1, 2, 2, 4, 8),
              new Shape(3, 2, 3, 2, 4, 8),
              new Shape(3, 2, 2, 4, 4, 8),
              new Shape(3, 2, 2, 2, 4, 16),
              new Shape(3, 2, 2, 2, 65, 8))) {
        NDArray wrong = scope.zeros(shape);
        refused(
            "cached keys and values",
            () -> model.forCaching().extend(scope, null, batch, wrong, null, at));
        refused("cached keys and values", () -> model.forCaching().joinCaches(scope, wrong, past));
      }
      refused(
          "cached keys and values",
          () ->
              model.forCaching().joinCaches(scope, past, scope.zeros(new Shape(3, 2, 1, 2, 4, 8))));
      for (DataType type : List.of(DataType.INT32, DataType.INT64, DataType.BOOLEAN)) {
        NDArray vectors = scope.zeros(new Shape(2, 2, 32), type);
        refused(
            type.toString(),
            () -> model.forCaching().extend(scope, vectors, batch, null, null, at));
        NDArray wrong = scope.zeros(past.getShape(), type);
        refused(
            type.toString(), () -> model.forCaching().extend(scope, null, batch, wrong, null, at));
        refused(type.toString(), () -> model.forCaching().joinCaches(scope, past, wrong));
      }
      refused(
          "mask of 4 cached",
          () -> model.forCaching().extend(scope, null, batch, past, new byte[7], at));
      refused(
          "mask of 0 cached",
          () -> model.forCaching().extend(scope, null, batch, null, new byte[8], at));
      TokenBatch longOne = TokenBatch.of(List.of(new int[61], new int[61]), 0);
      assertThatThrownBy(() -> model.forCaching().extend(scope, null, longOne, past, null, at))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("65 tokens is longer than the 64");
    }
  }

  private static void refused(
      String naming, org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(naming);
  }

  /** Compares real positions of a batch of some columns with those of the whole. */
  private static void assertSame(
      TokenBatch whole,
      TokenBatch part,
      int firstColumn,
      NDArray logits,
      double[] expected,
      double tolerance) {
    double[] actual = Tensors.doubles(logits);
    for (int row = 0; row < part.rows(); row++) {
      for (int column = 0; column < part.length(); column++) {
        int index = part.index(row, column);
        if (part.mask()[index] != 0) {
          assertThat(Tensors.row(actual, index, 97))
              .containsExactly(
                  Tensors.row(expected, whole.index(row, firstColumn + column), 97),
                  within(tolerance));
        }
      }
    }
  }

  private static TokenBatch columns(TokenBatch batch, int from, int to) {
    List<Integer> kept = new ArrayList<>();
    for (int row = 0; row < batch.rows(); row++) {
      for (int column = from; column < to; column++) {
        kept.add(batch.index(row, column));
      }
    }
    int[] ids = kept.stream().mapToInt(i -> batch.ids()[i]).toArray();
    int[] positions = kept.stream().mapToInt(i -> batch.positions()[i]).toArray();
    byte[] mask = new byte[ids.length];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = batch.mask()[kept.get(i)];
    }
    return new TokenBatch(batch.rows(), to - from, ids, mask, positions, new int[0]);
  }

  private static TokenBatch shifted(TokenBatch batch, int by) {
    return batch.withPositions(Arrays.stream(batch.positions()).map(p -> p + by).toArray());
  }
}
