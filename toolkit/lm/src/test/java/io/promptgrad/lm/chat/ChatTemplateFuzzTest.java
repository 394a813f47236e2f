package io.promptgrad.lm.chat;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.files.Json;
import io.promptgrad.fuzz.Damaged;
import io.promptgrad.fuzz.Fuzz;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;

/** The chat templates of well-known families, damaged. */
class ChatTemplateFuzzTest {

  private static final LocalDateTime NOW = LocalDateTime.of(2024, 7, 26, 9, 5, 3);

  private static final Conversation CONVERSATION =
      Conversation.empty().system("Be brief.").user("Hello, {{ you }}").assistant("Hi").user("1?");

  /** A template is a program: it may make 50 million characters before it is stopped. */
  private static final long MOST_BYTES = 1L << 30;

  private static final List<String> CONFIGS = new ArrayList<>();
  private static final List<String> TEMPLATES = new ArrayList<>();
  private static final Path DIRECTORY = collect();

  private static final Fuzz JINJA =
      Fuzz.of(
              "chat templates",
              TEMPLATES,
              List.of(
                  "{{ ",
                  " }}",
                  "{% ",
                  " %}",
                  "{%- for m in messages %}",
                  "{% endfor %}",
                  "{% if ",
                  "{% endif %}",
                  "{# ",
                  "messages",
                  " * 99999999",
                  "range(99999999)",
                  " ~ messages",
                  "|join",
                  "|tojson",
                  "[::-1]",
                  "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                  "namespace(a=1)",
                  "(",
                  ")",
                  ".",
                  "not "))
          .allowing(MOST_BYTES);

  private static final Fuzz SETTINGS =
      Fuzz.of(
          "tokenizer_config.json",
          CONFIGS,
          List.of(
              "\"chat_template\": ",
              "\"name\": \"default\"",
              "\"template\": \"\"",
              "\"additional_special_tokens\": [{}]",
              "\"extra_special_tokens\": [1]",
              "\"bos_token\": {}"));

  private static Path collect() {
    try {
      Path families =
          Path.of(ChatTemplateFuzzTest.class.getResource("README.md").toURI()).getParent();
      try (var folders = Files.list(families)) {
        for (Path folder : folders.filter(Files::isDirectory).sorted().toList()) {
          String config = Files.readString(folder.resolve("tokenizer_config.json"));
          CONFIGS.add(config);
          JsonNode template = Json.parse(config).path("chat_template");
          if (template.isTextual()) {
            TEMPLATES.add(template.asText());
          }
          if (Files.exists(folder.resolve("chat_template.jinja"))) {
            TEMPLATES.add(Files.readString(folder.resolve("chat_template.jinja")));
          }
        }
      }
      return Files.createTempDirectory("chat-template-fuzz");
    } catch (IOException | URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @Provide
  Arbitrary<Damaged> templates() {
    return JINJA.damaged();
  }

  @Provide
  Arbitrary<Damaged> settings() {
    return SETTINGS.damaged();
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void render_damagedTemplate_isRenderedOrRefused(@ForAll("templates") Damaged template) {
    JINJA.check(
        template,
        () -> {
          Files.writeString(DIRECTORY.resolve("tokenizer_config.json"), "{\"bos_token\": \"<s>\"}");
          Files.write(DIRECTORY.resolve("chat_template.jinja"), template.bytes());
          ChatTemplate.read(DIRECTORY).render(CONVERSATION, NOW);
        });
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void read_damagedSettings_areReadOrRefused(@ForAll("settings") Damaged settings) {
    SETTINGS.check(
        settings,
        () -> {
          Files.deleteIfExists(DIRECTORY.resolve("chat_template.jinja"));
          Files.write(DIRECTORY.resolve("tokenizer_config.json"), settings.bytes());
          ChatTemplate.read(DIRECTORY).render(CONVERSATION, NOW);
        });
  }

  @AfterContainer
  static void printAndDelete() throws IOException {
    JINJA.print();
    SETTINGS.print();
    Files.deleteIfExists(DIRECTORY.resolve("chat_template.jinja"));
    Files.deleteIfExists(DIRECTORY.resolve("tokenizer_config.json"));
    Files.delete(DIRECTORY);
  }
}
