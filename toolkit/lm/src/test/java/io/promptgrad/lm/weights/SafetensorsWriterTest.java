package io.promptgrad.lm.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {

  @TempDir Path directory;

  @Test
  void write_severalTypes_givesTheExactBytes() throws IOException {
    Path file = directory.resolve("w.safetensors");
    new SafetensorsWriter()
        .add("half", WeightType.F16, new long[] {1}, new float[] {1f})
        .add("b", WeightType.F32, new long[] {1, 1}, new float[] {2f})
        .add("a", WeightType.F32, new long[] {}, new float[] {1f})
        .write(file);
    String header =
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[4,8]},"
            + "\"half\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[8,10]}}";
    int padded = (header.length() + 7) / 8 * 8;
    ByteBuffer expected = ByteBuffer.allocate(8 + padded + 10).order(ByteOrder.LITTLE_ENDIAN);
    expected.putLong(padded).put(header.getBytes(StandardCharsets.UTF_8));
    expected.put(" ".repeat(padded - header.length()).getBytes(StandardCharsets.UTF_8));
    expected.putFloat(1f).putFloat(2f).putShort((short) 0x3c00);
    assertThat(Files.readAllBytes(file)).isEqualTo(expected.array());
  }

  @Test
  void write_everyFloatType_readsBackRounded() {
    Path file = directory.resolve("w.safetensors");
    float[] values = new float[700_000]; // more than one buffer
    for (int i = 0; i < values.length; i++) {
      values[i] = (i - 350_000) / 7f;
    }
    SafetensorsWriter writer = new SafetensorsWriter().metadata("made \"by\"", "a\ntest");
    for (WeightType type : WeightType.values()) {
      if (type.isFloatingPoint()) {
        writer.add("t." + type, type, new long[] {7, 100_000}, values);
      }
    }
    writer.write(file);
    SafetensorsFile opened = SafetensorsFile.open(file);
    assertThat(opened.metadata()).containsEntry("made \"by\"", "a\ntest");
    assertThat(opened.get("t.F32").toFloats()).isEqualTo(values);
    assertThat(opened.get("t.F64").toFloats()).isEqualTo(values);
    float[] half = opened.get("t.F16").toFloats();
    float[] bfloat = opened.get("t.BF16").toFloats();
    for (int i = 0; i < values.length; i += 997) {
      assertThat(half[i])
          .isEqualTo(HalfPrecision.halfToFloat(HalfPrecision.floatToHalf(values[i])));
      assertThat(bfloat[i])
          .isEqualTo(HalfPrecision.bfloat16ToFloat(HalfPrecision.floatToBfloat16(values[i])));
    }
  }

  @Test
  void write_viewsOfAnotherFile_givesTheSameTensors() throws IOException {
    Path first = directory.resolve("a.safetensors");
    Path second = directory.resolve("b.safetensors");
    new SafetensorsWriter()
        .add("x", WeightType.I32, new long[] {2}, ByteBuffer.allocate(8).putInt(0, 77))
        .add("é \"q\"", WeightType.BOOL, new long[] {3}, ByteBuffer.wrap(new byte[] {0, 1, 1}))
        .write(first);
    SafetensorsFile source = SafetensorsFile.open(first);
    SafetensorsWriter copy = new SafetensorsWriter();
    source.names().forEach(name -> copy.add(source.get(name)));
    copy.write(second);
    assertThat(Files.readAllBytes(second)).isEqualTo(Files.readAllBytes(first));
    assertThat(SafetensorsFile.open(second).get("é \"q\"")).isEqualTo(source.get("é \"q\""));
  }

  @Test
  void write_overAFileInUse_replacesItAndKeepsTheOldViews() throws IOException {
    Path file = directory.resolve("w.safetensors");
    new SafetensorsWriter().add("a", WeightType.F32, new long[] {1}, new float[] {1f}).write(file);
    TensorView old = SafetensorsFile.open(file).get("a");
    new SafetensorsWriter().add("a", WeightType.F32, new long[] {1}, new float[] {2f}).write(file);
    assertThat(old.toFloats()).containsExactly(1f);
    assertThat(SafetensorsFile.open(file).get("a").toFloats()).containsExactly(2f);
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void write_targetThatCannotBe_isRefusedAndLeavesNothing() throws IOException {
    SafetensorsWriter writer =
        new SafetensorsWriter().add("a", WeightType.F32, new long[] {1}, new float[] {1f});
    assertThatThrownBy(() -> writer.write(directory.resolve("none/w.safetensors")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("cannot be written");
    Path taken = Files.createDirectory(directory.resolve("taken"));
    assertThatThrownBy(() -> writer.write(taken)).isInstanceOf(InvalidInputException.class);
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files).containsExactly(taken);
    }
  }

  @Test
  void add_whatCannotBeStored_isRefused() {
    SafetensorsWriter writer =
        new SafetensorsWriter().add("a", WeightType.F32, new long[] {1}, new float[] {1f});
    assertThatThrownBy(() -> writer.add("a", WeightType.F32, new long[] {1}, new float[] {1f}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> writer.add("b", WeightType.F32, new long[] {2}, new float[] {1f}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> writer.add("b", WeightType.I8, new long[] {1}, new float[] {1f}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> writer.add("b", WeightType.F32, new long[] {-1, -1}, new float[] {1f}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> writer.add("b", WeightType.F32, new long[] {1}, ByteBuffer.allocate(5)))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
