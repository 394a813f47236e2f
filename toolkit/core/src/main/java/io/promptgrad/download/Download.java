package io.promptgrad.download;

import io.promptgrad.input.InvalidInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;

/**
 * One file from the web.
 *
 * <pre>{@code
 * Download.of(URI.create("https://example.org/data.zip"))
 *     .to(folder.resolve("data.zip"))
 *     .sha256("9f86d081884c7d65...")
 *     .run();
 * }</pre>
 *
 * <p>Bytes go to {@code .NAME.part} beside the target and get the target's name when they are
 * complete, on the disk, and checked. Files of more than 32 MiB come in up to four parts at a time
 * if the server serves ranges. A download that ended early, by a failure or a kill, goes on where
 * it was when it is run again, if the server's strong ETag or a checksum vouches for the content;
 * {@code .NAME.part.json} notes how far it is. Cut connections, silence, and the answers 408, 425,
 * 429, 500, 502, 503 and 504 are tried again with growing waits ({@link Patience}). A lock ({@code
 * .NAME.lock}, or another place) lets one process at a time work on a target.
 *
 * <p>Every failure is an {@link InvalidInputException} of one sentence; where a server's answer was
 * the reason, its cause is an {@link HttpStatusException}. Tokens and queries of addresses are in
 * no message.
 */
public final class Download {

  private static final int MOST_PARTS = 4;
  private static final long LEAST_PART = 16 << 20;

  private final URI source;
  private Path target;
  private Optional<Path> lock = Optional.empty();
  private Optional<Checksum> checksum = Optional.empty();
  private Optional<String> token = Optional.empty();
  private long expected = -1;
  private Consumer<DownloadEvent> listener = event -> {};
  private Patience patience = Patience.defaults();
  private int mostParts = MOST_PARTS;
  private long leastPart = LEAST_PART;

  private Download(URI source) {
    this.source = source;
  }

  /**
   * Names the address.
   *
   * @throws InvalidInputException if it is not one of the web (http or https)
   */
  public static Download of(URI source) {
    if (!Requests.isWeb(source)) {
      throw new InvalidInputException(
          "An address to download from begins with https:// or http:// and a host, not so: "
              + source.getScheme()
              + ":.");
    }
    return new Download(source);
  }

  /** Names the file to make. Its folder is made as well. */
  public Download to(Path file) {
    target = file.toAbsolutePath();
    return this;
  }

  /** Asks for a SHA-256; a target that has it already is left as it is. */
  public Download sha256(String hex) {
    return checksum(Checksum.sha256(hex));
  }

  /** Asks for a checksum; a target that has it already is left as it is. */
  public Download checksum(Checksum wanted) {
    checksum = Optional.of(wanted);
    return this;
  }

  /** Asks for a size; another one is an error before the first byte is written. */
  public Download bytes(long size) {
    expected = size;
    return this;
  }

  /**
   * Sends a token with requests to this scheme, host and port, and to no other.
   *
   * @throws InvalidInputException if it holds blanks or control characters
   */
  public Download bearer(String secret) {
    if (!secret.matches("[!-~]+")) {
      throw new InvalidInputException(
          "The access token for %s has a character that tokens do not have (a blank or line break, say); set it again."
              .formatted(Requests.shown(source)));
    }
    token = Optional.of(secret);
    return this;
  }

  /**
   * Tells somebody what happens. What the listener throws ends the download, which can go on later.
   */
  public Download listener(Consumer<DownloadEvent> ear) {
    listener = Objects.requireNonNull(ear, "listener");
    return this;
  }

  /** Sets how often to try again and how long to wait. */
  public Download patience(Patience limits) {
    patience = Objects.requireNonNull(limits, "patience");
    return this;
  }

  /** Names the lock file, where it is not to be beside the target. It is made, and stays. */
  public Download lock(Path file) {
    lock = Optional.of(file.toAbsolutePath());
    return this;
  }

  Download parts(int most, long least) {
    mostParts = most;
    leastPart = least;
    return this;
  }

  /**
   * Brings the file, or finds it there with the right checksum.
   *
   * @return the target
   * @throws InvalidInputException if it cannot be had, is not what was asked for, or cannot be
   *     written
   */
  public Path run() {
    Objects.requireNonNull(target, "no target was named");
    try (FileGuard guard = FileGuard.acquire(lock.orElse(hidden(".lock")), listener)) {
      Files.createDirectories(target.getParent());
      if (checksum.isEmpty() || !Files.isRegularFile(target) || !isRight(target)) {
        fetch();
        Files.move(
            hidden(".part"),
            target,
            StandardCopyOption.ATOMIC_MOVE,
            StandardCopyOption.REPLACE_EXISTING);
        Files.deleteIfExists(hidden(".part.json"));
      }
      listener.accept(new DownloadEvent.Finished(Files.size(target)));
      return target;
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be written (%s); make room or choose another folder, and run it again."
              .formatted(target, Backoff.reason(e)),
          e);
    }
  }

  /** Makes the part file complete and right. */
  private void fetch() throws IOException {
    Transfer.Plan plan =
        new Transfer.Plan(mostParts, leastPart, checksum.isPresent(), true, expected);
    Backoff backoff = new Backoff(patience, listener, new CountDownLatch(1));
    int startedOver = 0;
    while (true) {
      try {
        boolean joined = transfer(plan);
        if (checksum.isEmpty() || isRight(hidden(".part"))) {
          return;
        }
        Checksum found = Checksum.of(hidden(".part"), checksum.get().kind());
        discard();
        if (joined) { // from two contents, perhaps; take one answer, whatever it costs
          plan = plan.withoutRanges();
        } else {
          throw new InvalidInputException(
              "%s is not what was expected: it has %s instead of %s; try again, and do not use the file if this stays so."
                  .formatted(Requests.shown(source), found, checksum.get()));
        }
      } catch (Transfer.StartOver e) {
        discard();
        try {
          backoff.after(e);
        } catch (IOException last) {
          throw sentence(last);
        }
        startedOver++;
        if (e.rangesIgnored || startedOver > 1) { // or servers that disagree about the ETag
          plan = plan.withoutRanges();
        }
      }
    }
  }

  private boolean transfer(Transfer.Plan plan) throws IOException {
    Transfer transfer =
        new Transfer(requests(), patience, listener, hidden(".part"), hidden(".part.json"));
    try {
      return transfer.run(plan);
    } catch (Transfer.StartOver | Transfer.Unwritable e) {
      throw e;
    } catch (IOException e) {
      throw sentence(e);
    }
  }

  private boolean isRight(Path file) throws IOException {
    Checksum wanted = checksum.orElseThrow();
    return Checksum.of(file, wanted.kind()).equals(wanted);
  }

  private void discard() throws IOException {
    Files.deleteIfExists(hidden(".part.json"));
    Files.deleteIfExists(hidden(".part"));
  }

  private Path hidden(String ending) {
    return target.resolveSibling("." + target.getFileName() + ending);
  }

  private Requests requests() {
    return new Requests(source, token, patience.silence());
  }

  /**
   * Brings a short answer, without a file.
   *
   * @param most bytes beyond which it is refused
   * @return the text, read as UTF-8
   * @throws InvalidInputException if it cannot be had or is longer
   */
  public String text(int most) {
    Backoff backoff = new Backoff(patience, listener, new CountDownLatch(1));
    while (true) {
      try {
        HttpResponse<InputStream> answer = requests().get(Map.of());
        try (Body body = new Body(answer.body(), patience.silence(), new HashSet<>())) {
          return read(body, most);
        }
      } catch (IOException e) {
        try {
          backoff.after(e);
        } catch (IOException last) {
          throw sentence(last);
        }
      }
    }
  }

  private String read(Body body, int most) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    byte[] buffer = new byte[1 << 13];
    for (int n = body.read(buffer, buffer.length); n >= 0; n = body.read(buffer, buffer.length)) {
      bytes.write(buffer, 0, n);
      if (bytes.size() > most) {
        throw new Requests.Refused("it is longer than " + most + " bytes");
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private InvalidInputException sentence(IOException e) {
    String shown = Requests.shown(source);
    if (e instanceof Requests.Refused) {
      return new InvalidInputException(
          "%s cannot be downloaded: %s; check the address.".formatted(shown, e.getMessage()), e);
    }
    if (e instanceof Transfer.StartOver) {
      return new InvalidInputException(
          "%s cannot be downloaded whole (%s); try again later.".formatted(shown, e.getMessage()),
          e);
    }
    if (!(e instanceof HttpStatusException answer)) {
      return new InvalidInputException(
          "%s cannot be reached (%s); check the connection and try again."
              .formatted(shown, Backoff.reason(e)),
          e);
    }
    String sentence =
        switch (answer.status()) {
          case 401 -> "%s asks who you are (status 401); give an access token that may read it.";
          case 403 ->
              "%s is not open to you (status 403); check that your access token may read it.";
          case 404, 410 -> "There is nothing at %s (status 404); check the address.";
          case 429 ->
              "%s is asked too often (status 429); try again "
                  + answer
                      .retryAfter()
                      .map(wait -> "in " + wait.toSeconds() + " s.")
                      .orElse("later.");
          default ->
              answer.status() >= 500
                  ? "The server of %s has a fault (status "
                      + answer.status()
                      + "); try again later."
                  : "%s cannot be downloaded (status " + answer.status() + "); check the address.";
        };
    return new InvalidInputException(sentence.formatted(shown), e);
  }
}
