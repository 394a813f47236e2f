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
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Turns a task's examples into token sequences for one model and one template.
 *
 * <p>In a masked model {@code [P]} becomes the mask token. A causal model answers with the token
 * after everything that stands before {@code [P]}; text behind it is not seen by the model and is
 * left out, and a trigger slot there is an error. An encoder-decoder reads its first sentinel at
 * {@code [P]}, as in T5's span filling, and its decoder answers behind that same sentinel.
 *
 * <p>Text between slots is tokenized as one run. Special tokens around the sequence are added as
 * the tokenizer does, unless the template writes one itself (as AutoPrompt's templates do); in a
 * field's value their names are plain text. If a sequence is too long for the model, its longest
 * field's value loses tokens at the end; {@link #shortened} tells how many examples that were.
 */
public final class Cloze {

  /** The first of the tokens by which T5 marks what is left out of a text. */
  private static final String SENTINEL = "<extra_id_0>";

  private final LanguageModel model;
  private final Tokenizer tokenizer;
  private final PromptTemplate template;
  private final LabelTokens labels;
  private final int[] gap; // what stands at [P]
  private final int[] decoderIds; // what a decoder has said before it answers
  private final boolean writesSpecials; // the template itself, as the original's do
  private final int[] before;
  private final int[] after;
  private final List<String> specialNames;
  private final Set<String> visibleFields; // those that the model sees
  private final int most; // tokens of a sequence
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
    this(model, template, labels, 0);
  }

  /**
   * The same with room for virtual tokens, which examples leave free.
   *
   * @param reserved their number
   * @throws InvalidInputException if they leave no room for a text
   */
  public Cloze(LanguageModel model, PromptTemplate template, LabelTokens labels, int reserved) {
    if (reserved >= model.spec().maxPositions()) {
      throw new InvalidInputException(
          "A prompt of %d virtual tokens leaves no room for a text: %s accepts %d tokens in all; take fewer."
              .formatted(reserved, model.path(), model.spec().maxPositions()));
    }
    this.model = model;
    this.most = model.spec().maxPositions() - reserved;
    this.tokenizer = model.tokenizer();
    this.template = template;
    this.labels = labels;
    boolean causal = model.spec().causal();
    this.gap = gap();
    this.decoderIds =
        model.spec().encoderDecoder()
            ? new int[] {model.spec().encoder().startId(), gap[0]}
            : new int[0];
    if (causal) {
      requireTriggersBeforePrediction();
    }
    this.writesSpecials = writesSpecials();
    int[][] around = writesSpecials ? new int[2][0] : specialsAround();
    this.before = around[0];
    this.after = causal ? new int[0] : around[1];
    this.specialNames = tokenizer.specials().all().stream().map(tokenizer::token).sorted().toList();
    this.visibleFields = visibleFields(causal);
  }

  private int[] gap() {
    return switch (model.spec().objective()) {
      case CAUSAL -> new int[0];
      case MASKED ->
          new int[] {
            tokenizer
                .specials()
                .mask()
                .orElseThrow(
                    () ->
                        new InvalidInputException(
                            "%s names no mask token, which a masked language model needs at [P]; add it to tokenizer_config.json."
                                .formatted(tokenizer.file())))
          };
      case TEXT_TO_TEXT ->
          new int[] {
            tokenizer
                .id(SENTINEL)
                .orElseThrow(
                    () ->
                        new InvalidInputException(
                            "%s has no token %s, which %s needs at [P]."
                                .formatted(tokenizer.file(), SENTINEL, model.spec().family())))
          };
    };
  }

  private Set<String> visibleFields(boolean causal) {
    Set<String> names = new LinkedHashSet<>();
    for (Segment segment : template.segments()) {
      if (segment instanceof Segment.Field field) {
        names.add(field.name());
      } else if (causal && segment instanceof Segment.Prediction) {
        break;
      }
    }
    return names;
  }

  private static boolean blankBeforePrediction(PromptTemplate template) {
    Segment previous = null;
    for (Segment segment : template.segments()) {
      if (segment instanceof Segment.Prediction) {
        return previous == null || !(previous instanceof Segment.Text text) || text.endsWithBlank();
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

  /** What to say about {@link #shortened}, if anything. */
  public Optional<String> shortenedWarning(int examples) {
    return shortened == 0
        ? Optional.empty()
        : Optional.of(
            "%d of %d examples were longer than the model's %d tokens and lost the end of their text."
                .formatted(shortened, examples, most));
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
    template.requireFields(fields.keySet());
    Pieces pieces = pieces(fields);
    int excess = pieces.length() - most;
    if (excess > 0) {
      shortened++;
      Map<String, String> shorter = new HashMap<>(fields);
      while (excess > 0) {
        shortenLongest(id, shorter, excess);
        pieces = pieces(shorter);
        excess = pieces.length() - most;
      }
    }
    int[] ids = new int[pieces.length()];
    int[] triggerAt = new int[template.triggerCount()];
    int predictAt = -1;
    int column = 0;
    for (int p = 0; p < pieces.ids().size(); p++) {
      int[] piece = pieces.ids().get(p);
      System.arraycopy(piece, 0, ids, column, piece.length);
      if (pieces.slots().get(p) instanceof Segment.Trigger trigger) {
        triggerAt[trigger.index()] = column;
      } else if (pieces.slots().get(p) instanceof Segment.Prediction) {
        predictAt =
            switch (model.spec().objective()) {
              case CAUSAL -> column - 1;
              case MASKED -> column;
              case TEXT_TO_TEXT -> decoderIds.length - 1;
            };
      }
      column += piece.length;
    }
    if (predictAt < 0) {
      throw new InvalidInputException(
          "Example %s has no token before [P], so that a causal model has nothing to go by; put text or a [T] before it."
              .formatted(id));
    }
    return new ClozeExample(
        id, ids, types(ids), triggerAt, predictAt, gold, goldTokens, decoderIds);
  }

  /**
   * Token types: 1 from the first separator up to the second, where a template writes both (the
   * original does so for relation extraction with BERT); else none, which is 0 everywhere.
   */
  private int[] types(int[] ids) {
    OptionalInt separator = tokenizer.specials().sep();
    if (!writesSpecials || model.spec().tokenTypes() < 2 || separator.isEmpty()) {
      return new int[0];
    }
    int[] places =
        IntStream.range(0, ids.length).filter(i -> ids[i] == separator.getAsInt()).toArray();
    if (places.length < 2) {
      return new int[0];
    }
    int[] types = new int[ids.length];
    Arrays.fill(types, places[0], places[1], 1);
    return types;
  }

  /**
   * A filled template, in reading order.
   *
   * @param ids of each piece; one for a slot
   * @param slots what each piece is: a trigger, the prediction, or null for text
   */
  private record Pieces(List<int[]> ids, List<Segment> slots) {

    void add(int[] piece, Segment slot) {
      ids.add(piece);
      slots.add(slot);
    }

    int length() {
      return ids.stream().mapToInt(piece -> piece.length).sum();
    }
  }

  private Pieces pieces(Map<String, String> fields) {
    boolean causal = model.spec().causal();
    Pieces pieces = new Pieces(new ArrayList<>(), new ArrayList<>());
    pieces.add(before, null);
    List<Part> run = new ArrayList<>();
    boolean answered = false;
    for (Segment segment : template.segments()) {
      if (segment instanceof Segment.Text literal) {
        run.add(new Part(literal.text(), false));
      } else if (segment instanceof Segment.Field field) {
        run.add(new Part(fields.get(field.name()), true));
      } else {
        pieces.add(ids(run), null);
        run.clear();
        if (segment instanceof Segment.Prediction) {
          pieces.add(gap, segment);
          answered = true;
        } else {
          pieces.add(new int[1], segment);
        }
      }
    }
    if (!(causal && answered)) { // a causal model does not see what follows the answer
      pieces.add(ids(run), null);
    }
    pieces.add(after, null);
    return pieces;
  }

  /** A stretch of text between two slots; {@code outside}: a field's value. */
  private record Part(String text, boolean outside) {}

  /**
   * Tokens of the text between two slots, as one run. Only a field's value that names a special
   * token is a run of its own: outside text must not put a separator or a mask into the prompt.
   */
  private int[] ids(List<Part> parts) {
    boolean plain = parts.stream().anyMatch(part -> part.outside() && namesSpecial(part.text()));
    if (!plain) {
      return run(parts.stream().map(Part::text).collect(Collectors.joining()), false);
    }
    return parts.stream()
        .map(part -> run(part.text(), part.outside()))
        .flatMapToInt(Arrays::stream)
        .toArray();
  }

  private boolean namesSpecial(String text) {
    return specialNames.stream().anyMatch(text::contains);
  }

  /**
   * Blanks next to a slot belong to the slot's neighbours: byte-level vocabularies have them in the
   * token that follows, the others do not keep them.
   */
  private int[] run(String text, boolean plain) {
    String core = text.strip();
    if (core.isEmpty()) {
      return new int[0];
    }
    boolean carries =
        tokenizer.kind() == TokenizerKind.BYTE_LEVEL_BPE && Character.isWhitespace(text.charAt(0));
    String carried = carries ? " " + core : core;
    return plain ? tokenizer.encodePlain(carried) : tokenizer.encode(carried);
  }

  /** Takes {@code excess} tokens, or all that there are, from the end of the longest value. */
  private void shortenLongest(String id, Map<String, String> fields, int excess) {
    String longest = null;
    int[] tokens = new int[0];
    for (String name : visibleFields) {
      int[] own = tokenizer.encodePlain(fields.get(name));
      if (own.length > tokens.length) {
        longest = name;
        tokens = own;
      }
    }
    if (longest == null) {
      throw new InvalidInputException(
          "Example %s has too many tokens with this template even without its text: the model accepts %d; shorten the template."
              .formatted(id, most));
    }
    int kept = Math.max(0, tokens.length - excess);
    String text = tokenizer.decode(Arrays.copyOf(tokens, kept));
    // Decoding may change blanks and so the number of tokens; every round must take something.
    fields.put(longest, tokenizer.encodePlain(text).length < tokens.length ? text : "");
  }
}
