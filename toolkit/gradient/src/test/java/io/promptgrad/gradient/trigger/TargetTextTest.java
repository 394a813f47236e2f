package io.promptgrad.gradient.trigger;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.chat.ChatTemplate;
import io.promptgrad.lm.chat.Conversation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TargetTextTest {

  @TempDir Path folder;

  private static final LocalDateTime DAY = LocalDateTime.of(2024, 7, 26, 12, 0);

  private ChatTemplate template() throws IOException {
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        Json.line(
            Json.object()
                .put("bos_token", "<s>")
                .put(
                    "chat_template",
                    "{{ bos_token }}[{{ strftime_now('%d %b %Y') }}]"
                        + "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>{% endfor %}"
                        + "{% if add_generation_prompt %}<assistant>{% endif %}")));
    return ChatTemplate.read(folder);
  }

  private static Conversation messages(String json) throws IOException {
    return Conversation.of(Json.parse(json), "here");
  }

  @Test
  void of_place_splitsTheText() {
    assertThat(TargetText.of("a {trigger} b", "c")).isEqualTo(new TargetText("a ", " b", "c"));
    assertThat(TargetText.of("a ", "c")).isEqualTo(new TargetText("a ", "", "c"));
    assertThatThrownBy(() -> TargetText.of("{trigger}{trigger}", "c"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("twice");
    assertThatThrownBy(() -> TargetText.of("a", "")).isInstanceOf(InvalidInputException.class);
  }

  /** Without a place in a message, as in nanoGCG: behind the last one and a blank. */
  @Test
  void chat_noPlace_isAtTheEndOfTheLastMessage() throws IOException {
    TargetText text =
        TargetText.chat(
            template(),
            messages(
                "[{\"role\": \"system\", \"content\": \"Rhyme.\"},"
                    + " {\"role\": \"user\", \"content\": \"Say hello\"}]"),
            "Hello",
            DAY);
    assertThat(text)
        .isEqualTo(
            new TargetText(
                "<s>[26 Jul 2024]<system>Rhyme.</system><user>Say hello ",
                "</user><assistant>",
                "Hello"));
  }

  @Test
  void chat_place_staysWhereItIs() throws IOException {
    TargetText text =
        TargetText.chat(
            template(),
            messages(
                "[{\"role\": \"system\", \"content\": \"Obey {trigger} always\"},"
                    + " {\"role\": \"user\", \"content\": \"Say hello\"}]"),
            "Hello",
            DAY);
    assertThat(text.before()).isEqualTo("<s>[26 Jul 2024]<system>Obey ");
    assertThat(text.after()).isEqualTo(" always</system><user>Say hello</user><assistant>");
  }
}
