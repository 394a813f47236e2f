package io.promptgrad.lm;

import static io.promptgrad.lm.Batches.SEQUENCES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.BlackBoxModel.Blocks;
import io.promptgrad.lm.BlackBoxModel.Mode;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BlackBoxModelTest {

  private static final int[] TOKENS = {3, 17, 60};

  static Stream<String> families() {
    return TinyModels.ALL.stream().filter(name -> !name.startsWith("t5"));
  }

  private static TokenBatch batch() {
    return TokenBatch.of(SEQUENCES, 0);
  }

  /** The first two columns of every row, and an answer at the second. */
  private static int[] places(TokenBatch batch, int p) {
    return IntStream.range(0, batch.rows() * p).map(i -> batch.index(i / p, i % p)).toArray();
  }

  private static int[] at(TokenBatch batch) {
    return IntStream.range(0, batch.rows()).map(row -> batch.index(row, 1)).toArray();
  }

  private static float[] plain(LanguageModel model, TokenBatch batch) {
    try (NDManager scope = model.newScope()) {
      return model.logits(scope, batch, at(batch), TOKENS).toFloatArray();
    }
  }

  private static float[] random(int n, double size) {
    Random random = new Random(n);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (size * random.nextGaussian());
    }
    return values;
  }

  @ParameterizedTest
  @MethodSource("families")
  void logits_ofZerosInEveryLayer_areThePlainOnes(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    BlackBoxModel blackBox = model.forBlackBox();
    TokenBatch batch = batch();
    float[][] zeros = {new float[2 * blackBox.width(Mode.ADD)]};
    int[][] which = new int[model.spec().layers()][batch.rows()];
    assertThat(
            blackBox.logits(
                batch, Mode.ADD, new Blocks(2, zeros), which, places(batch, 2), at(batch), TOKENS))
        .containsExactly(plain(model, batch), within(1e-6f));
  }

  @ParameterizedTest
  @MethodSource("families")
  void logits_ofWordVectorsInstead_areThoseOfTheWords(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    BlackBoxModel blackBox = model.forBlackBox();
    TokenBatch batch = batch();
    SearchModel search = model.forSearch();
    float[][] vectors = new float[batch.rows()][];
    int[][] which = new int[1][batch.rows()];
    for (int row = 0; row < batch.rows(); row++) {
      int from = batch.index(row, 0);
      vectors[batch.rows() - 1 - row] =
          search.vectors(new int[] {batch.ids()[from], batch.ids()[from + 1]});
      which[0][row] = batch.rows() - 1 - row;
    }
    int[] blanked = batch.ids().clone();
    for (int place : places(batch, 2)) {
      blanked[place] = 9;
    }
    TokenBatch blank =
        new TokenBatch(
            batch.rows(), batch.length(), blanked, batch.mask(), batch.positions(), batch.types());
    assertThat(
            blackBox.logits(
                blank,
                Mode.INSTEAD,
                new Blocks(2, vectors),
                which,
                places(batch, 2),
                at(batch),
                TOKENS))
        .containsExactly(plain(model, batch), within(1e-5f));
  }

  /** Without a norm behind the embedding, adding there is adding to the word vectors. */
  @ParameterizedTest
  @MethodSource("unnormed")
  void logits_addedAtTheFirstLayer_areThoseOfMovedWordVectors(String name) {
    LanguageModel model = TinyModels.shared(name, Precision.FLOAT32);
    TokenBatch batch = batch();
    int width = model.spec().wordWidth();
    float[] block = random(2 * width, 0.3);
    float[] expected;
    try (NDManager scope = model.newScope()) {
      float[] vectors = model.wordVectors(scope, batch).toFloatArray();
      int[] places = places(batch, 2);
      for (int i = 0; i < places.length; i++) {
        for (int j = 0; j < width; j++) {
          vectors[places[i] * width + j] += block[i % 2 * width + j];
        }
      }
      NDArray moved = scope.create(vectors, new Shape(batch.rows(), batch.length(), width));
      NDArray logits =
          model.forCaching().extend(scope, moved, batch, null, null, at(batch)).logits();
      float[] all = logits.toFloatArray();
      expected = new float[batch.rows() * TOKENS.length];
      for (int i = 0; i < expected.length; i++) {
        expected[i] =
            all[i / TOKENS.length * model.spec().vocabulary() + TOKENS[i % TOKENS.length]];
      }
    }
    assertThat(expected).isNotEqualTo(plain(model, batch));
    assertThat(
            model
                .forBlackBox()
                .logits(
                    batch,
                    Mode.ADD,
                    new Blocks(2, new float[][] {block}),
                    new int[1][batch.rows()],
                    places(batch, 2),
                    at(batch),
                    TOKENS))
        .containsExactly(expected, within(1e-4f));
  }

  static Stream<String> unnormed() {
    return Stream.of("gpt2", "llama", "qwen3");
  }

  @TempDir Path folder;

  /**
   * BERT ends its embedding and its layers with a norm, so a vector added at all places of a
   * layer's input is one added to the bias of the norm before it.
   */
  @Test
  void logits_addedBehindANorm_areThoseOfAMovedBias() throws IOException {
    LanguageModel model = TinyModels.shared("bert", Precision.FLOAT32);
    int width = model.spec().hidden();
    int length = 4;
    TokenBatch batch =
        new TokenBatch(
            2,
            length,
            new int[] {4, 18, 33, 7, 5, 9, 61, 2},
            new byte[] {1, 1, 1, 1, 1, 1, 1, 1},
            new int[] {0, 1, 2, 3, 0, 1, 2, 3},
            new int[0]);
    float[] nudge = random(width, 0.5);
    float[] block = new float[length * width];
    for (int i = 0; i < block.length; i++) {
      block[i] = nudge[i % width];
    }
    String[] norms = {
      "bert.embeddings.LayerNorm.bias", "bert.encoder.layer.0.output.LayerNorm.bias"
    };
    for (int layer = 0; layer < 2; layer++) {
      Path moved = folder.resolve("layer" + layer);
      Files.createDirectories(moved);
      try (Stream<Path> files = Files.list(model.path())) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          Files.copy(file, moved.resolve(file.getFileName()));
        }
      }
      LoadOptions options = new LoadOptions(Device.cpu(), Precision.FLOAT32);
      try (TrainableModel weights = TrainableModel.load(model.path(), options)) {
        float[] bias = weights.weight(norms[layer]);
        for (int i = 0; i < width; i++) {
          bias[i] += nudge[i];
        }
        weights.setWeight(norms[layer], bias);
        weights.saveWeights(moved.resolve("model.safetensors"), WeightType.F32);
      }
      int[][] which = new int[layer + 1][2];
      which[0] = layer == 0 ? new int[] {1, 1} : new int[2];
      which[layer] = new int[] {1, 1};
      float[] logits =
          model
              .forBlackBox()
              .logits(
                  batch,
                  Mode.ADD,
                  new Blocks(length, new float[][] {new float[block.length], block}),
                  which,
                  places(batch, length),
                  at(batch),
                  TOKENS);
      try (LanguageModel expected = LanguageModel.load(moved, options)) {
        assertThat(logits)
            .containsExactly(plain(expected, batch), within(1e-5f))
            .isNotEqualTo(plain(model, batch));
      }
    }
  }

  @Test
  void logits_shapesThatDoNotFit_areRefusedBeforeNativeCodeSeesThem() {
    LanguageModel model = TinyModels.shared("gpt2", Precision.FLOAT32);
    BlackBoxModel blackBox = model.forBlackBox();
    TokenBatch batch = batch();
    Blocks blocks = new Blocks(2, new float[][] {new float[2 * blackBox.width(Mode.ADD)]});
    int[][] tooMany = new int[model.spec().layers() + 1][batch.rows()];
    assertThatThrownBy(
            () ->
                blackBox.logits(
                    batch, Mode.ADD, blocks, tooMany, places(batch, 2), at(batch), TOKENS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers");
    int[][] unknown = new int[1][batch.rows()];
    unknown[0][0] = 1;
    assertThatThrownBy(
            () ->
                blackBox.logits(
                    batch, Mode.ADD, blocks, unknown, places(batch, 2), at(batch), TOKENS))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () ->
                blackBox.logits(
                    batch,
                    Mode.ADD,
                    blocks,
                    new int[1][batch.rows()],
                    places(batch, 1),
                    at(batch),
                    TOKENS))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("places");
    LanguageModel t5 = TinyModels.shared("t5__classic_relu_tied", Precision.FLOAT32);
    assertThatThrownBy(t5::forBlackBox)
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("encoder-decoder");
  }
}
