package io.promptgrad.lm.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.download.DownloadEvent;
import io.promptgrad.download.Patience;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubTest {

  private static final String CANARY = "hf_canary";
  private static final Patience QUICK =
      new Patience(2, Duration.ofMillis(1), Duration.ofMillis(5), Duration.ofSeconds(10));

  @TempDir Path cache;
  private FakeHub server;

  @BeforeEach
  void start() throws IOException {
    server = new FakeHub();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Hub hub() {
    return hub(false, Optional.empty());
  }

  private Hub hub(boolean offline, Optional<String> token) {
    return new Hub(new HubSettings(server.address(), cache, offline, token)).patience(QUICK);
  }

  private static HubReference model(String text) {
    return HubReference.parse(text);
  }

  private Path folder() {
    return cache.resolve("models--org--tiny");
  }

  // ------------------------------------------------------------------ the cache's shape

  /** The layout that huggingface_hub documents, file by file. */
  @Test
  void download_newModel_laysTheCacheOutAsPythonDoes() throws IOException {
    Snapshot snapshot = hub().find(model("org/tiny"));
    assertThat(snapshot.commit()).isEqualTo(FakeHub.COMMIT);
    assertThat(snapshot.folder()).isEqualTo(folder().resolve("snapshots/" + FakeHub.COMMIT));
    assertThat(folder().resolve("refs/main")).hasContent(FakeHub.COMMIT);
    assertThat(names(snapshot.folder()))
        .containsExactly("config.json", "model.safetensors", "tokenizer.json");
    assertThat(names(folder().resolve("blobs")).stream().filter(name -> !name.startsWith(".")))
        .hasSize(3);
    for (String name : names(snapshot.folder())) {
      Path file = snapshot.folder().resolve(name);
      String blob = FakeHub.checksum(name, server.files.get(name));
      assertThat(Files.readSymbolicLink(file)).isEqualTo(Path.of("../../blobs/" + blob));
      assertThat(file).hasBinaryContent(server.files.get(name));
    }
    assertThat(names(cache)).containsExactly(".locks", "models--org--tiny");
    assertThat(names(cache.resolve(".locks"))).containsExactly("models--org--tiny");
    assertThat(snapshot.bytes()).isEqualTo(100_000 + 22 + 2);
    assertThat(snapshot.pinned()).hasToString("org/tiny@" + FakeHub.COMMIT);
  }

  /** Nothing but what a model needs: no pickle, no read-me. */
  @Test
  void download_newModel_asksForWhatIsNeededOnly() {
    hub().find(model("org/tiny"));
    String files = "/org/tiny/resolve/" + FakeHub.COMMIT + "/";
    assertThat(server.requests)
        .containsExactly(
            "/api/models/org/tiny/revision/main",
            files + "config.json",
            files + "tokenizer.json",
            files + "model.safetensors",
            "storage:/model.safetensors");
  }

  @Test
  void find_madeByPython_isUsedWithoutNetwork() throws IOException {
    Path snapshot = pythonsCache("main");
    server.close();
    for (boolean offline : new boolean[] {false, true}) {
      Hub hub = hub(offline, Optional.empty());
      assertThat(hub.find(model("org/tiny")).folder()).isEqualTo(snapshot);
      assertThat(hub.find(model("org/tiny@" + FakeHub.COMMIT)).folder()).isEqualTo(snapshot);
      assertThat(hub.find(model("org/tiny@0123456")).folder()).isEqualTo(snapshot);
    }
    assertThat(hub().models())
        .containsExactly(
            new CachedModel(
                "org/tiny",
                FakeHub.COMMIT,
                List.of("main"),
                true,
                "{}{\"version\":\"1.0\"}weights".length(),
                snapshot));
  }

  @Test
  void find_pullRequestMadeByPython_isUsedWithoutNetwork() throws IOException {
    Path snapshot = pythonsCache("refs/pr/7");
    assertThat(hub().find(model("org/tiny@refs/pr/7")).folder()).isEqualTo(snapshot);
    assertThat(hub().cached(model("org/tiny"))).isEmpty();
    assertThat(server.requests).isEmpty();
  }

  /** As huggingface_hub 0.2x writes it, by its public description; written out by hand. */
  private Path pythonsCache(String revision) throws IOException {
    Path folder = folder();
    Path snapshot = folder.resolve("snapshots").resolve(FakeHub.COMMIT);
    Files.createDirectories(folder.resolve("refs").resolve(revision).getParent());
    Files.createDirectories(folder.resolve("blobs"));
    Files.createDirectories(snapshot);
    Files.createDirectories(cache.resolve(".locks/models--org--tiny"));
    Files.createDirectories(folder.resolve(".no_exist").resolve(FakeHub.COMMIT));
    Files.writeString(
        folder.resolve(".no_exist").resolve(FakeHub.COMMIT).resolve("added_tokens.json"), "");
    Files.writeString(folder.resolve("refs").resolve(revision), FakeHub.COMMIT);
    blob(snapshot, "config.json", "9e26dfeeb6e641a33dae4961196235bdb965b21b", "{}");
    blob(
        snapshot,
        "tokenizer.json",
        "3f4c1f0a3aef1ee6bbd8d94d3a9d0fa6b7cf0a3c",
        "{\"version\":\"1.0\"}");
    blob(
        snapshot,
        "model.safetensors",
        "9f2feb0f1ef425b292f2f94bc8482494df430413f9e5b2b4d1a0e1c4fd0d8a5f",
        "weights");
    Files.writeString(cache.resolve("version.txt"), "1");
    Files.createDirectories(cache.resolve("datasets--org--data/snapshots/x"));
    return snapshot;
  }

  private static void blob(Path snapshot, String name, String blob, String content)
      throws IOException {
    Files.writeString(snapshot.resolve("../../blobs/" + blob), content);
    Files.createSymbolicLink(snapshot.resolve(name), Path.of("../../blobs/" + blob));
  }

  @Test
  void download_whereLinksAreImpossible_putsTheFilesThemselves() throws IOException {
    Hub hub =
        new Hub(new HubSettings(server.address(), cache, false, Optional.empty()), false)
            .patience(QUICK);
    Snapshot snapshot = hub.find(model("org/tiny"));
    for (String name : names(snapshot.folder())) {
      assertThat(Files.isSymbolicLink(snapshot.folder().resolve(name))).isFalse();
      assertThat(snapshot.folder().resolve(name)).hasBinaryContent(server.files.get(name));
    }
    server.requests.clear();
    hub.download(model("org/tiny"));
    assertThat(server.requests).containsExactly("/api/models/org/tiny/revision/main");
  }

  @Test
  void download_secondCommit_takesEqualContentsFromTheFirst() throws IOException {
    Path earlier = hub().find(model("org/tiny")).folder();
    Path other = folder().resolve("snapshots/" + "a".repeat(40));
    Files.move(earlier, other); // as if the branch had gone on with the same contents
    server.requests.clear();
    Path folder = hub().download(model("org/tiny")).folder();
    assertThat(server.requests).containsExactly("/api/models/org/tiny/revision/main");
    assertThat(folder.resolve("model.safetensors"))
        .hasBinaryContent(server.files.get("model.safetensors"));
  }

  @Test
  void find_modelInTheCache_asksNobody() {
    hub().find(model("org/tiny"));
    server.requests.clear();
    hub().find(model("org/tiny"));
    hub().find(model("org/tiny@" + FakeHub.COMMIT));
    hub().find(model("org/tiny@" + FakeHub.COMMIT.substring(0, 8)));
    assertThat(server.requests).isEmpty();
  }

  @Test
  void find_halfDownloadedModel_isCompleted() throws IOException {
    Path snapshot = hub().find(model("org/tiny")).folder();
    Files.delete(snapshot.resolve("model.safetensors").toRealPath()); // a broken link stays
    assertThat(hub().cached(model("org/tiny"))).isEmpty();
    assertThat(hub().models().get(0).complete()).isFalse();
    hub().find(model("org/tiny"));
    assertThat(snapshot.resolve("model.safetensors"))
        .hasBinaryContent(server.files.get("model.safetensors"));
  }

  @Test
  void find_modelWithoutTokenizer_isDownloadedOnce() {
    server.without("tokenizer.json");
    hub().find(model("org/tiny"));
    assertThat(folder().resolve(".no_exist/" + FakeHub.COMMIT + "/tokenizer.json")).isEmptyFile();
    server.requests.clear();
    hub().find(model("org/tiny"));
    assertThat(server.requests).isEmpty();
  }

  // ------------------------------------------------------------------ what is downloaded

  @Test
  void download_shardedModel_bringsAllShards() throws IOException {
    server
        .without("model.safetensors")
        .file("model-00001-of-00002.safetensors", "first")
        .file("model-00002-of-00002.safetensors", "second")
        .file("model-00003-of-00002.safetensors", "in no index")
        .file(
            "model.safetensors.index.json",
            """
            {"metadata": {"total_size": 11}, "weight_map": {
              "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors",
              "c": "model-00001-of-00002.safetensors"}}
            """);
    Path folder = hub().find(model("org/tiny")).folder();
    assertThat(names(folder))
        .containsExactly(
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json");
    assertThat(hub().models().get(0).complete()).isTrue();
    Files.delete(folder.resolve("model-00002-of-00002.safetensors"));
    assertThat(hub().cached(model("org/tiny"))).isEmpty();
  }

  @Test
  void download_tokenizerInParts_bringsTheParts() throws IOException {
    server.without("tokenizer.json").file("vocab.json", "{}").file("merges.txt", "");
    assertThat(names(hub().find(model("org/tiny")).folder()))
        .containsExactly("config.json", "merges.txt", "model.safetensors", "vocab.json");
  }

  @ParameterizedTest
  @CsvSource({
    "org/tiny@v1.0, /api/models/org/tiny/revision/v1.0, refs/v1.0",
    "org/tiny@refs/pr/1, /api/models/org/tiny/revision/refs%2Fpr%2F1, refs/refs/pr/1",
    "org/tiny@0123456, /api/models/org/tiny/revision/0123456, refs/0123456"
  })
  void download_revision_isAskedForAndNoted(String reference, String question, String ref) {
    server.refs.put("v1.0", FakeHub.COMMIT);
    server.refs.put("refs/pr/1", FakeHub.COMMIT);
    hub().find(model(reference));
    assertThat(server.requests).contains(question);
    assertThat(folder().resolve(ref)).hasContent(FakeHub.COMMIT);
  }

  @Test
  void download_renamedModel_isFoundUnderItsOldName() {
    Snapshot snapshot = hub().download(new HubReference("old-name", "main"));
    assertThat(snapshot.folder().startsWith(cache.resolve("models--old-name"))).isTrue();
  }

  @Test
  void download_events_nameTheirFile() {
    Map<String, DownloadEvent> last = new TreeMap<>();
    hub().listener(last::put).find(model("org/tiny"));
    assertThat(last)
        .containsEntry("config.json", new DownloadEvent.Finished(22))
        .containsEntry("model.safetensors", new DownloadEvent.Finished(100_000))
        .containsOnlyKeys("config.json", "tokenizer.json", "model.safetensors");
  }

  @Test
  void download_twoAtOnce_downloadEachFileOnce() {
    List<CompletableFuture<Snapshot>> both =
        Stream.of(1, 2)
            .map(i -> CompletableFuture.supplyAsync(() -> hub().download(model("org/tiny"))))
            .toList();
    both.forEach(CompletableFuture::join);
    assertThat(server.requests.stream().filter(r -> r.startsWith("storage:"))).hasSize(1);
    assertThat(both.get(0).join()).isEqualTo(both.get(1).join());
  }

  // ------------------------------------------------------------------ tokens

  @Test
  void download_withToken_showsItToTheHubOnly() {
    hub(false, Optional.of(CANARY)).find(model("org/tiny"));
    assertThat(server.tokens).hasSize(4).containsOnly("Bearer " + CANARY);
    assertThat(server.tokensElsewhere).hasSize(1);
    assertThat(server.tokensElsewhere.get(0)).doesNotContain(CANARY);
  }

  @Test
  void settings_withToken_hideIt() {
    assertThat(hub(false, Optional.of(CANARY)).settings().toString()).doesNotContain(CANARY);
  }

  // ------------------------------------------------------------------ what goes wrong

  private void assertRefused(Hub hub, String reference, String... words) {
    assertThatThrownBy(() -> hub.find(model(reference)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(words)
        .hasMessageMatching("(?s)[^\\n]*[.]")
        .hasMessageNotContaining(CANARY);
  }

  private void assertRefused(String... words) {
    assertRefused(hub(), "org/tiny", words);
    assertThat(hub().cached(model("org/tiny"))).isEmpty();
  }

  @Test
  void find_unknownModel_saysSo() {
    assertRefused(hub(), "org/nothing", "no model org/nothing", "(status 401)", "HF_TOKEN");
  }

  @Test
  void find_unknownRevision_saysSo() {
    assertRefused(hub(), "org/tiny@v9", "no revision 'v9'", "(status 404)");
  }

  @ParameterizedTest
  @CsvSource({"401", "403"})
  void find_gatedModel_namesThePageToAccept(int status) {
    server.refusals.put(
        "/org/tiny/resolve/" + FakeHub.COMMIT + "/config.json",
        new FakeHub.Refusal(status, "GatedRepo"));
    assertRefused("is gated", server.address() + "/org/tiny", "accept its terms", "HF_TOKEN");
  }

  @Test
  void find_badToken_saysSoWithoutShowingIt() {
    server.refusals.put("/api/models/org/tiny/revision/main", new FakeHub.Refusal(401, ""));
    assertRefused(hub(false, Optional.of(CANARY)), "org/tiny", "does not accept the access token");
  }

  @Test
  void find_tokenWithoutTheRight_saysSo() {
    server.refusals.put("/api/models/org/tiny/revision/main", new FakeHub.Refusal(403, ""));
    assertRefused("may not read org/tiny", "/settings/tokens");
  }

  @Test
  void find_fileThatIsListedButMissing_saysWhich() {
    server.refusals.put(
        "/org/tiny/resolve/" + FakeHub.COMMIT + "/tokenizer.json",
        new FakeHub.Refusal(404, "EntryNotFound"));
    assertRefused("lists the file tokenizer.json", "(status 404)");
  }

  @Test
  void find_tooManyRequests_saysSo() {
    server.refusals.put("/api/models/org/tiny/revision/main", new FakeHub.Refusal(429, ""));
    assertRefused("too often (status 429)", "HF_TOKEN");
  }

  @Test
  void find_serverThatFails_saysSo() {
    server.refusals.put("/api/models/org/tiny/revision/main", new FakeHub.Refusal(503, ""));
    assertRefused("(status 503)", "try again later");
  }

  @Test
  void find_nobodyListens_saysSo() {
    server.close();
    assertRefused("cannot be reached", "/api/models/org/tiny/revision/main");
  }

  @Test
  void find_offlineAndNotInTheCache_saysSo() {
    assertRefused(
        hub(true, Optional.empty()), "org/tiny", "HF_HUB_OFFLINE", cache.toString(), "org--tiny");
    assertThat(server.requests).isEmpty();
  }

  @Test
  void find_otherContentThanListed_isRefused() throws IOException {
    server.listing =
        """
        {"sha": "%s", "siblings": [
          {"rfilename": "config.json", "size": 22, "blobId": "%s"},
          {"rfilename": "model.safetensors", "size": 100000, "lfs": {"sha256": "%s"}}]}
        """
            .formatted(
                FakeHub.COMMIT,
                FakeHub.checksum("config.json", server.files.get("config.json")),
                "0".repeat(64));
    assertRefused("model.safetensors is not what was expected");
    assertThat(names(folder().resolve("snapshots/" + FakeHub.COMMIT)))
        .containsExactly("config.json");
    assertThat(folder().resolve("refs")).doesNotExist();
  }

  @Test
  void find_pickleOnly_isRefusedBeforeAnythingComes() {
    server.without("model.safetensors");
    assertRefused("only pickled weights (pytorch_model.bin)", "safe_serialization=True");
    assertThat(server.requests).hasSize(1);
  }

  @Test
  void find_sentencePieceOnly_isRefusedBeforeAnythingComes() {
    server.without("tokenizer.json").file("tokenizer.model", "binary");
    assertRefused("only tokenizer.model", "AutoTokenizer.from_pretrained(\"org/tiny\"");
    assertThat(server.requests).hasSize(1);
  }

  @Test
  void find_noModel_saysSo() {
    server.without("config.json");
    assertRefused("has no config.json");
    server.file("config.json", "{}").without("model.safetensors").without("pytorch_model.bin");
    assertRefused("neither model.safetensors nor model.safetensors.index.json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "<html>captive portal</html>",
        "{}",
        "{\"sha\": \"../../../../etc\"}",
        "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\","
            + " \"siblings\": [{\"rfilename\": \"config.json\", \"blobId\": \"../../x\"}]}",
        "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\","
            + " \"siblings\": [{\"rfilename\": \"config.json\"}]}"
      })
  void find_serverThatIsNoHub_isRefused(String answer) {
    server.listing = answer;
    assertRefused("does not talk as the Hugging Face hub does", "HF_ENDPOINT");
  }

  @Test
  void find_filesThatLeadOutOfTheFolder_areNeverWritten() throws IOException {
    server.file("../../../evil.json", "{}").file("sub/tokenizer.model", "x");
    hub().find(model("org/tiny"));
    assertThat(names(cache.getParent())).doesNotContain("evil.json");
    server
        .without("model.safetensors")
        .file(
            "model.safetensors.index.json",
            "{\"weight_map\": {\"a\": \"../../evil.safetensors\"}}");
    assertThatThrownBy(() -> hub().download(model("org/tiny")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("do not trust this checkpoint");
  }

  @Test
  void find_indexOfAFileThatIsNotThere_saysWhich() {
    server
        .without("model.safetensors")
        .file("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"b.safetensors\"}}");
    assertRefused("names the file b.safetensors");
  }

  @Test
  void find_biggerThanTheDisk_saysSoBeforeItComes() {
    server.listing =
        """
        {"sha": "%s", "siblings": [
          {"rfilename": "config.json", "size": 22, "blobId": "%s"},
          {"rfilename": "model.safetensors", "lfs": {"size": 36028797018963968, "sha256": "%s"}}]}
        """
            .formatted(
                FakeHub.COMMIT,
                FakeHub.checksum("config.json", server.files.get("config.json")),
                "0".repeat(64));
    assertRefused("needs 36028797018 MB more", "HF_HUB_CACHE");
    assertThat(server.requests).noneMatch(request -> request.endsWith(".safetensors"));
  }

  @Test
  void find_cacheThatIsAFile_saysSo() throws IOException {
    Path file = Files.writeString(cache.resolve("file"), "");
    Hub hub =
        new Hub(new HubSettings(server.address(), file, false, Optional.empty())).patience(QUICK);
    assertRefused(hub, "org/tiny", "cannot be written");
  }

  @Test
  void find_refThatLeadsOutOfTheCache_isNotFollowed() throws IOException {
    Files.createDirectories(folder().resolve("refs"));
    Files.writeString(folder().resolve("refs/main"), "../../../elsewhere");
    assertThat(hub().cached(model("org/tiny"))).isEmpty();
  }

  // ------------------------------------------------------------------ names

  @Test
  void knows_bareName_ifTheCacheHasIt() {
    assertThat(hub().knows("old-name")).isFalse();
    hub().download(new HubReference("old-name", "main"));
    assertThat(hub().knows("old-name")).isTrue();
    assertThat(hub().knows("old-name@v2")).isFalse();
    assertThat(hub().knows("org/anything")).isTrue();
    assertThat(hub().knows("../old-name")).isFalse();
    assertThat(hub().knows("bundled:x")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"org/name", "Org_1/na-me.v2", "org/name@main", "org/name@refs/pr/1", "a/b@x@y"})
  void looksLikeOne_namesOfTheHub_do(String text) {
    assertThat(HubReference.looksLikeOne(text)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "name",
        "./a/b",
        "../b",
        "a/..",
        "/a/b",
        "a/b/c",
        "~/b",
        "C:/b",
        "a\\b",
        "bundled:a/b",
        ""
      })
  void looksLikeOne_paths_doNot(String text) {
    assertThat(HubReference.looksLikeOne(text)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../../etc",
        "org/..",
        "org/na..me",
        "org/na--me",
        "org/-name",
        "org/name.git",
        "org/",
        "/name",
        "a/b/c",
        "org/na me",
        "org/n\u00e4me",
        "org/name\0",
        "org/name@",
        "org/name@../../../etc",
        "org/name@/etc/passwd",
        "org/name@a//b",
        "org/name@a/.git",
        "org/name@main/",
        "org/name@ma in",
        "org/name@-x"
      })
  void parse_badName_isRefused(String text) {
    assertThatThrownBy(() -> HubReference.parse(text))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageEndingWith(".");
  }

  // ------------------------------------------------------------------ settings

  private static HubSettings settings(String... variables) {
    Map<String, String> map = new HashMap<>();
    for (int i = 0; i < variables.length; i += 2) {
      map.put(variables[i], variables[i + 1]);
    }
    return HubSettings.of(name -> Optional.ofNullable(map.get(name)), Path.of("/home/me"));
  }

  @Test
  void settings_nothingSet_areTheUsualOnes() {
    HubSettings settings = settings("HF_HOME", " ", "HF_TOKEN", "");
    assertThat(settings.endpoint()).isEqualTo(URI.create("https://huggingface.co"));
    assertThat(settings.cache()).isEqualTo(Path.of("/home/me/.cache/huggingface/hub"));
    assertThat(settings.offline()).isFalse();
    assertThat(settings.token()).isEmpty();
  }

  @Test
  void settings_variables_areRead() throws IOException {
    assertThat(settings("XDG_CACHE_HOME", "/xdg").cache())
        .isEqualTo(Path.of("/xdg/huggingface/hub"));
    assertThat(settings("HF_HOME", "~/hf", "XDG_CACHE_HOME", "/xdg").cache())
        .isEqualTo(Path.of("/home/me/hf/hub"));
    assertThat(settings("HF_HOME", "/hf", "HF_HUB_CACHE", "/elsewhere").cache())
        .isEqualTo(Path.of("/elsewhere"));
    assertThat(settings("HF_ENDPOINT", "https://mirror.example/hf/").endpoint())
        .isEqualTo(URI.create("https://mirror.example/hf"));
    for (String yes : List.of("1", "true", "YES", "On")) {
      assertThat(settings("HF_HUB_OFFLINE", yes).offline()).isTrue();
    }
    for (String no : List.of("0", "false", "no", "off")) {
      assertThat(settings("HF_HUB_OFFLINE", no).offline()).isFalse();
    }
    Files.writeString(cache.resolve("token"), "hf_file\n");
    assertThat(settings("HF_HOME", cache.toString()).token()).hasValue("hf_file");
    assertThat(settings("HF_HOME", cache.toString(), "HF_TOKEN", " hf_env\n").token())
        .hasValue("hf_env");
  }

  @ParameterizedTest
  @ValueSource(strings = {"huggingface.co", "ftp://x", "http://", "ht tp://x"})
  void settings_badEndpoint_isRefused(String endpoint) {
    assertThatThrownBy(() -> settings("HF_ENDPOINT", endpoint))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("HF_ENDPOINT");
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return new ArrayList<>(files.map(f -> f.getFileName().toString()).sorted().toList());
    }
  }
}
