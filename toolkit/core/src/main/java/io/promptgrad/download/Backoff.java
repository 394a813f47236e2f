package io.promptgrad.download;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLHandshakeException;

/** Counts failures in a row, and waits after each as {@link Patience} says. */
final class Backoff {

  private final Patience patience;
  private final Consumer<DownloadEvent> listener;
  private final CountDownLatch stop;
  private int failures;

  /**
   * @param stop ends a wait at once when it is counted down
   */
  Backoff(Patience patience, Consumer<DownloadEvent> listener, CountDownLatch stop) {
    this.patience = patience;
    this.listener = listener;
    this.stop = stop;
  }

  /** The next failure will be the first again. */
  void forget() {
    failures = 0;
  }

  /** Waits; throws the failure itself if another attempt is of no use or one too many. */
  void after(IOException failure) throws IOException {
    failures++;
    if (!worthAnotherTry(failure) || failures >= patience.attempts()) {
      throw failure;
    }
    Duration wait = jittered(exponential());
    if (failure instanceof HttpStatusException status) {
      Optional<Duration> wanted = status.retryAfter();
      if (wanted.isPresent() && wanted.get().compareTo(patience.longestWait()) > 0) {
        throw failure;
      }
      wait = wanted.orElse(wait);
    }
    listener.accept(new DownloadEvent.Waiting(reason(failure), wait));
    try {
      if (stop.await(wait.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new InterruptedIOException("stopped while waiting");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while waiting");
    }
  }

  private Duration exponential() {
    Duration wait = patience.firstWait();
    for (int i = 1; i < failures && wait.compareTo(patience.longestWait()) < 0; i++) {
      wait = wait.multipliedBy(2);
    }
    return wait.compareTo(patience.longestWait()) > 0 ? patience.longestWait() : wait;
  }

  /**
   * Times 0.5 to 1.5, so that processes that failed together do not come back together. The clock
   * is random enough for that, and no result depends on it.
   */
  private static Duration jittered(Duration wait) {
    long thousandths = 500 + Math.floorMod(System.nanoTime() / 1000, 1001L);
    return wait.multipliedBy(thousandths).dividedBy(1000);
  }

  /** Whether the same may succeed later. */
  static boolean worthAnotherTry(IOException failure) {
    if (failure instanceof HttpStatusException status) {
      return status.isTransient();
    }
    return !(failure instanceof Requests.Refused
        || failure instanceof Transfer.Unwritable
        || failure instanceof InterruptedIOException
        || failure instanceof SSLHandshakeException
        || isUnknownHost(failure));
  }

  private static boolean isUnknownHost(Throwable failure) {
    return failure != null
        && (failure instanceof UnresolvedAddressException || isUnknownHost(failure.getCause()));
  }

  /** A failure in words, without a full stop. */
  static String reason(IOException failure) {
    if (failure instanceof HttpStatusException status) {
      return status.status() == 429 ? "too many requests" : "the server answers " + status.status();
    }
    if (isUnknownHost(failure)) {
      return "no such host is known";
    }
    if (failure instanceof HttpTimeoutException) {
      return "the server is silent";
    }
    if (failure instanceof ConnectException) {
      return "no connection is accepted";
    }
    String message = failure.getMessage();
    return message == null || message.isBlank()
        ? failure.getClass().getSimpleName()
        : message.strip().replaceAll("\\s+", " ").replaceFirst("\\.$", "");
  }
}
