package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.ServerConfig;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.openai.OpenAiClient;
import io.promptgrad.llm.optimizer.PhraseEdit;
import io.promptgrad.llm.optimizer.TextEdit;
import io.promptgrad.llm.policy.Limits;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.local.LocalLlm;
import io.promptgrad.local.MaskFilling;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The models of a search for instructions: behind an API, or loaded once and shared. One that fills
 * masks is loaded when the first mask is filled.
 */
final class ChatModels implements AutoCloseable {

  private static final int MASK_CANDIDATES = 30;

  private final InstructionConfig config;
  private final Console console;
  private final Map<String, LanguageModel> loaded = new HashMap<>();
  private final Map<String, LocalLlm> served = new HashMap<>();
  private final ObjectNode inputs = Json.object();
  private MaskFilling filling;

  private ChatModels(InstructionConfig config, Console console) {
    this.config = config;
    this.console = console;
  }

  /** Reads keys and loads the models that are asked, so that what is missing is found at once. */
  static ChatModels open(InstructionConfig config, Console console) {
    ChatModels models = new ChatModels(config, console);
    try {
      models.scorer();
      models.proposer();
      models.judge();
      return models;
    } catch (RuntimeException e) {
      models.close();
      throw e;
    }
  }

  Llm scorer() {
    return model(config.scorer(), config.server());
  }

  Limits scorerLimits() {
    return limits(config.scorer(), config.server());
  }

  /** Empty if prompts come from edits alone. */
  Optional<Llm> proposer() {
    return config.proposer().equals(InstructionConfig.EDITS)
        ? Optional.empty()
        : Optional.of(model(config.proposer(), config.proposerServer()));
  }

  Limits proposerLimits() {
    return limits(config.proposer(), config.proposerServer());
  }

  Optional<Llm> judge() {
    return config.judge().map(name -> model(name, config.judgeServer()));
  }

  Limits judgeLimits() {
    return limits(config.judge().orElse(""), config.judgeServer());
  }

  /** Whether the scored model is used to conversations. */
  boolean scorerChats() {
    return !(scorer() instanceof LocalLlm local) || local.chats();
  }

  /** Hashes of the files of the models that were loaded. */
  ObjectNode inputs() {
    return inputs.deepCopy();
  }

  private Llm model(String name, ServerConfig server) {
    if (name.startsWith(InstructionConfig.OPENAI)) {
      String model = name.substring(InstructionConfig.OPENAI.length());
      return new OpenAiClient(server.endpoint(), model);
    }
    LocalLlm known = served.get(name);
    if (known != null) {
      return known;
    }
    String path = name.substring(InstructionConfig.LOCAL.length());
    LanguageModel model = load(path);
    ObjectNode hashes = Inputs.of(model.path());
    hashes.properties().forEach(file -> inputs.set(path + ": " + file.getKey(), file.getValue()));
    LocalLlm llm =
        new LocalLlm(
            model, name, "local " + Inputs.text(Json.line(hashes)) + " " + model.precision());
    served.put(name, llm);
    return llm;
  }

  private LanguageModel load(String path) {
    LanguageModel known = loaded.get(path);
    if (known == null) {
      known =
          ModelLoader.load(path, ModelLoader.options(config.device(), config.precision()), console);
      loaded.put(path, known);
    }
    return known;
  }

  private static Limits limits(String name, ServerConfig server) {
    return name.startsWith(InstructionConfig.LOCAL) ? ServerConfig.local() : server.limits();
  }

  /** The edits of the configuration. */
  List<TextEdit> edits() {
    List<TextEdit> edits = new ArrayList<>(phraseEdits(config));
    if (config.edits().contains("mask")) {
      edits.add((text, random) -> filling().apply(text, random));
    }
    return edits;
  }

  /** Those of the edits that need no model. */
  static List<TextEdit> phraseEdits(InstructionConfig config) {
    List<TextEdit> edits = new ArrayList<>();
    if (config.edits().contains("delete")) {
      edits.add(PhraseEdit.DELETE);
    }
    if (config.edits().contains("swap")) {
      edits.add(PhraseEdit.SWAP);
    }
    return edits;
  }

  private MaskFilling filling() {
    if (filling == null) {
      filling = new MaskFilling(load(config.maskModel()), MASK_CANDIDATES);
    }
    return filling;
  }

  @Override
  public void close() {
    loaded.values().forEach(LanguageModel::close);
  }
}
