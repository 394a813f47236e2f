package io.promptgrad.files;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Text as people bring it: files that may be missing, bytes that may not be UTF-8, line ends. */
public final class TextFiles {

  /** What is read into memory at once; a Java array could hold twice as much. */
  private static final long MOST_BYTES = 1L << 30;

  private TextFiles() {}

  /**
   * Reads a file whole.
   *
   * @throws InvalidInputException if it is missing, a folder, not readable or above 1 GiB
   */
  public static byte[] read(Path file) {
    if (Files.isDirectory(file)) {
      throw new InvalidInputException("%s is a folder; name a file.".formatted(file));
    }
    if (!Files.exists(file)) {
      throw new InvalidInputException(
          "There is no file %s; check the path (relative paths start at %s)."
              .formatted(file, Path.of("").toAbsolutePath()));
    }
    try {
      if (Files.size(file) > MOST_BYTES) {
        throw new InvalidInputException(
            "%s has %,d bytes, more than the 1 GiB that is read at once; split the file."
                .formatted(file, Files.size(file)));
      }
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read: %s; check its permissions.".formatted(file, e), e);
    }
  }

  /**
   * Decodes UTF-8 and drops a byte order mark.
   *
   * @param name what the text is called in messages
   * @throws InvalidInputException naming the line that is not UTF-8
   */
  public static String utf8(byte[] content, String name) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer bytes = ByteBuffer.wrap(content);
    CharBuffer chars = CharBuffer.allocate(content.length);
    CoderResult result = decoder.decode(bytes, chars, true);
    if (result.isError()) {
      int line = 1;
      for (int i = 0; i < bytes.position(); i++) {
        if (content[i] == '\n') {
          line++;
        }
      }
      throw new InvalidInputException(
          "%s, line %d: this is not UTF-8; convert the file to UTF-8.".formatted(name, line));
    }
    String text = chars.flip().toString();
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }

  /**
   * Splits at line feeds only, since other characters that Unicode calls line ends occur within
   * texts. A carriage return before a line feed goes; what follows the last line feed is a line.
   */
  public static List<String> lines(String text) {
    List<String> lines = new ArrayList<>();
    for (String line : text.split("\n", -1)) {
      lines.add(line.endsWith("\r") ? line.substring(0, line.length() - 1) : line);
    }
    return lines;
  }
}
