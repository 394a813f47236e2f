package io.promptgrad.llm.openai;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.CallFailedException.Kind;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.Usage;
import java.io.IOException;
import java.net.ConnectException;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One model of an OpenAI-compatible server. A call is one request; see {@link Llm}.
 *
 * <p>Chats go to {@code chat/completions}. Whether the server gives log-probabilities of given text
 * is not documented by any header, and some servers ignore the wish in silence and answer with
 * those of other text. So it is found out by scoring a known text, once, when {@link #scoring} is
 * first asked: {@code completions} with {@code echo} (of none, then of one new token), then with
 * vLLM's {@code prompt_logprobs}, then a chat's {@code top_logprobs}. What does not come back with
 * exactly the text's tokens counts as unsupported.
 */
public final class OpenAiClient implements Llm {

  // HTTP/1.1: some servers stumble over the offer to speak HTTP/2 on a plain connection.
  private static final HttpClient HTTP =
      HttpClient.newBuilder()
          .version(HttpClient.Version.HTTP_1_1)
          .followRedirects(HttpClient.Redirect.NEVER)
          .connectTimeout(Duration.ofSeconds(20))
          .build();

  private static final int MESSAGE_LENGTH = 300;
  private static final int MOST_PROBES = 10;
  private static final String PROBE = "The quick brown fox";

  private final Endpoint endpoint;
  private final String model;
  private final String identity;
  private final OpenAiWire wire;
  private Probed probed; // guarded by this
  private int probesFailed; // guarded by this

  /** A way to score given text, or none, and what was seen. */
  private record Probed(Optional<OpenAiWire.ScoreForm> form, Scoring scoring) {}

  /** A model of a server. */
  public OpenAiClient(Endpoint endpoint, String model) {
    this.endpoint = Objects.requireNonNull(endpoint, "endpoint");
    this.model = Objects.requireNonNull(model, "model");
    this.wire = new OpenAiWire(model, endpoint);
    ObjectNode extra = endpoint.extra();
    this.identity = endpoint + " " + model + (extra.isEmpty() ? "" : " " + Json.line(extra));
  }

  @Override
  public String model() {
    return model;
  }

  @Override
  public String identity() {
    return identity;
  }

  @Override
  public ChatReply chat(ChatRequest request) {
    Answer answer = post("chat/completions", wire.chat(request));
    if (answer.filtered()) {
      long guess = Usage.guess(Json.line(request.toJson()).length());
      Usage usage = new Usage(guess, 0, 0, true);
      return new ChatReply("", ChatReply.Finish.CONTENT_FILTER, List.of(), usage);
    }
    return wire.chatReply(answer.json(), request);
  }

  @Override
  public synchronized Scoring scoring() {
    if (probed == null) {
      probed = probe();
    }
    return probed.scoring();
  }

  @Override
  public TextScore score(ScoreRequest request) {
    Scoring support = scoring();
    Optional<OpenAiWire.ScoreForm> form;
    synchronized (this) {
      form = probed.form();
    }
    if (form.isEmpty()) {
      throw new InvalidInputException(
          "%s cannot score given text (%s); use a server that can, a local model, or answers instead of likelihoods."
              .formatted(identity, support.found()));
    }
    return score(request, form.get());
  }

  private TextScore score(ScoreRequest request, OpenAiWire.ScoreForm form) {
    Answer answer = post("completions", wire.score(request, form));
    if (answer.filtered()) {
      throw new CallFailedException(Kind.REFUSED, "the server's filter refused the text");
    }
    return wire.textScore(answer.json(), request, form);
  }

  // ------------------------------------------------------------------ what the server can do

  private synchronized Probed probe() {
    ScoreRequest text = new ScoreRequest(PROBE, " jumps over the lazy dog.");
    StringBuilder seen = new StringBuilder();
    for (OpenAiWire.ScoreForm form : OpenAiWire.ScoreForm.values()) {
      try {
        TextScore score = score(text, form);
        return new Probed(
            Optional.of(form),
            new Scoring(
                Scoring.Kind.GIVEN_TEXT,
                "completions give log-probabilities of given text by %s (%d tokens of a known text came back)"
                    .formatted(form.label(), score.tokens().size())));
      } catch (CallFailedException e) {
        // A busy server says nothing about what it can do, unless it always answers so.
        if (e.kind().worthAnotherTry() && ++probesFailed <= MOST_PROBES) {
          throw e;
        }
        seen.append(form.label()).append(": ").append(e.getMessage()).append("; ");
      } catch (InvalidInputException e) {
        seen.append(form.label()).append(": no such function; ");
      }
    }
    ChatReply reply =
        chat(ChatRequest.of("Say yes.", Sampling.greedy(1).withTopLogProbs(5), "probe"));
    int alternatives = reply.tokens().isEmpty() ? 0 : reply.tokens().get(0).alternatives().size();
    return alternatives > 1
        ? new Probed(
            Optional.empty(),
            new Scoring(
                Scoring.Kind.ANSWERS_ONLY,
                seen + "a chat gives %d alternatives of each token".formatted(alternatives)))
        : new Probed(
            Optional.empty(),
            new Scoring(Scoring.Kind.NONE, seen + "a chat gives no alternatives"));
  }

  // ------------------------------------------------------------------ one request

  /** An answer with status 200, or the filter's refusal. */
  private record Answer(JsonNode json, boolean filtered) {}

  private Answer post(String function, ObjectNode body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(endpoint.address(function))
            .header("Content-Type", "application/json")
            .header("Accept", "application/json")
            .header("User-Agent", "promptgrad")
            .POST(HttpRequest.BodyPublishers.ofString(Json.line(body)));
    endpoint.headers().forEach(request::setHeader);
    if (endpoint.key().present()) {
      request.setHeader("Authorization", "Bearer " + endpoint.key().secret());
    }
    HttpResponse<byte[]> response = send(request.build());
    String text = new String(response.body(), StandardCharsets.UTF_8);
    if (response.statusCode() == 200) {
      return new Answer(parsed(text), false);
    }
    return refused(response.statusCode(), function, text, retryAfter(response));
  }

  private HttpResponse<byte[]> send(HttpRequest request) {
    // The request's own timeout would end with the headers; this one covers a slow body too.
    CompletableFuture<HttpResponse<byte[]>> exchange =
        HTTP.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray());
    try {
      return exchange.get(endpoint.timeout().toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      exchange.cancel(true);
      throw failed(
          Kind.LOST, "no complete answer within %s s".formatted(endpoint.timeout().toSeconds()), e);
    } catch (InterruptedException e) {
      exchange.cancel(true);
      Thread.currentThread().interrupt();
      throw failed(Kind.LOST, "interrupted", e);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      if (isUnknownHost(cause)) {
        throw new InvalidInputException(
            "No host is known by the name in %s; check the base URL.".formatted(endpoint), cause);
      }
      if (cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException) {
        throw failed(Kind.NOT_TAKEN, "no connection is accepted", cause);
      }
      if (cause instanceof IOException) {
        throw failed(Kind.LOST, "the connection broke (" + said(cause.getMessage()) + ")", cause);
      }
      throw new IllegalStateException("A request to " + endpoint + " could not be made.", cause);
    }
  }

  private static boolean isUnknownHost(Throwable failure) {
    return failure != null
        && (failure instanceof UnresolvedAddressException || isUnknownHost(failure.getCause()));
  }

  private static JsonNode parsed(String text) {
    try {
      return Json.parse(text);
    } catch (JsonProcessingException e) {
      throw new CallFailedException(Kind.LOST, "the answer is not valid JSON");
    }
  }

  private Answer refused(int status, String function, String text, Optional<Duration> retryAfter) {
    JsonNode error = error(text);
    String code = error.path("code").asText("");
    String message = said(error.path("message").asText(text));
    String sentence = "status " + status + (message.isBlank() ? "" : ": " + message);
    if (code.equals("content_filter") || error.path("innererror").has("content_filter_result")) {
      return new Answer(error, true);
    }
    if (code.equals("insufficient_quota")) {
      throw new InvalidInputException(
          "The account at %s has no credit left (%s).".formatted(endpoint, sentence));
    }
    if (status == 408 || status == 409 || status == 425 || status == 429 || status >= 500) {
      throw new CallFailedException(Kind.NOT_TAKEN, sentence, retryAfter, null);
    }
    if (status == 400 || status == 413 || status == 422) {
      throw new CallFailedException(Kind.REFUSED, sentence);
    }
    throw new InvalidInputException(
        "%s refuses %s for model '%s' with %s; check base URL, key and model."
            .formatted(endpoint, function, model, sentence));
  }

  private static JsonNode error(String text) {
    try {
      JsonNode json = Json.parse(text);
      return json.path("error").isObject() ? json.path("error") : json;
    } catch (JsonProcessingException e) {
      return Json.object();
    }
  }

  /** What somebody else said, without secrets, on one line and not too long. */
  private String said(String text) {
    String line = endpoint.hide(String.valueOf(text)).replaceAll("\\s+", " ").strip();
    return line.length() > MESSAGE_LENGTH ? line.substring(0, MESSAGE_LENGTH) + "..." : line;
  }

  private static CallFailedException failed(Kind kind, String message, Throwable cause) {
    return new CallFailedException(kind, message, Optional.empty(), cause);
  }

  private static Optional<Duration> retryAfter(HttpResponse<?> response) {
    Optional<String> milliseconds = response.headers().firstValue("retry-after-ms");
    if (milliseconds.isPresent() && milliseconds.get().strip().matches("\\d{1,9}")) {
      return Optional.of(Duration.ofMillis(Long.parseLong(milliseconds.get().strip())));
    }
    return RetryAfter.parse(response.headers().firstValue("Retry-After"));
  }
}
