package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.cuda.CudaUtils;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.lm.verify.Comparison;
import io.promptgrad.lm.verify.ModelVerification;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What only a GPU can show: {@code mvn verify -Pgpu}. Written without one at hand and not run yet,
 * so the first failures may be the tests' own.
 */
@Tag("gpu")
class GpuTest {

  private static final Device GPU = Device.gpu(0);

  static List<String> models() {
    return TinyModels.ALL;
  }

  @BeforeAll
  static void requireGpu() {
    assertThat(LibTorch.gpuCount())
        .as("GPUs; promptgrad doctor says why there is none")
        .isPositive();
  }

  // ------------------------------------------------------------------ agreement

  @ParameterizedTest
  @MethodSource("models")
  void recordedModel_onTheGpu_isWithinTheTolerances(String name) {
    assertThat(ModelVerification.run(TinyModels.folder(name), GPU)).allMatch(Comparison::ok);
  }

  @ParameterizedTest
  @MethodSource("models")
  void float32_logitsLossesAndGradient_areThoseOfTheCpu(String name) {
    agree(name, Precision.FLOAT32, 1e-4, 1e-4);
  }

  @ParameterizedTest
  @MethodSource("models")
  void bfloat16_logitsLossesAndGradient_areNearThoseOfTheCpuInFloat32(String name) {
    agree(name, Precision.BFLOAT16, 3e-2, 1e-1);
  }

  /** Both paddings: with left padding some queries see nothing, which CUDA's kernels differ on. */
  private static void agree(String name, Precision precision, double forward, double backward) {
    try (LanguageModel cpu = load(name, Device.cpu(), Precision.FLOAT32);
        LanguageModel gpu = load(name, GPU, precision)) {
      for (TokenBatch batch :
          List.of(
              TokenBatch.of(Batches.SEQUENCES, 0), TokenBatch.leftPadded(Batches.SEQUENCES, 0))) {
        List<double[]> exact = compute(cpu, batch);
        List<double[]> own = compute(gpu, batch);
        assertThat(distance(exact.get(0), own.get(0))).as("logits").isLessThan(forward);
        assertThat(distance(exact.get(1), own.get(1))).as("losses").isLessThan(forward);
        assertThat(distance(exact.get(2), own.get(2))).as("gradient").isLessThan(backward);
      }
    }
  }

  private static LanguageModel load(String name, Device device, Precision precision) {
    return LanguageModel.load(TinyModels.folder(name), new LoadOptions(device, precision));
  }

  private static List<double[]> compute(LanguageModel model, TokenBatch batch) {
    try (NDManager scope = model.newScope()) {
      int[] real =
          IntStream.range(0, batch.rows())
              .flatMap(row -> Arrays.stream(Batches.real(batch, row)))
              .toArray();
      EmbeddingGradient gradient = model.gradient(scope, batch, Batches.oneTargetInEachRow(batch));
      return List.of(
          Tensors.doubles(model.logits(scope, batch, real)),
          Tensors.doubles(gradient.losses()),
          Tensors.doubles(gradient.vectors()));
    }
  }

  private static double distance(double[] exact, double[] other) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < exact.length; i++) {
      difference += Math.pow(exact[i] - other[i], 2);
      size += Math.pow(exact[i], 2);
    }
    return Math.sqrt(difference / size); // NaN is no small distance either
  }

  // ------------------------------------------------------------------ memory

  @Test
  void fiveHundredSteps_memoryOfTheGpuAndLiveArrays_stayFlat() {
    try (LanguageModel model = load("llama", GPU, Precision.BFLOAT16)) {
      long[] used = new long[2];
      int[] arrays = new int[2];
      for (int step = 1; step <= 500; step++) {
        TokenBatch batch = TokenBatch.of(Batches.SEQUENCES, 0);
        compute(model, batch);
        if (step == 50 || step == 500) {
          int look = step / 500;
          used[look] = CudaUtils.getGpuMemory(GPU).getUsed();
          try (NDManager scope = model.newScope()) {
            arrays[look] = scope.getParentManager().getManagedArrays().size();
          }
        }
      }
      assertThat(arrays[1]).isEqualTo(arrays[0]);
      assertThat(used[1]).isLessThanOrEqualTo(used[0] + (32L << 20));
    }
  }

  /**
   * The GPU is filled but for a gigabyte; the logits of four thousand rows, 3,000 positions each,
   * want five.
   */
  @Test
  void fullGpu_batchesAreHalvedUntilTheyFit_andNothingChanges() {
    int rows = 4096;
    int length = 60;
    Random random = new Random(6);
    List<int[]> sequences = new ArrayList<>();
    for (int r = 0; r < rows; r++) {
      sequences.add(random.ints(length, 0, 97).toArray());
    }
    try (LanguageModel model = load("llama", GPU, Precision.FLOAT32)) {
      float[] expected = sums(model, new MicroBatches(0, 16 * length), sequences);
      MicroBatches batches = new MicroBatches(0, rows * length);
      float[] found;
      try (NDManager ballast = model.newScope()) {
        while (free() > 1280L << 20) {
          ballast.zeros(new Shape(64L << 20), DataType.FLOAT32); // 256 MiB
        }
        found = sums(model, batches, sequences);
      }
      assertThat(batches.largest(length)).isLessThan(rows * length);
      for (int r = 0; r < rows; r++) {
        assertThat(found[r]).isCloseTo(expected[r], within(1e-2f));
      }
    }
  }

  private static long free() {
    var memory = CudaUtils.getGpuMemory(GPU);
    return memory.getMax() - memory.getUsed();
  }

  /** Sum of a row's logits over all positions, each fifty times: 97 x 60 x 50 floats a row. */
  private static float[] sums(LanguageModel model, MicroBatches batches, List<int[]> sequences) {
    float[] sums = new float[sequences.size()];
    batches.run(
        model,
        sequences.stream().mapToInt(s -> s.length).toArray(),
        (replica, group) -> {
          TokenBatch batch =
              TokenBatch.of(Arrays.stream(group).mapToObj(sequences::get).toList(), 0);
          int[] at = new int[batch.ids().length * 50];
          Arrays.setAll(at, i -> i / 50);
          try (NDManager scope = replica.newScope()) {
            float[] flat =
                replica
                    .logits(scope, batch, at)
                    .reshape(new Shape(group.length, -1))
                    .mean(new int[] {1})
                    .toFloatArray();
            for (int r = 0; r < group.length; r++) {
              sums[group[r]] = flat[r];
            }
          }
        });
    return sums;
  }

  @Test
  void severalReplicas_onOneGpu_computeTheSame() {
    try (LanguageModel one = load("bert", GPU, Precision.FLOAT32);
        LanguageModel two =
            LanguageModel.load(
                TinyModels.folder("bert"), new LoadOptions(List.of(GPU, GPU), Precision.FLOAT32))) {
      List<int[]> sequences = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        sequences.add(new Random(i).ints(1 + i % 20, 0, 97).toArray());
      }
      assertThat(sums(two, new MicroBatches(8, 64), sequences))
          .isEqualTo(sums(one, new MicroBatches(8, 64), sequences));
      assertThat(two.forwardTokens()).isEqualTo(one.forwardTokens());
    }
  }
}
