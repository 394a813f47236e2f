package io.promptgrad.download;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * A lock between threads and processes, held until it is closed. Its empty file stays: if the
 * holder deleted it, a waiting process would own a file without a name, and a third one would lock
 * a new file.
 */
final class FileGuard implements AutoCloseable {

  private static final Duration POLL = Duration.ofMillis(100);

  private final FileChannel channel;

  private FileGuard(FileChannel channel) {
    this.channel = channel;
  }

  /** Waits until nobody else holds it. */
  static FileGuard acquire(Path file, Consumer<DownloadEvent> listener) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      boolean told = false;
      while (!locks(channel)) {
        if (!told) {
          listener.accept(new DownloadEvent.Waiting("somebody else is downloading it", POLL));
          told = true;
        }
        Thread.sleep(POLL.toMillis());
      }
      return new FileGuard(channel);
    } catch (InterruptedException e) {
      channel.close();
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    } catch (RuntimeException | IOException e) {
      channel.close();
      throw e;
    }
  }

  private static boolean locks(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() != null;
    } catch (OverlappingFileLockException e) {
      return false; // another thread of this process has it
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
