package io.promptgrad.experiments.execution;

import io.promptgrad.data.CatalogueEntry;
import io.promptgrad.data.DataDirectory;
import io.promptgrad.data.Dataset;
import io.promptgrad.data.Import;
import io.promptgrad.download.Download;
import io.promptgrad.download.DownloadEvent;
import io.promptgrad.input.InvalidInputException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.function.BiConsumer;

/** Brings data sets into the data folder. */
public final class DataIntake {

  private DataIntake() {}

  /**
   * Imports a copy on this machine.
   *
   * @param source a folder or an archive
   * @param force whether to go on where splits are missing or of another size
   */
  public static Dataset importFrom(
      CatalogueEntry entry, Path source, boolean force, DataDirectory directory) {
    if (!Files.isRegularFile(source)) {
      return keep(Import.read(entry, source, source.toString(), force), directory);
    }
    Path unpacked = directory.folder().resolve("." + entry.name() + ".unpacked");
    try {
      Archive.unpack(source, unpacked);
      return keep(Import.read(entry, unpacked, source.toString(), force), directory);
    } finally {
      Archive.delete(unpacked);
    }
  }

  /**
   * Downloads a data set and imports it. Files that have come are kept until all have, so that a
   * download that ended early goes on where it was.
   *
   * @param force whether to take other files than the catalogue knows
   * @param listener is told of each file, by its name
   */
  public static Dataset download(
      CatalogueEntry entry,
      boolean force,
      DataDirectory directory,
      BiConsumer<String, DownloadEvent> listener) {
    Map<String, URI> downloads = entry.downloads();
    if (downloads.isEmpty()) {
      throw new InvalidInputException(
          "No address is known for %s; get a copy and run 'promptgrad data import %s FOLDER'."
              .formatted(entry.name(), entry.name()));
    }
    Path folder = directory.folder().resolve(".download").resolve(entry.name());
    Path files = folder.resolve("files");
    downloads.forEach(
        (name, address) -> {
          boolean archive = Archive.isArchive(name);
          Path target = (archive ? folder.resolve("archives") : files).resolve(name);
          if (!Files.exists(target)) {
            String shown = entry.name() + "/" + name;
            Download.of(address).to(target).listener(event -> listener.accept(shown, event)).run();
          }
          if (archive) {
            Archive.unpack(target, files);
          }
        });
    try {
      Dataset dataset = Import.read(entry, files, entry.origin(), force);
      if (!force && !dataset.info().asKnown().orElse(true)) {
        throw new InvalidInputException(
            "The files downloaded for %s are not those that the catalogue knows (SHA-256 %s); take them as they are with --force."
                .formatted(entry.name(), dataset.info().sha256()));
      }
      return keep(dataset, directory);
    } finally {
      Archive.delete(folder);
    }
  }

  private static Dataset keep(Dataset dataset, DataDirectory directory) {
    dataset.write(directory.path(dataset.info().name()), Instant.now());
    return dataset;
  }
}
