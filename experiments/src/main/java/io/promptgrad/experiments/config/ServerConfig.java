package io.promptgrad.experiments.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.openai.ApiKey;
import io.promptgrad.llm.openai.Endpoint;
import io.promptgrad.llm.policy.Limits;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A server of models, and how it is treated: the section {@code server} of a configuration. It
 * names where the key is and never holds it.
 *
 * @param baseUrl what stands before {@code /chat/completions}
 * @param keyEnv the environment variable with the key
 * @param keyFile the file with the key
 * @param organization header {@code OpenAI-Organization}
 * @param project header {@code OpenAI-Project}
 * @param extra further fields of every body
 * @param lengthField what the server calls the longest answer
 * @param timeout for a call
 * @param limits how many calls, and how patiently
 */
public record ServerConfig(
    String baseUrl,
    Optional<String> keyEnv,
    Optional<Path> keyFile,
    Optional<String> organization,
    Optional<String> project,
    ObjectNode extra,
    Endpoint.LengthField lengthField,
    Duration timeout,
    Limits limits) {

  private static final String OPENAI = "https://api.openai.com/v1";
  private static final String OPENAI_KEY = "OPENAI_API_KEY";

  /** A model of this machine is asked by so many threads at once, to be put together. */
  private static final int LOCAL_CONCURRENCY = 32;

  static final String[] KEYS = {
    "base_url",
    "key_env",
    "key_file",
    "organization",
    "project",
    "extra",
    "length_field",
    "timeout",
    "concurrency",
    "requests_per_minute",
    "tokens_per_minute",
    "attempts",
    "first_wait",
    "longest_wait",
    "rest_after",
    "rest"
  };

  /**
   * Reads a section.
   *
   * @param otherwise what is not given
   */
  static ServerConfig read(
      Section root, String key, Optional<ServerConfig> otherwise, ConfigPaths.Base base) {
    if (!root.has(key) && otherwise.isPresent()) {
      return otherwise.get();
    }
    Section section = root.section(key, KEYS);
    Limits limits = otherwise.map(ServerConfig::limits).orElse(Limits.defaults());
    String baseUrl =
        section.text("base_url").or(() -> otherwise.map(ServerConfig::baseUrl)).orElse(OPENAI);
    root.reading(key, () -> Endpoint.at(baseUrl));
    Optional<String> keyEnv = section.text("key_env");
    Optional<Path> keyFile =
        section.text("key_file").map(file -> ConfigPaths.file(section, "key_file", file, base));
    if (keyEnv.isPresent() && keyFile.isPresent()) {
      throw section.problem("key_file", "give the key by 'key_env' or by 'key_file', not by both.");
    }
    boolean sameServer = otherwise.isPresent() && otherwise.get().baseUrl().equals(baseUrl);
    if (keyEnv.isEmpty() && keyFile.isEmpty() && sameServer) {
      keyEnv = otherwise.get().keyEnv();
      keyFile = otherwise.get().keyFile();
    }
    // The key of one server is not sent to another one by default.
    if (keyEnv.isEmpty() && keyFile.isEmpty() && baseUrl.equals(OPENAI)) {
      keyEnv = Optional.of(OPENAI_KEY);
    }
    List<String> fields = List.of("max_tokens", "max_completion_tokens");
    String field = section.choice("length_field", fields.get(0), fields);
    Optional<String> env = keyEnv;
    Optional<Path> file = keyFile;
    return root.reading(
        key,
        () ->
            new ServerConfig(
                baseUrl,
                env,
                file,
                section.text("organization"),
                section.text("project"),
                section.mapping("extra").orElse(Json.object()),
                Endpoint.LengthField.valueOf(field.toUpperCase(Locale.ROOT)),
                duration(section, "timeout", Duration.ofMinutes(2)),
                limits(section, limits)));
  }

  private static Limits limits(Section section, Limits otherwise) {
    return new Limits(
        section.positive("concurrency", otherwise.concurrency()),
        either(section.wholeNumber("requests_per_minute"), otherwise.requestsPerMinute()),
        either(section.wholeNumber("tokens_per_minute"), otherwise.tokensPerMinute()),
        section.positive("attempts", otherwise.attempts()),
        duration(section, "first_wait", otherwise.firstWait()),
        duration(section, "longest_wait", otherwise.longestWait()),
        section.positive("rest_after", otherwise.restAfter()),
        duration(section, "rest", otherwise.rest()));
  }

  private static OptionalLong either(OptionalLong given, OptionalLong otherwise) {
    return given.isPresent() ? given : otherwise;
  }

  private static Duration duration(Section section, String key, Duration otherwise) {
    return section
        .text(key)
        .map(text -> section.reading(key, () -> Durations.parse(text)))
        .orElse(otherwise);
  }

  /** Returns the server with its key, which is read now. */
  public Endpoint endpoint() {
    Endpoint endpoint =
        Endpoint.at(baseUrl).withExtra(extra).withLengthField(lengthField).withTimeout(timeout);
    endpoint = organization.map(endpoint::withOrganization).orElse(endpoint);
    Endpoint named = endpoint;
    endpoint = project.map(value -> named.withHeader("OpenAI-Project", value)).orElse(endpoint);
    if (keyEnv.isPresent()) {
      return endpoint.withKey(ApiKey.fromEnvironment(keyEnv.get()));
    }
    return keyFile.isPresent() ? endpoint.withKey(ApiKey.fromFile(keyFile.get())) : endpoint;
  }

  /** Returns how a model of this machine is asked. */
  public static Limits local() {
    return Limits.defaults()
        .withConcurrency(LOCAL_CONCURRENCY)
        .withAttempts(1, Duration.ofSeconds(1), Duration.ofSeconds(1));
  }

  /** Returns everything as {@link #read} reads it. */
  ObjectNode toJson() {
    ObjectNode json = Json.object().put("base_url", baseUrl);
    keyEnv.ifPresent(name -> json.put("key_env", name));
    keyFile.ifPresent(file -> json.put("key_file", file.toString()));
    organization.ifPresent(value -> json.put("organization", value));
    project.ifPresent(value -> json.put("project", value));
    json.set("extra", extra.deepCopy());
    json.put("length_field", lengthField.name().toLowerCase(Locale.ROOT));
    json.put("timeout", Durations.format(timeout)).put("concurrency", limits.concurrency());
    limits.requestsPerMinute().ifPresent(most -> json.put("requests_per_minute", most));
    limits.tokensPerMinute().ifPresent(most -> json.put("tokens_per_minute", most));
    return json.put("attempts", limits.attempts())
        .put("first_wait", Durations.format(limits.firstWait()))
        .put("longest_wait", Durations.format(limits.longestWait()))
        .put("rest_after", limits.restAfter())
        .put("rest", Durations.format(limits.rest()));
  }

  /** What answers depend on: not how patiently the server is asked, nor with which key. */
  ObjectNode identity() {
    return toJson().retain("base_url", "extra");
  }
}
