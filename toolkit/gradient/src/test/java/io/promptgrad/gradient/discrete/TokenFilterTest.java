package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.TokenFilter.Rule;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenFilterTest {

  @TempDir Path folder;

  /** Byte-level entries: Ġ is a blank, Ċ a line feed, Ã the first byte of é, Ã© both. */
  private static final List<String> ENTRIES =
      List.of("good", "Ġgood", "ĠGOOD", "Ġdon't", "!", "!!", "Ġ1", "Ċ", "Ã", "Ã©", "Ġx_y", "Ġ,");

  private Tokenizer tokenizer() throws IOException {
    ObjectNode json = Json.object().put("version", "1.0");
    json.putArray("added_tokens");
    byteLevel(json.putObject("pre_tokenizer"));
    byteLevel(json.putObject("decoder"));
    ObjectNode model = json.putObject("model").put("type", "BPE");
    ObjectNode vocabulary = model.putObject("vocab");
    ENTRIES.forEach(entry -> vocabulary.put(entry, vocabulary.size()));
    model.putArray("merges");
    Files.writeString(folder.resolve("tokenizer.json"), Json.pretty(json));
    return Tokenizer.open(folder);
  }

  private static void byteLevel(ObjectNode json) {
    json.put("type", "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true);
  }

  private static Set<String> allowed(TokenFilter filter) {
    Set<String> allowed = new TreeSet<>();
    for (int id = 0; id < ENTRIES.size(); id++) {
      if (filter.allows(id)) {
        allowed.add(ENTRIES.get(id));
      }
    }
    return allowed;
  }

  @Test
  void rules_ofCharacters_lookAtTheText() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      int n = ENTRIES.size();
      assertThat(allowed(TokenFilter.of(tokenizer, n, Set.of(Rule.NON_ASCII), new int[0])))
          .containsExactlyInAnyOrder(
              "good", "Ġgood", "ĠGOOD", "Ġdon't", "!", "!!", "Ġ1", "Ġx_y", "Ġ,");
      assertThat(allowed(TokenFilter.of(tokenizer, n, Set.of(Rule.UNREADABLE), new int[0])))
          .containsExactlyInAnyOrder("good", "Ġgood", "ĠGOOD", "Ġdon't", "!", "Ã©", "Ġ,");
    }
  }

  @Test
  void without_words_bansThemInEveryForm() throws IOException {
    try (Tokenizer tokenizer = tokenizer()) {
      TokenFilter all = TokenFilter.of(tokenizer, ENTRIES.size(), Set.of(), new int[0]);
      assertThat(allowed(all.without(List.of("Good", "!"), tokenizer)))
          .containsExactlyInAnyOrder("Ġdon't", "!!", "Ġ1", "Ċ", "Ã", "Ã©", "Ġx_y", "Ġ,");
    }
  }
}
