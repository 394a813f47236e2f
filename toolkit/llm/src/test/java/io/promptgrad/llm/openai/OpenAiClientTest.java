package io.promptgrad.llm.openai;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.CallFailedException.Kind;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatReply.Finish;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.server.ScriptedServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OpenAiClientTest {

  private static final String CANARY = "sk-canary-7f3a9b2c";

  private final ScriptedServer server = ScriptedServer.saying("Bonjour");
  private final ChatRequest hello = ChatRequest.of("Hello", Sampling.greedy(16), "");

  @AfterEach
  void stop() {
    server.close();
  }

  private OpenAiClient client() {
    return new OpenAiClient(server.endpoint(), "tiny");
  }

  @Test
  void chat_everyField_isOnTheWire() {
    Endpoint endpoint =
        server
            .endpoint()
            .withKey(ApiKey.of(CANARY))
            .withOrganization("org-1")
            .withHeader("X-Extra", "yes")
            .withExtra(Json.object().put("top_k", 40));
    Sampling sampling =
        Sampling.of(0.7, 50)
            .withTopP(0.9)
            .withStop(List.of("\n", "Q:"))
            .withTopLogProbs(5)
            .withSeed(7)
            .withExtra(Json.object().put("min_p", 0.1));
    new OpenAiClient(endpoint, "tiny")
        .chat(
            new ChatRequest(
                List.of(Message.system("Be brief."), Message.user("Hi"), Message.assistant("Yes?")),
                sampling,
                ""));
    ScriptedServer.Seen seen = server.seen.get(0);
    assertThat(seen.path()).isEqualTo("/v1/chat/completions");
    assertThat(seen.headers().get("Authorization")).containsExactly("Bearer " + CANARY);
    assertThat(seen.headers().get("Openai-organization")).containsExactly("org-1");
    assertThat(seen.headers().get("X-extra")).containsExactly("yes");
    assertThat(Json.line(seen.body()))
        .isEqualTo(
            "{\"model\":\"tiny\",\"messages\":["
                + "{\"role\":\"system\",\"content\":\"Be brief.\"},"
                + "{\"role\":\"user\",\"content\":\"Hi\"},"
                + "{\"role\":\"assistant\",\"content\":\"Yes?\"}],"
                + "\"temperature\":0.7,\"top_p\":0.9,\"max_tokens\":50,\"stop\":[\"\\n\",\"Q:\"],"
                + "\"seed\":7,\"logprobs\":true,\"top_logprobs\":5,\"top_k\":40,\"min_p\":0.1}");
  }

  @Test
  void chat_reasoningModel_getsNoTemperatureAndItsOwnLengthField() {
    Endpoint endpoint =
        server.endpoint().withLengthField(Endpoint.LengthField.MAX_COMPLETION_TOKENS);
    new OpenAiClient(endpoint, "tiny")
        .chat(ChatRequest.of("Hi", Sampling.greedy(9).withTemperature(OptionalDouble.empty()), ""));
    JsonNode body = server.seen.get(0).body();
    assertThat(body.has("temperature")).isFalse();
    assertThat(body.has("max_tokens")).isFalse();
    assertThat(body.path("max_completion_tokens").asInt()).isEqualTo(9);
  }

  @Test
  void chat_queryInTheBaseUrl_goesBehindTheFunction() {
    String base = server.endpoint().baseUrl() + "/?api-version=2024-06-01";
    new OpenAiClient(Endpoint.at(base), "tiny").chat(hello);
    assertThat(server.seen.get(0).path()).isEqualTo("/v1/chat/completions?api-version=2024-06-01");
  }

  @Test
  void chat_goodAnswer_isReadWhole() {
    ChatReply reply = client().chat(hello);
    assertThat(reply.text()).isEqualTo("Bonjour");
    assertThat(reply.finish()).isEqualTo(Finish.STOP);
    assertThat(reply.usage().completionTokens()).isEqualTo(2); // 7 characters, 4 to a token
    assertThat(reply.usage().estimated()).isFalse();
    assertThat(ChatReply.fromJson(reply.toJson())).isEqualTo(reply);
  }

  @Test
  void chat_answerCutByTheLength_saysSo() {
    server.thenBody(Json.line(ScriptedServer.chatBody("Bon", "length", "")));
    assertThat(client().chat(hello).finish()).isEqualTo(Finish.LENGTH);
  }

  @Test
  void chat_logProbs_areRead() {
    server.thenBody(
        """
        {"choices": [{"message": {"content": "A"}, "finish_reason": "stop", "logprobs": {"content": [
          {"token": "A", "logprob": -0.25, "top_logprobs": [
            {"token": "A", "logprob": -0.25}, {"token": "B", "logprob": -1.5}]}]}}],
         "usage": {"prompt_tokens": 3, "completion_tokens": 1,
                   "prompt_tokens_details": {"cached_tokens": 2}}}""");
    ChatReply reply = client().chat(hello);
    assertThat(reply.tokens()).hasSize(1);
    assertThat(reply.tokens().get(0).logProb()).isEqualTo(-0.25);
    assertThat(reply.tokens().get(0).alternatives()).containsEntry("B", -1.5);
    assertThat(reply.usage().cachedTokens()).isEqualTo(2);
    assertThat(ChatReply.fromJson(reply.toJson())).isEqualTo(reply);
  }

  @Test
  void chat_noUsage_isEstimatedAndSaysSo() {
    server.thenBody("{\"choices\": [{\"message\": {\"content\": \"12345678\"}}]}");
    ChatReply reply = client().chat(hello);
    assertThat(reply.usage().estimated()).isTrue();
    assertThat(reply.usage().completionTokens()).isEqualTo(2);
  }

  // ------------------------------------------------------------------ what goes wrong

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"choices\": []}",
        "{\"choices\": [{\"message\"",
        "",
        "<html>busy</html>",
        "{}",
        "[]",
        "{\"choices\": [{\"finish_reason\": \"stop\"}]}",
        "{\"choices\": [{\"message\": {}}]}",
        // two log-probabilities for one token
        "{\"choices\": [{\"message\": {\"content\": \"A\"}, \"logprobs\": {\"content\": ["
            + "{\"token\": \"A\", \"logprob\": -1}, {\"token\": \"B\", \"logprob\": -1}]}}],"
            + " \"usage\": {\"prompt_tokens\": 1, \"completion_tokens\": 1}}",
        "{\"choices\": [{\"message\": {\"content\": \"A\"}, \"logprobs\": {\"content\": ["
            + "{\"token\": \"A\"}]}}]}",
      })
  void chat_unreadableAnswer_isLost(String body) {
    server.thenBody(body);
    assertThat(failure().kind()).isEqualTo(Kind.LOST);
  }

  @Test
  void chat_truncatedAnswer_isLost() {
    server.then(server::truncated);
    assertThat(failure().kind()).isEqualTo(Kind.LOST);
  }

  @Test
  void chat_droppedConnection_isLost() {
    server.then((exchange, request) -> ScriptedServer.reset(exchange));
    assertThat(failure().kind()).isEqualTo(Kind.LOST);
  }

  /** The JDK's own timeout ends with the headers: a body that trickles in would last for ever. */
  @Test
  void chat_slowBody_endsWithTheTimeout() {
    server.then(
        (exchange, request) -> {
          exchange.sendResponseHeaders(200, 1000);
          for (int i = 0; i < 50; i++) {
            exchange.getResponseBody().write(' ');
            exchange.getResponseBody().flush();
            try {
              Thread.sleep(100);
            } catch (InterruptedException e) {
              return;
            }
          }
        });
    OpenAiClient impatient =
        new OpenAiClient(server.endpoint().withTimeout(Duration.ofMillis(500)), "tiny");
    long begin = System.nanoTime();
    CallFailedException e =
        catchThrowableOfType(CallFailedException.class, () -> impatient.chat(hello));
    assertThat(e.kind()).isEqualTo(Kind.LOST);
    assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(4));
  }

  @Test
  void chat_busyServer_isNotTakenAndKeepsRetryAfter() {
    server.thenStatus(429, "{\"error\": {\"message\": \"slow down\"}}", "Retry-After", "7");
    CallFailedException e = failure();
    assertThat(e.kind()).isEqualTo(Kind.NOT_TAKEN);
    assertThat(e.retryAfter()).contains(Duration.ofSeconds(7));
    assertThat(e).hasMessage("status 429: slow down");
    server.thenStatus(500, "oops");
    assertThat(failure().kind()).isEqualTo(Kind.NOT_TAKEN);
  }

  @Test
  void chat_nobodyListens_isNotTaken() {
    OpenAiClient nowhere = new OpenAiClient(Endpoint.at("http://127.0.0.1:1/v1"), "tiny");
    CallFailedException e =
        catchThrowableOfType(CallFailedException.class, () -> nowhere.chat(hello));
    assertThat(e.kind()).isEqualTo(Kind.NOT_TAKEN);
  }

  @Test
  void chat_contentFilter_isAnOutcomeInBothForms() {
    server.thenBody(
        "{\"choices\": [{\"finish_reason\": \"content_filter\", \"message\": {\"content\": null}}]}");
    assertThat(client().chat(hello).finish()).isEqualTo(Finish.CONTENT_FILTER);
    server.thenStatus(400, "{\"error\": {\"code\": \"content_filter\", \"message\": \"no\"}}");
    ChatReply reply = client().chat(hello);
    assertThat(reply.finish()).isEqualTo(Finish.CONTENT_FILTER);
    assertThat(reply.text()).isEmpty();
  }

  @Test
  void chat_requestThatIsTooLong_isRefused() {
    server.thenStatus(400, "{\"error\": {\"message\": \"maximum context length is 8\"}}");
    assertThat(failure().kind()).isEqualTo(Kind.REFUSED);
  }

  @Test
  void chat_wrongKeyOrNoCredit_isForTheUser() {
    server.thenStatus(401, "{\"error\": {\"message\": \"wrong key\"}}");
    assertThatThrownBy(() -> client().chat(hello))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("check base URL, key and model");
    server.thenStatus(429, "{\"error\": {\"code\": \"insufficient_quota\", \"message\": \"pay\"}}");
    assertThatThrownBy(() -> client().chat(hello))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("no credit left");
  }

  private CallFailedException failure() {
    return catchThrowableOfType(CallFailedException.class, () -> client().chat(hello));
  }

  // ------------------------------------------------------------------ secrets

  @ParameterizedTest
  @ValueSource(ints = {400, 401, 403, 404, 418, 429, 500})
  void key_echoedByTheServer_isInNoMessage(int status) {
    server.then(
        (exchange, request) ->
            ScriptedServer.send(
                exchange,
                status,
                "{\"error\": {\"message\": \"bad key "
                    + exchange.getRequestHeaders().getFirst("Authorization")
                    + exchange.getRequestHeaders().getFirst("api-key")
                    + "\"}}"));
    Endpoint endpoint =
        server.endpoint().withKey(ApiKey.of(CANARY)).withHeader("api-key", CANARY + "-header");
    OpenAiClient client = new OpenAiClient(endpoint, "tiny");
    for (Throwable e = catchThrowableOfType(RuntimeException.class, () -> client.chat(hello));
        e != null;
        e = e.getCause()) {
      assertThat(e.toString()).doesNotContain("canary");
      assertThat(String.valueOf(e.getMessage())).doesNotContain("canary");
    }
    assertThat(client.identity() + endpoint + endpoint.key()).doesNotContain("canary");
  }

  @Test
  void key_withALineBreak_isRefusedWithoutShowingIt(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("key.txt");
    Files.writeString(file, CANARY + "\nsecond line\n");
    assertThatThrownBy(() -> ApiKey.fromFile(file))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageNotContaining("canary");
    Files.writeString(file, CANARY + "\n");
    assertThat(ApiKey.fromFile(file).secret()).isEqualTo(CANARY);
    assertThatThrownBy(() -> ApiKey.fromEnvironment("PROMPTGRAD_TEST_NO_SUCH_KEY"))
        .isInstanceOf(InvalidInputException.class);
  }

  @Test
  void baseUrl_withAUser_isRefusedWithoutShowingIt() {
    assertThatThrownBy(() -> Endpoint.at("https://me:" + CANARY + "@example.org/v1"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageNotContaining("canary");
    assertThatThrownBy(() -> Endpoint.at("https://example.org/" + CANARY + " /v1"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageNotContaining("canary");
  }
}
