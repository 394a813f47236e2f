package io.promptgrad.lm.weights;

import static io.promptgrad.lm.weights.HalfPrecision.bfloat16ToFloat;
import static io.promptgrad.lm.weights.HalfPrecision.floatToBfloat16;
import static io.promptgrad.lm.weights.HalfPrecision.floatToHalf;
import static io.promptgrad.lm.weights.HalfPrecision.halfToFloat;
import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HalfPrecisionTest {

  @Test
  void halfToFloat_everyNumber_isSignTimesFractionTimesPowerOfTwo() {
    for (int bits = 0; bits < 0x10000; bits++) {
      int exponent = bits >> 10 & 0x1f;
      if (exponent == 0x1f) {
        continue;
      }
      int fraction = bits & 0x3ff;
      double magnitude =
          exponent == 0
              ? fraction * Math.pow(2, -24)
              : (1 + fraction / 1024.0) * Math.pow(2, exponent - 15);
      double expected = (bits & 0x8000) == 0 ? magnitude : -magnitude;
      assertThat((double) halfToFloat((short) bits)).as("%04x", bits).isEqualTo(expected);
    }
  }

  @Test
  void floatToHalf_everyHalf_roundTrips() {
    for (int bits = 0; bits < 0x10000; bits++) {
      short half = (short) bits;
      assertThat(floatToHalf(halfToFloat(half))).as("%04x", bits).isEqualTo(half);
    }
  }

  @Test
  void floatToBfloat16_everyBfloat16_roundTrips() {
    for (int bits = 0; bits < 0x10000; bits++) {
      short bfloat = (short) bits;
      assertThat(floatToBfloat16(bfloat16ToFloat(bfloat))).as("%04x", bits).isEqualTo(bfloat);
    }
  }

  @Test
  void floatToHalf_betweenNeighbours_goesToTheNearerAndHalfwayToEven() {
    for (int bits = 0; bits < 0x7bff; bits++) { // every pair of finite neighbours
      float low = halfToFloat((short) bits);
      float high = halfToFloat((short) (bits + 1));
      float middle = (low + high) / 2; // exact: a float has 13 bits more
      int even = bits % 2 == 0 ? bits : bits + 1;
      assertThat(floatToHalf(middle)).isEqualTo((short) even);
      assertThat(floatToHalf(-middle)).isEqualTo((short) (even | 0x8000));
      assertThat(floatToHalf(Math.nextDown(middle))).isEqualTo((short) bits);
      assertThat(floatToHalf(Math.nextUp(middle))).isEqualTo((short) (bits + 1));
    }
  }

  @Test
  void floatToBfloat16_betweenNeighbours_goesToTheNearerAndHalfwayToEven() {
    for (int bits = 0; bits < 0x7f7f; bits++) {
      float middle = Float.intBitsToFloat(bits << 16 | 0x8000);
      int even = bits % 2 == 0 ? bits : bits + 1;
      assertThat(floatToBfloat16(middle)).isEqualTo((short) even);
      assertThat(floatToBfloat16(-middle)).isEqualTo((short) (even | 0x8000));
      assertThat(floatToBfloat16(Math.nextDown(middle))).isEqualTo((short) bits);
      assertThat(floatToBfloat16(Math.nextUp(middle))).isEqualTo((short) (bits + 1));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0000",
    "-0.0, 8000",
    "1, 3c00",
    "-2, c000",
    "0.333251953125, 3555",
    "65504, 7bff",
    "65519.996, 7bff",
    "65520, 7c00",
    "1e30, 7c00",
    "-Infinity, fc00",
    "5.9604645e-8, 0001",
    "2.9802322e-8, 0000",
    "2.9802326e-8, 0001",
    "1e-30, 0000",
    "-1e-30, 8000",
    "NaN, 7e00"
  })
  void floatToHalf_knownValues_giveTheKnownBits(float value, String bits) {
    assertThat("%04x".formatted(floatToHalf(value) & 0xffff)).isEqualTo(bits);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0000",
    "-0.0, 8000",
    "1, 3f80",
    "3.140625, 4049",
    "3.1415927, 4049",
    "3.4028235e38, 7f80",
    "Infinity, 7f80",
    "-Infinity, ff80",
    "NaN, 7fc0"
  })
  void floatToBfloat16_knownValues_giveTheKnownBits(float value, String bits) {
    assertThat("%04x".formatted(floatToBfloat16(value) & 0xffff)).isEqualTo(bits);
  }

  @Test
  void narrowing_nanWithLowPayloadOnly_staysNan() {
    float nan = Float.intBitsToFloat(0x7f800001);
    assertThat(halfToFloat(floatToHalf(nan))).isNaN();
    assertThat(bfloat16ToFloat(floatToBfloat16(nan))).isNaN();
  }

  @Property(tries = 1_000)
  void narrowing_anyFloat_isWithinHalfAUnitInTheLastPlace(@ForAll int bits) {
    float value = Float.intBitsToFloat(bits);
    if (Float.isFinite(value) && Math.abs(value) < 65504) {
      double error = Math.abs((double) halfToFloat(floatToHalf(value)) - value);
      assertThat(error).isLessThanOrEqualTo(Math.max(Math.abs(value) * 0x1p-11, 0x1p-25));
    }
    if (Float.isFinite(value) && Math.abs(value) < 3e38f) {
      double error = Math.abs((double) bfloat16ToFloat(floatToBfloat16(value)) - value);
      assertThat(error).isLessThanOrEqualTo(Math.max(Math.abs(value) * 0x1p-8, 0x1p-134));
    }
  }
}
