package io.promptgrad.lm.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The formats of well-known families; the resources' README says where they come from. */
class ChatTemplateTest {

  private static final LocalDateTime NOW = LocalDateTime.of(2024, 7, 26, 9, 5, 3);

  private static final List<String> FAMILIES =
      List.of(
          "llama-2",
          "llama-3",
          "llama-3.1",
          "mistral",
          "zephyr",
          "smollm2",
          "qwen2.5",
          "qwen3",
          "gemma",
          "phi-3",
          "phi-4",
          "olmo-2",
          "deepseek-r1");

  @TempDir private Path directory;

  private static Path folder(String family) {
    try {
      return Path.of(ChatTemplateTest.class.getResource(family + "/golden.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static Stream<Arguments> goldens() throws IOException {
    List<Arguments> goldens = new ArrayList<>();
    for (String family : FAMILIES) {
      JsonNode cases = Json.parse(Files.readString(folder(family).resolve("golden.json")));
      cases.forEach(c -> goldens.add(Arguments.of(family, c.path("name").asText(), c)));
    }
    return goldens.stream();
  }

  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("goldens")
  void render_conversation_isTheFamilysFormat(String family, String name, JsonNode golden) {
    ChatTemplate template = ChatTemplate.read(folder(family));
    Conversation chat = Conversation.of(golden.path("conversation"), name);
    Conversation asked =
        golden.path("generation_prompt").asBoolean() ? chat : chat.withoutGenerationPrompt();
    if (golden.has("expected")) {
      assertThat(template.render(asked, NOW)).isEqualTo(golden.path("expected").asText());
    } else {
      assertThatThrownBy(() -> template.render(asked, NOW))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining(golden.path("fails").asText());
    }
  }

  @Test
  void conversation_madeInCode_rendersAsItsJson() {
    ChatTemplate template = ChatTemplate.read(folder("qwen3"));
    Conversation chat =
        Conversation.empty()
            .system("Be brief.")
            .user("Hi there")
            .with("enable_thinking", BooleanNode.FALSE);
    assertThat(template.render(chat))
        .isEqualTo(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi there<|im_end|>\n"
                + "<|im_start|>assistant\n<think>\n\n</think>\n\n");
    assertThat(template.render(Conversation.empty().user("a").assistant("b").user("c")))
        .isEqualTo(
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
                + "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n");
  }

  private Path write(String name, String content) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, content);
    return file;
  }

  @Test
  void read_severalPlaces_theFirstThatHasATemplateCounts() throws IOException {
    Conversation chat = Conversation.empty().user("Hi");
    write("chat_template.json", "{\"chat_template\": \"own json\"}");
    assertThat(ChatTemplate.read(directory).render(chat)).isEqualTo("own json");
    write("tokenizer_config.json", "{\"chat_template\": \"config\", \"bos_token\": \"<s>\"}");
    assertThat(ChatTemplate.read(directory).render(chat)).isEqualTo("config");
    write("chat_template.jinja", "own file {{ bos_token }}\n");
    assertThat(ChatTemplate.read(directory).render(chat)).isEqualTo("own file <s>");
    write("additional_chat_templates/tool_use.jinja", "{{ tools[0] }}");
    ChatTemplate both = ChatTemplate.read(directory);
    assertThat(both.names()).containsExactly("default", "tool_use");
    assertThat(both.render(chat)).isEqualTo("own file <s>");
    assertThat(both.render(chat.withTools(List.of(BooleanNode.TRUE)))).isEqualTo("True");
  }

  @Test
  void specialTokens_textsAndObjects_areSeenByNameAndOnlyIfGiven() throws IOException {
    write(
        "tokenizer_config.json",
        """
        {"bos_token": {"__type": "AddedToken", "content": "<a>"}, "eos_token": "<b>",
         "pad_token": null, "extra_special_tokens": {"image_token": "<i>"}}
        """);
    write(
        "special_tokens_map.json",
        """
        {"bos_token": "<other>", "sep_token": {"content": "<c>"},
         "additional_special_tokens": ["<d>", {"content": "<e>"}]}
        """);
    write(
        "chat_template.jinja",
        "{{ bos_token ~ eos_token ~ sep_token ~ image_token }} {{ pad_token is defined }}"
            + " {{ cls_token is defined }} {{ additional_special_tokens | join(',') }}"
            + " {{ tools is none and documents is none }} {{ tools is defined }}");
    assertThat(ChatTemplate.read(directory).render(Conversation.empty().user("Hi")))
        .isEqualTo("<a><b><c><i> False False <d>,<e> True True");
  }

  @Test
  void read_templateThatIsNotUsed_doesNotMatter() throws IOException {
    write("chat_template.jinja", "good");
    write("additional_chat_templates/rag.jinja", "{% broken");
    assertThat(ChatTemplate.read(directory).render(Conversation.empty().user("Hi")))
        .isEqualTo("good");
  }

  @Test
  void documents_given_areSeen() throws IOException {
    write("chat_template.jinja", "{% for d in documents %}{{ d.title }};{% endfor %}");
    Conversation chat =
        Conversation.empty()
            .user("Hi")
            .withDocuments(
                List.of(Json.object().put("title", "a"), Json.object().put("title", "b")));
    assertThat(ChatTemplate.read(directory).render(chat)).isEqualTo("a;b;");
  }

  @Test
  void read_noTemplateOrBadFiles_saysWhatToDo() throws IOException {
    assertThatThrownBy(() -> ChatTemplate.read(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessage(
            directory
                + " has no chat template (chat_template.jinja, or chat_template in"
                + " tokenizer_config.json); give a prompt as text.");
    Path config = write("tokenizer_config.json", "{\"chat_template\": 3}");
    assertThatThrownBy(() -> ChatTemplate.read(directory)).hasMessageContaining("must be text");
    Files.writeString(config, "{\"chat_template\": [{\"name\": \"rag\"}]}");
    assertThatThrownBy(() -> ChatTemplate.read(directory)).hasMessageContaining("without name");
    Files.writeString(config, "{\"chat_template\": [{\"name\": \"rag\", \"template\": \"x\"}]}");
    assertThatThrownBy(() -> ChatTemplate.read(directory).render(Conversation.empty().user("Hi")))
        .hasMessageContaining("named rag, but none named default");
    Files.writeString(config, "{\"chat_template\": \"a\\n{% if %}\"}");
    assertThatThrownBy(() -> ChatTemplate.read(directory).render(Conversation.empty()))
        .hasMessage(
            config
                + ", chat_template, line 2: a value is expected, not '%}'; correct the template.");
    Files.writeString(config, "{");
    assertThatThrownBy(() -> ChatTemplate.read(directory))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("is not valid JSON");
  }

  @Test
  void conversation_badJson_namesThePlace() {
    for (String[] bad :
        new String[][] {
          {"[]", "there are no messages"},
          {"{\"messages\": []}", "there are no messages"},
          {"{\"mesages\": []}", "has no 'mesages'"},
          {"{\"messages\": {}}", "'messages' must be a list"},
          {"[{\"content\": \"x\"}]", "message 1 has no role"},
          {"[\"x\"]", "message 1 has no role"},
          {"[{\"role\": \"user\", \"content\": 3}]", "message 1: its content must be text"},
          {"[{\"role\": \"user\"}, {\"role\": 1}]", "message 2 has no role"},
          {"3", "there are no messages"}
        }) {
      assertThatThrownBy(() -> Conversation.of(Json.parse(bad[0]), "chats.jsonl, line 3"))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageStartingWith("chats.jsonl, line 3: ")
          .hasMessageContaining(bad[1]);
    }
  }
}
