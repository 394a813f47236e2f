package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.chat.ChatTemplate;
import io.promptgrad.lm.chat.Conversation;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a model is asked to continue: texts, or conversations for its chat template.
 *
 * @param texts empty if there are conversations
 * @param chats empty if there are texts
 */
public record GenerationPrompts(List<String> texts, List<Conversation> chats) {

  /**
   * A prompt as the model gets it.
   *
   * @param text with special tokens written out, if it was made by a chat template
   * @param ids its tokens, with those that the model expects around a text
   */
  public record Prompt(String text, int[] ids) {}

  /** A single text. */
  public static GenerationPrompts ofText(String text) {
    return new GenerationPrompts(List.of(text), List.of());
  }

  /** A single conversation. */
  public static GenerationPrompts ofChat(Conversation chat) {
    return new GenerationPrompts(List.of(), List.of(chat));
  }

  /** Texts from a file: one a line, or JSON lines that are texts or have a {@code prompt}. */
  public static GenerationPrompts readTexts(Path file) {
    List<String> texts = new ArrayList<>();
    boolean json = file.toString().endsWith(".jsonl");
    List<String> lines = lines(file);
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).isBlank()) {
        continue;
      }
      texts.add(json ? text(lines.get(i), file + ", line " + (i + 1)) : lines.get(i));
    }
    if (texts.isEmpty()) {
      throw new InvalidInputException("%s has no prompt; write one on each line.".formatted(file));
    }
    return new GenerationPrompts(texts, List.of());
  }

  private static String text(String line, String where) {
    JsonNode json = parse(line, where);
    JsonNode text = json.isTextual() ? json : json.path("prompt");
    if (!text.isTextual()) {
      throw new InvalidInputException(
          "%s: this is neither a JSON text nor an object with a prompt.".formatted(where));
    }
    return text.asText();
  }

  /** Conversations from a file: JSON lines, or a single one in a file that ends in .json. */
  public static GenerationPrompts readChats(Path file) {
    List<Conversation> chats = new ArrayList<>();
    if (file.toString().endsWith(".json")) {
      chats.add(Conversation.of(Json.read(file), file.toString()));
    } else {
      List<String> lines = lines(file);
      for (int i = 0; i < lines.size(); i++) {
        if (!lines.get(i).isBlank()) {
          String where = file + ", line " + (i + 1);
          chats.add(Conversation.of(parse(lines.get(i), where), where));
        }
      }
    }
    if (chats.isEmpty()) {
      throw new InvalidInputException(
          "%s has no conversation; write a list of messages on each line.".formatted(file));
    }
    return new GenerationPrompts(List.of(), chats);
  }

  private static JsonNode parse(String line, String where) {
    try {
      return Json.parse(line);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          "%s: this is not JSON: %s.".formatted(where, Json.problem(e)), e);
    }
  }

  /**
   * A text from standard input, without the line break at its end.
   *
   * @throws InvalidInputException if there is none
   */
  public static String read(InputStream in) {
    String text;
    try {
      text =
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in.readAllBytes())).toString();
    } catch (CharacterCodingException e) {
      throw new InvalidInputException("Standard input is not UTF-8 text; convert it to UTF-8.", e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "Standard input cannot be read (%s); give --prompt.".formatted(e), e);
    }
    text = text.replaceFirst("\\r?\\n$", "");
    if (text.isEmpty()) {
      throw new InvalidInputException(
          "There is nothing to continue; give --prompt TEXT, --prompts FILE, or a text on standard input.");
    }
    return text;
  }

  private static List<String> lines(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InvalidInputException("There is no file %s; check the path.".formatted(file));
    }
    try {
      return Files.readAllLines(file);
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(
          "%s is not UTF-8 text; convert it to UTF-8.".formatted(file), e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read (%s); check its permissions.".formatted(file, e), e);
    }
  }

  /** The prompts as this model gets them. */
  public List<Prompt> forModel(LanguageModel model) {
    Tokenizer tokenizer = model.tokenizer();
    List<Prompt> prompts = new ArrayList<>();
    for (String text : texts) {
      int[] ids = tokenizer.encodeWithSpecials(text);
      if (ids.length == 0) { // begin as a text begins
        ids = tokenizer.specials().bos().stream().toArray();
      }
      prompts.add(new Prompt(text, ids));
    }
    if (!chats.isEmpty()) {
      ChatTemplate template = ChatTemplate.read(model.path());
      for (Conversation chat : chats) {
        String text = template.render(chat);
        prompts.add(new Prompt(text, tokenizer.encode(text)));
      }
    }
    return prompts;
  }
}
