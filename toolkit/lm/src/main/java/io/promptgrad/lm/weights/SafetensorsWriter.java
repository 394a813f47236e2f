package io.promptgrad.lm.weights;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Writes one safetensors file, atomically: whoever opens it sees the old file or the whole new one.
 *
 * <p>The same tensors give the same bytes: tensors are ordered by size of their elements, then by
 * name (so that each starts at a multiple of its element size), the header is padded with blanks to
 * a multiple of 8, and the metadata are {@code {"format": "pt"}} plus what was added, sorted.
 *
 * <pre>{@code
 * new SafetensorsWriter()
 *     .add("wte.weight", WeightType.F16, new long[] {vocabulary, width}, values)
 *     .write(directory.resolve("model.safetensors"));
 * }</pre>
 *
 * <p>Values are converted piecewise while writing; they are not copied before, so do not change
 * them until {@link #write} returns.
 */
public final class SafetensorsWriter {

  private static final int BUFFER_BYTES = 1 << 20;

  /** Puts a tensor's bytes into a channel. */
  private interface Content {
    void writeTo(FileChannel channel) throws IOException;
  }

  private record Tensor(String name, WeightType type, long[] shape, long bytes, Content content) {}

  private final Map<String, String> metadata = new TreeMap<>(Map.of("format", "pt"));
  private final List<Tensor> tensors = new ArrayList<>();
  private final Set<String> names = new HashSet<>();

  /** Starts an empty file. */
  public SafetensorsWriter() {}

  /** Adds a text to the header's {@code __metadata__}. */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Adds floats, rounded to nearest (ties to even) where the type is shorter.
   *
   * @param type F32, F16, BF16 or F64
   * @param values row-major, as many as the shape asks for
   */
  public SafetensorsWriter add(String name, WeightType type, long[] shape, float[] values) {
    if (!type.isFloatingPoint()) {
      throw new IllegalArgumentException("Floats cannot be stored as " + type + ": " + name);
    }
    return add(name, type, shape, values.length, channel -> writeFloats(channel, type, values));
  }

  /**
   * Adds bytes as they are: the elements of the type, little-endian and row-major, from the
   * buffer's position to its limit.
   */
  public SafetensorsWriter add(String name, WeightType type, long[] shape, ByteBuffer bytes) {
    if (bytes.remaining() % type.bytes() != 0) {
      throw new IllegalArgumentException(
          "%d bytes are no whole number of %s: %s".formatted(bytes.remaining(), type, name));
    }
    ByteBuffer source = bytes.slice();
    return add(
        name,
        type,
        shape,
        source.remaining() / type.bytes(),
        channel -> writeFully(channel, source.duplicate()));
  }

  /**
   * Adds a tensor that is read when it is written, piece by piece, and rounded to nearest (ties to
   * even) where the type is shorter.
   *
   * @param type the type to store; the source's own, or both are floating point
   * @param shape the shape that the source has
   */
  public SafetensorsWriter add(
      String name, WeightType type, long[] shape, Supplier<TensorView> source) {
    return add(
        name,
        type,
        shape,
        TensorView.elements(shape),
        channel -> {
          TensorView view = source.get();
          boolean convertible = view.type().isFloatingPoint() && type.isFloatingPoint();
          if (view.elements() != TensorView.elements(shape)
              || !(view.type() == type || convertible)) {
            throw new IllegalArgumentException(
                "%s cannot be stored as %s%s.".formatted(view, type, Arrays.toString(shape)));
          }
          if (view.type() == type) {
            writeFully(channel, view.bytes());
          } else {
            writeConverted(channel, type, view);
          }
        });
  }

  /** Adds a tensor read elsewhere, unchanged. */
  public SafetensorsWriter add(TensorView view) {
    return add(view.name(), view.type(), view.shape(), view.bytes());
  }

  private SafetensorsWriter add(
      String name, WeightType type, long[] shape, long elements, Content content) {
    if (name.equals("__metadata__") || !names.add(name)) {
      throw new IllegalArgumentException("A tensor cannot be named twice, or so: " + name);
    }
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException("A dimension of " + name + " is negative.");
      }
    }
    if (TensorView.elements(shape) != elements) {
      throw new IllegalArgumentException(
          "Tensor %s has %d elements, its shape asks for %d."
              .formatted(name, elements, TensorView.elements(shape)));
    }
    tensors.add(new Tensor(name, type, shape.clone(), elements * type.bytes(), content));
    return this;
  }

  /**
   * Writes the file beside its place, forces it to the disk and moves it there.
   *
   * @throws InvalidInputException if the directory is missing or not writable, or the disk is full
   */
  public void write(Path file) {
    Path target = file.toAbsolutePath();
    Path temporary =
        target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".tmp");
    try {
      try (FileChannel channel =
          FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        List<Tensor> ordered = new ArrayList<>(tensors);
        ordered.sort(
            Comparator.<Tensor>comparingInt(t -> -t.type.bytes()).thenComparing(Tensor::name));
        writeFully(channel, header(ordered));
        for (Tensor tensor : ordered) {
          tensor.content.writeTo(channel);
        }
        channel.force(true);
      }
      if (Files.isDirectory(target)) {
        throw new FileAlreadyExistsException(target + " is a directory");
      }
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      forceDirectory(target.getParent());
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be written (%s); check directory, permissions and free space."
              .formatted(file, e),
          e);
    } finally {
      deleteLeftover(temporary);
    }
  }

  private ByteBuffer header(List<Tensor> ordered) {
    StringBuilder json = new StringBuilder("{\"__metadata__\":{");
    StringJoiner texts = new StringJoiner(",");
    metadata.forEach((key, value) -> texts.add(quoted(key) + ":" + quoted(value)));
    json.append(texts).append('}');
    long offset = 0;
    for (Tensor tensor : ordered) {
      StringJoiner shape = new StringJoiner(",", "[", "]");
      for (long dimension : tensor.shape) {
        shape.add(Long.toString(dimension));
      }
      json.append(
          ",%s:{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
              .formatted(
                  quoted(tensor.name),
                  tensor.type.safetensorsName(),
                  shape,
                  offset,
                  offset + tensor.bytes));
      offset += tensor.bytes;
    }
    byte[] text = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
    int padded = (text.length + 7) / 8 * 8;
    ByteBuffer header = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
    header.putLong(padded).put(text);
    while (header.hasRemaining()) {
      header.put((byte) ' ');
    }
    return header.flip();
  }

  private static String quoted(String text) {
    return '"' + new String(JsonStringEncoder.getInstance().quoteAsString(text)) + '"';
  }

  private static void writeFloats(FileChannel channel, WeightType type, float[] values)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      if (buffer.remaining() < type.bytes()) {
        writeFully(channel, buffer.flip());
        buffer.clear();
      }
      put(buffer, type, value);
    }
    writeFully(channel, buffer.flip());
  }

  private static void writeConverted(FileChannel channel, WeightType type, TensorView view)
      throws IOException {
    ByteBuffer source = view.bytes();
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (source.hasRemaining()) {
      if (buffer.remaining() < type.bytes()) {
        writeFully(channel, buffer.flip());
        buffer.clear();
      }
      switch (view.type()) {
        case F64 -> put(buffer, type, (float) source.getDouble());
        case F32 -> put(buffer, type, source.getFloat());
        case F16 -> put(buffer, type, HalfPrecision.halfToFloat(source.getShort()));
        case BF16 -> put(buffer, type, HalfPrecision.bfloat16ToFloat(source.getShort()));
        default -> throw new IllegalStateException(view.toString());
      }
    }
    writeFully(channel, buffer.flip());
  }

  private static void put(ByteBuffer buffer, WeightType type, float value) {
    switch (type) {
      case F64 -> buffer.putDouble(value);
      case F32 -> buffer.putFloat(value);
      case F16 -> buffer.putShort(HalfPrecision.floatToHalf(value));
      case BF16 -> buffer.putShort(HalfPrecision.floatToBfloat16(value));
      default -> throw new IllegalStateException(type.toString());
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Makes the move itself durable where the platform can open a directory; elsewhere nothing. */
  private static void forceDirectory(Path directory) {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      return; // not possible on this file system; the file itself is complete
    }
  }

  private static void deleteLeftover(Path temporary) {
    try {
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      return; // the write has failed already, or the leftover is harmless
    }
  }
}
