package io.promptgrad.llm.openai;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * A server, and what every request to it carries.
 *
 * @param baseUrl what stands before {@code /chat/completions}, such as {@code
 *     https://api.openai.com/v1}; a query (Azure's {@code ?api-version=...}) goes to the end
 * @param key sent as {@code Authorization: Bearer}
 * @param headers further headers, such as {@code OpenAI-Organization}; their values are never shown
 * @param extra further fields of every body, as they are
 * @param lengthField what the server calls the longest answer
 * @param timeout from sending a request to the last byte of its answer
 */
public record Endpoint(
    URI baseUrl,
    ApiKey key,
    Map<String, String> headers,
    ObjectNode extra,
    LengthField lengthField,
    Duration timeout) {

  /** The field of the body with the longest answer. */
  public enum LengthField {
    /** What nearly all servers read. */
    MAX_TOKENS,
    /** What reasoning models want instead; it bounds their hidden tokens too. */
    MAX_COMPLETION_TOKENS;

    String key() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Checks the address; copies the collections. */
  public Endpoint {
    String scheme = String.valueOf(baseUrl.getScheme()).toLowerCase(Locale.ROOT);
    if (!(scheme.equals("http") || scheme.equals("https")) || baseUrl.getHost() == null) {
      throw new InvalidInputException(
          "The base URL '%s' is no web address; write for example https://api.openai.com/v1."
              .formatted(shown(baseUrl)));
    }
    if (baseUrl.getUserInfo() != null) {
      throw new InvalidInputException(
          "The base URL %s holds a user; give the key by an environment variable or a file."
              .formatted(shown(baseUrl)));
    }
    if (timeout.isZero() || timeout.isNegative()) {
      throw new InvalidInputException("The timeout %s is not above 0.".formatted(timeout));
    }
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(lengthField, "lengthField");
    headers = Map.copyOf(headers);
    headers.forEach(
        (name, value) -> {
          if (!name.matches("[A-Za-z0-9-]+") || !value.matches("[\\x20-\\x7e]*")) {
            throw new InvalidInputException(
                "The header '%s' is none that can be sent; use letters, digits and hyphens in its name and plain characters in its value."
                    .formatted(name));
          }
        });
    extra = extra.deepCopy();
  }

  /** A server with no key and no further fields, and two minutes for a call. */
  public static Endpoint at(String baseUrl) {
    URI address;
    try {
      address = new URI(baseUrl.strip());
    } catch (URISyntaxException e) {
      // The syntax error would quote the address, and with it what may be a secret.
      throw new InvalidInputException(
          "The base URL is no web address; write for example https://api.openai.com/v1.");
    }
    return new Endpoint(
        address,
        ApiKey.none(),
        Map.of(),
        Json.object(),
        LengthField.MAX_TOKENS,
        Duration.ofMinutes(2));
  }

  /** Returns this with a key. */
  public Endpoint withKey(ApiKey value) {
    return new Endpoint(baseUrl, value, headers, extra, lengthField, timeout);
  }

  /** Returns this with one header more. */
  public Endpoint withHeader(String name, String value) {
    Map<String, String> more = new LinkedHashMap<>(headers);
    more.put(name, value);
    return new Endpoint(baseUrl, key, more, extra, lengthField, timeout);
  }

  /** Returns this with an organisation, as OpenAI's header names it. */
  public Endpoint withOrganization(String organization) {
    return withHeader("OpenAI-Organization", organization);
  }

  /** Returns this with further fields of every body. */
  public Endpoint withExtra(ObjectNode fields) {
    return new Endpoint(baseUrl, key, headers, fields, lengthField, timeout);
  }

  /** Returns this with another name for the longest answer. */
  public Endpoint withLengthField(LengthField field) {
    return new Endpoint(baseUrl, key, headers, extra, field, timeout);
  }

  /** Returns this with another timeout. */
  public Endpoint withTimeout(Duration longest) {
    return new Endpoint(baseUrl, key, headers, extra, lengthField, longest);
  }

  /** Returns the further fields, a fresh copy. */
  @Override
  public ObjectNode extra() {
    return extra.deepCopy();
  }

  /** The address of one of the server's functions. */
  URI address(String function) {
    String base = baseUrl.getRawPath() == null ? "" : baseUrl.getRawPath();
    String path = (base.endsWith("/") ? base : base + "/") + function;
    String query = baseUrl.getRawQuery() == null ? "" : "?" + baseUrl.getRawQuery();
    return URI.create(baseUrl.getScheme() + "://" + baseUrl.getRawAuthority() + path + query);
  }

  /** Returns the text without the key and without the headers' values. */
  String hide(String text) {
    String hidden = key.hide(text);
    for (String value : headers.values()) {
      hidden = value.length() < 4 ? hidden : hidden.replace(value, "***");
    }
    return hidden;
  }

  /** The address without query and user, which may hold secrets. */
  static String shown(URI address) {
    int port = address.getPort();
    return address.getScheme()
        + "://"
        + address.getHost()
        + (port < 0 ? "" : ":" + port)
        + (address.getRawPath() == null ? "" : address.getRawPath());
  }

  /** The address without secrets. */
  @Override
  public String toString() {
    return shown(baseUrl);
  }
}
