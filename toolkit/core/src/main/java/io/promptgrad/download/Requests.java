package io.promptgrad.download;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * GET requests for one address. Redirects are followed by hand: the token goes to the address's own
 * origin (scheme, host and port) and, once a redirect has left it, to nobody; from https nothing
 * leads back to http.
 */
final class Requests {

  private static final int MOST_REDIRECTS = 10;

  // One connection for each part of a file, which is why parts are fetched in parallel.
  private static final HttpClient CLIENT =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .followRedirects(HttpClient.Redirect.NEVER)
          .connectTimeout(Duration.ofSeconds(20))
          .build();

  private final URI address;
  private final Optional<String> token;
  private final Duration silence;

  /** An answer that no repetition will better. */
  static final class Refused extends IOException {

    private static final long serialVersionUID = 1L;

    Refused(String message) {
      super(message);
    }
  }

  Requests(URI address, Optional<String> token, Duration silence) {
    this.address = address;
    this.token = token;
    this.silence = silence;
  }

  /**
   * Sends one request and follows its redirects.
   *
   * @return an answer with status 200 or 206, whose body the caller closes
   * @throws HttpStatusException for every other status
   */
  HttpResponse<InputStream> get(Map<String, String> headers) throws IOException {
    URI at = address;
    boolean trusted = token.isPresent();
    for (int hop = 0; hop <= MOST_REDIRECTS; hop++) {
      HttpRequest.Builder request =
          HttpRequest.newBuilder(at)
              .timeout(silence)
              .header("User-Agent", "promptgrad")
              .header("Accept-Encoding", "identity");
      headers.forEach(request::header);
      if (trusted) {
        request.header("Authorization", "Bearer " + token.orElseThrow());
      }
      HttpResponse<InputStream> response = send(request.build());
      int status = response.statusCode();
      if (status == 200 || status == 206) {
        refuseEncoded(response);
        return response;
      }
      response.body().close();
      Optional<String> location = response.headers().firstValue("Location");
      boolean redirect = status == 307 || status == 308 || (status >= 301 && status <= 303);
      if (!redirect || location.isEmpty()) {
        throw new HttpStatusException(status, response.headers());
      }
      URI next = target(at, location.get());
      trusted = trusted && sameOrigin(address, next);
      at = next;
    }
    throw new Refused("it redirects more than " + MOST_REDIRECTS + " times");
  }

  /** The address for messages: without query and user, which may hold secrets. */
  static String shown(URI address) {
    int port = address.getPort();
    return address.getScheme()
        + "://"
        + address.getHost()
        + (port < 0 ? "" : ":" + port)
        + (address.getRawPath() == null ? "" : address.getRawPath());
  }

  static boolean isWeb(URI address) {
    String scheme = String.valueOf(address.getScheme()).toLowerCase(Locale.ROOT);
    return (scheme.equals("http") || scheme.equals("https")) && address.getHost() != null;
  }

  private static HttpResponse<InputStream> send(HttpRequest request) throws IOException {
    try {
      return CLIENT.send(request, HttpResponse.BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  private static URI target(URI from, String location) throws IOException {
    URI next;
    try {
      next = from.resolve(new URI(location));
    } catch (URISyntaxException e) {
      throw new Refused("it redirects to what is no address");
    }
    if (!isWeb(next)) {
      throw new Refused("it redirects to something that is not on the web");
    }
    if (from.getScheme().equalsIgnoreCase("https") && !next.getScheme().equalsIgnoreCase("https")) {
      throw new Refused("it redirects from https to plain http");
    }
    return next;
  }

  private static boolean sameOrigin(URI a, URI b) {
    return a.getScheme().equalsIgnoreCase(b.getScheme())
        && a.getHost().equalsIgnoreCase(b.getHost())
        && port(a) == port(b);
  }

  private static int port(URI address) {
    if (address.getPort() >= 0) {
      return address.getPort();
    }
    return address.getScheme().equalsIgnoreCase("https") ? 443 : 80;
  }

  private static void refuseEncoded(HttpResponse<InputStream> response) throws IOException {
    String encoding = response.headers().firstValue("Content-Encoding").orElse("identity");
    if (!encoding.equalsIgnoreCase("identity")) {
      response.body().close();
      throw new Refused("it sends the content encoded (" + encoding + "), which was not asked for");
    }
  }
}
