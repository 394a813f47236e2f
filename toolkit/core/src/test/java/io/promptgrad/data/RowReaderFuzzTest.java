package io.promptgrad.data;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.fuzz.Damaged;
import io.promptgrad.fuzz.Fuzz;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;

/** The files of every data set of the catalogue whose layout is among the resources. */
class RowReaderFuzzTest {

  private static final List<String> WORDS =
      List.of("\"label\"", "\\ud800", "NUM:dist ", "#### ", "%C3%", "%zz", "1e999999999", "; ");

  private static final List<SomeFile> SETS = sets();
  private static final Fuzz FUZZ = Fuzz.of("rows of data sets", List.of(""), WORDS);

  /** A file of a data set. */
  private record SomeFile(CatalogueEntry entry, String name, Fuzz files) {}

  /** A damaged file of a data set. */
  record Case(CatalogueEntry entry, String name, Damaged file) {}

  private static List<SomeFile> sets() {
    List<SomeFile> sets = new ArrayList<>();
    try {
      Path layouts = Path.of(RowReaderFuzzTest.class.getResource("layouts").toURI());
      for (CatalogueEntry entry : Catalogue.builtIn().entries()) {
        for (String folder : entry.folders()) {
          Path base = layouts.resolve(folder);
          if (Files.isDirectory(base)) {
            sets.addAll(sets(entry, base));
          }
        }
        if (Files.isDirectory(layouts.resolve(entry.name()))) {
          sets.addAll(sets(entry, layouts.resolve(entry.name())));
        }
      }
    } catch (IOException | URISyntaxException e) {
      throw new IllegalStateException(e);
    }
    return sets;
  }

  private static List<SomeFile> sets(CatalogueEntry entry, Path base) throws IOException {
    List<SomeFile> sets = new ArrayList<>();
    for (Layout layout : entry.layouts()) {
      for (String split : layout.splits().keySet()) {
        for (List<PathPattern.Match> matches : layout.files(split, base).values()) {
          for (PathPattern.Match match : matches) {
            List<byte[]> content = List.of(Files.readAllBytes(match.file()));
            sets.add(new SomeFile(entry, match.path(), Fuzz.ofBytes(entry.name(), content, WORDS)));
          }
        }
      }
    }
    return sets;
  }

  @Provide
  Arbitrary<Case> damaged() {
    return Arbitraries.of(SETS)
        .flatMap(set -> set.files.damaged().map(file -> new Case(set.entry, set.name, file)));
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void read_damagedFile_isReadOrRefused(@ForAll("damaged") Case one) {
    FUZZ.check(one.file, () -> read(one));
  }

  private static void read(Case one) {
    for (RowReader.Row row : one.entry.reader().read(one.file.bytes(), one.name).rows()) {
      ObjectNode normal = Json.object();
      for (Column column : one.entry.columns()) {
        if (!column.from().startsWith("{")) { // those are names in paths
          column.read(row).ifPresent(value -> normal.set(column.name(), value));
        }
      }
      Json.line(normal);
    }
  }

  @AfterContainer
  static void total() {
    FUZZ.print();
  }
}
