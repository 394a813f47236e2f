package io.promptgrad.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.promptgrad.input.InvalidInputException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.RandomDistribution;

/**
 * One kind of document: good examples of it, what it is written with, and the count of what
 * happened to damaged ones.
 *
 * <p>The property: a document is read, or refused by an {@link InvalidInputException} with one
 * sentence, within {@link #MOST_SECONDS} and within {@link #MOST_BYTES} and a multiple
 * of its length. Time is that of the processor and memory what the thread allocated in all, so that
 * neither depends on what else the machine does.
 *
 * <pre>{@code
 * private static final Fuzz FUZZ = Fuzz.of("templates", List.of("{a} [T] [P]"), List.of("[T]", "{"));
 *
 * @Provide
 * Arbitrary<Damaged> damaged() {
 *   return FUZZ.damaged();
 * }
 *
 * @Property
 * void parse_damaged_isReadOrRefused(@ForAll("damaged") Damaged template) {
 *   FUZZ.check(template, () -> PromptTemplate.parse(template.text()));
 * }
 *
 * @AfterContainer
 * static void total() {
 *   FUZZ.print();
 * }
 * }</pre>
 */
public final class Fuzz {

  /** What reading one document may take. */
  public static final double MOST_SECONDS = 5;

  /** What reading an empty document may allocate. */
  public static final long MOST_BYTES = 64 << 20;

  private static final long MOST_BYTES_PER_BYTE = 2_000;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** Reads a document; a result is of no interest. */
  @FunctionalInterface
  public interface Reading {
    /** Reads it. */
    void read() throws Exception;
  }

  private final String name;
  private final List<byte[]> good;
  private final List<byte[]> words;
  private long mostBytes = MOST_BYTES;
  private int read;
  private int refused;
  private long longest;
  private long largest;

  private Fuzz(String name, List<byte[]> good, List<byte[]> words) {
    this.name = name;
    this.good = good;
    this.words = words;
  }

  /**
   * @param good documents that can be read
   * @param words pieces of the format; those that every format has are added
   */
  public static Fuzz of(String name, List<String> good, List<String> words) {
    return ofBytes(
        name, good.stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toList(), words);
  }

  /** As {@link #of}, for documents that are not text. */
  public static Fuzz ofBytes(String name, List<byte[]> good, List<String> words) {
    List<byte[]> all = new ArrayList<>();
    for (String word : words) {
      all.add(word.getBytes(StandardCharsets.UTF_8));
    }
    for (String word :
        List.of(
            "",
            " ",
            "\n",
            "\r\n",
            "\t",
            "\"",
            "'",
            "\\",
            ":",
            ",",
            "[",
            "]",
            "{",
            "}",
            "-1",
            "0",
            "1e999",
            "99999999999999999999",
            "9223372036854775807",
            "2147483648",
            "null",
            "true",
            "NaN",
            "\u0000",
            "\u001b[31m",
            "\u00e9",
            "\u2028",
            "\ufeff",
            "\ud83d\ude00")) {
      all.add(word.getBytes(StandardCharsets.UTF_8));
    }
    all.add(new byte[] {(byte) 0xff, (byte) 0xc0});
    return new Fuzz(name, good, all);
  }

  /** Sets another bound than {@link #MOST_BYTES}, for what computes by its nature. */
  public Fuzz allowing(long bytes) {
    mostBytes = bytes;
    return this;
  }

  /** A good document with one to six changes; fewer when a failure is made smaller. */
  public Arbitrary<Damaged> damaged() {
    Arbitrary<Edit> edit =
        Combinators.combine(
                Arbitraries.of(Edit.Kind.values()),
                uniform(Edit.PLACES - 1),
                uniform(60),
                uniform(999_999))
            .as(Edit::new);
    return Combinators.combine(uniform(good.size() - 1), edit.list().ofMinSize(1).ofMaxSize(6))
        .as(
            (which, edits) -> {
              byte[] document = good.get(which);
              for (Edit change : edits) {
                document = change.apply(document, words, good);
              }
              return new Damaged(document);
            });
  }

  private static Arbitrary<Integer> uniform(int most) {
    return Arbitraries.integers().between(0, most).withDistribution(RandomDistribution.uniform());
  }

  /** Reads one and counts it; fails if more happens than it should. */
  public void check(Damaged document, Reading reading) {
    long seconds = THREADS.getCurrentThreadCpuTime();
    long bytes = THREADS.getThreadAllocatedBytes(Thread.currentThread().getId());
    try {
      reading.read();
      read++;
    } catch (InvalidInputException e) {
      refused(e.getMessage());
    } catch (Exception e) {
      throw new AssertionError("%s: %s".formatted(name, e), e);
    }
    bytes = THREADS.getThreadAllocatedBytes(Thread.currentThread().getId()) - bytes;
    seconds = THREADS.getCurrentThreadCpuTime() - seconds;
    longest = Math.max(longest, seconds);
    largest = Math.max(largest, bytes);
    assertThat(seconds / 1e9).as("seconds for %s", document).isLessThan(MOST_SECONDS);
    assertThat(bytes)
        .as("bytes allocated for %s", document)
        .isLessThan(mostBytes + MOST_BYTES_PER_BYTE * document.bytes().length);
  }

  /** Counts a document that was read elsewhere. */
  public void read() {
    read++;
  }

  /** Counts a document that was refused, and checks what was said about it. */
  public void refused(String message) {
    refused++;
    assertThat(message).isNotBlank().matches("(?s).*[.?]");
  }

  /**
   * Prints the count; continuous integration adds these lines up. Fails if nothing was read, since
   * then nothing behind the first check was tried.
   */
  public void print() {
    System.out.printf(
        "Fuzz %s: %,d cases, %,d read, %,d refused%s%n",
        name,
        read + refused,
        read,
        refused,
        largest == 0
            ? ""
            : "; at most %,d ms and %,d kB each".formatted(longest / 1_000_000, largest / 1_000));
    assertThat(read).as("%s that were read", name).isPositive();
  }
}
