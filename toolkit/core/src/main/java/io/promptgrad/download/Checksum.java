package io.promptgrad.download;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/**
 * What the content of a file must hash to.
 *
 * @param kind how it is computed
 * @param hex lower-case hexadecimal digits
 */
public record Checksum(Kind kind, String hex) {

  /** The ways to compute a checksum. */
  public enum Kind {
    /** SHA-256 of the content. */
    SHA256("SHA-256", 64),
    /** SHA-1 of "blob ", the length, a zero byte and the content: Git's name for the content. */
    GIT_BLOB("SHA-1", 40);

    private final String algorithm;
    private final int digits;

    Kind(String algorithm, int digits) {
      this.algorithm = algorithm;
      this.digits = digits;
    }
  }

  /** Checks that the digits are as many as the kind asks for. */
  public Checksum {
    hex = hex.toLowerCase(Locale.ROOT);
    if (!hex.matches("[0-9a-f]{" + kind.digits + "}")) {
      throw new IllegalArgumentException(
          "A %s has %d hexadecimal digits; this is none: %s".formatted(kind, kind.digits, hex));
    }
  }

  /** A SHA-256 that is known. */
  public static Checksum sha256(String hex) {
    return new Checksum(Kind.SHA256, hex);
  }

  /** A name that Git gave to a content. */
  public static Checksum gitBlob(String hex) {
    return new Checksum(Kind.GIT_BLOB, hex);
  }

  /** Reads a file and computes its checksum. */
  public static Checksum of(Path file, Kind kind) throws IOException {
    MessageDigest digest = digest(kind.algorithm);
    if (kind == Kind.GIT_BLOB) {
      digest.update(("blob " + Files.size(file) + "\0").getBytes(StandardCharsets.UTF_8));
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] buffer = new byte[1 << 16];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return new Checksum(kind, HexFormat.of().formatHex(digest.digest()));
  }

  /** The kind and the digits. */
  @Override
  public String toString() {
    return (kind == Kind.SHA256 ? "SHA-256 " : "Git blob ") + hex;
  }

  private static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has " + algorithm, e);
    }
  }
}
