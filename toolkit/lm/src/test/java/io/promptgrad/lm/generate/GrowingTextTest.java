package io.promptgrad.lm.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.lm.tokenizer.Tokenizer;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class GrowingTextTest {

  private static final Tokenizer BYTES = open("byte-level"); // the id of a byte is 4 more
  private static final Tokenizer PIECES = open("sentencepiece"); // the id of a byte is 3 more

  private static Tokenizer open(String name) {
    try {
      return Tokenizer.open(Path.of(Tokenizer.class.getResource(name + "/tokenizer.json").toURI()));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static int[] bytes(String text, int first) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[utf8.length];
    Arrays.setAll(ids, i -> first + (utf8[i] & 0xff));
    return ids;
  }

  /** The pieces; the last one is what ending brings. */
  private static List<String> grow(GrowingText text, int... ids) {
    List<String> pieces = new ArrayList<>();
    for (int id : ids) {
      if (!text.stopped()) {
        pieces.add(text.add(id));
      }
    }
    pieces.add(text.finish());
    return pieces;
  }

  @Test
  void add_characterOfSeveralTokens_comesWithItsLast() {
    GrowingText text = new GrowingText(BYTES, new int[0], List.of());
    assertThat(grow(text, bytes("a\u00e9\ud83d\ude00b", 4)))
        .containsExactly("a", "", "\u00e9", "", "", "", "\ud83d\ude00", "b", "");
    text = new GrowingText(PIECES, new int[] {1}, List.of());
    assertThat(grow(text, bytes("\u4e16\u00e9", 3)))
        .containsExactly("", "", "\u4e16", "", "\u00e9", "");
  }

  @Test
  void finish_withinACharacter_showsIt() {
    GrowingText text = new GrowingText(BYTES, new int[0], List.of());
    assertThat(grow(text, 4 + 'a', 4 + 0xe4, 4 + 0xb8)).containsExactly("a", "", "", "\ufffd");
    assertThat(text.text()).isEqualTo("a\ufffd");
  }

  @Test
  void add_bytesThatAreNoCharacter_areShownWhenOneFollows() {
    GrowingText text = new GrowingText(BYTES, new int[0], List.of());
    assertThat(grow(text, 4 + 0xff, 4 + 0xc3, 4 + 'b'))
        .containsExactly("", "", "\ufffd\ufffdb", "");
  }

  /** Decoded alone, a first piece loses the blank that parts it from the prompt. */
  @Test
  void add_firstPiece_keepsTheBlankBehindThePrompt() {
    int good = PIECES.id("\u2581good").orElseThrow();
    GrowingText text = new GrowingText(PIECES, new int[] {1, good}, List.of());
    assertThat(grow(text, good, good)).containsExactly(" good", " good", "");
    assertThat(PIECES.decode(new int[] {good})).isEqualTo("good");
    // at the beginning, or behind a special token, there is nothing that it would be parted from
    assertThat(grow(new GrowingText(PIECES, new int[] {1}, List.of()), good, good))
        .containsExactly("good", " good", "");
  }

  @Test
  void add_promptThatEndsWithinACharacter_goesOnWithTheWholeOne() {
    GrowingText text = new GrowingText(BYTES, new int[] {4 + 'a', 4 + 0xc3}, List.of());
    assertThat(grow(text, 4 + 0xa9, 4 + 'b')).containsExactly("\u00e9", "b", "");
  }

  @Test
  void add_idWithoutToken_isNothing() {
    GrowingText text = new GrowingText(BYTES, new int[] {100_000}, List.of());
    assertThat(grow(text, 4 + 'a', 100_000, 4 + 'b')).containsExactly("a", "", "b", "");
  }

  @Test
  void add_whatMayBecomeAStopString_isHeldBack() {
    GrowingText text = new GrowingText(BYTES, new int[0], List.of("xyz", "yq"));
    assertThat(grow(text, bytes("axyaxyyqb", 4)))
        .containsExactly("a", "", "", "xya", "", "", "xy", "", "");
    assertThat(text.text()).isEqualTo("axyaxy");
    assertThat(text.stopped()).isTrue();
    GrowingText open = new GrowingText(BYTES, new int[0], List.of("xyz"));
    assertThat(grow(open, bytes("axy", 4))).containsExactly("a", "", "", "xy");
    assertThat(open.stopped()).isFalse();
  }

  @Test
  void add_stopStringInsideOneToken_endsBeforeIt() {
    GrowingText text = new GrowingText(BYTES, new int[0], List.of("oo"));
    assertThat(grow(text, BYTES.encode("good"))).containsExactly("g", "");
    assertThat(text.stopped()).isTrue();
  }

  @Test
  void add_stopStringThatThePromptBegins_countsOnlyNewText() {
    GrowingText text = new GrowingText(BYTES, bytes("ab", 4), List.of("bc"));
    assertThat(grow(text, bytes("cd", 4))).containsExactly("c", "d", "");
  }

  @Provide
  Arbitrary<int[]> anyTokens() {
    return Arbitraries.integers().between(4, 266).array(int[].class).ofMaxSize(40);
  }

  @Property(tries = 500)
  void text_anyTokens_isWhatDecodingAllGives(@ForAll("anyTokens") int[] ids) {
    GrowingText text = new GrowingText(BYTES, new int[0], List.of());
    List<String> pieces = grow(text, ids);
    assertThat(text.text()).isEqualTo(BYTES.decode(ids));
    assertThat(String.join("", pieces)).isEqualTo(text.text());
  }

  @Property(tries = 500)
  void pieces_anyText_haveNoHalfCharacters(@ForAll String any, @ForAll boolean pieced) {
    String given =
        any.codePoints()
            .filter(c -> c != 0xfffd && (c < 0xd800 || c > 0xdfff))
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
    // a byte fallback decoder drops one leading blank
    String wanted = pieced && given.startsWith(" ") ? given.substring(1) : given;
    GrowingText text = new GrowingText(pieced ? PIECES : BYTES, new int[0], List.of());
    List<String> pieces = grow(text, bytes(given, pieced ? 3 : 4));
    assertThat(String.join("", pieces)).isEqualTo(wanted);
    for (String piece : pieces) {
      assertThat(piece).doesNotContain("\ufffd");
      assertThat(piece.codePoints().noneMatch(c -> c >= 0xd800 && c <= 0xdfff)).isTrue();
    }
  }

  @Provide
  Arbitrary<String> fewLetters() {
    return Arbitraries.strings().withChars("abc").ofMinLength(1).ofMaxLength(4);
  }

  @Property(tries = 500)
  void text_anyStopStrings_endsBeforeTheFirst(
      @ForAll("fewLetters") String one,
      @ForAll("fewLetters") String two,
      @ForAll("fewLetters") String a,
      @ForAll("fewLetters") String b,
      @ForAll("fewLetters") String c) {
    String given = a + b + c + a;
    int first = given.length();
    for (String stop : List.of(one, two)) {
      int found = given.indexOf(stop);
      first = found >= 0 ? Math.min(first, found) : first;
    }
    GrowingText text = new GrowingText(BYTES, new int[0], List.of(one, two));
    List<String> pieces = grow(text, bytes(given, 4));
    // of two that begin apart the one that ends first may have ended the text
    assertThat(given).startsWith(text.text());
    assertThat(text.text().length()).isGreaterThanOrEqualTo(first);
    assertThat(text.text()).doesNotContain(one).doesNotContain(two);
    assertThat(String.join("", pieces)).isEqualTo(text.text());
  }
}
