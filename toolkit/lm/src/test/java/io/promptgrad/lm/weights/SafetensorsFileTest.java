package io.promptgrad.lm.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {

  @TempDir Path directory;
  private Path file;

  @BeforeEach
  void nameFile() {
    file = directory.resolve("model.safetensors");
  }

  @Test
  void get_oneTensorOfEveryFloatType_givesItsValues() {
    ByteBuffer data = ByteBuffer.allocate(22).order(ByteOrder.LITTLE_ENDIAN);
    data.putFloat(1.5f).putFloat(-2f).putShort((short) 0x3c00).putShort((short) 0xbfc0);
    data.putDouble(0.25);
    RawFile.write(
        file,
        """
        {"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},
         "b":{"dtype":"F16","shape":[],"data_offsets":[8,10]},
         "c":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]},
         "d":{"dtype":"F64","shape":[1],"data_offsets":[12,20]},
         "e":{"dtype":"I16","shape":[1,1],"data_offsets":[20,22]},
         "f":{"dtype":"F32","shape":[3,0],"data_offsets":[22,22]},
         "__metadata__":{"format":"pt","note":"é"}}
        """,
        data.array());
    SafetensorsFile opened = SafetensorsFile.open(file);
    assertThat(opened.names()).containsExactly("a", "b", "c", "d", "e", "f");
    assertThat(opened.metadata()).containsEntry("note", "é");
    assertThat(opened.get("a").toFloats()).containsExactly(1.5f, -2f);
    assertThat(opened.get("a").shape()).containsExactly(2, 1);
    assertThat(opened.get("b").toFloats()).containsExactly(1f);
    assertThat(opened.get("b").shape()).isEmpty();
    assertThat(opened.get("c").toFloats()).containsExactly(-1.5f);
    assertThat(opened.get("d").toFloats()).containsExactly(0.25f);
    assertThat(opened.get("f").toFloats()).isEmpty();
    assertThatThrownBy(opened.get("e")::toFloats).isInstanceOf(IllegalStateException.class);
    assertThat(opened.find("g")).isEmpty();
    assertThatThrownBy(() -> opened.get("g"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("has no tensor g");
  }

  @Test
  void read_anyTensor_givesWhatAMapShows() throws IOException {
    new SafetensorsWriter()
        .add("a", WeightType.F32, new long[] {2}, new float[] {1, 2})
        .add("b", WeightType.BF16, new long[] {3}, new float[] {3, 4, 5})
        .write(file);
    SafetensorsFile opened = SafetensorsFile.open(file);
    ByteBuffer into = ByteBuffer.allocateDirect(20);
    opened.read("b", into);
    opened.read("a", into);
    assertThat(into.position()).isEqualTo(14);
    assertThat(into.slice(0, 6)).isEqualTo(opened.get("b").bytes());
    assertThat(into.slice(6, 8)).isEqualTo(opened.get("a").bytes());
    assertThatThrownBy(() -> opened.read("a", ByteBuffer.allocateDirect(7)))
        .isInstanceOf(BufferOverflowException.class);
    assertThatThrownBy(() -> opened.read("c", into))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("has no tensor c");
    try (RandomAccessFile shorter = new RandomAccessFile(file.toFile(), "rw")) {
      shorter.setLength(shorter.length() - 1);
    }
    assertThatThrownBy(() -> opened.read("b", into.clear()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("became shorter");
  }

  @Test
  void get_anyTensor_givesAnAlignedDirectPrivateBuffer() throws IOException {
    // The header has no padding, so the data begin at an odd byte.
    String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    RawFile.write(file, header + (header.length() % 2 == 0 ? " " : ""), new byte[8]);
    byte[] before = Files.readAllBytes(file);
    ByteBuffer bytes = SafetensorsFile.open(file).get("a").bytes();
    assertThat(bytes.isDirect()).isTrue();
    assertThat(bytes.position()).isZero();
    assertThat(bytes.remaining()).isEqualTo(8);
    assertThat(bytes.order()).isEqualTo(ByteOrder.LITTLE_ENDIAN);
    assertThat(bytes.alignmentOffset(0, 4)).isZero();
    bytes.putFloat(3f);
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
  }

  @Test
  void get_mappedTensorWrittenTo_leavesTheFileAlone() throws IOException {
    new SafetensorsWriter().add("a", WeightType.F32, new long[] {1}, new float[] {1f}).write(file);
    byte[] before = Files.readAllBytes(file);
    SafetensorsFile opened = SafetensorsFile.open(file);
    opened.get("a").bytes().putFloat(3f);
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
    assertThat(opened.get("a").toFloats()).containsExactly(1f);
  }

  @Test
  void get_tensorBeyondTwoGigabytes_isReadWhereItLies() throws IOException {
    long big = 3L << 30; // sparse: takes no space on the disk
    String header =
        "{\"big\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]},".formatted(big, big)
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}}"
                .formatted(big, big + 4);
    RawFile.write(file, header);
    try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.seek(8 + header.length() + big);
      raw.write(new byte[] {0, 0, (byte) 0x80, 0x3f});
    }
    SafetensorsFile opened = SafetensorsFile.open(file);
    assertThat(opened.get("a").toFloats()).containsExactly(1f);
    assertThatThrownBy(() -> opened.get("big"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("tensor big has 3221225472 bytes");
  }

  @Test
  void open_headerLengthThatLooksLikeAPickle_isRead() {
    String header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    RawFile.write(file, header + " ".repeat(0x280 - header.length()), (byte) 7); // 80 02 00 ...
    assertThat(SafetensorsFile.open(file).get("a").bytes().get()).isEqualTo((byte) 7);
  }

  @Test
  void get_fileCutAfterOpening_isRefusedAndNotLengthened() throws IOException {
    RawFile.write(
        file, "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", new byte[4]);
    SafetensorsFile opened = SafetensorsFile.open(file);
    try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.setLength(raw.length() - 1);
    }
    long length = Files.size(file);
    assertThatThrownBy(() -> opened.get("a"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("became shorter");
    assertThat(Files.size(file)).isEqualTo(length);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}}|takes 8 bytes",
        "{'a':{'dtype':'F32','shape':[1],'data_offsets':[4,0]}}|takes 4 bytes",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}|ends at byte 8",
        "{'a':{'dtype':'U8','shape':[3],'data_offsets':[0,3]}}|1 bytes after the last tensor",
        "{}|4 bytes after the last tensor",
        "{'a':{'dtype':'U8','shape':[3],'data_offsets':[1,4]}}|bytes between tensors",
        "{'a':{'dtype':'U8','shape':[3],'data_offsets':[0,3]},"
            + "'b':{'dtype':'U8','shape':[2],'data_offsets':[2,4]}}|tensors overlap",
        "{'a':{'dtype':'U8','shape':[-4],'data_offsets':[0,4]}}|negative",
        "{'a':{'dtype':'U8','shape':[4.0],'data_offsets':[0,4]}}|whole number",
        "{'a':{'dtype':'U8','shape':4,'data_offsets':[0,4]}}|a.shape",
        "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4,4]}}|two numbers",
        "{'a':{'dtype':'U8','shape':[4]}}|needs dtype, shape and data_offsets",
        "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4],'x':1}}|unknown key x",
        "{'a':{'dtype':'F64','shape':[4611686018427387904],'data_offsets':[0,4]}}|a has the shape",
        "{'a':{'dtype':'U8','shape':[9223372036854775808],'data_offsets':[0,4]}}|JSON",
        "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]},"
            + "'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}|Duplicate field 'a'",
        "{'__metadata__':{'a':1},'b':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}|__metadata__",
        "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}}{}|after the closing brace",
        "{'a':{'dtype':'U8','shape':[4],'data_offsets':[0,4]}|JSON",
        "[1]|does not begin with a safetensors header",
      })
  void open_lyingHeader_isRefusedWithWhatIsWrong(String header, String expected) {
    RawFile.write(file, header.replace('\'', '"'), new byte[4]);
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageStartingWith(file + " is corrupt or incomplete: ")
        .hasMessageEndingWith("; download or write the file again.")
        .hasMessageContaining(expected);
  }

  @Test
  void open_unsupportedType_namesTensorAndType() {
    RawFile.write(
        file, "{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", (byte) 0);
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("tensor w has type F8_E4M3");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 60, 1L << 40, Long.MAX_VALUE, -1, Long.MIN_VALUE})
  void open_wrongHeaderLength_isRefused(long length) {
    byte[] header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}".getBytes();
    RawFile.write(file, length, header, (byte) 0);
    assertThatThrownBy(() -> SafetensorsFile.open(file)).isInstanceOf(InvalidInputException.class);
  }

  @Test
  void open_hostileNesting_isRefusedWithoutDeepRecursion() {
    RawFile.write(file, "{\"a\":" + "[".repeat(5_000_000));
    assertThatThrownBy(() -> SafetensorsFile.open(file)).isInstanceOf(InvalidInputException.class);
    RawFile.write(file, "{\"__metadata__\":" + "{\"a\":".repeat(100_000));
    assertThatThrownBy(() -> SafetensorsFile.open(file)).isInstanceOf(InvalidInputException.class);
  }

  @Test
  void open_tooManyTensors_isRefused() {
    String header =
        IntStream.range(0, 200_001)
            .mapToObj(i -> "\"" + i + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}")
            .collect(Collectors.joining(",", "{", "}"));
    RawFile.write(file, header);
    assertThatThrownBy(() -> SafetensorsFile.open(file)).hasMessageContaining("more than 200000");
  }

  @Test
  void open_headerThatIsNotUtf8_isRefused() {
    byte[] header = "{\"?\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}".getBytes();
    header[2] = (byte) 0xc3;
    RawFile.write(file, header.length, header);
    assertThatThrownBy(() -> SafetensorsFile.open(file)).hasMessageContaining("not valid UTF-8");
  }

  @Test
  void open_otherFormats_saysWhichAndWhatToDo() {
    RawFile.bytes(file, "PK\u0003\u0004 and more of the archive".getBytes());
    assertRefused("PyTorch pickle", "save_file");
    RawFile.bytes(file, Arrays.copyOf(new byte[] {(byte) 0x80, 2, 'c', 't', 'o', 'r'}, 64));
    assertRefused("PyTorch pickle", "save_file");
    RawFile.bytes(file, Arrays.copyOf("GGUF".getBytes(), 64));
    assertRefused("GGUF", "original safetensors checkpoint");
    RawFile.bytes(file, "version https://git-lfs.github.com/spec/v1\noid".getBytes());
    assertRefused("Git LFS pointer", "git lfs pull");
    RawFile.bytes(file, "short".getBytes());
    assertRefused("does not begin with a safetensors header");
    RawFile.bytes(file);
    assertRefused("does not begin with a safetensors header");
  }

  @Test
  void open_directoryOrNothing_isRefused() {
    assertThatThrownBy(() -> SafetensorsFile.open(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("is a directory");
    assertThatThrownBy(() -> SafetensorsFile.open(directory.resolve("none")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("There is no file");
  }

  @Test
  void tensorView_shapeChangedByCaller_staysAsItWas() {
    ByteBuffer bytes = ByteBuffer.wrap("abcd".getBytes(StandardCharsets.UTF_8));
    long[] shape = {4};
    TensorView view = new TensorView("a", WeightType.U8, shape, bytes);
    shape[0] = 9;
    view.shape()[0] = 9;
    view.bytes().get();
    assertThat(view.shape()).containsExactly(4);
    assertThat(view.bytes().position()).isZero();
    assertThatThrownBy(() -> new TensorView("a", WeightType.F32, shape, bytes))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private void assertRefused(String... parts) {
    assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(parts);
  }
}
