package io.promptgrad.search;

import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Appends one line per step to trace.jsonl. */
final class TraceWriter implements AutoCloseable {

  private final FileChannel channel;

  private TraceWriter(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * Opens the trace and cuts it after the given number of lines: whole lines of later steps and a
   * line that a kill left unfinished go, since those steps will be done again.
   *
   * @throws InvalidInputException if the trace has fewer lines than that
   */
  static TraceWriter open(Path file, int steps) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    try {
      channel.truncate(endOfLine(channel, steps, file));
      channel.position(channel.size());
      return new TraceWriter(channel);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static long endOfLine(FileChannel channel, int lines, Path file) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    long offset = 0;
    int found = 0;
    while (found < lines) {
      buffer.clear();
      if (channel.read(buffer, offset) < 0) {
        throw new InvalidInputException(
            ("The trace %s ends after step %d, but the checkpoint is of step %d; restore the "
                    + "trace or start a new run.")
                .formatted(file, found, lines));
      }
      buffer.flip();
      while (buffer.hasRemaining() && found < lines) {
        offset++;
        if (buffer.get() == '\n') {
          found++;
        }
      }
    }
    return offset;
  }

  /** Appends a line; it survives a kill of the process, and after {@link #flush} a power cut. */
  void append(TraceStep step) throws IOException {
    byte[] line = (Json.line(step.toJson()) + "\n").getBytes(StandardCharsets.UTF_8);
    ByteBuffer buffer = ByteBuffer.wrap(line);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /** Brings all lines to the disk; to be called before a checkpoint that counts them. */
  void flush() throws IOException {
    channel.force(false);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
