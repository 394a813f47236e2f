package io.promptgrad.lm.weights;

import java.util.Optional;

/** The element types of stored weights, with their safetensors names. */
public enum WeightType {
  /** IEEE 754 double precision. */
  F64(8),
  /** IEEE 754 single precision. */
  F32(4),
  /** IEEE 754 half precision: 5 bits of exponent, 10 of fraction. */
  F16(2),
  /** bfloat16, the upper half of a single: 8 bits of exponent, 7 of fraction. */
  BF16(2),
  /** Signed 64-bit integer. */
  I64(8),
  /** Signed 32-bit integer. */
  I32(4),
  /** Signed 16-bit integer. */
  I16(2),
  /** Signed 8-bit integer. */
  I8(1),
  /** Unsigned 8-bit integer. */
  U8(1),
  /** One byte per truth value, 0 or 1. */
  BOOL(1);

  private final int bytes;

  WeightType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes per element. */
  public int bytes() {
    return bytes;
  }

  /** The name in a safetensors header, for instance {@code "BF16"}. */
  public String safetensorsName() {
    return name();
  }

  /** Whether the elements are floating point numbers. */
  public boolean isFloatingPoint() {
    return this == F64 || this == F32 || this == F16 || this == BF16;
  }

  /** The type of that safetensors name; empty for types that are not supported, such as F8_E4M3. */
  public static Optional<WeightType> ofSafetensors(String name) {
    for (WeightType type : values()) {
      if (type.safetensorsName().equals(name)) {
        return Optional.of(type);
      }
    }
    return Optional.empty();
  }
}
