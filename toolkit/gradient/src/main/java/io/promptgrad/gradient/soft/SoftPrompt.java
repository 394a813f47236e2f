package io.promptgrad.gradient.soft;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.LabelTokens;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.tokenizer.Tokenizer;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.template.PromptTemplate;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * A prompt of virtual tokens, or several that vote, and the template and label tokens that it was
 * made for. Its numbers are kept as PEFT adapters beside {@code prompt.json}; those of an ensemble
 * in folders 0, 1, ...
 *
 * @param adapters the numbers, at least one, all of one kind and size
 * @param reading the template without trigger tokens, whose slots are the virtual tokens' if it has
 *     any, and the label tokens; empty if the prompt was made for texts to go on with
 * @param nearest for each virtual token of the first adapter the token nearest to it by cosine;
 *     empty for keys and values
 * @param towards the text that its vectors were drawn to, if they were: see {@link Waywardness}
 * @param warning what it is not that it was to be, for whoever sees its scores
 */
public record SoftPrompt(
    List<PeftAdapter> adapters,
    Optional<Reading> reading,
    List<String> nearest,
    Optional<String> towards,
    Optional<String> warning)
    implements Prompt {

  /** Kind of these prompts. */
  public static final String KIND = "soft";

  /**
   * How answers are read.
   *
   * @param template with a slot for each virtual token, or without slots: they stand in front
   * @param labels label tokens
   * @param entries the label tokens as the vocabulary spells them
   */
  public record Reading(PromptTemplate template, LabelTokens labels, List<List<String>> entries) {

    /** With the spelling of a tokenizer. */
    public static Reading of(PromptTemplate template, LabelTokens labels, Tokenizer tokenizer) {
      List<List<String>> entries = new ArrayList<>();
      for (int[] ids : labels.ids()) {
        entries.add(Arrays.stream(ids).mapToObj(tokenizer::token).toList());
      }
      return new Reading(template, labels, entries);
    }
  }

  /** A prompt that was drawn to no text. */
  public SoftPrompt(List<PeftAdapter> adapters, Optional<Reading> reading, List<String> nearest) {
    this(adapters, reading, nearest, Optional.empty(), Optional.empty());
  }

  /**
   * A prompt of word vectors that were found without PEFT's ways of training.
   *
   * @param modelName as configurations write it
   * @param vectors [P * E]
   */
  public static SoftPrompt ofVectors(
      LanguageModel model, String modelName, float[] vectors, Reading reading) {
    int tokens = vectors.length / model.forSoft().width(SoftModel.Layout.VECTORS);
    PeftAdapter adapter =
        PeftAdapter.of(
            peftConfig(model, modelName, PeftAdapter.Type.PROMPT_TUNING, tokens), vectors);
    return new SoftPrompt(List.of(adapter), Optional.of(reading), nearestWords(model, vectors));
  }

  /** For each word vector the word nearest to it by cosine, of a model that has words. */
  static List<String> nearestWords(LanguageModel model, float[] vectors) {
    if (!model.hasTokenizer()) {
      return List.of();
    }
    BitSet banned = new BitSet();
    for (int id = 0; id < model.spec().vocabulary(); id++) {
      banned.set(id, !model.tokenizer().has(id));
    }
    int[] ids = model.forSearch().nearest(vectors, banned, SearchModel.Nearness.COSINE);
    return Arrays.stream(ids).mapToObj(model.tokenizer()::view).toList();
  }

  /** Refuses prompts that differ in kind or size. */
  public SoftPrompt {
    adapters = List.copyOf(adapters);
    nearest = List.copyOf(nearest);
    PeftAdapter first = adapters.get(0);
    for (PeftAdapter other : adapters) {
      if (other.type() != first.type()
          || other.tokens() != first.tokens()
          || other.columns() != first.columns()) {
        throw new InvalidInputException("The prompts of an ensemble differ in kind or size.");
      }
    }
  }

  /** What its rows are. */
  public SoftModel.Layout layout() {
    return switch (adapters.get(0).type()) {
      case PROMPT_TUNING, P_TUNING -> SoftModel.Layout.VECTORS;
      case PREFIX_TUNING -> SoftModel.Layout.KEY_VALUES;
      case ALL_PREFIX_TUNING -> SoftModel.Layout.ALL_KEY_VALUES;
    };
  }

  /** The same with the text that it was drawn to. */
  SoftPrompt drawnTo(Optional<String> text) {
    return new SoftPrompt(adapters, reading, nearest, text, warning);
  }

  /** The same with a warning. */
  SoftPrompt warned(String sentence) {
    return new SoftPrompt(adapters, reading, nearest, towards, Optional.of(sentence));
  }

  /** The same, asked in another way. */
  public SoftPrompt asking(Reading other) {
    return new SoftPrompt(adapters, Optional.of(other), nearest, towards, warning);
  }

  /** P, virtual tokens of each prompt. */
  public int tokens() {
    return adapters.get(0).tokens();
  }

  /** All prompts one after the other [N * P * width]. */
  public float[] values() {
    int n = tokens() * adapters.get(0).columns();
    float[] all = new float[adapters.size() * n];
    for (int i = 0; i < adapters.size(); i++) {
      System.arraycopy(adapters.get(i).values(), 0, all, i * n, n);
    }
    return all;
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public int[] tokenIds() {
    return new int[0];
  }

  /** The nearest tokens in the template, or in front of it. */
  @Override
  public String text() {
    String words =
        nearest.isEmpty()
            ? "<%d virtual tokens>".formatted(tokens())
            : "<" + String.join(" ", nearest) + ">";
    if (reading.isEmpty()) {
      return words;
    }
    String text = reading.get().template().toString();
    if (reading.get().template().triggerCount() == 0) {
      return words + " " + text;
    }
    for (int t = 0; t < tokens(); t++) {
      String word = nearest.isEmpty() ? Integer.toString(t) : nearest.get(t);
      int slot = text.indexOf("[T]");
      text = text.substring(0, slot) + "<" + word + ">" + text.substring(slot + 3);
    }
    return text;
  }

  @Override
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("kind", KIND).put("text", text());
    json.put("type", adapters.get(0).type().name());
    json.put("base_model", adapters.get(0).baseModel());
    json.put("virtual_tokens", tokens()).put("width", adapters.get(0).columns());
    json.set("nearest_tokens", Json.tree(nearest));
    towards.ifPresent(text -> json.put("towards", text));
    warning.ifPresent(sentence -> json.put("warning", sentence));
    ArrayNode files = json.putArray("adapters");
    for (int i = 0; i < adapters.size(); i++) {
      files
          .addObject()
          .put("folder", adapters.size() == 1 ? "." : Integer.toString(i))
          .put("sha256", sha256(adapters.get(i).values()));
    }
    reading.ifPresent(
        r -> {
          json.put("template", r.template().toString());
          ObjectNode ids = json.putObject("verbalizer");
          ObjectNode entries = json.putObject("label_tokens");
          for (int c = 0; c < r.labels().size(); c++) {
            ids.set(r.labels().labels().get(c), Json.array(r.labels().ids()[c]));
            entries.set(r.labels().labels().get(c), Json.tree(r.entries().get(c)));
          }
        });
    return json;
  }

  @Override
  public void saveFiles(Path folder) {
    for (int i = 0; i < adapters.size(); i++) {
      adapters.get(i).write(adapters.size() == 1 ? folder : folder.resolve(Integer.toString(i)));
    }
  }

  /**
   * Reads what was saved.
   *
   * @param json the prompt.json
   * @param folder where it was
   * @throws InvalidInputException if files are missing, damaged or of another vocabulary
   */
  public static SoftPrompt read(JsonNode json, Path folder, Tokenizer tokenizer) {
    List<PeftAdapter> adapters = new ArrayList<>();
    for (JsonNode file : json.path("adapters")) {
      Path own = folder.resolve(file.path("folder").asText(".")).normalize();
      PeftAdapter adapter = PeftAdapter.read(own);
      if (!file.path("sha256").asText().equals(sha256(adapter.values()))) {
        throw new InvalidInputException(
            "%s is not what prompt.json beside it belongs to; evaluate the adapter's folder without prompt.json, or run the search again."
                .formatted(own.resolve(PeftAdapter.WEIGHTS)));
      }
      adapters.add(adapter);
    }
    if (adapters.isEmpty()) {
      throw new InvalidInputException(
          "This is no saved soft prompt: prompt.json in %s names no adapters.".formatted(folder));
    }
    List<String> nearest = new ArrayList<>();
    json.path("nearest_tokens").forEach(token -> nearest.add(token.asText()));
    Optional<Reading> reading = Optional.empty();
    if (json.path("template").isTextual()) {
      // the label tokens are those of a trigger prompt, and so are their checks
      ObjectNode labels = Json.object();
      labels.put("template", json.path("template").asText().replace("[T]", " "));
      labels.set("verbalizer", json.path("verbalizer"));
      labels.set("label_tokens", json.path("label_tokens"));
      LabelTokens tokens = TriggerPrompt.fromJson(labels, tokenizer).labels();
      reading =
          Optional.of(
              Reading.of(PromptTemplate.parse(json.path("template").asText()), tokens, tokenizer));
    }
    Optional<String> towards = Optional.ofNullable(json.path("towards").textValue());
    Optional<String> warning = Optional.ofNullable(json.path("warning").textValue());
    return new SoftPrompt(adapters, reading, nearest, towards, warning);
  }

  private static String sha256(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256.", e);
    }
  }

  // ------------------------------------------------------------------ the model that it belongs to

  /**
   * Checks that the prompt was made for a model like this one.
   *
   * @param name of the model, as configurations write it
   * @throws InvalidInputException if names or sizes differ
   */
  public void requireFit(LanguageModel model, String name) {
    PeftAdapter adapter = adapters.get(0);
    int width = model.forSoft().width(layout());
    if (adapter.columns() != width) {
      throw new InvalidInputException(
          "The prompt was made for %s and has %d values for each virtual token, but %s needs %d; take the model that it was made for."
              .formatted(shown(adapter.baseModel()), adapter.columns(), name, width));
    }
    if (!adapter.baseModel().isEmpty() && !bare(adapter.baseModel()).equals(bare(name))) {
      throw new InvalidInputException(
          "The prompt was made for %s, not for %s; its numbers mean nothing to another model, so take that one, or correct base_model_name_or_path in %s if it is the same."
              .formatted(adapter.baseModel(), name, PeftAdapter.CONFIG));
    }
    if (tokens() >= model.spec().maxPositions()) {
      throw new InvalidInputException(
          "The prompt has %d virtual tokens, which leaves no room for a text in the %d tokens that %s accepts."
              .formatted(tokens(), model.spec().maxPositions(), name));
    }
  }

  private static String shown(String model) {
    return model.isEmpty() ? "a model that it does not name" : model;
  }

  /** The last part of a name or path, without a revision. */
  private static String bare(String name) {
    String path = name.replace('\\', '/').replaceAll("/+$", "");
    return path.substring(Math.max(path.lastIndexOf('/'), path.lastIndexOf(':')) + 1)
        .replaceAll("@.*", "");
  }

  /** PEFT's name of what a model of this kind does. */
  static String taskType(LanguageModel model) {
    return switch (model.spec().objective()) {
      case CAUSAL -> "CAUSAL_LM";
      case TEXT_TO_TEXT -> "SEQ_2_SEQ_LM";
      case MASKED -> "FEATURE_EXTRACTION";
    };
  }

  /** A configuration of PEFT for a prompt of this model. */
  static ObjectNode peftConfig(
      LanguageModel model, String name, PeftAdapter.Type type, int tokens) {
    TransformerSpec spec = model.spec();
    boolean prefix = type.isPrefix();
    int layers =
        type == PeftAdapter.Type.ALL_PREFIX_TUNING
            ? model.forSoft().pieces(SoftModel.Layout.ALL_KEY_VALUES) / 2
            : spec.encoderDecoder() ? spec.encoder().layers() : spec.layers();
    int heads = prefix ? spec.attention().keyValueHeads() : spec.attention().heads();
    int width = prefix ? heads * spec.attention().headDim() : spec.wordWidth();
    return PeftAdapter.config(type, name, taskType(model), tokens, layers, heads, width);
  }
}
