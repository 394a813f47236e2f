package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.util.Arrays;

/** Arrays read as numbers, whatever their type. */
final class Tensors {

  private Tensors() {}

  static double[] doubles(NDArray array) {
    if (array.getDataType() == DataType.FLOAT64) {
      return array.toDoubleArray();
    }
    float[] floats = array.toFloatArray();
    double[] doubles = new double[floats.length];
    for (int i = 0; i < floats.length; i++) {
      doubles[i] = floats[i];
    }
    return doubles;
  }

  static float[] floats(NDArray array) {
    double[] doubles = doubles(array);
    float[] floats = new float[doubles.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) doubles[i];
    }
    return floats;
  }

  /** Row {@code row} of a matrix with {@code width} columns. */
  static double[] row(double[] matrix, int row, int width) {
    return Arrays.copyOfRange(matrix, row * width, (row + 1) * width);
  }

  static void assertFinite(double[] values) {
    assertThat(Arrays.stream(values).allMatch(Double::isFinite)).isTrue();
  }
}
