package io.promptgrad.models.pretrain;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.promptgrad.input.InvalidInputException;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteOrder;
import java.nio.ShortBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * A corpus as token ids on disk: {@code train.u16} and {@code heldout.u16}, unsigned 16-bit little
 * endian, every document followed by {@code </s>}, and {@code corpus.json}, which tells where each
 * source begins and how often it should be drawn. The ids stand there once whatever the weight.
 */
public final class EncodedCorpus {

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /**
   * The side file.
   *
   * @param tokenizerSha256 checksum of the {@code tokenizer.json} that the ids belong to
   * @param objective what the vocabulary's special tokens are made for
   * @param vocab number of vocabulary entries
   * @param separator id after each document
   * @param train what training draws from
   * @param heldOut what is only measured on
   */
  public record Description(
      String tokenizerSha256,
      TokenizerSettings.Objective objective,
      int vocab,
      int separator,
      Part train,
      Part heldOut) {}

  /**
   * One file of ids.
   *
   * @param file its name, beside the side file
   * @param tokens how many ids it holds
   * @param sha256 its checksum
   * @param sources the ranges of the sources, in order, without gaps
   */
  public record Part(String file, long tokens, String sha256, List<Range> sources) {}

  /**
   * The ids of one source.
   *
   * @param source its name
   * @param licence its terms
   * @param weight how often training draws from it, relative to its length
   * @param documents number of documents
   * @param first index of its first id
   * @param tokens number of its ids, separators included
   */
  public record Range(
      String source, String licence, double weight, long documents, long first, long tokens) {}

  private final Description description;
  private final ShortBuffer train;
  private final ShortBuffer heldOut;

  private EncodedCorpus(Description description, ShortBuffer train, ShortBuffer heldOut) {
    this.description = description;
    this.train = train;
    this.heldOut = heldOut;
  }

  /**
   * Opens a folder that {@code prepare} wrote. The ids are mapped into memory, not read.
   *
   * @throws InvalidInputException if a file is missing or shorter or longer than the side file says
   */
  public static EncodedCorpus open(Path folder) {
    Path side = folder.resolve("corpus.json");
    try {
      Description description = JSON.readValue(side.toFile(), Description.class);
      if (description.objective == null) {
        throw new InvalidInputException(
            "%s does not say what objective the corpus is made for; prepare it again."
                .formatted(side));
      }
      return new EncodedCorpus(
          description, map(folder, description.train), map(folder, description.heldOut));
    } catch (IOException e) {
      throw new InvalidInputException(
          "The folder %s holds no prepared corpus (%s); run 'pretrain prepare' first."
              .formatted(folder, e.getMessage().lines().findFirst().orElse("")),
          e);
    }
  }

  private static ShortBuffer map(Path folder, Part part) throws IOException {
    Path file = folder.resolve(part.file);
    try (FileChannel channel = FileChannel.open(file)) {
      if (channel.size() != part.tokens * 2) {
        throw new InvalidInputException(
            "The file %s has %d bytes but corpus.json says %d tokens; prepare the corpus again."
                .formatted(file, channel.size(), part.tokens));
      }
      return channel
          .map(FileChannel.MapMode.READ_ONLY, 0, channel.size())
          .order(ByteOrder.LITTLE_ENDIAN)
          .asShortBuffer();
    }
  }

  /** What the side file says. */
  public Description description() {
    return description;
  }

  /** An id of the training part. */
  public int trainToken(long index) {
    return train.get(Math.toIntExact(index)) & 0xffff;
  }

  /** An id of the held-out part. */
  public int heldOutToken(long index) {
    return heldOut.get(Math.toIntExact(index)) & 0xffff;
  }

  /** Writes the side file, at once or not at all. */
  static void describe(Path folder, Description description) throws IOException {
    Path part = folder.resolve("corpus.json.part");
    JSON.writeValue(part.toFile(), description);
    Files.move(
        part,
        folder.resolve("corpus.json"),
        StandardCopyOption.REPLACE_EXISTING,
        StandardCopyOption.ATOMIC_MOVE);
  }

  /** The checksum of a file, in hexadecimal digits. */
  static String sha256(Path file) throws IOException {
    MessageDigest digest = digest();
    digest.update(Files.readAllBytes(file));
    return HexFormat.of().formatHex(digest.digest());
  }

  /** The checksum of a text, in hexadecimal digits. */
  static String sha256(String text) {
    return HexFormat.of().formatHex(digest().digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /** Writes one part, document after document, source after source. */
  static final class Writer implements Closeable {
    private final Path file;
    private final Path part;
    private final BpeTokenizer tokenizer;
    private final int separator;
    private final String lineBreak;
    private final MessageDigest digest = digest();
    private final OutputStream out;
    private final List<Range> sources = new ArrayList<>();
    private long written;

    Writer(Path file, BpeTokenizer tokenizer, String lineBreak) throws IOException {
      this.file = file;
      this.part = file.resolveSibling(file.getFileName() + ".part");
      this.tokenizer = tokenizer;
      this.separator = tokenizer.id("</s>");
      this.lineBreak = lineBreak;
      this.out =
          new BufferedOutputStream(
              new DigestOutputStream(Files.newOutputStream(part), digest), 1 << 16);
    }

    /** The documents that follow belong to this source. */
    void source(TextSource source) {
      sources.add(new Range(source.name(), source.licence(), source.weight(), 0, written, 0));
    }

    void document(List<String> lines) throws IOException {
      for (int id : tokenizer.encode(String.join(lineBreak, lines))) {
        write(id);
      }
      write(separator);
      int last = sources.size() - 1;
      Range range = sources.get(last);
      sources.set(
          last,
          new Range(
              range.source,
              range.licence,
              range.weight,
              range.documents + 1,
              range.first,
              written - range.first));
    }

    private void write(int id) throws IOException {
      out.write(id);
      out.write(id >>> 8);
      written++;
    }

    /** Closes the file, gives it its name and says what is in it. */
    Part finish() throws IOException {
      out.close();
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
      return new Part(
          file.getFileName().toString(),
          written,
          HexFormat.of().formatHex(digest.digest()),
          sources.stream().filter(r -> r.tokens > 0).toList());
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}
