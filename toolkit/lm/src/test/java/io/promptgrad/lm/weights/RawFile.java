package io.promptgrad.lm.weights;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Safetensors files put together by hand, so that they can be wrong. */
final class RawFile {

  private RawFile() {}

  /** Header length, header, data: no padding, nothing checked. */
  static Path write(Path file, String header, byte... data) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    return write(file, text.length, text, data);
  }

  static Path write(Path file, long headerLength, byte[] header, byte... data) {
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(headerLength).put(header).put(data);
    return bytes(file, bytes.array());
  }

  static Path bytes(Path file, byte... bytes) {
    try {
      return Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
