package io.promptgrad.download;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Brings one file's bytes into one local file: from the first request, or from what an earlier
 * attempt noted, until all bytes are there.
 *
 * <p>The first answer decides how it goes on. A big file of a server that serves ranges is cut into
 * parts; the first answer becomes the first part, every other part is a request of its own. A part
 * that fails goes on at its last byte, with the server's word (If-Range) that the content is still
 * the same. Where that word cannot be had and no checksum would find a mixture of two contents out,
 * bytes are never joined, and a failure means to start over.
 */
final class Transfer {

  private static final int BUFFER_BYTES = 1 << 16;
  private static final long NOTE_BYTES = 8 << 20;
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes (\\d{1,18})-\\d{1,18}/(\\d{1,18}|\\*)");

  private final Requests requests;
  private final Patience patience;
  private final Consumer<DownloadEvent> listener;
  private final Path file;
  private final Path note;
  private final CountDownLatch stop = new CountDownLatch(1);
  private final Set<Body> open = ConcurrentHashMap.newKeySet();
  private final AtomicReference<Throwable> failure = new AtomicReference<>();

  private FileChannel channel;
  private Progress progress; // its counts are guarded by this
  private long unnoted; // guarded by this
  private boolean joinable; // whether bytes of several answers may be joined
  private volatile boolean joined; // whether some were

  /**
   * How a file is taken.
   *
   * @param mostParts parts that are fetched at a time
   * @param leastPart bytes that a part has at least
   * @param checked whether a checksum will find a mixture of two contents out
   * @param ranges whether to ask for ranges
   * @param expected the size; -1 if unknown
   */
  record Plan(int mostParts, long leastPart, boolean checked, boolean ranges, long expected) {

    Plan withoutRanges() {
      return new Plan(mostParts, leastPart, checked, false, expected);
    }
  }

  /** What has come is of no use: delete it and begin anew. */
  static final class StartOver extends IOException {

    private static final long serialVersionUID = 1L;

    final boolean rangesIgnored;

    StartOver(String message, boolean rangesIgnored) {
      super(message);
      this.rangesIgnored = rangesIgnored;
    }
  }

  /** The disk, not the server, is the trouble. */
  static final class Unwritable extends IOException {

    private static final long serialVersionUID = 1L;

    Unwritable(String message, IOException cause) {
      super(message, cause);
    }
  }

  Transfer(
      Requests requests,
      Patience patience,
      Consumer<DownloadEvent> listener,
      Path file,
      Path note) {
    this.requests = requests;
    this.patience = patience;
    this.listener = event -> tell(listener, event);
    this.file = file;
    this.note = note;
  }

  private synchronized void tell(Consumer<DownloadEvent> target, DownloadEvent event) {
    target.accept(event);
  }

  /**
   * Brings all bytes and forces them to the disk.
   *
   * @return whether they were joined from several answers, which may have been of several contents
   */
  boolean run(Plan plan) throws IOException {
    Optional<Progress> earlier =
        noted()
            .filter(p -> plan.ranges() && (p.etag().isPresent() || plan.checked()))
            .filter(p -> plan.expected() < 0 || p.total() == plan.expected());
    if (earlier.isPresent()) {
      goOn(earlier.get());
    } else {
      begin(plan);
    }
    return joined;
  }

  private void goOn(Progress earlier) throws IOException {
    progress = earlier;
    joinable = true;
    requireSpace(earlier.total() - done());
    listener.accept(new DownloadEvent.Started(done(), earlier.total()));
    try (FileChannel opened = writable(StandardOpenOption.WRITE)) {
      channel = opened;
      fetchParts(null);
    }
  }

  private void begin(Plan plan) throws IOException {
    HttpResponse<InputStream> answer = first();
    try (Body body = opened(answer)) {
      long total = answer.headers().firstValueAsLong("Content-Length").orElse(-1);
      if (total >= 0) {
        requireExpected(plan, total);
        requireSpace(total);
      }
      try (FileChannel opened =
          writable(
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        channel = opened;
        listener.accept(new DownloadEvent.Started(0, total));
        if (total < 0) {
          fetchUntilTheEnd(plan, body);
        } else {
          cut(plan, answer, total);
          fetchParts(body);
        }
      }
    }
  }

  private void cut(Plan plan, HttpResponse<InputStream> answer, long total) throws IOException {
    Optional<String> etag = answer.headers().firstValue("ETag").filter(Progress::isStrong);
    String ranges = answer.headers().firstValue("Accept-Ranges").orElse("");
    joinable = plan.ranges() && !ranges.equals("none") && (etag.isPresent() || plan.checked());
    boolean several = joinable && ranges.equals("bytes");
    long parts = several ? Math.min(plan.mostParts(), total / plan.leastPart()) : 1;
    progress = new Progress(etag, total, new long[(int) Math.max(1, parts)]);
    keepNote();
  }

  private HttpResponse<InputStream> first() throws IOException {
    Backoff backoff = new Backoff(patience, listener, stop);
    while (true) {
      try {
        HttpResponse<InputStream> answer = requests.get(Map.of());
        if (answer.statusCode() != 200) {
          answer.body().close();
          throw new Requests.Refused("it sends a part where all was asked for");
        }
        return answer;
      } catch (IOException e) {
        backoff.after(e);
      }
    }
  }

  /** All parts at a time; the first in this thread, from a body if one is open. */
  private void fetchParts(Body firstBody) throws IOException {
    Thread[] others = new Thread[progress.done().length - 1];
    for (int i = 0; i < others.length; i++) {
      int part = i + 1;
      others[i] = new Thread(() -> attempt(part, null), "promptgrad-download-" + part);
      others[i].setDaemon(true);
      others[i].start();
    }
    attempt(0, firstBody);
    for (Thread other : others) {
      join(other);
    }
    Throwable problem = failure.get();
    if (problem == null) {
      force();
      return;
    }
    if (!(problem instanceof StartOver)) {
      keepNote();
    }
    if (problem instanceof IOException e) {
      throw e;
    }
    if (problem instanceof Error e) {
      throw e;
    }
    throw (RuntimeException) problem;
  }

  private void join(Thread other) {
    while (other.isAlive()) {
      try {
        other.join();
      } catch (InterruptedException e) {
        fail(new InterruptedIOException("interrupted")); // ends the others; then they are joined
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void attempt(int part, Body firstBody) {
    try {
      fetch(part, firstBody);
    } catch (IOException | RuntimeException | Error e) {
      fail(e);
    }
  }

  /** The first failure counts; it ends what the other parts wait for. */
  private void fail(Throwable problem) {
    failure.compareAndSet(null, problem);
    stop.countDown();
    open.forEach(Body::close);
  }

  private void fetch(int part, Body firstBody) throws IOException {
    Backoff backoff = new Backoff(patience, listener, stop);
    Body next = firstBody;
    while (left(part) > 0) {
      long before = left(part);
      try (Body body = next == null ? request(part) : next) {
        copy(part, body);
      } catch (IOException e) {
        if (stopped() || e instanceof StartOver) {
          throw e;
        }
        if (!joinable && Backoff.worthAnotherTry(e)) {
          throw new StartOver(Backoff.reason(e), false);
        }
        if (before - left(part) >= BUFFER_BYTES) {
          backoff.forget();
        }
        backoff.after(e);
      }
      next = null;
    }
  }

  /** Asks for what a part still lacks. */
  private Body request(int part) throws IOException {
    long start = progress.from(part) + progress.size(part) - left(part);
    long end = progress.from(part) + progress.size(part);
    Map<String, String> headers = new HashMap<>();
    headers.put("Range", "bytes=" + start + "-" + (end - 1));
    progress.etag().ifPresent(mark -> headers.put("If-Range", mark));
    HttpResponse<InputStream> answer;
    try {
      answer = requests.get(headers);
    } catch (HttpStatusException e) {
      if (e.status() == 416) { // it has become shorter
        throw new StartOver("the content has changed", false);
      }
      throw e;
    }
    Body body = opened(answer);
    Optional<String> etag = answer.headers().firstValue("ETag");
    boolean same = progress.etag().isEmpty() || progress.etag().equals(etag) || etag.isEmpty();
    if (answer.statusCode() == 206 && same && isAt(start, answer)) {
      joined = true;
      return body;
    }
    body.close();
    throw answer.statusCode() == 200 && same
        ? new StartOver("the server serves no ranges", true)
        : new StartOver("the content has changed", false);
  }

  private boolean isAt(long start, HttpResponse<InputStream> answer) {
    Matcher range =
        CONTENT_RANGE.matcher(answer.headers().firstValue("Content-Range").orElse("").strip());
    return range.matches()
        && Long.parseLong(range.group(1)) == start
        && (range.group(2).equals("*") || Long.parseLong(range.group(2)) == progress.total());
  }

  private void copy(int part, Body body) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    for (long left = left(part); left > 0; left = left(part)) {
      int count = body.read(buffer, (int) Math.min(buffer.length, left));
      if (count < 0 || stopped()) {
        throw new EOFException("the connection ended early");
      }
      write(buffer, count, progress.from(part) + progress.size(part) - left);
      advance(part, count);
    }
  }

  /** A body without a length: nothing tells where it could go on, so a failure starts over. */
  private void fetchUntilTheEnd(Plan plan, Body body) throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    long bytes = 0;
    try {
      for (int n = body.read(buffer, buffer.length); n >= 0; n = body.read(buffer, buffer.length)) {
        write(buffer, n, bytes);
        bytes += n;
        if (plan.expected() >= 0 && bytes > plan.expected()) {
          break;
        }
        listener.accept(new DownloadEvent.Progressed(bytes, -1));
      }
    } catch (IOException e) {
      if (Backoff.worthAnotherTry(e)) {
        throw new StartOver(Backoff.reason(e), false);
      }
      throw e;
    }
    requireExpected(plan, bytes);
    force();
  }

  private synchronized void advance(int part, int count) throws IOException {
    progress.done()[part] += count;
    unnoted += count;
    if (unnoted >= NOTE_BYTES) {
      unnoted = 0;
      keepNote();
    }
    listener.accept(new DownloadEvent.Progressed(done(), progress.total()));
  }

  private synchronized long left(int part) {
    return progress.size(part) - progress.done()[part];
  }

  private synchronized long done() {
    long sum = 0;
    for (long count : progress.done()) {
      sum += count;
    }
    return sum;
  }

  private boolean stopped() {
    return stop.getCount() == 0;
  }

  /** Notes what is safely on the disk. A note that cannot be written costs time later, no more. */
  private synchronized void keepNote() {
    if (!joinable) {
      return;
    }
    try {
      channel.force(false);
      progress.write(note);
    } catch (IOException e) {
      unnoted = 0;
    }
  }

  private Body opened(HttpResponse<InputStream> answer) {
    Body body = new Body(answer.body(), patience.silence(), open);
    if (stopped()) {
      body.close();
    }
    return body;
  }

  private FileChannel writable(StandardOpenOption... options) throws IOException {
    try {
      return FileChannel.open(file, options);
    } catch (IOException e) {
      throw new Unwritable(Backoff.reason(e), e);
    }
  }

  private void write(byte[] bytes, int count, long position) throws IOException {
    ByteBuffer source = ByteBuffer.wrap(bytes, 0, count);
    try {
      for (long at = position; source.hasRemaining(); ) {
        at += channel.write(source, at);
      }
    } catch (IOException e) {
      throw new Unwritable(Backoff.reason(e), e);
    }
  }

  private void force() throws IOException {
    try {
      channel.force(true);
    } catch (IOException e) {
      throw new Unwritable(Backoff.reason(e), e);
    }
  }

  private Optional<Progress> noted() throws IOException {
    try {
      return Progress.read(note, file);
    } catch (IOException e) {
      throw new Unwritable(Backoff.reason(e), e);
    }
  }

  private static void requireExpected(Plan plan, long bytes) throws IOException {
    if (plan.expected() >= 0 && plan.expected() != bytes) {
      throw new Requests.Refused(
          "it has %d bytes where %d are expected".formatted(bytes, plan.expected()));
    }
  }

  private void requireSpace(long bytes) throws IOException {
    long free;
    try {
      free = Files.getFileStore(file.toAbsolutePath().getParent()).getUsableSpace();
    } catch (IOException e) {
      throw new Unwritable(Backoff.reason(e), e);
    }
    if (free > 0 && bytes > free) { // 0: not known
      throw new Unwritable("%d bytes are needed and only %d are free".formatted(bytes, free), null);
    }
    if (bytes > Progress.MOST_BYTES) {
      throw new Requests.Refused("it claims to have %d bytes".formatted(bytes));
    }
  }
}
