package io.promptgrad.lm.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.TextNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.jinja.JinjaTemplate;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A model's own way to write a conversation, which is what it was tuned on.
 *
 * <p>Rendered as by {@code apply_chat_template} of Python's transformers: the template sees {@code
 * messages}, {@code tools} and {@code documents} (none if there are none), {@code
 * add_generation_prompt}, the special tokens of the tokenizer by name ({@code bos_token}, ...) and
 * the conversation's own variables.
 */
public final class ChatTemplate {

  private static final String USUAL = "default";
  private static final String WITH_TOOLS = "tool_use";

  private static final List<String> TOKENS =
      List.of(
          "bos_token",
          "eos_token",
          "unk_token",
          "sep_token",
          "pad_token",
          "cls_token",
          "mask_token");

  /** A template and what errors call it. */
  private record Source(String text, String name) {}

  private final Path folder;
  private final Map<String, Source> templates;
  private final Map<String, JinjaTemplate> parsed = new ConcurrentHashMap<>(); // those in use
  private final Map<String, JsonNode> tokens;

  private ChatTemplate(Path folder, Map<String, Source> templates, Map<String, JsonNode> tokens) {
    this.folder = folder;
    this.templates = templates;
    this.tokens = tokens;
  }

  /** Returns whether a model folder has a template for {@link #read}. */
  public static boolean isIn(Path folder) {
    return Files.exists(folder.resolve("chat_template.jinja"))
        || Files.exists(folder.resolve("chat_template.json"))
        || json(folder.resolve("tokenizer_config.json")).has("chat_template");
  }

  /**
   * Reads the template of a model folder: {@code chat_template.jinja} (and {@code
   * additional_chat_templates/*.jinja}), else {@code chat_template} in {@code
   * tokenizer_config.json}, one or several with names, else {@code chat_template.json}. Special
   * tokens come from {@code tokenizer_config.json} and {@code special_tokens_map.json}.
   *
   * @throws InvalidInputException if there is none, or a file cannot be read
   */
  public static ChatTemplate read(Path folder) {
    JsonNode config = json(folder.resolve("tokenizer_config.json"));
    Map<String, Source> templates = new LinkedHashMap<>();
    Path own = folder.resolve("chat_template.jinja");
    if (Files.exists(own)) {
      templates.put(USUAL, new Source(text(own), own.toString()));
      additional(folder.resolve("additional_chat_templates"), templates);
    } else {
      fromJson(config, folder.resolve("tokenizer_config.json"), templates);
      if (templates.isEmpty()) {
        Path apart = folder.resolve("chat_template.json");
        fromJson(json(apart), apart, templates);
      }
    }
    if (templates.isEmpty()) {
      throw new InvalidInputException(
          "%s has no chat template (chat_template.jinja, or chat_template in tokenizer_config.json); give a prompt as text."
              .formatted(folder));
    }
    JsonNode map = json(folder.resolve("special_tokens_map.json"));
    return new ChatTemplate(folder, templates, tokens(config, map));
  }

  private static void additional(Path folder, Map<String, Source> templates) {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.jinja")) {
      for (Path file : files) {
        String name = file.getFileName().toString().replaceFirst("\\.jinja$", "");
        templates.put(name, new Source(text(file), file.toString()));
      }
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read (%s); check its permissions.".formatted(folder, e), e);
    }
  }

  /** A text, or a list of objects with name and template. */
  private static void fromJson(JsonNode config, Path file, Map<String, Source> templates) {
    JsonNode given = config.path("chat_template");
    if (given.isTextual()) {
      templates.put(USUAL, new Source(given.asText(), file + ", chat_template"));
    } else if (given.isArray()) {
      for (JsonNode named : given) {
        String name = named.path("name").asText("");
        if (name.isEmpty() || !named.path("template").isTextual()) {
          throw new InvalidInputException(
              "%s has a chat_template without name or template; give it both.".formatted(file));
        }
        String shown = "%s, chat_template '%s'".formatted(file, name);
        templates.put(name, new Source(named.path("template").asText(), shown));
      }
    } else if (!given.isNull() && !given.isMissingNode()) {
      throw new InvalidInputException(
          "%s: chat_template must be text, or a list of named templates.".formatted(file));
    }
  }

  private static Map<String, JsonNode> tokens(JsonNode config, JsonNode map) {
    Map<String, JsonNode> tokens = new LinkedHashMap<>();
    for (JsonNode source : List.of(config, map)) {
      for (String role : TOKENS) {
        putToken(role, source.path(role), tokens);
      }
      source
          .path("extra_special_tokens")
          .properties()
          .forEach(entry -> putToken(entry.getKey(), entry.getValue(), tokens));
      if (source.path("additional_special_tokens").size() > 0) {
        ArrayNode more = JsonNodeFactory.instance.arrayNode();
        source.path("additional_special_tokens").forEach(token -> more.add(content(token)));
        tokens.putIfAbsent("additional_special_tokens", more);
      }
    }
    return tokens;
  }

  private static void putToken(String role, JsonNode token, Map<String, JsonNode> tokens) {
    String content = content(token);
    if (!content.isEmpty()) {
      tokens.putIfAbsent(role, TextNode.valueOf(content));
    }
  }

  /** A token is written as its text, or as an object with its content. */
  private static String content(JsonNode token) {
    return token.isTextual() ? token.asText() : token.path("content").asText("");
  }

  /** The names of the templates; {@code default} is the usual one. */
  public List<String> names() {
    return List.copyOf(templates.keySet());
  }

  /** The conversation as text, with special tokens written out. */
  public String render(Conversation conversation) {
    return render(conversation, LocalDateTime.now());
  }

  /**
   * The same as if it were then: some templates write the date.
   *
   * @throws InvalidInputException if the template is wrong, fails or refuses the conversation,
   *     naming its line
   */
  public String render(Conversation conversation, LocalDateTime now) {
    Map<String, JsonNode> variables = new LinkedHashMap<>(tokens);
    variables.put("messages", list(conversation.messages()));
    variables.put("tools", listOrNone(conversation.tools()));
    variables.put("documents", listOrNone(conversation.documents()));
    variables.put("add_generation_prompt", BooleanNode.valueOf(conversation.generationPrompt()));
    variables.putAll(conversation.variables());
    boolean tools = !conversation.tools().isEmpty();
    String name = tools && templates.containsKey(WITH_TOOLS) ? WITH_TOOLS : USUAL;
    Source source = templates.get(name);
    if (source == null) {
      throw new InvalidInputException(
          "%s has chat templates named %s, but none named %s; rename one in tokenizer_config.json."
              .formatted(folder, String.join(", ", names()), USUAL));
    }
    return parsed
        .computeIfAbsent(name, key -> JinjaTemplate.parse(source.text(), source.name()))
        .render(variables, now);
  }

  private static JsonNode listOrNone(List<JsonNode> items) {
    return items.isEmpty() ? JsonNodeFactory.instance.nullNode() : list(items);
  }

  private static JsonNode list(List<JsonNode> items) {
    return JsonNodeFactory.instance.arrayNode().addAll(items);
  }

  /** The object in a file; an empty one if there is no such file. */
  private static JsonNode json(Path file) {
    return Files.exists(file) ? Json.read(file) : Json.object();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new InvalidInputException(file + " is not UTF-8 text; download it again.", e);
    } catch (IOException e) {
      throw new InvalidInputException(
          "%s cannot be read (%s); check its permissions.".formatted(file, e), e);
    }
  }
}
