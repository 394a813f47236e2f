package io.promptgrad.lm.weights;

/**
 * Conversions between float and the two 16-bit formats, which the JDK has only from version 20 on.
 *
 * <p>A 16-bit value is passed as its bits. Narrowing rounds to the nearest value, ties to the one
 * with an even last bit; what is too large becomes an infinity and a NaN stays a NaN.
 */
public final class HalfPrecision {

  private HalfPrecision() {}

  /** The value of IEEE 754 half-precision bits (1 sign, 5 exponent, 10 fraction); exact. */
  public static float halfToFloat(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = (bits >>> 10) & 0x1f;
    int fraction = bits & 0x3ff;
    if (exponent == 0) { // zero and subnormals: fraction * 2^-24
      float magnitude = fraction * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    if (exponent == 0x1f) { // infinity, NaN (its payload is kept)
      return Float.intBitsToFloat(sign | 0x7f800000 | fraction << 13);
    }
    return Float.intBitsToFloat(sign | (exponent - 15 + 127) << 23 | fraction << 13);
  }

  /** The nearest IEEE 754 half-precision number; magnitudes from 65520 on become infinity. */
  public static short floatToHalf(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) { // NaN: keep the upper payload bits, and at least one of them
      int payload = (magnitude >>> 13) & 0x3ff;
      return (short) (sign | 0x7c00 | (payload == 0 ? 0x200 : payload));
    }
    if (magnitude >= 0x477ff000) { // 65520 and more, infinity included
      return (short) (sign | 0x7c00);
    }
    if (magnitude >= 0x38800000) { // at least 2^-14: normal
      int rebiased = magnitude - ((127 - 15) << 23);
      return (short) (sign | roundToEven(rebiased, 13)); // a carry runs into the exponent, rightly
    }
    if (magnitude < 0x33000000) { // below half of the smallest subnormal
      return (short) sign;
    }
    int shift = 126 - (magnitude >>> 23); // fraction in units of 2^-24
    int fraction = (magnitude & 0x7fffff) | 0x800000;
    return (short) (sign | roundToEven(fraction, shift));
  }

  /** The value of bfloat16 bits; exact. */
  public static float bfloat16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** The nearest bfloat16 number. */
  public static short floatToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) { // rounding could carry a NaN into infinity or a negative zero
      int upper = bits >>> 16;
      return (short) ((upper & 0x7f) == 0 ? upper | 0x40 : upper);
    }
    return (short) (bits >>> 16 << 16 == bits ? bits >>> 16 : roundUpperHalf(bits));
  }

  private static int roundUpperHalf(int bits) {
    int magnitude = bits & 0x7fffffff;
    return (bits >>> 16 & 0x8000) | roundToEven(magnitude, 16);
  }

  /** {@code value / 2^shift}, rounded to the nearest integer, ties to even; value is positive. */
  private static int roundToEven(int value, int shift) {
    int half = 1 << (shift - 1);
    int odd = (value >>> shift) & 1;
    return (value + half - 1 + odd) >>> shift;
  }
}
