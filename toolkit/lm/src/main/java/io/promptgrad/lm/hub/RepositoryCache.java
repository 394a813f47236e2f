package io.promptgrad.lm.hub;

import io.promptgrad.files.AtomicFiles;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.weights.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Stream;

/** One repository's folder in the cache; see the package for its layout. */
final class RepositoryCache {

  private static final String PREFIX = "models--";

  private final Path cache;
  private final String name;
  private final Path folder;

  RepositoryCache(Path cache, String name) {
    this.cache = cache;
    this.name = name;
    this.folder = cache.resolve(PREFIX + name.replace("/", "--"));
  }

  /** All repositories with models, by name. */
  static List<RepositoryCache> all(Path cache) {
    if (!Files.isDirectory(cache)) {
      return List.of();
    }
    try (Stream<Path> folders = Files.list(cache)) {
      return folders
          .filter(Files::isDirectory)
          .map(folder -> folder.getFileName().toString())
          .filter(name -> name.startsWith(PREFIX))
          .sorted()
          .map(
              name ->
                  new RepositoryCache(cache, name.substring(PREFIX.length()).replace("--", "/")))
          .toList();
    } catch (IOException e) {
      throw new InvalidInputException(
          "The cache %s cannot be listed (%s); check its permissions.".formatted(cache, e), e);
    }
  }

  String name() {
    return name;
  }

  Path folder() {
    return folder;
  }

  /** The folder of a commit's files. */
  Path snapshot(String commit) {
    return folder.resolve("snapshots").resolve(commit);
  }

  Path blob(String checksum) {
    return folder.resolve("blobs").resolve(checksum);
  }

  Path lock(String checksum) {
    return cache.resolve(".locks").resolve(folder.getFileName()).resolve(checksum + ".lock");
  }

  /** The commits that are here, at least in part. */
  List<String> commits() {
    Path snapshots = folder.resolve("snapshots");
    if (!Files.isDirectory(snapshots)) {
      return List.of();
    }
    try (Stream<Path> folders = Files.list(snapshots)) {
      return folders
          .map(snapshot -> snapshot.getFileName().toString())
          .filter(commit -> commit.matches(Listing.COMMIT))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  /** The commit that a revision was when it was last asked for, or that it abbreviates. */
  Optional<String> commit(String revision) {
    if (revision.matches(Listing.COMMIT)) {
      return Optional.of(revision);
    }
    Path ref = folder.resolve("refs").resolve(revision);
    if (Files.isRegularFile(ref)) {
      try {
        return Optional.of(Files.readString(ref).strip()).filter(c -> c.matches(Listing.COMMIT));
      } catch (IOException e) {
        throw unreadable(e);
      }
    }
    if (revision.matches("[0-9a-f]{7,39}")) {
      List<String> those = commits().stream().filter(c -> c.startsWith(revision)).toList();
      return those.size() == 1 ? Optional.of(those.get(0)) : Optional.empty();
    }
    return Optional.empty();
  }

  /** Commits by branch, tag or other name. */
  Map<String, String> refs() {
    Map<String, String> refs = new TreeMap<>();
    Path root = folder.resolve("refs");
    if (!Files.isDirectory(root)) {
      return refs;
    }
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String revision = root.relativize(file).toString().replace('\\', '/');
        refs.put(revision, Files.readString(file).strip());
      }
    } catch (IOException e) {
      throw unreadable(e);
    }
    return refs;
  }

  /** Whether weights and configuration of a commit are here, all of them. */
  boolean hasModel(String commit) {
    Path snapshot = snapshot(commit);
    if (!Files.isRegularFile(snapshot.resolve("config.json"))) {
      return false;
    }
    if (Files.isRegularFile(snapshot.resolve(Checkpoint.SINGLE))) {
      return true;
    }
    Path index = snapshot.resolve(Checkpoint.INDEX);
    try {
      return Files.isRegularFile(index)
          && Checkpoint.shards(index).stream()
              .allMatch(shard -> Files.isRegularFile(snapshot.resolve(shard)));
    } catch (InvalidInputException e) {
      return false; // an index that cannot be read
    }
  }

  /** Whether a tokenizer is here, or is known not to exist. */
  boolean hasTokenizer(String commit) {
    return Listing.TOKENIZERS.stream()
            .anyMatch(
                form ->
                    form.stream()
                        .allMatch(file -> Files.isRegularFile(snapshot(commit).resolve(file))))
        || Files.exists(missing(commit, "tokenizer.json"));
  }

  /** The bytes of a commit's files. */
  long bytes(String commit) {
    long sum = 0;
    try (Stream<Path> files = Files.walk(snapshot(commit))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        sum += Files.size(file);
      }
    } catch (IOException e) {
      throw unreadable(e);
    }
    return sum;
  }

  void writeRef(String revision, String commit) throws IOException {
    if (!revision.equals(commit)) {
      AtomicFiles.write(folder.resolve("refs").resolve(revision), commit);
    }
  }

  void noteMissing(String commit, String file) throws IOException {
    Path mark = missing(commit, file);
    if (!Files.exists(mark)) {
      AtomicFiles.write(mark, "");
    }
  }

  private Path missing(String commit, String file) {
    return folder.resolve(".no_exist").resolve(commit).resolve(file);
  }

  /** Shows a blob under a file's name: by a link, or by giving it that name. */
  void show(Path blob, Path file, boolean links) throws IOException {
    Files.createDirectories(file.getParent());
    Path fresh = file.resolveSibling("." + file.getFileName() + "." + UUID.randomUUID());
    boolean linked = links && linked(fresh, file.getParent().relativize(blob));
    Files.move(
        linked ? fresh : blob,
        file,
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }

  private static boolean linked(Path link, Path target) {
    try {
      Files.createSymbolicLink(link, target);
      return true;
    } catch (IOException | UnsupportedOperationException e) {
      return false; // Windows without the right to make links
    }
  }

  private InvalidInputException unreadable(IOException e) {
    return new InvalidInputException(
        "%s cannot be read (%s); check its permissions.".formatted(folder, e), e);
  }
}
