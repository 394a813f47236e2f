package io.promptgrad.lm.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/** Damaged files are refused or, if they are still a file of the format, read as what they say. */
class SafetensorsFuzzTest {

  private static Path directory;
  private static byte[] valid;

  @BeforeContainer
  static void writeValidFile() throws IOException {
    directory = Files.createTempDirectory("safetensors-fuzz");
    Path file = directory.resolve("valid.safetensors");
    new SafetensorsWriter()
        .add("a.weight", WeightType.F32, new long[] {2, 2}, new float[] {1, 2, 3, 4})
        .add("b", WeightType.BF16, new long[] {3}, new float[] {1, 2, 3})
        .add("c", WeightType.U8, new long[] {}, ByteBuffer.wrap(new byte[] {9}))
        .write(file);
    valid = Files.readAllBytes(file);
  }

  @AfterContainer
  static void deleteFiles() throws IOException {
    try (var files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(directory);
  }

  @Property(tries = 500)
  void open_randomBytesChanged_isRefusedOrStaysInBounds(
      @ForAll @Size(min = 1, max = 4) List<@IntRange(max = 100_000) Integer> places,
      @ForAll @Size(4) List<Byte> values) {
    byte[] damaged = valid.clone();
    for (int i = 0; i < places.size(); i++) {
      damaged[places.get(i) % damaged.length] = values.get(i);
    }
    readAll(damaged);
  }

  @Property(tries = 500)
  void open_digitsOfTheHeaderChanged_isRefusedOrStaysInBounds(
      @ForAll @Size(min = 1, max = 3) List<@IntRange(max = 100_000) Integer> places,
      @ForAll @Size(3) List<@IntRange(max = 9) Integer> digits) {
    byte[] damaged = valid.clone();
    int[] positions = digitPositions();
    for (int i = 0; i < places.size(); i++) {
      damaged[positions[places.get(i) % positions.length]] = (byte) ('0' + digits.get(i));
    }
    readAll(damaged);
  }

  @Property(tries = 300)
  void open_cutAnywhere_isRefused(@ForAll @IntRange(max = 100_000) int length) {
    assertThat(readAll(Arrays.copyOf(valid, length % valid.length))).isFalse();
  }

  @Property(tries = 100)
  void open_bytesAppended_isRefused(@ForAll @Size(min = 1, max = 50) byte[] more) {
    byte[] longer = Arrays.copyOf(valid, valid.length + more.length);
    System.arraycopy(more, 0, longer, valid.length, more.length);
    assertThat(readAll(longer)).isFalse();
  }

  /** Whether it could be read; anything but success or InvalidInputException fails the property. */
  private static boolean readAll(byte[] bytes) {
    Path file = RawFile.bytes(directory.resolve("damaged.safetensors"), bytes);
    try {
      SafetensorsFile opened = SafetensorsFile.open(file);
      long total = 0;
      for (String name : opened.names()) {
        TensorView view = opened.get(name);
        ByteBuffer content = view.bytes();
        assertThat((long) content.remaining()).isEqualTo(view.elements() * view.type().bytes());
        while (content.hasRemaining()) {
          content.get();
        }
        total += content.position();
      }
      long header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
      assertThat(8 + header + total).isEqualTo(bytes.length);
      return true;
    } catch (InvalidInputException e) {
      assertThat(e.getMessage()).contains(file.toString()).endsWith(".");
      return false;
    }
  }

  private static int[] digitPositions() {
    int headerEnd = 8 + (int) ByteBuffer.wrap(valid).order(ByteOrder.LITTLE_ENDIAN).getLong();
    return IntStream.range(8, headerEnd).filter(i -> Character.isDigit(valid[i])).toArray();
  }
}
