package io.promptgrad.gradient.soft;

import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Texts that a model is to go on with: it is shown the right continuation, and every token of it
 * counts alike (teacher forcing). A causal model reads text and continuation in one, an
 * encoder-decoder reads the text and writes the continuation. Where the model has a token for the
 * end of a text, that is wanted behind the continuation.
 *
 * <p>Dev is scored by the geometric mean of the tokens' probabilities.
 */
public final class TextProblem implements SoftProblem {

  /** A text and how it goes on. */
  public record Pair(String text, String continuation) {}

  private final LanguageModel model;
  private final List<SoftRow> train;
  private final List<SoftRow> dev;

  /**
   * @throws InvalidInputException for a masked model, and a pair without a continuation
   */
  public TextProblem(LanguageModel model, List<Pair> train, List<Pair> dev) {
    this.model = model;
    if (train.isEmpty() || dev.isEmpty()) {
      throw new InvalidInputException("Texts to train with and texts for dev are needed.");
    }
    this.train = train.stream().map(this::row).toList();
    this.dev = dev.stream().map(this::row).toList();
  }

  private SoftRow row(Pair pair) {
    Tokenizer tokenizer = model.tokenizer();
    int[] said = tokenizer.encode(pair.continuation());
    if (said.length == 0) {
      throw new InvalidInputException("The text '%s' has no continuation.".formatted(pair.text()));
    }
    OptionalInt end = tokenizer.specials().eos();
    int[] wanted =
        end.isPresent()
            ? IntStream.concat(Arrays.stream(said), IntStream.of(end.getAsInt())).toArray()
            : said;
    int[] text = tokenizer.encodeWithSpecials(pair.text());
    int[][] targets = Arrays.stream(wanted).mapToObj(id -> new int[] {id}).toArray(int[][]::new);
    int[] before = Arrays.copyOf(wanted, wanted.length - 1); // what has been said at each target
    return switch (model.spec().objective()) {
      case CAUSAL -> {
        int[] start = tokenizer.encode(pair.text());
        int first = start.length > 0 && text.length > start.length && text[0] != start[0] ? 1 : 0;
        int[] read = // a token for the beginning stays, one for the end goes
            first == 1
                ? IntStream.concat(IntStream.of(text[0]), Arrays.stream(start)).toArray()
                : start;
        if (read.length == 0) {
          throw new InvalidInputException("A text to go on with is empty.");
        }
        int[] ids = IntStream.concat(Arrays.stream(read), Arrays.stream(before)).toArray();
        int[] at = IntStream.range(read.length - 1, ids.length).toArray();
        yield new SoftRow(ids, new int[0], new int[0], new int[0], at, targets, 0);
      }
      case TEXT_TO_TEXT -> {
        int start = model.spec().encoder().startId();
        int[] decoder = IntStream.concat(IntStream.of(start), Arrays.stream(before)).toArray();
        int[] at = IntStream.range(0, decoder.length).toArray();
        yield new SoftRow(text, new int[0], new int[0], decoder, at, targets, 0);
      }
      case MASKED ->
          throw new InvalidInputException(
              "%s (%s) does not go on with texts; take a causal model or an encoder-decoder."
                  .formatted(model.path(), model.spec().family()));
    };
  }

  @Override
  public LanguageModel model() {
    return model;
  }

  @Override
  public int slots() {
    return 0;
  }

  @Override
  public List<SoftRow> train() {
    return train;
  }

  @Override
  public SoftModel.Loss loss(boolean wholeVocabulary, double smoothing, double z) {
    return new SoftModel.Loss(null, smoothing, z);
  }

  @Override
  public Optional<LabelTokens> labels() {
    return Optional.empty();
  }

  @Override
  public int devSize() {
    return dev.size();
  }

  /** Of several prompts the mean loss counts: tokens cannot vote. */
  @Override
  public Dev dev(LoadedPrompt prompt) {
    List<SoftRow> rows = new ArrayList<>();
    for (int n = 0; n < prompt.prompts(); n++) {
      int own = n;
      dev.forEach(row -> rows.add(row.with(own)));
    }
    double loss =
        Arrays.stream(prompt.losses(rows, SoftModel.Loss.among(null))).average().orElseThrow();
    return new Dev(Math.exp(-loss), loss);
  }

  @Override
  public SoftPrompt prompt(List<PeftAdapter> adapters, List<String> nearest) {
    return new SoftPrompt(adapters, Optional.empty(), nearest);
  }
}
