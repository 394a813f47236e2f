package io.promptgrad.lm.weights;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/**
 * One stored tensor: its type, its shape and a window on its bytes.
 *
 * <p>Views that come from a file are windows on a private memory map: direct, position 0, limit =
 * size in bytes, little-endian, row-major. Pages are read when they are touched. The map lives as
 * long as any buffer of it is reachable, and no longer; whoever passes its address to native code
 * must keep the buffer (or this view). {@link #bytes()} is read-only when the file could not be
 * opened for writing; writing through an address of such a map ends the process, writing to the
 * other kind changes a private copy and never the file.
 *
 * @param name the tensor's name, for instance {@code "model.embed_tokens.weight"}
 * @param type the type of the elements
 * @param shape the dimensions, outermost first; empty for a scalar
 * @param bytes the elements, little-endian and row-major
 */
public record TensorView(String name, WeightType type, long[] shape, ByteBuffer bytes) {

  /** Checks that the bytes are as many as type and shape ask for. */
  public TensorView {
    Objects.requireNonNull(name, "name");
    shape = shape.clone();
    bytes = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    long needed = Math.multiplyExact(elements(shape), type.bytes());
    if (needed != bytes.remaining()) {
      throw new IllegalArgumentException(
          "Tensor %s of type %s and shape %s takes %d bytes, not %d."
              .formatted(name, type, Arrays.toString(shape), needed, bytes.remaining()));
    }
  }

  /** The dimensions, outermost first (a copy). */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** The bytes, from position 0, little-endian; each call gives a buffer with its own position. */
  @Override
  public ByteBuffer bytes() {
    return bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The number of elements; 1 for a scalar. */
  public long elements() {
    return elements(shape);
  }

  /**
   * All elements as floats in row-major order, on the heap: for small uses and tests. Doubles are
   * rounded.
   *
   * @throws IllegalStateException if the elements are integers or truth values
   */
  public float[] toFloats() {
    float[] values = new float[(int) elements()];
    ByteBuffer source = bytes();
    switch (type) {
      case F32 -> source.asFloatBuffer().get(values);
      case F64 -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) source.getDouble();
        }
      }
      case F16 -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = HalfPrecision.halfToFloat(source.getShort());
        }
      }
      case BF16 -> {
        for (int i = 0; i < values.length; i++) {
          values[i] = HalfPrecision.bfloat16ToFloat(source.getShort());
        }
      }
      default ->
          throw new IllegalStateException("Tensor " + name + " holds " + type + ", not floats.");
    }
    return values;
  }

  /** Equal name, type, shape and bytes. */
  @Override
  public boolean equals(Object other) {
    return other instanceof TensorView that
        && name.equals(that.name)
        && type == that.type
        && Arrays.equals(shape, that.shape)
        && bytes.equals(that.bytes);
  }

  /** Follows name, type and shape; the bytes may be gigabytes. */
  @Override
  public int hashCode() {
    return Objects.hash(name, type, Arrays.hashCode(shape));
  }

  /** Name, type and shape. */
  @Override
  public String toString() {
    return name + " " + type + Arrays.toString(shape);
  }

  /** The product of the dimensions; throws ArithmeticException if it exceeds a long. */
  static long elements(long[] shape) {
    long count = 1;
    for (long dimension : shape) {
      count = Math.multiplyExact(count, dimension);
    }
    return count;
  }
}
