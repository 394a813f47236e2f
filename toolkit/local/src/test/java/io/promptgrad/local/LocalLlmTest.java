package io.promptgrad.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.TokenScore;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.models.BundledModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalLlmTest {

  private static LanguageModel model;
  private static LocalLlm llm;

  @BeforeAll
  static void load() {
    model = load(BundledModel.MINI_LLAMA.folder());
    llm = new LocalLlm(model, "local:mini-llama", "mini-llama of the tests");
  }

  private static LanguageModel load(Path folder) {
    return LanguageModel.load(
        folder, LoadOptions.on("cpu").withPrecision(Precision.parse("float32")));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  // ------------------------------------------------------------------ scores

  /** Each token's log-softmax from the model's own logits, one position at a time. */
  @Test
  void score_text_isTheSumOfItsTokensLogSoftmax() {
    TextScore score = llm.score(new ScoreRequest("\nThe weather was", " very good today."));
    int[] ids = model.tokenizer().encodeWithSpecials("\nThe weather was very good today.");
    int[] context = model.tokenizer().encodeWithSpecials("\nThe weather was");
    assertThat(score.tokens()).hasSize(ids.length - context.length);
    double expected = 0;
    for (int t = context.length; t < ids.length; t++) {
      expected += logSoftmax(ids, t - 1)[ids[t]];
    }
    assertThat(score.sum()).isCloseTo(expected, within(1e-3));
    assertThat(String.join("", score.tokens().stream().map(TokenScore::token).toList()))
        .isEqualTo(" very good today.");
    assertThat(score.usage().promptTokens()).isEqualTo(ids.length);
    assertThat(llm.scoring().kind()).isEqualTo(Scoring.Kind.GIVEN_TEXT);
  }

  private static double[] logSoftmax(int[] ids, int at) {
    float[] logits;
    try (NDManager scope = model.newScope()) {
      logits = model.logits(scope, TokenBatch.of(List.of(ids), 0), new int[] {at}).toFloatArray();
    }
    double sum = IntStream.range(0, logits.length).mapToDouble(i -> Math.exp(logits[i])).sum();
    return IntStream.range(0, logits.length).mapToDouble(i -> logits[i] - Math.log(sum)).toArray();
  }

  /** A token that begins before the text and ends in it is counted whole. */
  @Test
  void score_textWithinAToken_countsTheTokenWhole() {
    TextScore whole = llm.score(new ScoreRequest("\nIt was", " good"));
    TextScore part = llm.score(new ScoreRequest("\nIt was g", "ood"));
    assertThat(whole.tokens()).hasSize(1);
    assertThat(part.sum()).isCloseTo(whole.sum(), within(1e-4));
  }

  // ------------------------------------------------------------------ chat

  @Test
  void chat_temperatureZero_goesOnWithTheMostLikelyTokens() {
    ChatReply reply = llm.chat(ChatRequest.of("Once upon a time", Sampling.greedy(6), ""));
    int[] ids = model.tokenizer().encodeWithSpecials("Once upon a time");
    double[] first = logSoftmax(ids, ids.length - 1);
    int best = IntStream.range(0, first.length).reduce(0, (a, b) -> first[b] > first[a] ? b : a);
    assertThat(reply.text()).startsWith(model.tokenizer().decode(new int[] {best}).strip());
    assertThat(reply.finish()).isEqualTo(ChatReply.Finish.LENGTH);
    assertThat(reply.usage().promptTokens()).isEqualTo(ids.length);
    assertThat(reply.usage().completionTokens()).isEqualTo(6);
    assertThat(reply.tokens()).isEmpty();
  }

  @Test
  void chat_topLogProbs_areTheModelsOwn() {
    ChatReply reply =
        llm.chat(ChatRequest.of("Once upon a time", Sampling.greedy(2).withTopLogProbs(5), ""));
    int[] ids = model.tokenizer().encodeWithSpecials("Once upon a time");
    double[] first = logSoftmax(ids, ids.length - 1);
    assertThat(reply.tokens()).hasSize(2);
    double best = IntStream.range(0, first.length).mapToDouble(i -> first[i]).max().orElseThrow();
    assertThat(reply.tokens().get(0).logProb()).isCloseTo(best, within(1e-3));
    assertThat(reply.tokens().get(0).alternatives())
        .hasSize(5)
        .containsValue(reply.tokens().get(0).logProb());
  }

  @Test
  void chat_sampleAndSeed_decideWhatIsDrawn() {
    Sampling sampling = Sampling.of(1.0, 12);
    String first = llm.chat(ChatRequest.of("The old man", sampling, "0/1/0")).text();
    assertThat(llm.chat(ChatRequest.of("The old man", sampling, "0/1/0")).text()).isEqualTo(first);
    assertThat(llm.chat(ChatRequest.of("The old man", sampling, "0/1/1")).text())
        .isNotEqualTo(first);
    assertThat(llm.chat(ChatRequest.of("The old man", sampling.withSeed(7), "0/1/0")).text())
        .isNotEqualTo(first);
  }

  @Test
  void chat_stopText_endsTheAnswerBeforeIt() {
    Sampling sampling = Sampling.greedy(20);
    String text = llm.chat(ChatRequest.of("Once upon a time", sampling, "")).text();
    String word = text.split(" ")[3];
    ChatReply stopped =
        llm.chat(ChatRequest.of("Once upon a time", sampling.withStop(List.of(word)), ""));
    assertThat(stopped.text()).isEqualTo(text.substring(0, text.indexOf(word)).strip());
    assertThat(stopped.finish()).isEqualTo(ChatReply.Finish.STOP);
  }

  @Test
  void chat_answerLongerThanTheRoom_isCut() {
    String text = "word ".repeat(250).strip();
    int length = model.tokenizer().encodeWithSpecials(text).length;
    ChatReply reply = llm.chat(ChatRequest.of(text, Sampling.greedy(100), ""));
    assertThat(reply.usage().completionTokens())
        .isLessThanOrEqualTo(model.spec().maxPositions() + 1 - length);
  }

  @Test
  void chat_promptLongerThanTheModel_isRefused() {
    assertThatThrownBy(() -> llm.chat(ChatRequest.of("word ".repeat(400), Sampling.greedy(1), "")))
        .isInstanceOfSatisfying(
            CallFailedException.class,
            e -> assertThat(e.kind()).isEqualTo(CallFailedException.Kind.REFUSED));
  }

  @Test
  void chat_fieldThatItDoesNotKnow_isRefusedByName() {
    Sampling sampling = Sampling.greedy(1).withExtra(Json.object().put("logit_bias", 1));
    assertThatThrownBy(() -> llm.chat(ChatRequest.of("a", sampling, "")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("logit_bias");
  }

  /** The template decides what the model reads, and so how many tokens there are. */
  @Test
  void chat_modelWithATemplate_writesTheConversationByIt(@TempDir Path folder) throws Exception {
    try (var files = Files.list(BundledModel.MINI_LLAMA.folder())) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Files.writeString(
        folder.resolve("chat_template.jinja"),
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}answer:");
    ChatRequest request =
        new ChatRequest(
            List.of(Message.system("Be short."), Message.user("Hello")), Sampling.greedy(3), "");
    try (LanguageModel chatty = load(folder)) {
      ChatReply reply = new LocalLlm(chatty, "chatty", "chatty").chat(request);
      int expected = model.tokenizer().encode("system: Be short.\nuser: Hello\nanswer:").length;
      assertThat(reply.usage().promptTokens()).isEqualTo(expected);
    }
    int plain = model.tokenizer().encodeWithSpecials("Be short.\n\nHello").length;
    assertThat(llm.chat(request).usage().promptTokens()).isEqualTo(plain);
  }

  // ------------------------------------------------------------------ choices

  @Test
  void choice_ofTexts_isTheLikeliestAndRenormalised() {
    Sampling sampling = choice(0, "good", "bad", "a purple elephant").withTopLogProbs(3);
    ChatReply reply = llm.chat(ChatRequest.of("I loved it. The film was", sampling, ""));
    TokenScore answer = reply.tokens().get(0);
    double sum = answer.alternatives().values().stream().mapToDouble(Math::exp).sum();
    assertThat(sum).isCloseTo(1, within(1e-6));
    double good = llm.score(new ScoreRequest("I loved it. The film was", " good")).sum();
    double elephant =
        llm.score(new ScoreRequest("I loved it. The film was", " a purple elephant")).sum();
    assertThat(answer.alternatives().get("good") - answer.alternatives().get("a purple elephant"))
        .isCloseTo(good - elephant, within(1e-3));
    assertThat(reply.text()).isEqualTo(answer.alternatives().keySet().iterator().next());
    assertThat(reply.finish()).isEqualTo(ChatReply.Finish.STOP);
  }

  @Test
  void choice_withATemperature_isDrawnByTheSample() {
    List<String> drawn = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      Sampling sampling = choice(5, "good", "bad", "fine");
      drawn.add(llm.chat(ChatRequest.of("The film was", sampling, "draw " + i)).text());
    }
    assertThat(drawn).contains("good", "bad", "fine");
  }

  private static Sampling choice(double temperature, String... texts) {
    ObjectNode extra = Json.object();
    List.of(texts).forEach(extra.putArray(LocalLlm.CHOICE)::add);
    return Sampling.of(temperature, 1).withExtra(extra);
  }

  // ------------------------------------------------------------------ many at once

  /** What is asked beside a request changes nothing, and all threads get their own answers. */
  @Test
  void chat_manyThreads_getTheAnswersThatTheyGetAlone() throws Exception {
    List<ChatRequest> requests = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      Sampling sampling = Sampling.of(i % 2, 4 + i % 3).withTemperature(OptionalDouble.of(i % 2));
      requests.add(
          ChatRequest.of("word ".repeat(i) + "The number " + i + " is", sampling, "s" + i));
    }
    List<String> alone = requests.stream().map(request -> llm.chat(request).text()).toList();
    String[] together = new String[requests.size()];
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < together.length; i++) {
      int place = i;
      threads.add(new Thread(() -> together[place] = llm.chat(requests.get(place)).text()));
    }
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(together).containsExactlyElementsOf(alone);
  }

  @Test
  void model_masked_isRefused() {
    try (LanguageModel masked = load(BundledModel.MINI_ROBERTA.folder())) {
      assertThatThrownBy(() -> new LocalLlm(masked, "masked", "masked"))
          .isInstanceOf(InvalidInputException.class);
    }
  }
}
