package io.promptgrad.lm;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import java.util.Locale;

/**
 * The number format that a model computes in. Softmax, losses, sums, the logits of chosen label
 * tokens and products with the embedding table are in float32 at least, whatever the precision. The
 * logits of the whole vocabulary are a product in this format, as in other libraries, and float32
 * from there on: in half precision two tokens may tie in them that differ in float32.
 */
public enum Precision {
  FLOAT32(6),
  /** Half the memory and, on GPUs, several times the speed; about three significant digits. */
  BFLOAT16(15),
  FLOAT16(5),
  /** For gradient checks. */
  FLOAT64(7);

  private final int code;

  Precision(int code) {
    this.code = code;
  }

  /** LibTorch's number of the type. */
  public int code() {
    return code;
  }

  /** float32 on a CPU, bfloat16 on a GPU. */
  public static Precision defaultFor(Device device) {
    return device.isGpu() ? BFLOAT16 : FLOAT32;
  }

  /** Reads {@code float32}, {@code bfloat16}, {@code float16} or {@code float64}. */
  public static Precision parse(String name) {
    for (Precision precision : values()) {
      if (precision.toString().equals(name)) {
        return precision;
      }
    }
    throw new InvalidInputException(
        "Unknown precision \""
            + name
            + "\": give float32, bfloat16, float16 or float64 (default: float32 on a CPU, bfloat16"
            + " on a GPU).");
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
