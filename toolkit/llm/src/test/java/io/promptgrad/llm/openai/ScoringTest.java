package io.promptgrad.llm.openai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.server.ScriptedServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Servers as they are found: each answers completions and chats in its own way. */
class ScoringTest {

  /** Words with the blank before them, one token each; the n-th token has log-probability -n. */
  private static final Pattern TOKEN = Pattern.compile(" ?[^ ]+| +");

  private HttpServer server;
  private final List<String> asked = new ArrayList<>();

  private interface Completions {
    void answer(HttpExchange exchange, JsonNode request) throws IOException;
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.stop(0);
    }
  }

  private OpenAiClient client(Completions completions, String chatBody) throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          JsonNode request = Json.parse(new String(exchange.getRequestBody().readAllBytes()));
          String path = exchange.getRequestURI().getPath();
          asked.add(path);
          if (path.endsWith("/chat/completions")) {
            ScriptedServer.send(exchange, 200, chatBody);
          } else {
            completions.answer(exchange, request);
          }
          exchange.close();
        });
    server.start();
    return new OpenAiClient(
        Endpoint.at("http://127.0.0.1:" + server.getAddress().getPort() + "/v1"), "tiny");
  }

  private static final String PLAIN_CHAT = "{\"choices\": [{\"message\": {\"content\": \"yes\"}}]}";

  private static ObjectNode echoed(JsonNode request, boolean withNew, boolean offsets) {
    ObjectNode json = Json.object();
    ObjectNode logprobs = json.putArray("choices").addObject().putObject("logprobs");
    ArrayNode tokens = logprobs.putArray("tokens");
    ArrayNode scores = logprobs.putArray("token_logprobs");
    ArrayNode starts = offsets ? logprobs.putArray("text_offset") : null;
    Matcher words = TOKEN.matcher(request.path("prompt").asText());
    int n = 0;
    while (words.find()) {
      tokens.add(words.group());
      scores.add(n == 0 ? null : Json.number(-n));
      if (offsets) {
        starts.add(words.start());
      }
      n++;
    }
    if (withNew) {
      tokens.add(" new");
      scores.add(-99.0);
      if (offsets) {
        starts.add(request.path("prompt").asText().length());
      }
    }
    return json;
  }

  @Test
  void score_echo_takesTheTokensOfTheContinuation() throws Exception {
    OpenAiClient client =
        client(
            (exchange, request) -> {
              assertThat(request.path("echo").asBoolean()).isTrue();
              assertThat(request.path("max_tokens").asInt()).isZero();
              ScriptedServer.send(exchange, 200, Json.line(echoed(request, false, true)));
            },
            PLAIN_CHAT);
    assertThat(client.scoring().kind()).isEqualTo(Scoring.Kind.GIVEN_TEXT);
    assertThat(client.scoring().found()).contains("echo");
    // "a b c d": tokens "a", " b", " c", " d" with scores none, -1, -2, -3; " c d" is the last two.
    TextScore score = client.score(new ScoreRequest("a b", " c d"));
    assertThat(score.tokens()).extracting(t -> t.token()).containsExactly(" c", " d");
    assertThat(score.mean()).isCloseTo(-2.5, within(1e-12));
    assertThat(score.sum()).isCloseTo(-5, within(1e-12));
    assertThat(TextScore.fromJson(score.toJson())).isEqualTo(score);
    // A token that reaches across the border is counted: " bc" with -1, " d" with -2.
    assertThat(client.score(new ScoreRequest("a b", "c d")).sum()).isCloseTo(-3, within(1e-12));
    assertThat(asked).hasSize(3); // one probe, two scores
  }

  @Test
  void scoring_serverThatMustWriteAToken_isFoundAndItsTokenLeftOut() throws Exception {
    OpenAiClient client =
        client(
            (exchange, request) -> {
              if (request.path("max_tokens").asInt() == 0) {
                ScriptedServer.send(exchange, 400, "{\"error\": {\"message\": \"at least 1\"}}");
              } else {
                ScriptedServer.send(exchange, 200, Json.line(echoed(request, true, false)));
              }
            },
            PLAIN_CHAT);
    assertThat(client.scoring().found()).contains("echo with one new token");
    assertThat(client.score(new ScoreRequest("a", " b c")).sum()).isCloseTo(-3, within(1e-12));
  }

  @Test
  void scoring_vllm_isFoundByPromptLogProbs() throws Exception {
    OpenAiClient client =
        client(
            (exchange, request) -> {
              if (!request.has("prompt_logprobs")) {
                ScriptedServer.send(exchange, 400, "{\"error\": {\"message\": \"no echo\"}}");
                return;
              }
              ObjectNode json = Json.object();
              ArrayNode list = json.putArray("choices").addObject().putArray("prompt_logprobs");
              Matcher words = TOKEN.matcher(request.path("prompt").asText());
              for (int n = 0; words.find(); n++) {
                if (n == 0) {
                  list.addNull();
                } else {
                  list.addObject()
                      .putObject(String.valueOf(100 + n))
                      .put("logprob", -n)
                      .put("rank", 1)
                      .put("decoded_token", words.group());
                }
              }
              ScriptedServer.send(exchange, 200, Json.line(json));
            },
            PLAIN_CHAT);
    assertThat(client.scoring().found()).contains("prompt_logprobs");
    assertThat(client.score(new ScoreRequest("a b", " c d")).sum()).isCloseTo(-5, within(1e-12));
  }

  /** llama.cpp ignored echo without a word, and scores of other text looked like chance. */
  @Test
  void scoring_serverThatIgnoresEcho_isUnsupported() throws Exception {
    OpenAiClient client =
        client(
            (exchange, request) ->
                ScriptedServer.send(
                    exchange,
                    200,
                    "{\"choices\": [{\"text\": \" new\", \"logprobs\": {\"content\": ["
                        + "{\"token\": \" new\", \"logprob\": -1.0}]}}]}"),
            PLAIN_CHAT);
    assertThat(client.scoring().kind()).isEqualTo(Scoring.Kind.NONE);
    assertThatThrownBy(() -> client.score(new ScoreRequest("a", " b")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("cannot score given text");
  }

  @Test
  void scoring_serverThatScoresItsOwnText_isUnsupported() throws Exception {
    OpenAiClient client =
        client(
            (exchange, request) ->
                ScriptedServer.send(
                    exchange,
                    200,
                    "{\"choices\": [{\"logprobs\": {\"tokens\": [\" new\"],"
                        + " \"token_logprobs\": [-1.0], \"text_offset\": [0]}}]}"),
            PLAIN_CHAT);
    assertThat(client.scoring().kind()).isEqualTo(Scoring.Kind.NONE);
  }

  @Test
  void scoring_chatWithAlternatives_isAnswersOnly() throws Exception {
    OpenAiClient client =
        client(
            (exchange, request) ->
                ScriptedServer.send(exchange, 404, "{\"error\": {\"message\": \"no such\"}}"),
            """
            {"choices": [{"message": {"content": "yes"}, "logprobs": {"content": [
              {"token": "yes", "logprob": -0.1, "top_logprobs": [
                {"token": "yes", "logprob": -0.1}, {"token": "Yes", "logprob": -3}]}]}}]}""");
    assertThat(client.scoring().kind()).isEqualTo(Scoring.Kind.ANSWERS_ONLY);
    assertThat(client.scoring().found()).contains("2 alternatives");
  }

  @Test
  void score_wrongLengths_isLostAndNotScored() throws Exception {
    boolean[] broken = {false};
    OpenAiClient client =
        client(
            (exchange, request) -> {
              ObjectNode json = echoed(request, false, false);
              if (broken[0]) {
                ((ArrayNode) json.at("/choices/0/logprobs/token_logprobs")).remove(1);
              }
              ScriptedServer.send(exchange, 200, Json.line(json));
            },
            PLAIN_CHAT);
    client.scoring();
    broken[0] = true;
    assertThatThrownBy(() -> client.score(new ScoreRequest("a b", " c")))
        .isInstanceOfSatisfying(
            CallFailedException.class,
            e -> assertThat(e.kind()).isEqualTo(CallFailedException.Kind.LOST))
        .hasMessageContaining("3 tokens, 2 log-probabilities");
  }

  /** A fault while probing must not make a server look as if it could not score. */
  @Test
  void scoring_faultWhileProbing_isNoFinding() throws Exception {
    int[] n = {0};
    OpenAiClient client =
        client(
            (exchange, request) -> {
              if (n[0]++ < 2) {
                ScriptedServer.send(exchange, n[0] == 1 ? 503 : 200, "{");
              } else {
                ScriptedServer.send(exchange, 200, Json.line(echoed(request, false, true)));
              }
            },
            PLAIN_CHAT);
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(client::scoring).isInstanceOf(CallFailedException.class);
    }
    assertThat(client.scoring().kind()).isEqualTo(Scoring.Kind.GIVEN_TEXT);
  }
}
