package io.promptgrad.lm.hub;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Where the hub and its cache are. Python's {@code huggingface_hub} reads the same variables in the
 * same way.
 *
 * @param endpoint the server, {@code HF_ENDPOINT}, by default https://huggingface.co
 * @param cache the cache, {@code HF_HUB_CACHE}, by default {@code hub} in {@code HF_HOME}, which is
 *     by default {@code huggingface} in {@code XDG_CACHE_HOME} or {@code ~/.cache}
 * @param offline whether the network is forbidden, {@code HF_HUB_OFFLINE}: 1, true, yes or on
 * @param token the access token, {@code HF_TOKEN}, by default what stands in the file {@code token}
 *     in {@code HF_HOME}, where {@code hf auth login} puts it
 */
public record HubSettings(URI endpoint, Path cache, boolean offline, Optional<String> token) {

  private static final Set<String> YES = Set.of("1", "TRUE", "YES", "ON");

  /** Reads the environment; a Java system property of the same name wins. */
  public static HubSettings fromEnvironment() {
    return of(
        name -> Optional.ofNullable(System.getProperty(name, System.getenv(name))),
        Path.of(System.getProperty("user.home")));
  }

  /**
   * Reads variables from elsewhere.
   *
   * @param variables the value of a variable; blank ones count as unset
   * @param userHome where {@code .cache} is
   * @throws InvalidInputException if the endpoint is no address of the web
   */
  static HubSettings of(Function<String, Optional<String>> variables, Path userHome) {
    Function<String, Optional<String>> read =
        name -> variables.apply(name).map(String::strip).filter(value -> !value.isEmpty());
    Function<String, Optional<Path>> path =
        name -> read.apply(name).map(value -> path(value, userHome));
    Path home =
        path.apply("HF_HOME")
            .orElseGet(
                () ->
                    path.apply("XDG_CACHE_HOME")
                        .orElse(userHome.resolve(".cache"))
                        .resolve("huggingface"));
    return new HubSettings(
        endpoint(read.apply("HF_ENDPOINT").orElse("https://huggingface.co")),
        path.apply("HF_HUB_CACHE").orElse(home.resolve("hub")),
        read.apply("HF_HUB_OFFLINE")
            .map(v -> v.toUpperCase(Locale.ROOT))
            .filter(YES::contains)
            .isPresent(),
        read.apply("HF_TOKEN").or(() -> tokenIn(home.resolve("token"))));
  }

  private static Path path(String value, Path userHome) {
    return value.equals("~") || value.startsWith("~/")
        ? userHome.resolve(value.substring(Math.min(2, value.length())))
        : Path.of(value);
  }

  private static URI endpoint(String value) {
    try {
      URI address = new URI(value.replaceFirst("/+$", ""));
      if (address.getHost() != null && String.valueOf(address.getScheme()).matches("(?i)https?")) {
        return address;
      }
    } catch (URISyntaxException e) {
      // refused below, as any other text that is no address
    }
    throw new InvalidInputException(
        "HF_ENDPOINT is '%s', which is not the address of a server; unset it, or set it to one such as https://huggingface.co."
            .formatted(value));
  }

  private static Optional<String> tokenIn(Path file) {
    if (!Files.isReadable(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Files.readString(file).strip()).filter(token -> !token.isEmpty());
    } catch (IOException e) {
      return Optional.empty(); // as without a file: public models need none
    }
  }

  /** Without the token. */
  @Override
  public String toString() {
    return "%s, cache %s%s, %s"
        .formatted(
            endpoint,
            cache,
            offline ? ", offline" : "",
            token.isPresent() ? "with a token" : "without a token");
  }
}
