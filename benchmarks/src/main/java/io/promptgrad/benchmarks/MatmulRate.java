package io.promptgrad.benchmarks;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.program.Program;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * How fast a device multiplies square matrices of random numbers: what a model's rate is put to.
 */
final class MatmulRate {

  private MatmulRate() {}

  /**
   * Measures the best of five runs.
   *
   * @param n rows of the matrices
   * @param repetitions products in one run
   * @return floating-point operations in a second
   */
  static double measure(Device device, Precision precision, int n, int repetitions) {
    try (Program program = Program.load(device, source(), "Matmul", Map.of("training", false));
        NDManager scope = program.newScope()) {
      float scale = (float) (1 / Math.sqrt(n)); // products stay as large as their factors
      NDArray x = scope.randomNormal(0, scale, new Shape(n, n), DataType.FLOAT32);
      double best = 0;
      for (int run = 0; run < 6; run++) {
        long begin = System.nanoTime();
        try (NDManager step = program.newScope()) {
          NDArray how =
              step.newSubManager(Device.cpu()).create(new long[] {precision.code(), repetitions});
          // reading a number back waits for the device
          program.call(step, "multiply", x, how).singletonOrThrow().getFloat();
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        if (run > 0) { // the first one warms up
          best = Math.max(best, 2.0 * n * n * n * repetitions / seconds);
        }
      }
      return best;
    }
  }

  private static String source() {
    try (InputStream in = MatmulRate.class.getResourceAsStream("matmul.py")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
