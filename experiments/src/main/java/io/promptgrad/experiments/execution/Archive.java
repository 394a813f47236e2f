package io.promptgrad.experiments.execution;

import io.promptgrad.input.InvalidInputException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;

/**
 * Unpacks archives that somebody else made: nothing is written outside the folder, links and
 * devices are refused, and what comes out is bounded, whatever the archive says.
 */
final class Archive {

  /** More than any data set of the catalogue, less than a disk. */
  private static final long MOST_BYTES = 8L << 30;

  private static final int MOST_ENTRIES = 200_000;

  private final Path archive;
  private final Path folder;
  private final long mostBytes;
  private final int mostEntries;
  private long bytes;
  private int entries;

  private Archive(Path archive, Path folder, long mostBytes, int mostEntries) {
    this.archive = archive;
    this.folder = folder.toAbsolutePath().normalize();
    this.mostBytes = mostBytes;
    this.mostEntries = mostEntries;
  }

  /** Returns whether a file's name is that of an archive. */
  static boolean isArchive(String name) {
    return name.toLowerCase(Locale.ROOT).matches(".*\\.(zip|tar|tar\\.gz|tgz)");
  }

  /**
   * Unpacks an archive.
   *
   * @param folder where its content goes; made if it is not there
   * @throws InvalidInputException if it is none, is damaged, or holds what it must not
   */
  static void unpack(Path archive, Path folder) {
    unpack(archive, folder, MOST_BYTES, MOST_ENTRIES);
  }

  static void unpack(Path archive, Path folder, long mostBytes, int mostEntries) {
    new Archive(archive, folder, mostBytes, mostEntries).unpack();
  }

  private void unpack() {
    String name = archive.getFileName().toString().toLowerCase(Locale.ROOT);
    if (!isArchive(name)) {
      throw new InvalidInputException(
          "%s is neither a folder nor a .zip, .tar or .tar.gz archive; name the folder that holds the files."
              .formatted(archive));
    }
    try (InputStream file = new BufferedInputStream(Files.newInputStream(archive))) {
      if (name.endsWith(".zip")) {
        unpackZip(new ZipInputStream(file));
      } else {
        unpackTar(
            new TarArchiveInputStream(name.endsWith(".tar") ? file : new GZIPInputStream(file)));
      }
    } catch (IOException | IllegalArgumentException e) {
      if (e instanceof InvalidInputException sentence) {
        throw sentence;
      }
      throw new InvalidInputException(
          "%s cannot be unpacked (%s); get it again.".formatted(archive, e.getMessage()), e);
    }
    if (entries == 0) {
      throw new InvalidInputException("%s holds no files; get it again.".formatted(archive));
    }
  }

  private void unpackZip(ZipInputStream zip) throws IOException {
    for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
      write(entry.getName(), entry.isDirectory(), zip);
    }
  }

  private void unpackTar(TarArchiveInputStream tar) throws IOException {
    for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
      byte kind = entry.getLinkFlag();
      if (!entry.isDirectory()
          && kind != TarConstants.LF_NORMAL
          && kind != TarConstants.LF_OLDNORM) { // isFile() says yes to links
        throw refused(entry.getName(), "is a link or a device");
      }
      write(entry.getName(), entry.isDirectory(), tar);
    }
  }

  private void write(String name, boolean isFolder, InputStream content) throws IOException {
    if (++entries > mostEntries) {
      throw new InvalidInputException(
          "%s holds more than %,d files; unpack it yourself and import the folder."
              .formatted(archive, mostEntries));
    }
    Path target = target(name);
    if (isFolder) {
      Files.createDirectories(target);
      return;
    }
    Files.createDirectories(target.getParent());
    try (OutputStream out = Files.newOutputStream(target)) {
      byte[] buffer = new byte[1 << 16];
      for (int n = content.read(buffer); n >= 0; n = content.read(buffer)) {
        bytes += n;
        if (bytes > mostBytes) {
          throw new InvalidInputException(
              "%s unpacks to more than %,d bytes; unpack it yourself and import the folder."
                  .formatted(archive, mostBytes));
        }
        out.write(buffer, 0, n);
      }
    }
  }

  /** Where an entry goes: below the folder, or nowhere. */
  private Path target(String name) {
    try {
      Path target = folder.resolve(name).normalize();
      if (!name.contains("\\") && target.startsWith(folder) && !Path.of(name).isAbsolute()) {
        return target;
      }
    } catch (InvalidPathException e) {
      throw refused(name, "has a name that no file can have");
    }
    throw refused(name, "would be written outside the folder");
  }

  private InvalidInputException refused(String name, String why) {
    return new InvalidInputException(
        "%s is not unpacked: its entry '%s' %s; do not trust this archive."
            .formatted(archive, name.replaceAll("\\p{Cntrl}", "?"), why));
  }

  /** Deletes a folder that was unpacked, if it is there. */
  static void delete(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      List<Path> content = walk.sorted(Comparator.reverseOrder()).toList();
      for (Path file : content) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new InvalidInputException(
          "The temporary folder %s cannot be deleted (%s); delete it.".formatted(folder, e), e);
    }
  }
}
