package io.promptgrad.gradient.blackbox;

import java.nio.ByteBuffer;
import java.util.Base64;

/** Arrays of doubles in checkpoints, to the last bit. */
final class Doubles {

  private Doubles() {}

  static String save(double[]... rows) {
    int n = 0;
    for (double[] row : rows) {
      n += row.length;
    }
    ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(n, Double.BYTES));
    for (double[] row : rows) {
      for (double value : row) {
        bytes.putDouble(value);
      }
    }
    return Base64.getEncoder().encodeToString(bytes.array());
  }

  /** Fills rows with what {@link #save} wrote. */
  static void restore(String text, double[]... rows) {
    ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(text));
    for (double[] row : rows) {
      bytes.asDoubleBuffer().get(row);
      bytes.position(bytes.position() + row.length * Double.BYTES);
    }
  }

  static double[] restore(String text) {
    double[] values = new double[Base64.getDecoder().decode(text).length / Double.BYTES];
    restore(text, values);
    return values;
  }
}
