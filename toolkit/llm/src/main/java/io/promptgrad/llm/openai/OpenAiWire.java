package io.promptgrad.llm.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.CallFailedException.Kind;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatReply.Finish;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.TokenScore;
import io.promptgrad.llm.client.Usage;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Requests and answers as JSON. An answer that lacks what it must have is a lost one: servers under
 * load send such things.
 */
final class OpenAiWire {

  private final String model;
  private final Endpoint endpoint;

  /** The ways in which servers give log-probabilities of given text, in the order of trial. */
  enum ScoreForm {
    /** {@code echo} and no new token. */
    ECHO(0),
    /** {@code echo} and one new token, for servers that refuse to write none. */
    ECHO_AND_ONE(1),
    /** vLLM's {@code prompt_logprobs}. */
    PROMPT_LOGPROBS(1);

    private final int newTokens;

    ScoreForm(int newTokens) {
      this.newTokens = newTokens;
    }

    String label() {
      return switch (this) {
        case ECHO -> "echo";
        case ECHO_AND_ONE -> "echo with one new token";
        case PROMPT_LOGPROBS -> "prompt_logprobs";
      };
    }
  }

  /** A token of a text, where it starts (in characters), and its log-probability or NaN. */
  private record Place(String token, int start, double logProb) {}

  OpenAiWire(String model, Endpoint endpoint) {
    this.model = model;
    this.endpoint = endpoint;
  }

  // ------------------------------------------------------------------ chat

  ObjectNode chat(ChatRequest request) {
    Sampling sampling = request.sampling();
    ObjectNode body = Json.object().put("model", model);
    ArrayNode messages = body.putArray("messages");
    request.messages().forEach(message -> messages.add(message.toJson()));
    sampling.temperature().ifPresent(value -> body.put("temperature", value));
    sampling.topP().ifPresent(value -> body.put("top_p", value));
    sampling.maxTokens().ifPresent(value -> body.put(endpoint.lengthField().key(), value));
    if (!sampling.stop().isEmpty()) {
      ArrayNode stop = body.putArray("stop");
      sampling.stop().forEach(stop::add);
    }
    sampling
        .seed()
        .ifPresent(
            // Draws of one request need seeds of their own, the same in every run.
            seed -> body.put("seed", (seed + request.sample().hashCode()) & Integer.MAX_VALUE));
    if (sampling.topLogProbs().isPresent()) {
      body.put("logprobs", true).put("top_logprobs", sampling.topLogProbs().getAsInt());
    }
    body.setAll(endpoint.extra());
    body.setAll(sampling.extra());
    return body;
  }

  ChatReply chatReply(JsonNode json, ChatRequest request) {
    JsonNode choice = json.path("choices").path(0);
    JsonNode message = choice.path("message");
    if (!choice.isObject()) {
      throw lost("the answer has no choices");
    }
    Finish finish =
        switch (choice.path("finish_reason").asText("stop")) {
          case "stop", "eos", "end_turn", "null" -> Finish.STOP;
          case "length" -> Finish.LENGTH;
          case "content_filter" -> Finish.CONTENT_FILTER;
          default -> Finish.OTHER;
        };
    if (!message.isObject() && finish != Finish.CONTENT_FILTER) {
      throw lost("the answer's choice has no message");
    }
    String text = finish == Finish.CONTENT_FILTER ? "" : content(message);
    List<TokenScore> tokens = tokens(choice.path("logprobs").path("content"));
    Usage usage = usage(json, Json.line(request.toJson()), text);
    // Hidden reasoning makes the answer shorter than what was written, never longer.
    if (!usage.estimated() && tokens.size() > usage.completionTokens()) {
      throw lost(
          "the answer has %d log-probabilities for %d tokens"
              .formatted(tokens.size(), usage.completionTokens()));
    }
    return new ChatReply(text, finish, tokens, usage);
  }

  private static String content(JsonNode message) {
    JsonNode content = message.path("content");
    if (content.isTextual()) {
      return content.asText();
    }
    if (content.isArray()) {
      StringBuilder parts = new StringBuilder();
      content.forEach(part -> parts.append(part.path("text").asText("")));
      return parts.toString();
    }
    if (message.path("refusal").isTextual()) {
      return message.path("refusal").asText();
    }
    if (message.has("tool_calls") || message.has("function_call")) {
      return "";
    }
    throw lost("the answer's message has no content");
  }

  private static List<TokenScore> tokens(JsonNode content) {
    List<TokenScore> tokens = new ArrayList<>();
    for (JsonNode token : content) {
      if (!token.path("logprob").isNumber() || !token.path("token").isTextual()) {
        throw lost("the answer's log-probabilities cannot be read");
      }
      Map<String, Double> alternatives = new LinkedHashMap<>();
      for (JsonNode other : token.path("top_logprobs")) {
        // Tokens that are parts of a character have the same text; the likeliest comes first.
        alternatives.putIfAbsent(
            other.path("token").asText(), Json.toDouble(other.path("logprob")));
      }
      tokens.add(
          new TokenScore(
              token.path("token").asText(), token.path("logprob").asDouble(), alternatives));
    }
    return tokens;
  }

  private static Usage usage(JsonNode json, String request, String answer) {
    JsonNode usage = json.path("usage");
    if (!usage.path("prompt_tokens").isNumber()) {
      return new Usage(
          Usage.guess(request.getBytes(StandardCharsets.UTF_8).length),
          0,
          answer.isEmpty() ? 0 : Usage.guess(answer.getBytes(StandardCharsets.UTF_8).length),
          true);
    }
    return new Usage(
        usage.path("prompt_tokens").asLong(),
        usage.path("prompt_tokens_details").path("cached_tokens").asLong(),
        usage.path("completion_tokens").asLong(),
        false);
  }

  // ------------------------------------------------------------------ given text

  ObjectNode score(ScoreRequest request, ScoreForm form) {
    ObjectNode body = Json.object().put("model", model).put("prompt", request.text());
    body.put("max_tokens", form.newTokens).put("temperature", 0);
    if (form == ScoreForm.PROMPT_LOGPROBS) {
      body.put("prompt_logprobs", 0);
    } else {
      body.put("echo", true).put("logprobs", 1);
    }
    body.setAll(endpoint.extra());
    return body;
  }

  TextScore textScore(JsonNode json, ScoreRequest request, ScoreForm form) {
    JsonNode choice = json.path("choices").path(0);
    if (!choice.isObject()) {
      throw lost("the answer has no choices");
    }
    String text = request.text();
    List<Place> places =
        form == ScoreForm.PROMPT_LOGPROBS
            ? fromPromptLogProbs(choice.path("prompt_logprobs"), text)
            : fromEcho(choice.path("logprobs"), text);
    // From the last token that starts at or before the continuation to the text's end.
    int start = request.context().length();
    int first = 0;
    for (int i = 0; i < places.size(); i++) {
      if (places.get(i).start() <= start) {
        first = i;
      }
    }
    List<TokenScore> scores = new ArrayList<>();
    for (Place place : places.subList(first, places.size())) {
      if (Double.isNaN(place.logProb())) {
        throw lost("the text's log-probabilities have a gap");
      }
      scores.add(new TokenScore(place.token(), place.logProb(), Map.of()));
    }
    if (scores.isEmpty()) {
      throw lost("the answer has no log-probabilities of the text");
    }
    return new TextScore(scores, usage(json, text, ""));
  }

  /** Tokens of the echoed text; those of new text behind it are left out. */
  private static List<Place> fromEcho(JsonNode logprobs, String text) {
    JsonNode tokens = logprobs.path("tokens");
    JsonNode scores = logprobs.path("token_logprobs");
    JsonNode offsets = logprobs.path("text_offset");
    if (!tokens.isArray() || tokens.isEmpty()) {
      throw notOfText("no echoed tokens came back");
    }
    if (tokens.size() != scores.size() || (offsets.isArray() && offsets.size() != tokens.size())) {
      throw lost(
          "the answer has %d tokens, %d log-probabilities and %d offsets"
              .formatted(tokens.size(), scores.size(), offsets.size()));
    }
    List<Place> places = new ArrayList<>();
    for (int i = 0; i < tokens.size(); i++) {
      double score = scores.get(i).isNumber() ? scores.get(i).asDouble() : Double.NaN;
      places.add(new Place(tokens.get(i).asText(), 0, score));
    }
    return placed(places, offsets, text);
  }

  private static List<Place> fromPromptLogProbs(JsonNode list, String text) {
    if (!list.isArray() || list.isEmpty()) {
      throw notOfText("no prompt_logprobs came back");
    }
    List<Place> places = new ArrayList<>();
    for (JsonNode entry : list) {
      // With prompt_logprobs 0 an entry is null (the first) or holds the text's own token alone.
      if (entry.isObject() && entry.size() == 1) {
        JsonNode own = entry.elements().next();
        places.add(
            new Place(own.path("decoded_token").asText(), 0, Json.toDouble(own.path("logprob"))));
      } else if (entry.isNull()) {
        places.add(new Place("", 0, Double.NaN));
      } else {
        throw notOfText("prompt_logprobs have %d alternatives".formatted(entry.size()));
      }
    }
    // The first entry has no token; its text is what the others leave over.
    String others = String.join("", places.stream().map(Place::token).toList());
    if (text.endsWith(others) && places.get(0).token().isEmpty()) {
      String rest = text.substring(0, text.length() - others.length());
      places.set(0, new Place(rest, 0, places.get(0).logProb()));
    }
    return placed(places, Json.object(), text);
  }

  /** Finds where each token starts: by adding up lengths, or else by the server's offsets. */
  private static List<Place> placed(List<Place> places, JsonNode offsets, String text) {
    for (int skip = 0; skip <= 1 && skip < places.size(); skip++) { // 1: a token for the beginning
      List<Place> added = new ArrayList<>();
      int start = 0;
      for (Place place : places.subList(skip, places.size())) {
        if (start >= text.length() || !text.startsWith(place.token(), start)) {
          break;
        }
        added.add(new Place(place.token(), start, place.logProb()));
        start += place.token().length();
      }
      if (start == text.length()) {
        return added;
      }
    }
    // Tokens that are parts of a character have no text of their own; only offsets tell.
    List<Place> given = new ArrayList<>();
    int before = 0;
    for (int i = 0; i < places.size(); i++) {
      int start = offsets.path(i).asInt(-1);
      if (start < before || (i == 0 && start != 0)) {
        throw notOfText("the tokens that came back are not those of the text");
      }
      before = start;
      if (start < text.length()) {
        given.add(new Place(places.get(i).token(), start, places.get(i).logProb()));
      }
    }
    String back = given.stream().map(Place::token).reduce("", String::concat);
    if (!alike(back, text)) {
      throw notOfText("the tokens that came back are not those of the text");
    }
    return given;
  }

  /** Whether the ASCII letters and digits of both are the same. */
  private static boolean alike(String a, String b) {
    return a.replaceAll("[^A-Za-z0-9]", "").equals(b.replaceAll("[^A-Za-z0-9]", ""));
  }

  /** The server does something else than asked, and asking again will not change it. */
  private static CallFailedException notOfText(String what) {
    return new CallFailedException(Kind.REFUSED, what);
  }

  private static CallFailedException lost(String what) {
    return new CallFailedException(Kind.LOST, what);
  }
}
