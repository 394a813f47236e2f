package io.promptgrad.download;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DownloadTest {

  private static final int SIZE = 300_000;
  private static final String CANARY = "hf_canary_0123456789";

  @TempDir Path folder;
  private FileServer server;

  @BeforeEach
  void start() throws IOException {
    server = new FileServer(content(SIZE, 1));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  static byte[] content(int size, long seed) {
    byte[] content = new byte[size];
    new Random(seed).nextBytes(content);
    return content;
  }

  private Path target() {
    return folder.resolve("a.bin");
  }

  private Download download() {
    return Download.of(server.address()).to(target()).patience(quick(4));
  }

  private static Patience quick(int attempts) {
    return new Patience(
        attempts, Duration.ofMillis(1), Duration.ofSeconds(3), Duration.ofMillis(1500));
  }

  private String sha256() throws IOException {
    Path file = Files.write(folder.resolve("right"), server.content);
    return Checksum.of(file, Checksum.Kind.SHA256).hex();
  }

  private void assertWhole() throws IOException {
    assertThat(target()).hasBinaryContent(server.content);
    assertThat(folder.resolve(".a.bin.part")).doesNotExist();
    assertThat(folder.resolve(".a.bin.part.json")).doesNotExist();
  }

  // ------------------------------------------------------------------ the usual course

  @Test
  void run_goodServer_makesTheFileAndTellsHow() throws IOException {
    List<DownloadEvent> events = new ArrayList<>();
    Path file =
        download().to(folder.resolve("deep/er/a.bin")).listener(events::add).sha256(sha256()).run();
    assertThat(file).hasBinaryContent(server.content);
    assertThat(events.get(0)).isEqualTo(new DownloadEvent.Started(0, SIZE));
    assertThat(events).contains(new DownloadEvent.Progressed(SIZE, SIZE));
    assertThat(events.get(events.size() - 1)).isEqualTo(new DownloadEvent.Finished(SIZE));
    assertThat(server.requests).hasSize(1);
  }

  @Test
  void run_emptyFile_makesIt() throws IOException {
    server.content = new byte[0];
    download().run();
    assertWhole();
  }

  @Test
  void run_serverThatTellsNoLength_makesTheFile() throws IOException {
    server.chunked = true;
    download().sha256(sha256()).run();
    assertWhole();
  }

  @Test
  void run_targetWithTheChecksum_asksNobody() throws IOException {
    Files.write(target(), server.content);
    download().sha256(sha256()).run();
    assertThat(server.requests).isEmpty();
  }

  @Test
  void run_targetWithAnotherChecksum_isReplaced() throws IOException {
    Files.writeString(target(), "old");
    download().sha256(sha256()).run();
    assertWhole();
  }

  @Test
  void run_bigFile_comesInParts() throws IOException {
    download().parts(3, 100_000).run();
    assertWhole();
    // the answer to the first request is the first part
    assertThat(server.ranges())
        .containsExactlyInAnyOrder("null", "bytes=100000-199999", "bytes=200000-299999");
  }

  @Test
  void checksum_knownContents_areAsPublished() throws IOException {
    // echo hello | git hash-object --stdin; SHA-256 of "abc" from FIPS 180-2
    Path hello = Files.writeString(folder.resolve("hello"), "hello\n");
    Path abc = Files.writeString(folder.resolve("abc"), "abc");
    assertThat(Checksum.of(hello, Checksum.Kind.GIT_BLOB).hex())
        .isEqualTo("ce013625030ba8dba906f756967f9e9ca394464a");
    assertThat(Checksum.of(abc, Checksum.Kind.SHA256))
        .isEqualTo(
            Checksum.sha256("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
  }

  // ------------------------------------------------------------------ going on

  /** A connection that breaks may take its last packets with it, so the place is not exact. */
  private static void assertGoesOnBehind(String range, long least, long most) {
    assertThat(range).matches("bytes=\\d+-299999");
    assertThat(Long.parseLong(range.substring(6, range.indexOf('-')))).isBetween(least, most);
  }

  @Test
  void run_cutConnection_goesOnAtTheLastByte() throws IOException {
    server.thenCut(70_000).thenCut(50_000);
    download().run();
    assertWhole();
    assertThat(server.ranges()).hasSize(3).first().isEqualTo("null");
    assertGoesOnBehind(server.ranges().get(1), 1, 70_000);
    assertGoesOnBehind(server.ranges().get(2), 2, 120_000);
    assertThat(server.requests.get(1).getFirst("If-Range")).isEqualTo("\"one\"");
  }

  @Test
  void run_afterAFailedRun_goesOnWhereItWas() throws IOException {
    server.thenCut(200_000).thenStatus(503).thenStatus(503);
    List<DownloadEvent> before = new ArrayList<>();
    assertThatThrownBy(() -> download().patience(quick(3)).listener(before::add).run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("has a fault (status 503)");
    assertThat(target()).doesNotExist();
    long received =
        before.stream()
            .filter(DownloadEvent.Progressed.class::isInstance)
            .mapToLong(event -> ((DownloadEvent.Progressed) event).bytes())
            .max()
            .orElseThrow();
    assertThat(received).isBetween(1L, 200_000L); // the cut may take the last packets with it
    List<DownloadEvent> events = new ArrayList<>();
    server.requests.clear();
    download().listener(events::add).run();
    assertWhole();
    assertThat(events.get(0)).isEqualTo(new DownloadEvent.Started(received, SIZE));
    assertThat(server.ranges()).containsExactly("bytes=" + received + "-299999");
  }

  @Test
  void run_listenerThatThrows_endsAndGoesOnLater() throws IOException {
    assertThatThrownBy(
            () ->
                download()
                    .parts(3, 100_000)
                    .listener(
                        event -> {
                          if (event instanceof DownloadEvent.Progressed p && p.bytes() > 150_000) {
                            throw new IllegalStateException("enough");
                          }
                        })
                    .run())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("enough");
    List<DownloadEvent> events = new ArrayList<>();
    download().listener(events::add).run();
    assertWhole();
    assertThat(((DownloadEvent.Started) events.get(0)).bytes()).isGreaterThan(150_000);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{",
        "[]",
        "{\"total\":300000,\"done\":[]}",
        "{\"total\":300000,\"etag\":\"\\\"one\\\"\",\"done\":[-1]}",
        "{\"total\":300000,\"etag\":\"\\\"one\\\"\",\"done\":[300001]}",
        "{\"total\":300000,\"etag\":\"\\\"one\\\"\",\"done\":[100000]}", // fewer are there
        "{\"total\":9223372036854775807,\"etag\":\"\\\"one\\\"\",\"done\":[5,5]}",
        "{\"total\":300000,\"etag\":\"W/\\\"one\\\"\",\"done\":[5]}"
      })
  void run_noteThatCannotBeTrue_beginsAnew(String note) throws IOException {
    Files.write(folder.resolve(".a.bin.part"), new byte[20]);
    Files.writeString(folder.resolve(".a.bin.part.json"), note);
    download().run();
    assertWhole();
    assertThat(server.ranges()).containsExactly("null");
  }

  @Test
  void run_partsThatFail_goOnEachForItself() throws IOException {
    server.thenCut(30_000).thenCut(20_000).thenCut(10_000).thenStatus(500);
    download().parts(3, 100_000).run();
    assertWhole();
  }

  @Test
  void run_serverThatIgnoresRanges_startsOver() throws IOException {
    server.thenCut(70_000);
    server.ranges = false;
    // it says so only by its answer
    server.then(
        exchange -> {
          exchange.getResponseHeaders().set("ETag", "\"one\"");
          exchange.sendResponseHeaders(200, SIZE);
          exchange.getResponseBody().write(server.content, 0, 1000);
        });
    download().run();
    assertWhole();
    assertThat(server.ranges()).startsWith("null").endsWith("null");
  }

  @Test
  void run_claimsRangesButIgnoresThem_startsOver() throws IOException {
    server.then(
        exchange -> {
          server.serve(exchange, 70_000);
          server.ranges = false;
        });
    download().run();
    assertWhole();
    assertThat(server.ranges()).hasSize(3).startsWith("null").endsWith("null");
    assertGoesOnBehind(server.ranges().get(1), 1, 70_000);
  }

  @Test
  void run_contentThatChangesMeanwhile_isTheNewOneWhole() throws IOException {
    server.then(
        exchange -> {
          server.serve(exchange, 70_000);
          server.content = content(SIZE, 2);
          server.etag = Optional.of("\"two\"");
        });
    download().run();
    assertWhole();
  }

  @Test
  void run_contentThatShrinksMeanwhile_isTheNewOneWhole() throws IOException {
    server.then(
        exchange -> {
          server.serve(exchange, 70_000);
          server.content = content(1000, 2);
        });
    download().run();
    assertWhole();
  }

  /** Some networks of servers do; no part would ever fit to another. */
  @Test
  void run_serversThatDisagreeAboutTheEtag_comesInOnePiece() throws IOException {
    for (int i = 0; i < 20; i++) {
      String etag = "\"" + i + "\"";
      server.then(
          exchange -> {
            server.etag = Optional.of(etag);
            server.serve(exchange, Integer.MAX_VALUE);
          });
    }
    download().parts(3, 100_000).run();
    assertWhole();
  }

  @Test
  void run_noteOfAnotherSizeThanExpected_beginsAnew() throws IOException {
    server.thenCut(70_000).thenStatus(404);
    assertThatThrownBy(() -> download().run()).hasMessageContaining("There is nothing at");
    server.content = content(2 * SIZE, 2);
    server.etag = Optional.of("\"two\"");
    download().bytes(2 * SIZE).run();
    assertWhole();
  }

  @Test
  void run_changeWithoutEtag_isFoundOutByTheChecksum() throws IOException {
    server.etag = Optional.empty();
    server.then(
        exchange -> {
          server.serve(exchange, 70_000);
          server.content = content(SIZE, 2);
        });
    byte[] first = server.content;
    server.content = content(SIZE, 2);
    String sha256 = sha256();
    server.content = first;
    download().sha256(sha256).run();
    assertWhole();
  }

  @Test
  void run_neitherEtagNorChecksum_neverJoinsBytes() throws IOException {
    server.etag = Optional.of("W/\"weak\"");
    server.thenCut(70_000);
    download().parts(3, 100_000).run();
    assertWhole();
    assertThat(server.ranges()).containsExactly("null", "null");
  }

  @Test
  void run_cutWithoutLength_startsOver() throws IOException {
    server.chunked = true;
    server.thenCut(70_000);
    download().run();
    assertWhole();
  }

  @Test
  void run_serverThatAlwaysCutsWithoutRanges_givesUp() {
    server.ranges = false;
    for (int i = 0; i < 10; i++) {
      server.thenCut(70_000);
    }
    assertThatThrownBy(() -> download().run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("cannot be downloaded whole");
    assertThat(server.requests).hasSize(4);
  }

  // ------------------------------------------------------------------ not what was asked for

  @Test
  void run_wrongChecksum_leavesNothing() {
    String wrong = "0".repeat(64);
    assertThatThrownBy(() -> download().sha256(wrong).run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("is not what was expected")
        .hasMessageContaining("instead of SHA-256 " + wrong);
    assertThat(target()).doesNotExist();
    assertThat(folder.resolve(".a.bin.part")).doesNotExist();
  }

  @Test
  void run_wrongChecksumInParts_isTriedOnceInOnePiece() {
    assertThatThrownBy(() -> download().parts(3, 100_000).sha256("0".repeat(64)).run())
        .hasMessageContaining("is not what was expected");
    assertThat(server.requests).hasSize(4);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void run_wrongSize_isRefused(boolean chunked) {
    server.chunked = chunked;
    assertThatThrownBy(() -> download().bytes(SIZE - 1).run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("where 299999 are expected");
    assertThat(target()).doesNotExist();
  }

  @Test
  void run_encodedContent_isRefused() {
    server.thenStatus(200, "Content-Encoding", "gzip");
    assertThatThrownBy(() -> download().run()).hasMessageContaining("encoded (gzip)");
  }

  // ------------------------------------------------------------------ answers of servers

  @ParameterizedTest
  @CsvSource({
    "401, asks who you are",
    "403, is not open to you",
    "404, There is nothing at",
    "410, There is nothing at",
    "418, cannot be downloaded (status 418)"
  })
  void run_refusal_isOneSentenceAtOnce(int status, String words) {
    server.thenStatus(status, "X-Error-Code", "Some");
    assertThatThrownBy(() -> download().run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(words)
        .hasMessageEndingWith(".")
        .cause()
        .isInstanceOfSatisfying(
            HttpStatusException.class,
            e -> {
              assertThat(e.status()).isEqualTo(status);
              assertThat(e.header("x-error-code")).hasValue("Some");
            });
    assertThat(server.requests).hasSize(1);
  }

  @Test
  void run_serverInTrouble_isAskedAgain() throws IOException {
    server.thenStatus(500).thenStatus(502).thenStatus(503);
    List<DownloadEvent> events = Collections.synchronizedList(new ArrayList<>());
    download().listener(events::add).run();
    assertWhole();
    assertThat(events.stream().filter(DownloadEvent.Waiting.class::isInstance)).hasSize(3);
  }

  @Test
  void run_tooManyRequests_waitsAsLongAsItIsTold() throws IOException {
    String date =
        DateTimeFormatter.RFC_1123_DATE_TIME.format(
            ZonedDateTime.now(ZoneOffset.UTC).plusSeconds(2));
    server.thenStatus(429, "Retry-After", "1").thenStatus(429, "Retry-After", date);
    List<DownloadEvent.Waiting> waits = new ArrayList<>();
    long begin = System.nanoTime();
    download()
        .listener(
            event -> {
              if (event instanceof DownloadEvent.Waiting waiting) {
                waits.add(waiting);
              }
            })
        .run();
    assertWhole();
    assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThan(Duration.ofSeconds(1));
    assertThat(waits.get(0))
        .isEqualTo(new DownloadEvent.Waiting("too many requests", Duration.ofSeconds(1)));
    assertThat(waits.get(1).time()).isLessThan(Duration.ofSeconds(2));
  }

  @Test
  void run_toldToWaitForAnHour_saysSo() {
    server.thenStatus(429, "Retry-After", "3600");
    assertThatThrownBy(() -> download().run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("asked too often (status 429); try again in 3600 s");
    assertThat(server.requests).hasSize(1);
  }

  @Test
  void run_silentServer_isAskedAgain() throws IOException {
    CountDownLatch end = new CountDownLatch(1);
    server.then(
        exchange -> {
          server.serve(exchange, 100_000);
          await(end);
        });
    download().run();
    end.countDown();
    assertWhole();
    assertThat(server.ranges()).containsExactly("null", "bytes=100000-299999");
  }

  @Test
  void run_serverThatNeverAnswers_isGivenUp() {
    CountDownLatch end = new CountDownLatch(1);
    server.then(exchange -> await(end)).then(exchange -> await(end));
    assertThatThrownBy(() -> download().patience(quick(2)).run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("the server is silent");
    end.countDown();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await(20, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the server is stopped
    }
  }

  @Test
  void run_nobodyListens_saysThatItCannotBeReached() throws IOException {
    URI closed;
    try (ServerSocket socket = new ServerSocket(0)) {
      closed = URI.create("http://127.0.0.1:" + socket.getLocalPort() + "/x?signature=canary");
    }
    assertThatThrownBy(() -> Download.of(closed).to(target()).patience(quick(2)).run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("cannot be reached (no connection is accepted)")
        .hasMessageNotContaining("canary");
  }

  @Test
  void run_unknownHost_isNotAskedAgain() {
    List<DownloadEvent> events = new ArrayList<>();
    Download lost =
        Download.of(URI.create("http://no-such-host.invalid/x"))
            .to(target())
            .listener(events::add)
            .patience(quick(4));
    assertThatThrownBy(lost::run)
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("no such host is known");
    assertThat(events).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"file:/etc/passwd", "ftp://host/x", "relative", "http:/nohost"})
  void of_notTheWeb_isRefused(String address) {
    assertThatThrownBy(() -> Download.of(URI.create(address)))
        .isInstanceOf(InvalidInputException.class);
  }

  // ------------------------------------------------------------------ redirects and tokens

  @Test
  void run_redirectToAnotherHost_keepsTheTokenHome() throws IOException {
    try (FileServer other = new FileServer(server.content)) {
      server.thenStatus(302, "Location", other.address().toString());
      download().bearer(CANARY).run();
      assertThat(target()).hasBinaryContent(server.content);
      assertThat(server.requests.get(0).getFirst("Authorization")).isEqualTo("Bearer " + CANARY);
      assertThat(other.requests).hasSize(1);
      assertThat(other.requests.get(0).toString()).doesNotContain(CANARY);
    }
  }

  @Test
  void run_redirectAwayAndBack_doesNotBringTheTokenBack() throws IOException {
    try (FileServer other = new FileServer(server.content)) {
      server.thenStatus(307, "Location", other.address().toString());
      other.thenStatus(307, "Location", server.address().toString());
      download().bearer(CANARY).run();
      assertWhole();
      assertThat(server.requests.get(1).getFirst("Authorization")).isNull();
    }
  }

  @Test
  void run_redirectOnTheSameHost_keepsTheToken() throws IOException {
    server.thenStatus(301, "Location", "/renamed/x.bin");
    download().bearer(CANARY).run();
    assertWhole();
    assertThat(server.requests.get(1).getFirst("Authorization")).isEqualTo("Bearer " + CANARY);
  }

  @Test
  void run_cutAfterARedirect_asksTheFirstAddressAgain() throws IOException {
    try (FileServer other = new FileServer(server.content)) {
      server.thenStatus(302, "Location", other.address().toString());
      server.thenStatus(302, "Location", other.address().toString());
      other.thenCut(70_000);
      download().run();
      assertWhole();
      assertThat(other.ranges()).hasSize(2).first().isEqualTo("null");
      assertGoesOnBehind(other.ranges().get(1), 1, 70_000);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"file:///etc/passwd", "ht tp://x", "mailto:a@b", "/files/a%20b.bin"})
  void run_redirectToNowhere_isRefused(String location) {
    for (int i = 0; i < 11; i++) {
      server.thenStatus(302, "Location", location);
    }
    assertThatThrownBy(() -> download().run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("it redirects");
    assertThat(target()).doesNotExist();
  }

  @Test
  void bearer_badToken_isRefusedWithoutShowingIt() {
    assertThatThrownBy(() -> download().bearer(CANARY + "\n"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageNotContaining(CANARY);
  }

  @Test
  void run_failureWithAToken_showsItNowhere() {
    server.thenStatus(403);
    assertThatThrownBy(() -> download().bearer(CANARY).run())
        .satisfies(
            e -> {
              for (Throwable at = e; at != null; at = at.getCause()) {
                assertThat(at.toString()).doesNotContain(CANARY);
              }
            });
  }

  // ------------------------------------------------------------------ the disk

  @Test
  void run_fullDisk_saysSo() throws IOException {
    Path full = Path.of("/dev/full"); // every write to it fails as on a full disk
    assumeThat(full).exists();
    Files.createSymbolicLink(folder.resolve(".a.bin.part"), full);
    assertThatThrownBy(() -> download().run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("a.bin cannot be written")
        .hasMessageContaining("No space left on device")
        .hasMessageContaining("make room");
    assertThat(target()).doesNotExist();
    assertThat(server.requests).hasSize(1);
  }

  @Test
  void run_moreBytesThanAreFree_saysSoBeforeTheyCome() {
    server.then(exchange -> exchange.sendResponseHeaders(200, 1L << 55));
    assertThatThrownBy(() -> download().run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("36028797018963968 bytes are needed");
    assertThat(folder.resolve(".a.bin.part")).doesNotExist();
  }

  @Test
  void run_folderThatIsAFile_saysSo() throws IOException {
    Files.writeString(target(), "a file");
    assertThatThrownBy(() -> download().to(target().resolve("inside")).run())
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("cannot be written");
  }

  // ------------------------------------------------------------------ several at once

  @Test
  void run_twoThreadsAtOnce_downloadOnce() throws Exception {
    String sha256 = sha256();
    server.then(
        exchange -> {
          sleep(300);
          server.serve(exchange, Integer.MAX_VALUE);
        });
    List<CompletableFuture<Path>> both =
        Stream.of(1, 2)
            .map(i -> CompletableFuture.supplyAsync(() -> download().sha256(sha256).run()))
            .toList();
    for (CompletableFuture<Path> one : both) {
      one.get(20, TimeUnit.SECONDS);
    }
    assertWhole();
    assertThat(server.requests).hasSize(1);
  }

  private static void sleep(long milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What the other process does. */
  public static void main(String[] arguments) {
    Download.of(URI.create(arguments[0])).to(Path.of(arguments[1])).sha256(arguments[2]).run();
  }

  private Process otherProcess(String sha256) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            DownloadTest.class.getName(),
            server.address().toString(),
            target().toString(),
            sha256)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve("other.log").toFile())
        .start();
  }

  @Test
  void run_anotherProcessDownloadsIt_waitsAndDownloadsNothing() throws Exception {
    String sha256 = sha256();
    CountDownLatch asked = new CountDownLatch(1);
    server.then(
        exchange -> {
          asked.countDown();
          sleep(500);
          server.serve(exchange, Integer.MAX_VALUE);
        });
    Process other = otherProcess(sha256);
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
    List<DownloadEvent> events = new ArrayList<>();
    download().sha256(sha256).listener(events::add).run();
    assertWhole();
    assertThat(other.waitFor()).as(Files.readString(folder.resolve("other.log"))).isZero();
    assertThat(server.requests).hasSize(1);
    assertThat(events.get(0)).isInstanceOf(DownloadEvent.Waiting.class);
  }

  @Test
  void run_afterAKilledProcess_goesOnWhereItWas() throws Exception {
    server.content = content(20 << 20, 3);
    String sha256 = sha256();
    CountDownLatch end = new CountDownLatch(1);
    server.then(
        exchange -> {
          server.serve(exchange, 12 << 20);
          await(end);
        });
    Process other = otherProcess(sha256);
    Path note = folder.resolve(".a.bin.part.json");
    for (int i = 0; i < 300 && !noted(note); i++) {
      sleep(100);
    }
    other.destroyForcibly().waitFor();
    end.countDown();
    server.requests.clear();
    List<DownloadEvent> events = new ArrayList<>();
    download().sha256(sha256).listener(events::add).run();
    assertWhole();
    assertThat(((DownloadEvent.Started) events.get(0)).bytes()).isGreaterThanOrEqualTo(8 << 20);
    assertThat(server.ranges()).allMatch(range -> range.endsWith("-" + ((20 << 20) - 1)));
  }

  private static boolean noted(Path note) throws IOException {
    return Files.exists(note) && !Files.readString(note).contains("[0]");
  }

  // ------------------------------------------------------------------ text

  @Test
  void text_shortAnswer_isReturned() {
    server.content = "{\"é\":1}".getBytes(StandardCharsets.UTF_8);
    server.thenStatus(503);
    assertThat(download().text(100)).isEqualTo("{\"é\":1}");
  }

  @Test
  void text_longAnswer_isRefused() {
    assertThatThrownBy(() -> download().text(1000))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("longer than 1000 bytes");
  }
}
