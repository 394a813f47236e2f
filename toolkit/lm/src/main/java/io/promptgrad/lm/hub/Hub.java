package io.promptgrad.lm.hub;

import io.promptgrad.download.Download;
import io.promptgrad.download.DownloadEvent;
import io.promptgrad.download.HttpStatusException;
import io.promptgrad.download.Patience;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.Checkpoint;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The Hugging Face hub and its cache on this machine.
 *
 * <pre>{@code
 * Path folder = Hub.fromEnvironment().find(HubReference.parse("org/name@v1")).folder();
 * }</pre>
 */
public final class Hub {

  private static final int MOST_LISTING_BYTES = 64 << 20;

  private final HubSettings settings;
  private final boolean links;
  private BiConsumer<String, DownloadEvent> listener = (file, event) -> {};
  private Patience patience = Patience.defaults();

  /** A hub with settings of the caller's. */
  public Hub(HubSettings settings) {
    this(settings, true);
  }

  /**
   * @param links whether to try symbolic links
   */
  Hub(HubSettings settings, boolean links) {
    this.settings = settings;
    this.links = links;
  }

  /** The hub as the environment describes it. */
  public static Hub fromEnvironment() {
    return new Hub(HubSettings.fromEnvironment());
  }

  /** Tells somebody about each file that is downloaded. */
  public Hub listener(BiConsumer<String, DownloadEvent> ear) {
    listener = Objects.requireNonNull(ear, "listener");
    return this;
  }

  /** Sets how often to try again and how long to wait. */
  public Hub patience(Patience limits) {
    patience = Objects.requireNonNull(limits, "patience");
    return this;
  }

  /** Where server and cache are. */
  public HubSettings settings() {
    return settings;
  }

  /**
   * Whether a text where a model is asked for, and no folder has that name, means a model of the
   * hub: {@code org/name}, or the bare name of one of the oldest models if the cache has it.
   */
  public boolean knows(String text) {
    if (HubReference.looksLikeOne(text)) {
      return true;
    }
    try {
      return cached(HubReference.parse(text)).isPresent();
    } catch (InvalidInputException e) {
      return false; // not a name of the hub
    }
  }

  /**
   * Finds a model in the cache without asking the network, or else downloads it.
   *
   * @throws InvalidInputException if it is in neither, or cannot be downloaded
   */
  public Snapshot find(HubReference reference) {
    Optional<Snapshot> cached = cached(reference);
    boolean enough =
        cached.isPresent()
            && (settings.offline() || cache(reference).hasTokenizer(cached.get().commit()));
    return enough ? cached.orElseThrow() : download(reference);
  }

  /**
   * A model that is in the cache with configuration and weights. A branch is what it was when it
   * was last downloaded.
   */
  public Optional<Snapshot> cached(HubReference reference) {
    RepositoryCache cache = cache(reference);
    return cache
        .commit(reference.revision())
        .filter(cache::hasModel)
        .map(commit -> snapshot(reference, commit));
  }

  /** All commits of models in the cache, by name. */
  public List<CachedModel> models() {
    List<CachedModel> models = new ArrayList<>();
    for (RepositoryCache cache : RepositoryCache.all(settings.cache())) {
      Map<String, String> refs = cache.refs();
      for (String commit : cache.commits()) {
        List<String> revisions =
            refs.keySet().stream().filter(ref -> refs.get(ref).equals(commit)).toList();
        models.add(
            new CachedModel(
                cache.name(),
                commit,
                revisions,
                cache.hasModel(commit),
                cache.bytes(commit),
                cache.snapshot(commit)));
      }
    }
    return models;
  }

  /**
   * Asks the server what a revision is now and downloads what the cache lacks of it: configuration,
   * tokenizer, and weights in safetensors files.
   *
   * @throws InvalidInputException if it cannot be had
   */
  public Snapshot download(HubReference reference) {
    if (settings.offline()) {
      throw new InvalidInputException(
          "%s is not in the cache %s, and HF_HUB_OFFLINE forbids to download it; unset it, or copy the folder %s from a machine that has it."
              .formatted(reference, settings.cache(), cache(reference).folder().getFileName()));
    }
    Listing listing = Listing.parse(ask(reference), reference);
    listing.requireModel(reference);
    RepositoryCache cache = cache(reference);
    Path snapshot = cache.snapshot(listing.commit());
    try {
      for (Listing.RemoteFile file : listing.small()) {
        fetch(reference, listing.commit(), file);
      }
      Listing.RemoteFile weights = listing.weights();
      List<Listing.RemoteFile> large = new ArrayList<>();
      if (weights.name().equals(Checkpoint.INDEX)) {
        fetch(reference, listing.commit(), weights);
        for (String shard : Checkpoint.shards(snapshot.resolve(Checkpoint.INDEX))) {
          large.add(listing.shard(shard, reference));
        }
      } else {
        large.add(weights);
      }
      requireSpace(reference, listing.commit(), large);
      for (Listing.RemoteFile file : large) {
        fetch(reference, listing.commit(), file);
      }
      if (listing.tokenizer().isEmpty()) {
        cache.noteMissing(listing.commit(), "tokenizer.json");
      }
      cache.writeRef(reference.revision(), listing.commit()); // last, when all of it is there
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be put into the cache %s (%s); make room, or set HF_HUB_CACHE to another folder."
              .formatted(reference, settings.cache(), e),
          e);
    }
    return snapshot(reference, listing.commit());
  }

  private void fetch(HubReference reference, String commit, Listing.RemoteFile file)
      throws IOException {
    RepositoryCache cache = cache(reference);
    Path shown = cache.snapshot(commit).resolve(file.name());
    if (isThere(shown, file)) {
      return;
    }
    String checksum = file.checksum().hex();
    Path blob = cache.blob(checksum);
    if (!isThere(blob, file)) {
      Download download =
          Download.of(address("/%s/resolve/%s/%s", reference.name(), commit, file.name()))
              .to(blob)
              .checksum(file.checksum())
              .bytes(file.size())
              .lock(cache.lock(checksum))
              .patience(patience)
              .listener(event -> listener.accept(file.name(), event));
      settings.token().ifPresent(download::bearer);
      try {
        download.run();
      } catch (InvalidInputException e) {
        throw explained(e, reference, file.name());
      }
    }
    cache.show(blob, shown, links);
  }

  private static boolean isThere(Path path, Listing.RemoteFile file) throws IOException {
    return Files.isRegularFile(path) && (file.size() < 0 || Files.size(path) == file.size());
  }

  private void requireSpace(HubReference reference, String commit, List<Listing.RemoteFile> files)
      throws IOException {
    RepositoryCache cache = cache(reference);
    long needed = 0;
    for (Listing.RemoteFile file : files) {
      Path blob = cache.blob(file.checksum().hex());
      Path begun = blob.resolveSibling("." + blob.getFileName() + ".part");
      if (!isThere(blob, file) && !isThere(cache.snapshot(commit).resolve(file.name()), file)) {
        needed += Math.max(0, file.size() - (Files.exists(begun) ? Files.size(begun) : 0));
      }
    }
    long free = Files.getFileStore(settings.cache()).getUsableSpace();
    if (free > 0 && needed > free) {
      throw new InvalidInputException(
          "%s needs %d MB more in %s, where %d MB are free; make room, or set HF_HUB_CACHE to another folder."
              .formatted(reference, needed / 1_000_000, settings.cache(), free / 1_000_000));
    }
  }

  private String ask(HubReference reference) {
    Download question =
        Download.of(
                address(
                    "/api/models/%s/revision/%s?blobs=true",
                    reference.name(),
                    URLEncoder.encode(reference.revision(), StandardCharsets.UTF_8)))
            .patience(patience)
            .listener(event -> listener.accept("the list of files of " + reference, event));
    settings.token().ifPresent(question::bearer);
    try {
      return question.text(MOST_LISTING_BYTES);
    } catch (InvalidInputException e) {
      throw explained(e, reference, "");
    }
  }

  private URI address(String form, String... parts) {
    return URI.create(settings.endpoint() + form.formatted((Object[]) parts));
  }

  /** What an answer means here, where more is known than that it is no success. */
  private InvalidInputException explained(
      InvalidInputException e, HubReference reference, String file) {
    if (!(e.getCause() instanceof HttpStatusException answer)) {
      return e;
    }
    String code = answer.header("X-Error-Code").orElse("");
    String server = settings.endpoint().toString();
    String page = server + "/" + reference.name();
    int status = answer.status();
    String sentence = null;
    if ((status == 401 || status == 403) && code.equals("GatedRepo")) {
      sentence =
          "%s is gated (status %d); log in at %s, accept its terms there, and set HF_TOKEN to an access token of that account."
              .formatted(reference.name(), status, page);
    } else if (status == 401 && settings.token().isPresent() && !code.equals("RepoNotFound")) {
      sentence =
          "The hub at %s does not accept the access token (status 401); set HF_TOKEN to a valid one, or unset it and remove %s."
              .formatted(server, "the file token in HF_HOME");
    } else if (status == 403) {
      sentence =
          "The access token may not read %s (status 403); give it that right at %s/settings/tokens, or set HF_TOKEN to another."
              .formatted(reference.name(), server);
    } else if (status == 404 && code.equals("RevisionNotFound")) {
      sentence =
          "%s has no revision '%s' (status 404); see %s/tree/main for its branches and tags."
              .formatted(reference.name(), reference.revision(), page);
    } else if (status == 404 && !file.isEmpty()) {
      sentence =
          "%s lists the file %s but does not have it (status 404); try again, or another revision."
              .formatted(reference, file);
    } else if (status == 401 || status == 404) {
      sentence =
          "There is no model %s at %s that you may see, nor a folder of that name (status %d); check the name and the revision, or set HF_TOKEN if it is private."
              .formatted(reference, server, status);
    } else if (status == 429) {
      sentence =
          "The hub at %s is asked too often (status 429); try again later, or set HF_TOKEN, with which more is allowed."
              .formatted(server);
    }
    return sentence == null ? e : new InvalidInputException(sentence, e);
  }

  private Snapshot snapshot(HubReference reference, String commit) {
    RepositoryCache cache = cache(reference);
    return new Snapshot(reference, commit, cache.snapshot(commit), cache.bytes(commit));
  }

  private RepositoryCache cache(HubReference reference) {
    return new RepositoryCache(settings.cache(), reference.name());
  }
}
