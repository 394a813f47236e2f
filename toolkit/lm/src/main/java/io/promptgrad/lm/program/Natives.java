package io.promptgrad.lm.program;

import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.Utils;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Which native libraries DJL found and why these: it takes what {@code PYTORCH_LIBRARY_PATH} names,
 * else what a jar on the class path holds, else what it downloaded once, or downloads now.
 *
 * @param folder of libtorch
 * @param release of libtorch, such as {@code 2.7.1}; empty if nothing in its folder says
 * @param bindings the library between DJL and libtorch; empty if it is in neither of its places
 * @param origin why this libtorch
 * @param wrong what will not work, with what to do about it; empty if nothing is known
 */
public record Natives(
    Path folder,
    Optional<String> release,
    Optional<Path> bindings,
    Origin origin,
    Optional<String> wrong) {

  /** Why a libtorch was taken. */
  public enum Origin {
    /** {@code PYTORCH_LIBRARY_PATH} names its folder. */
    NAMED,
    /** A jar on the class path holds it. */
    JAR,
    /** Neither, so DJL downloaded it once. */
    DOWNLOADED
  }

  private static final String PATH = "PYTORCH_LIBRARY_PATH";
  private static final String JAR = "native/lib/pytorch.properties";
  private static final Pattern RELEASE = Pattern.compile("(\\d+\\.\\d+\\.\\d+)");

  /** Starts the engine if need be and says what it stands on. */
  public static Natives found() {
    LibTorch.engine();
    Path folder = Path.of(LibUtils.getLibtorchPath());
    String named = Utils.getEnvOrSystemProperty(PATH);
    Path cache = Utils.getEngineCacheDir("pytorch");
    boolean own = named != null && !folder.startsWith(cache.toAbsolutePath());
    Optional<String> release = own ? releaseOf(folder) : release(folder.getFileName().toString());
    return new Natives(
        folder,
        release,
        bindings(List.of(folder, cache)),
        own ? Origin.NAMED : jar().isPresent() ? Origin.JAR : Origin.DOWNLOADED,
        wrong(named, own, release));
  }

  /** Why this libtorch, in words that follow "because". */
  public String reason() {
    return switch (origin) {
      case NAMED -> PATH + " names it";
      case JAR -> "it is in " + jar().map(Natives::file).orElse("a jar") + " on the class path";
      case DOWNLOADED -> "no jar on the class path has one, so DJL downloaded it";
    };
  }

  private static Optional<URL> jar() {
    return Optional.ofNullable(Natives.class.getClassLoader().getResource(JAR));
  }

  /** The file name of the jar that an address points into. */
  static String file(URL inside) {
    String path = inside.getPath();
    int end = path.indexOf("!/");
    return end < 0 ? path : path.substring(path.lastIndexOf('/', end) + 1, end);
  }

  static Optional<String> wrong(String named, boolean own, Optional<String> release) {
    if (named != null && !own) {
      return Optional.of(
          "%s is %s, but there is no libtorch; let it name the folder with %s, or unset it."
              .formatted(PATH, named, System.mapLibraryName("torch")));
    }
    if (release.isPresent() && !release.get().equals(LibTorch.RELEASE)) {
      return Optional.of(
          "It is libtorch %s, but DJL's bindings are made for %s and would read its tensors wrongly; let %s name a %s (such as pip's torch==%s), or unset it."
              .formatted(
                  release.get(), LibTorch.RELEASE, PATH, LibTorch.RELEASE, LibTorch.RELEASE));
    }
    return Optional.empty();
  }

  /** What a folder of pip's torch, or of a libtorch archive, says about its release. */
  static Optional<String> releaseOf(Path folder) {
    Path parent = folder.toAbsolutePath().getParent();
    if (parent == null) {
      return Optional.empty();
    }
    for (String name : List.of("version.py", "build-version")) {
      Path file = parent.resolve(name);
      try {
        if (Files.isRegularFile(file)) {
          return release(Files.readString(file));
        }
      } catch (IOException e) {
        return Optional.empty(); // not known, as if there were none
      }
    }
    return Optional.empty();
  }

  private static Optional<String> release(String text) {
    Matcher matcher = RELEASE.matcher(text);
    return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
  }

  private static Optional<Path> bindings(List<Path> folders) {
    String name = System.mapLibraryName("djl_torch");
    for (Path folder : folders) {
      try (Stream<Path> files = Files.walk(folder, 2)) {
        Optional<Path> file =
            files.filter(f -> f.getFileName().toString().endsWith(name)).findFirst();
        if (file.isPresent()) {
          return file;
        }
      } catch (IOException e) {
        continue; // not there
      }
    }
    return Optional.empty();
  }
}
