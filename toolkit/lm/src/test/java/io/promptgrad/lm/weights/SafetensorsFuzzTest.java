package io.promptgrad.lm.weights;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.fuzz.Damaged;
import io.promptgrad.fuzz.Fuzz;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;

/** Damaged files are refused or, if they are still a file of the format, read as what they say. */
class SafetensorsFuzzTest {

  private static final Path DIRECTORY = directory();
  private static final byte[] VALID = valid();
  private static final List<String> WORDS =
      List.of(
          "\"dtype\":\"F32\",",
          "\"F64\"",
          "\"BF16\"",
          "\"shape\":",
          "\"data_offsets\":[0,16]",
          "\"__metadata__\":{\"a\":\"b\"},",
          "\"a.weight\":",
          "[4294967296,4294967296]");

  private static final Fuzz FILES =
      Fuzz.ofBytes("safetensors files", List.of(VALID, valid("b", 0), valid("c", 70)), WORDS);

  /** The header alone, with its right length in front and the right bytes behind. */
  private static final Fuzz HEADERS =
      Fuzz.ofBytes("safetensors headers", List.of(header(VALID), header(valid("c", 70))), WORDS);

  private static final Fuzz INDEXES =
      Fuzz.of(
          "indexes of shards",
          List.of(
              "{\"metadata\": {\"total_size\": 24}, \"weight_map\": {\"a.weight\": \"s1.safetensors\"}}",
              "{\"weight_map\": {\"a.weight\": \"s1.safetensors\", \"b\": \"s1.safetensors\"}}"),
          List.of("../", "/etc/passwd", "s2.safetensors", "\"weight_map\":", "s1.safetensors"));

  private static Path directory() {
    try {
      return Files.createTempDirectory("safetensors-fuzz");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] valid() {
    Path file = DIRECTORY.resolve("valid.safetensors");
    new SafetensorsWriter()
        .add("a.weight", WeightType.F32, new long[] {2, 2}, new float[] {1, 2, 3, 4})
        .add("b", WeightType.BF16, new long[] {3}, new float[] {1, 2, 3})
        .add("c", WeightType.U8, new long[] {}, ByteBuffer.wrap(new byte[] {9}))
        .write(file);
    return bytes(file);
  }

  private static byte[] valid(String name, int length) {
    Path file = DIRECTORY.resolve("valid.safetensors");
    new SafetensorsWriter()
        .add(name, WeightType.F16, new long[] {length, 1}, new float[length])
        .write(file);
    return bytes(file);
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] header(byte[] file) {
    int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    return Arrays.copyOfRange(file, 8, 8 + length);
  }

  @AfterContainer
  static void printAndDelete() throws IOException {
    FILES.print();
    HEADERS.print();
    INDEXES.print();
    try (var files = Files.list(DIRECTORY)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(DIRECTORY);
  }

  @Provide
  Arbitrary<Damaged> files() {
    return FILES.damaged();
  }

  @Provide
  Arbitrary<Damaged> headers() {
    return HEADERS.damaged();
  }

  @Provide
  Arbitrary<Damaged> indexes() {
    return INDEXES.damaged();
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void open_damagedFile_isRefusedOrStaysInBounds(@ForAll("files") Damaged file) {
    FILES.check(file, () -> readAll(file.bytes()));
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void open_damagedHeader_isRefusedOrStaysInBounds(@ForAll("headers") Damaged header) {
    byte[] data = new byte[23];
    ByteBuffer file =
        ByteBuffer.allocate(8 + header.bytes().length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(header.bytes().length).put(header.bytes()).put(data);
    HEADERS.check(header, () -> readAll(file.array()));
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void open_damagedIndex_isReadOrRefused(@ForAll("indexes") Damaged index) {
    RawFile.bytes(DIRECTORY.resolve("s1.safetensors"), VALID);
    Path file = RawFile.bytes(DIRECTORY.resolve("model.safetensors.index.json"), index.bytes());
    INDEXES.check(
        index,
        () -> {
          Checkpoint checkpoint = Checkpoint.open(file);
          checkpoint.names().forEach(checkpoint::get);
        });
  }

  @Property(tries = 300)
  void open_cutAnywhere_isRefused(@ForAll @IntRange(max = 100_000) int length) {
    assertThat(isRead(Arrays.copyOf(VALID, length % VALID.length))).isFalse();
  }

  @Property(tries = 100)
  void open_bytesAppended_isRefused(@ForAll @Size(min = 1, max = 50) byte[] more) {
    byte[] longer = Arrays.copyOf(VALID, VALID.length + more.length);
    System.arraycopy(more, 0, longer, VALID.length, more.length);
    assertThat(isRead(longer)).isFalse();
  }

  private static boolean isRead(byte[] bytes) {
    try {
      readAll(bytes);
      return true;
    } catch (InvalidInputException e) {
      assertThat(e.getMessage()).contains("damaged.safetensors").endsWith(".");
      return false;
    }
  }

  private static void readAll(byte[] bytes) {
    Path file = RawFile.bytes(DIRECTORY.resolve("damaged.safetensors"), bytes);
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
  }
}
