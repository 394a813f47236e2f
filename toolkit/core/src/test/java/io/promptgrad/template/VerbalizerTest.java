package io.promptgrad.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.template.Verbalizer.TokenId;
import io.promptgrad.template.Verbalizer.Word;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class VerbalizerTest {

  @Test
  void parse_wordsListsAndIds_keepsOrder() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("positive", List.of(" great", 17));
    config.put("negative", "bad");
    config.put("neutral", 5);
    Verbalizer verbalizer = Verbalizer.parse(config);

    assertThat(verbalizer.labels()).containsExactly("positive", "negative", "neutral");
    assertThat(verbalizer.tokens("positive")).containsExactly(new Word(" great"), new TokenId(17));
    assertThat(verbalizer.tokens("neutral")).containsExactly(new TokenId(5));
    assertThat(verbalizer.indexOf("negative")).isEqualTo(1);
    assertThat(Verbalizer.parse(verbalizer.toMap())).isEqualTo(verbalizer);
  }

  @Test
  void tokens_unknownLabel_namesItAndTheKnownOnes() {
    Verbalizer verbalizer = Verbalizer.parse(Map.of("positive", "good"));
    refused(() -> verbalizer.tokens("2"), "'2'", "[positive]");
    refused(() -> verbalizer.indexOf("2"), "'2'", "[positive]");
  }

  @Test
  void parse_wordOfTwoLabels_isRefused() {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("a", "good");
    config.put("b", List.of("bad", "good"));
    refused(() -> Verbalizer.parse(config), "'good'", "label 'a' and label 'b'");
  }

  @Test
  void parse_uselessValues_areRefused() {
    refused(() -> Verbalizer.parse(Map.of()), "no labels");
    refused(() -> Verbalizer.parse(Map.of("a", List.of())), "no label word");
    refused(() -> Verbalizer.parse(Map.of("a", "")), "empty");
    refused(() -> Verbalizer.parse(Map.of("a", true)), "value true");
    refused(() -> Verbalizer.parse(Map.of("a", -1)), "-1");
    Map<String, Object> none = new LinkedHashMap<>();
    none.put("a", null);
    refused(() -> Verbalizer.parse(none), "value null");
  }

  private static void refused(Runnable action, String... parts) {
    assertThatThrownBy(action::run)
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContainingAll(parts);
  }
}
