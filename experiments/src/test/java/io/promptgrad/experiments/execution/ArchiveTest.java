package io.promptgrad.experiments.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArchiveTest {

  @TempDir private Path folder;

  private Path inside() {
    return folder.resolve("inside");
  }

  private Path zip(String... namesAndTexts) throws IOException {
    Path file = folder.resolve("a.zip");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (int i = 0; i < namesAndTexts.length; i += 2) {
        zip.putNextEntry(new ZipEntry(namesAndTexts[i]));
        zip.write(namesAndTexts[i + 1].getBytes(StandardCharsets.UTF_8));
        zip.closeEntry();
      }
    }
    return file;
  }

  private static byte[] tar(TarArchiveEntry entry, String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
      byte[] content = text.getBytes(StandardCharsets.UTF_8);
      entry.setSize(content.length);
      tar.putArchiveEntry(entry);
      tar.write(content);
      tar.closeArchiveEntry();
    }
    return bytes.toByteArray();
  }

  private Path file(String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  private static byte[] gzipped(byte[] content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(bytes)) {
      gzip.write(content);
    }
    return bytes.toByteArray();
  }

  private void refused(Path archive, String why) {
    assertThatThrownBy(() -> Archive.unpack(archive, inside()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(archive.toString())
        .hasMessageContaining(why)
        .hasMessageEndingWith(".");
  }

  @Test
  void unpack_zipTarAndGzip_writesTheFiles() throws IOException {
    Archive.unpack(zip("top/", "", "top/a.txt", "one", "b.txt", "two"), inside());
    assertThat(inside().resolve("top/a.txt")).hasContent("one");
    assertThat(inside().resolve("b.txt")).hasContent("two");
    String longName = "d/".repeat(80) + "x".repeat(90) + ".txt"; // more than a header holds
    byte[] tar = tar(new TarArchiveEntry(longName), "three");
    Archive.unpack(file("a.tar", tar), inside());
    assertThat(inside().resolve(longName)).hasContent("three");
    Archive.delete(inside());
    assertThat(inside()).doesNotExist();
    for (String name : new String[] {"a.tar.gz", "a.TGZ"}) {
      Archive.unpack(file(name, gzipped(tar)), inside());
      assertThat(inside().resolve(longName)).hasContent("three");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"../evil", "a/../../evil", "/evil", "..\\evil", "a/\u0000b", "C:\\evil", "//evil"})
  void unpack_namesThatLeadOutside_areRefused(String name) throws IOException {
    refused(zip(name, "x"), "do not trust this archive");
    assertThat(folder.resolve("evil")).doesNotExist();
  }

  @Test
  void unpack_linksAndDevices_areRefused() throws IOException {
    for (byte type :
        new byte[] {TarConstants.LF_SYMLINK, TarConstants.LF_LINK, TarConstants.LF_CHR}) {
      TarArchiveEntry entry = new TarArchiveEntry("link", type);
      entry.setLinkName("/etc/passwd");
      refused(file("a.tar", tar(entry, "")), "is a link or a device");
    }
  }

  @Test
  void unpack_moreThanTheBounds_stops() throws IOException {
    Path bomb = zip("a", "x".repeat(2_000_000));
    assertThat(Files.size(bomb)).isLessThan(10_000);
    assertThatThrownBy(() -> Archive.unpack(bomb, inside(), 1_000_000, 10))
        .hasMessageContaining("unpacks to more than 1,000,000 bytes");
    assertThat(Files.size(inside().resolve("a"))).isLessThanOrEqualTo(1_000_000);
    Path many = zip("a", "", "b", "", "c", "");
    assertThatThrownBy(() -> Archive.unpack(many, inside(), 1_000_000, 2))
        .hasMessageContaining("holds more than 2 files");
  }

  @Test
  void unpack_whatIsNone_isRefused() throws IOException {
    refused(file("a.rar", new byte[9]), "neither a folder nor a .zip, .tar or .tar.gz archive");
    refused(file("b.zip", "no zip".getBytes(StandardCharsets.UTF_8)), "holds no files");
    refused(file("c.tar.gz", new byte[100]), "cannot be unpacked");
    byte[] whole = gzipped(tar(new TarArchiveEntry("a"), "text".repeat(1000)));
    refused(file("d.tar.gz", Arrays.copyOf(whole, whole.length / 2)), "cannot be unpacked");
    refused(file("e.tar", new byte[1024]), "holds no files");
  }

  /** A damaged archive is refused or gives files inside; nothing else happens. */
  @Test
  void unpack_damagedBytes_staysInside() throws IOException {
    byte[] zip = Files.readAllBytes(zip("a/b.txt", "some text", "c.txt", "more text"));
    byte[] tar = tar(new TarArchiveEntry("a/b.txt"), "some text");
    Random random = new Random(5);
    for (int round = 0; round < 2_000; round++) {
      boolean zipped = round % 2 == 0;
      byte[] damaged = (zipped ? zip : tar).clone();
      for (int i = 0; i <= round % 5; i++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      try {
        Archive.unpack(
            file(zipped ? "x.zip" : "x.tar", damaged), folder.resolve("in/side"), 1_000_000, 100);
      } catch (InvalidInputException e) {
        assertThat(e.getMessage()).contains(folder.toString()).endsWith(".");
      }
      Archive.delete(folder.resolve("in/side"));
      try (var beside = Files.list(folder.resolve("in"))) {
        assertThat(beside).isEmpty();
      }
    }
  }
}
