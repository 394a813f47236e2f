package io.promptgrad.download;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * The body of an answer, closed by a clock when nothing comes for too long: the JDK's client limits
 * the time until the headers, not the time between two bytes.
 */
final class Body implements AutoCloseable {

  private static final ScheduledExecutorService CLOCK =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "promptgrad-download-clock");
            thread.setDaemon(true);
            return thread;
          });
  private static final long NOT_READING = Long.MAX_VALUE;

  private final InputStream in;
  private final Duration silence;
  private final Set<Body> open;
  private final ScheduledFuture<?> guard;
  private volatile long readingSince = NOT_READING;
  private volatile boolean silent;

  /**
   * Takes over a body.
   *
   * @param open where this is listed until it is closed
   */
  Body(InputStream in, Duration silence, Set<Body> open) {
    this.in = in;
    this.silence = silence;
    this.open = open;
    long period = Math.max(1, silence.toMillis() / 4);
    guard = CLOCK.scheduleWithFixedDelay(this::watch, period, period, TimeUnit.MILLISECONDS);
    open.add(this);
  }

  /** Reads some bytes; -1 at the end. */
  int read(byte[] buffer, int most) throws IOException {
    readingSince = System.nanoTime();
    try {
      int count = in.read(buffer, 0, most);
      if (!silent) {
        return count;
      }
    } catch (IOException e) {
      if (!silent) {
        throw e;
      }
    } finally {
      readingSince = NOT_READING;
    }
    throw new HttpTimeoutException("nothing came for " + silence.toSeconds() + " s");
  }

  private void watch() {
    long since = readingSince;
    if (since != NOT_READING && System.nanoTime() - since > silence.toNanos()) {
      silent = true;
      close();
    }
  }

  @Override
  public void close() {
    open.remove(this);
    guard.cancel(false);
    try {
      in.close();
    } catch (IOException e) {
      return; // nobody waits for more of it
    }
  }
}
