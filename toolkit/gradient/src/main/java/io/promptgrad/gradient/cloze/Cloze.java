package io.promptgrad.gradient.cloze;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.tokenizer.Specials;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.lm.tokenizer.TokenizerKind;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Segment;
import io.promptgrad.template.Verbalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Turns a task's examples into token sequences for one model and one template.
 *
 * <p>In a masked model {@code [P]} becomes the mask token. A causal model answers with the token
 * after everything that stands before {@code [P]}; text behind it is not seen by the model and is
 * left out, and a trigger slot there is an error.
 *
 * <p>Text between slots is tokenized as one run. Special tokens around the sequence are added as the
 * tokenizer does, unless the template writes one itself (as AutoPrompt's templates do). A sequence
 * that is too long for the model loses tokens at the end of its longest run; {@link #shortened} tells
 * how many examples that were.
 */
public final class Cloze {

  private final LanguageModel model;
  private final Tokenizer tokenizer;
  private final PromptTemplate template;
  private final LabelTokens labels;
  private final int[] before;
  private final int[] after;
  private int shortened;

  /**
   * @param verbalizer labels and their words, each one token
   * @throws InvalidInputException if the template or the verbalizer does not fit the model
   */
  public Cloze(LanguageModel model, PromptTemplate template, Verbalizer verbalizer) {
    this(
        model,
        template,
        LabelTokens.resolve(verbalizer, model.tokenizer(), blankBeforePrediction(template)));
  }

  /** The same with label tokens at hand. */
  public Cloze(LanguageModel model, PromptTemplate template, LabelTokens labels) {
    this.model = model;
    this.tokenizer = model.tokenizer();
    this.template = template;
    this.labels = labels;
    boolean causal = model.spec().causal();
    if (!causal && tokenizer.specials().mask().isEmpty()) {
      throw new InvalidInputException(
          "%s names no mask token, which a masked language model needs at [P]; add it to tokenizer_config.json."
              .formatted(tokenizer.file()));
    }
    if (causal) {
      requireTriggersBeforePrediction();
    }
    boolean writesSpecials = writesSpecials();
    int[][] around = writesSpecials ? new int[2][0] : specialsAround();
    this.before = around[0];
    this.after = causal ? new int[0] : around[1];
  }

  private static boolean blankBeforePrediction(PromptTemplate template) {
    Segment previous = null;
    for (Segment segment : template.segments()) {
      if (segment instanceof Segment.Prediction) {
        return previous == null
            || !(previous instanceof Segment.Text text)
            || text.endsWithBlank();
      }
      previous = segment;
    }
    return true;
  }

  private void requireTriggersBeforePrediction() {
    boolean answered = false;
    for (Segment segment : template.segments()) {
      answered |= segment instanceof Segment.Prediction;
      if (answered && segment instanceof Segment.Trigger) {
        throw new InvalidInputException(
            "The template '%s' has a trigger slot [T] behind [P], which a causal model (%s) never sees; put [P] last."
                .formatted(template, model.spec().family()));
      }
    }
  }

  /** Whether the template itself says where the sequence begins or ends. */
  private boolean writesSpecials() {
    Specials specials = tokenizer.specials();
    Set<Integer> marks = new HashSet<>();
    List.of(specials.bos(), specials.eos(), specials.cls(), specials.sep())
        .forEach(mark -> mark.ifPresent(marks::add));
    for (Segment segment : template.segments()) {
      if (segment instanceof Segment.Text text) {
        for (int id : tokenizer.encode(text.text())) {
          if (marks.contains(id)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  /** What the tokenizer puts before and after a text. */
  private int[][] specialsAround() {
    int[] bare = tokenizer.encode("a");
    int[] dressed = tokenizer.encodeWithSpecials("a");
    for (int start = 0; start + bare.length <= dressed.length; start++) {
      if (Arrays.equals(dressed, start, start + bare.length, bare, 0, bare.length)) {
        return new int[][] {
          Arrays.copyOf(dressed, start),
          Arrays.copyOfRange(dressed, start + bare.length, dressed.length)
        };
      }
    }
    return new int[2][0];
  }

  /** The template. */
  public PromptTemplate template() {
    return template;
  }

  /** The labels as tokens. */
  public LabelTokens labels() {
    return labels;
  }

  /** Examples that were too long so far and lost tokens. */
  public int shortened() {
    return shortened;
  }

  /** Encodes examples. */
  public List<ClozeExample> encode(List<Example> examples) {
    List<ClozeExample> encoded = new ArrayList<>(examples.size());
    for (Example example : examples) {
      encoded.add(encode(example));
    }
    return encoded;
  }

  /** Encodes one example. */
  public ClozeExample encode(Example example) {
    int gold = labels.indexOf(example.label());
    return encode(example.id(), example.fields(), gold, labels.ids()[gold]);
  }

  private ClozeExample encode(String id, Map<String, String> fields, int gold, int[] goldTokens) {
    boolean causal = model.spec().causal();
    List<int[]> pieces = new ArrayList<>();
    List<Integer> triggerPieces = new ArrayList<>();
    int predictionPiece = -1;
    pieces.add(before);
    for (Segment segment : template.fill(fields)) {
      if (segment instanceof Segment.Text text) {
        if (!(causal && predictionPiece >= 0)) {
          pieces.add(run(text));
        }
      } else if (segment instanceof Segment.Trigger) {
        triggerPieces.add(pieces.size());
        pieces.add(new int[1]);
      } else {
        predictionPiece = pieces.size();
        OptionalInt mask = tokenizer.specials().mask();
        pieces.add(causal ? new int[0] : new int[] {mask.getAsInt()});
      }
    }
    pieces.add(after);
    shorten(id, pieces);
    int[] starts = new int[pieces.size() + 1];
    for (int i = 0; i < pieces.size(); i++) {
      starts[i + 1] = starts[i] + pieces.get(i).length;
    }
    int[] ids = new int[starts[pieces.size()]];
    for (int i = 0; i < pieces.size(); i++) {
      System.arraycopy(pieces.get(i), 0, ids, starts[i], pieces.get(i).length);
    }
    int predictAt = causal ? starts[predictionPiece] - 1 : starts[predictionPiece];
    if (predictAt < 0) {
      throw new InvalidInputException(
          "Example %s has no token before [P], so that a causal model has nothing to go by; put text or a [T] before it."
              .formatted(id));
    }
    int[] triggerAt = triggerPieces.stream().mapToInt(i -> starts[i]).toArray();
    return new ClozeExample(id, ids, new int[0], triggerAt, predictAt, gold, goldTokens);
  }

  /**
   * Tokens of the text between two slots. Blanks next to a slot belong to the slot's neighbours:
   * byte-level vocabularies have them in the token that follows, the others do not keep them.
   */
  private int[] run(Segment.Text text) {
    String core = text.text().strip();
    if (core.isEmpty()) {
      return new int[0];
    }
    boolean carries = tokenizer.kind() == TokenizerKind.BYTE_LEVEL_BPE;
    return tokenizer.encode(carries && text.startsWithBlank() ? " " + core : core);
  }

  private void shorten(String id, List<int[]> pieces) {
    int length = pieces.stream().mapToInt(p -> p.length).sum();
    int excess = length - model.spec().maxPositions();
    if (excess <= 0) {
      return;
    }
    shortened++;
    int longest = 0;
    for (int i = 1; i < pieces.size(); i++) {
      if (pieces.get(i).length > pieces.get(longest).length) {
        longest = i;
      }
    }
    int[] piece = pieces.get(longest);
    if (piece.length <= excess) {
      throw new InvalidInputException(
          "Example %s has %d tokens with this template, but the model accepts %d; shorten the template or the text."
              .formatted(id, length, model.spec().maxPositions()));
    }
    pieces.set(longest, Arrays.copyOf(piece, piece.length - excess));
  }
}
