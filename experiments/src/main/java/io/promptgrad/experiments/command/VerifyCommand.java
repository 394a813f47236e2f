package io.promptgrad.experiments.command;

import ai.djl.Device;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.TraceVerification;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.verify.Comparison;
import io.promptgrad.lm.verify.ModelVerification;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "verify",
    mixinStandardHelpOptions = true,
    description = "Compute again what a reference implementation recorded, and compare.")
final class VerifyCommand implements Callable<Integer> {

  @Parameters(
      paramLabel = "DIR",
      arity = "1..*",
      description = "Folders with a model and golden.json, or with trace.json.")
  private List<Path> folders;

  @Option(names = "--all", description = "Show every comparison, not only each folder's worst.")
  private boolean all;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "cpu",
      description = "cpu (default), cuda:N or auto.")
  private String device;

  @Mixin private OutputOptions output;

  /** What was found in one folder. */
  private record Verified(Path folder, String kind, List<Comparison> comparisons) {

    boolean ok() {
      return comparisons.stream().allMatch(Comparison::ok);
    }

    /** The comparison that is closest to its tolerance, or furthest beyond it. */
    Comparison worst() {
      return comparisons.stream().max(Comparator.comparingDouble(Verified::excess)).orElseThrow();
    }

    private static double excess(Comparison c) {
      if (Double.isNaN(c.error())) {
        return Double.POSITIVE_INFINITY;
      }
      return c.error() == 0 ? 0 : c.error() / c.tolerance();
    }
  }

  @Override
  public Integer call() {
    Console console = output.console();
    if (Devices.parse(device).contains(",")) {
      throw new InvalidInputException(
          "--device %s: a model is verified on one device; name one.".formatted(device));
    }
    for (Path folder : folders) { // before the first is computed
      kind(folder);
    }
    Device settled = Devices.find(device).get(0);
    List<Verified> results = new ArrayList<>();
    for (Path folder : folders) {
      String kind = kind(folder);
      results.add(
          new Verified(
              folder,
              kind,
              kind.equals("model")
                  ? ModelVerification.run(folder, settled)
                  : TraceVerification.run(folder, settled)));
    }
    boolean ok = results.stream().allMatch(Verified::ok);
    if (output.json) {
      console.out().print(Json.pretty(json(results, ok)));
    } else {
      table(results, console);
    }
    return ok ? Promptgrad.OK : Promptgrad.MISMATCH;
  }

  private static String kind(Path folder) {
    if (TraceVerification.isFor(folder)) {
      return "trace";
    }
    if (ModelVerification.isFor(folder)) {
      return "model";
    }
    if (Files.isRegularFile(folder)) {
      throw new InvalidInputException("%s is a file; name a folder.".formatted(folder));
    }
    throw new InvalidInputException(
        Files.isDirectory(folder)
            ? "%s has neither golden.json (a recorded model) nor trace.json (a recorded AutoPrompt search); name a folder that has."
                .formatted(folder)
            : "There is no folder %s; check the path.".formatted(folder));
  }

  private void table(List<Verified> results, Console console) {
    int width = 6;
    for (Verified result : results) {
      width = Math.max(width, result.folder.toString().length());
    }
    String row = "%-" + width + "s  %-5s  %-28s %10s %10s  %s%n";
    console.out().printf(row, "folder", "kind", "tensor", "error", "tolerance", "ok");
    for (Verified result : results) {
      List<Comparison> shown = new ArrayList<>();
      if (all) {
        shown.addAll(result.comparisons);
      } else if (result.ok()) {
        shown.add(result.worst());
      } else {
        result.comparisons.stream().filter(c -> !c.ok()).forEach(shown::add);
      }
      for (Comparison c : shown) {
        console
            .out()
            .printf(
                Locale.ROOT,
                row,
                result.folder,
                result.kind,
                c.name(),
                scientific(c.error()),
                scientific(c.tolerance()),
                c.ok() ? "ok" : "MISMATCH");
      }
    }
    long good = results.stream().filter(Verified::ok).count();
    console.out().printf("%d of %d folders within the tolerances%n", good, results.size());
  }

  private static String scientific(double value) {
    return String.format(Locale.ROOT, "%.2e", value);
  }

  private static ObjectNode json(List<Verified> results, boolean ok) {
    ObjectNode json = Json.object().put("ok", ok);
    ArrayNode folders = json.putArray("folders");
    for (Verified result : results) {
      ObjectNode node = folders.addObject();
      node.put("folder", result.folder.toString()).put("kind", result.kind).put("ok", result.ok());
      ObjectNode errors = node.putObject("max_abs_error");
      ArrayNode mismatches = node.putArray("mismatches");
      for (Comparison c : result.comparisons) {
        errors.set(c.name(), Json.number(c.error()));
        if (!c.ok()) {
          ObjectNode mismatch = mismatches.addObject().put("tensor", c.name());
          mismatch.set("error", Json.number(c.error()));
          mismatch.put("tolerance", c.tolerance());
        }
      }
    }
    return json;
  }
}
