package io.promptgrad.local;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.TokenScore;
import io.promptgrad.llm.client.Usage;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.chat.ChatTemplate;
import io.promptgrad.lm.chat.Conversation;
import io.promptgrad.lm.generate.Generation;
import io.promptgrad.lm.generate.GenerationDefaults;
import io.promptgrad.lm.generate.GenerationOptions;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A causal model of this machine, asked as one behind an API is. What several threads ask at once
 * goes through the model together.
 *
 * <p>A conversation is written by the model's chat template; without one, its messages stand below
 * each other, an empty line between them, and the model goes on.
 *
 * <p>What is drawn depends on the request alone (messages, sampling, sample): the same request gets
 * the same answer, whatever is asked beside it, up to the rounding of sums over batches.
 *
 * <p>Beside the fields of {@link Sampling} these of {@code extra} are honoured, named as vLLM does:
 * {@code top_k}, {@code min_p}, {@code repetition_penalty}, and {@code guided_choice}, a list of
 * texts one of which is the answer. For a choice the exact log-probability of each text behind the
 * conversation is computed; the answer's one token score holds their distribution, renormalised
 * over the choices.
 *
 * <p>An answer is cut where the model has no more positions. A request that leaves no room for one
 * token is refused, as servers do.
 */
public final class LocalLlm implements Llm {

  /** The field of {@link Sampling#extra} with the texts that may be answered. */
  public static final String CHOICE = "guided_choice";

  private static final int MOST_TOGETHER = 64;

  private final LanguageModel model;
  private final Tokenizer tokenizer;
  private final String name;
  private final String identity;
  private final Optional<ChatTemplate> template;
  private final GenerationOptions defaults;
  private final Together<Writing, ChatReply> writing;
  private final Together<List<TokenProbabilities.Sequence>, List<double[]>> scoring;

  /** A text to go on with. */
  private record Writing(int[] ids, GenerationOptions options, long seed, int alternatives) {}

  /**
   * Serves a model, which stays the caller's to close.
   *
   * @param name what it is called where costs are counted
   * @param identity tells it from all other models; should change with the weights
   * @throws InvalidInputException if it is not a causal model with a tokenizer
   */
  public LocalLlm(LanguageModel model, String name, String identity) {
    Generation.requireGenerative(model);
    if (model.spec().encoderDecoder()) {
      throw new InvalidInputException(
          "%s is an encoder-decoder, which is not served as a chat model; take a causal model."
              .formatted(name));
    }
    if (!model.hasTokenizer()) {
      throw Tokenizer.missingFrom(model.path());
    }
    this.model = model;
    this.tokenizer = model.tokenizer();
    this.name = name;
    this.identity = identity;
    this.template =
        ChatTemplate.isIn(model.path())
            ? Optional.of(ChatTemplate.read(model.path()))
            : Optional.empty();
    this.defaults = GenerationDefaults.of(model).options();
    Object turn = new Object();
    TokenProbabilities probabilities = new TokenProbabilities(model);
    this.writing = new Together<>(turn, MOST_TOGETHER, this::write);
    this.scoring = new Together<>(turn, MOST_TOGETHER, probabilities::of);
  }

  @Override
  public String model() {
    return name;
  }

  @Override
  public String identity() {
    return identity;
  }

  @Override
  public Scoring scoring() {
    return new Scoring(
        Scoring.Kind.GIVEN_TEXT, "a local model: exact log-probabilities of given text");
  }

  /** Returns whether it has a chat template. */
  public boolean chats() {
    return template.isPresent();
  }

  // ------------------------------------------------------------------ chat

  @Override
  public ChatReply chat(ChatRequest request) {
    String text = text(request.messages());
    int[] ids = ids(text);
    Optional<List<String>> choices = choices(request.sampling());
    if (choices.isPresent()) {
      return choose(request, text, ids, choices.get());
    }
    int room = Generation.mostNewTokens(model, ids.length);
    if (room < 1) {
      throw tooLong(ids.length);
    }
    GenerationOptions options = options(request.sampling());
    int wanted = Math.min(room, options.maxNewTokens());
    int alternatives = request.sampling().topLogProbs().orElse(-1);
    options = options.withMaxNewTokens(wanted);
    return writing.ask(
        new Writing(
            ids, alternatives < 0 ? options : options.keepLogits(), seed(request), alternatives));
  }

  private String text(List<Message> messages) {
    if (template.isEmpty()) {
      return messages.stream().map(Message::text).collect(Collectors.joining("\n\n"));
    }
    Conversation conversation = Conversation.empty();
    for (Message message : messages) {
      conversation =
          switch (message.from()) {
            case SYSTEM -> conversation.system(message.text());
            case USER -> conversation.user(message.text());
            case ASSISTANT -> conversation.assistant(message.text());
          };
    }
    return template.get().render(conversation);
  }

  /** A chat template writes all special tokens itself. */
  private int[] ids(String text) {
    int[] ids = template.isPresent() ? tokenizer.encode(text) : tokenizer.encodeWithSpecials(text);
    return ids.length > 0 ? ids : tokenizer.specials().bos().stream().toArray();
  }

  private CallFailedException tooLong(int tokens) {
    return new CallFailedException(
        CallFailedException.Kind.REFUSED,
        "the text has %d tokens, and the model only %d positions"
            .formatted(tokens, model.spec().maxPositions()));
  }

  private GenerationOptions options(Sampling sampling) {
    GenerationOptions options = defaults;
    options = options.withTemperature(sampling.temperature().orElse(options.temperature()));
    options = options.withTopP(sampling.topP().orElse(options.topP()));
    options = options.withMaxNewTokens(sampling.maxTokens().orElse(options.maxNewTokens()));
    List<String> stops = new ArrayList<>(options.stopStrings());
    stops.addAll(sampling.stop());
    options = options.withStopStrings(stops.toArray(String[]::new));
    for (Map.Entry<String, JsonNode> field : sampling.extra().properties()) {
      JsonNode value = field.getValue();
      options =
          switch (field.getKey()) {
            case "top_k" -> options.withTopK(value.asInt());
            case "min_p" -> options.withMinP(value.asDouble());
            case "repetition_penalty" -> options.withRepetitionPenalty(value.asDouble());
            default ->
                throw new InvalidInputException(
                    "A local model knows no field '%s' in extra; it has top_k, min_p, repetition_penalty and guided_choice."
                        .formatted(field.getKey()));
          };
    }
    return options;
  }

  /** One number for everything that the answer may depend on. */
  private static long seed(ChatRequest request) {
    try {
      byte[] text = Json.line(request.toJson()).getBytes(StandardCharsets.UTF_8);
      return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(text)).getLong();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  /** Those with equal options go through the model together, whatever their lengths and seeds. */
  private List<ChatReply> write(List<Writing> all) {
    Map<GenerationOptions, List<Integer>> groups = new LinkedHashMap<>();
    for (int i = 0; i < all.size(); i++) {
      groups.computeIfAbsent(all.get(i).options(), unused -> new ArrayList<>()).add(i);
    }
    ChatReply[] replies = new ChatReply[all.size()];
    groups.forEach(
        (options, places) -> {
          List<int[]> prompts = places.stream().map(i -> all.get(i).ids()).toList();
          long[] seeds = places.stream().mapToLong(i -> all.get(i).seed()).toArray();
          Generation generation =
              Generation.generate(model, prompts, options, seeds, MOST_TOGETHER);
          for (int row = 0; row < places.size(); row++) {
            Writing one = all.get(places.get(row));
            replies[places.get(row)] = reply(one, generation, row, places.size());
          }
        });
    return List.of(replies);
  }

  private ChatReply reply(Writing asked, Generation generation, int row, int rows) {
    int[] tokens = generation.tokens().get(row);
    ChatReply.Finish finish =
        switch (generation.ends().get(row)) {
          case LENGTH -> ChatReply.Finish.LENGTH;
          case STOP_ID, STOP_STRING -> ChatReply.Finish.STOP;
          case CANCELLED -> ChatReply.Finish.OTHER;
        };
    List<TokenScore> scores = new ArrayList<>();
    int vocabulary = model.spec().vocabulary();
    int steps = generation.logits().length / rows / vocabulary;
    for (int t = 0; asked.alternatives() >= 0 && t < tokens.length; t++) {
      int start = (row * steps + t) * vocabulary;
      scores.add(score(generation.logits(), start, tokens[t], asked.alternatives()));
    }
    return new ChatReply(
        generation.texts().get(row).strip(),
        finish,
        scores,
        new Usage(asked.ids().length, 0, tokens.length, false));
  }

  /** A token's log-probability and the most likely ones, from logits [V] at temperature 1. */
  private TokenScore score(float[] logits, int start, int token, int alternatives) {
    int vocabulary = model.spec().vocabulary();
    double largest = Double.NEGATIVE_INFINITY;
    for (int id = 0; id < vocabulary; id++) {
      largest = Math.max(largest, logits[start + id]);
    }
    double sum = 0;
    for (int id = 0; id < vocabulary; id++) {
      sum += Math.exp(logits[start + id] - largest);
    }
    double logSum = largest + Math.log(sum);
    Map<String, Double> top = new LinkedHashMap<>();
    IntStream.range(0, vocabulary)
        .boxed()
        .filter(tokenizer::has)
        .sorted((a, b) -> Float.compare(logits[start + b], logits[start + a]))
        .limit(alternatives)
        .forEach(id -> top.putIfAbsent(text(id), logits[start + id] - logSum));
    return new TokenScore(text(token), logits[start + token] - logSum, top);
  }

  private String text(int id) {
    return tokenizer.decode(new int[] {id});
  }

  // ------------------------------------------------------------------ choices

  private static Optional<List<String>> choices(Sampling sampling) {
    JsonNode given = sampling.extra().path(CHOICE);
    if (given.isMissingNode()) {
      return Optional.empty();
    }
    List<String> texts = new ArrayList<>();
    given.forEach(choice -> texts.add(choice.asText()));
    if (texts.isEmpty()) {
      throw new InvalidInputException(
          "guided_choice is no list of texts; name what may be answered.");
    }
    return Optional.of(texts);
  }

  private ChatReply choose(ChatRequest request, String text, int[] ids, List<String> choices) {
    boolean apart =
        template.isEmpty()
            && !text.isEmpty()
            && !Character.isWhitespace(text.charAt(text.length() - 1));
    List<TokenProbabilities.Sequence> sequences = new ArrayList<>();
    for (String choice : choices) {
      sequences.add(behind(ids, ids(text + (apart ? " " : "") + choice)));
    }
    List<double[]> scored = scoring.ask(sequences);
    double[] scores =
        scored.stream()
            .mapToDouble(own -> IntStream.range(0, own.length).mapToDouble(t -> own[t]).sum())
            .toArray();
    double largest =
        IntStream.range(0, scores.length).mapToDouble(c -> scores[c]).max().orElseThrow();
    double logSum =
        largest
            + Math.log(
                IntStream.range(0, scores.length)
                    .mapToDouble(c -> Math.exp(scores[c] - largest))
                    .sum());
    int chosen = chosen(request, scores, logSum);
    Map<String, Double> distribution = new LinkedHashMap<>();
    IntStream.range(0, scores.length)
        .boxed()
        .sorted((a, b) -> Double.compare(scores[b], scores[a]))
        .forEach(c -> distribution.put(choices.get(c), scores[c] - logSum));
    boolean wanted = request.sampling().topLogProbs().isPresent();
    return new ChatReply(
        choices.get(chosen),
        ChatReply.Finish.STOP,
        wanted
            ? List.of(new TokenScore(choices.get(chosen), scores[chosen] - logSum, distribution))
            : List.of(),
        new Usage(ids.length, 0, scored.get(chosen).length, false));
  }

  /** The most likely choice, the first of equals; with a temperature one that is drawn. */
  private int chosen(ChatRequest request, double[] scores, double logSum) {
    double temperature = request.sampling().temperature().orElse(0);
    int best = 0;
    for (int c = 1; c < scores.length; c++) {
      best = scores[c] > scores[best] ? c : best;
    }
    if (temperature == 0) {
      return best;
    }
    double[] weights = new double[scores.length];
    for (int c = 0; c < scores.length; c++) {
      weights[c] = Math.exp((scores[c] - scores[best]) / temperature);
    }
    double point =
        new SplittableRandom(seed(request)).nextDouble()
            * IntStream.range(0, weights.length).mapToDouble(c -> weights[c]).sum();
    for (int c = 0; c < weights.length; c++) {
      point -= weights[c];
      if (point < 0) {
        return c;
      }
    }
    return best;
  }

  // ------------------------------------------------------------------ scores

  @Override
  public TextScore score(ScoreRequest request) {
    int[] all = tokenizer.encodeWithSpecials(request.text());
    TokenProbabilities.Sequence sequence =
        behind(tokenizer.encodeWithSpecials(request.context()), all);
    double[] scores = scoring.ask(List.of(sequence)).get(0);
    List<TokenScore> tokens = new ArrayList<>();
    for (int t = 0; t < scores.length; t++) {
      tokens.add(new TokenScore(text(all[sequence.from() + t]), scores[t], Map.of()));
    }
    return new TextScore(tokens, new Usage(all.length, 0, 0, false));
  }

  /**
   * What is new in a longer text, from the first token in which it differs. A token that reaches
   * across the end of the shorter text differs there, so it is counted whole.
   */
  private TokenProbabilities.Sequence behind(int[] shorter, int[] longer) {
    if (longer.length > model.spec().maxPositions()) {
      throw tooLong(longer.length);
    }
    int from = 0;
    while (from < shorter.length && from < longer.length - 1 && shorter[from] == longer[from]) {
      from++;
    }
    return new TokenProbabilities.Sequence(longer, Math.max(1, from));
  }
}
