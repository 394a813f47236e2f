package io.promptgrad.experiments.command;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.experiments.execution.Console;
import io.promptgrad.experiments.execution.Doctor;
import io.promptgrad.experiments.execution.Doctor.Finding;
import io.promptgrad.files.Json;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = "Check Java, the native libraries, the devices and a small computation.")
final class DoctorCommand implements Callable<Integer> {

  @Mixin private OutputOptions output;

  @Override
  public Integer call() {
    Console console = output.console();
    List<Finding> findings = Doctor.examine();
    boolean ok = findings.stream().allMatch(Finding::ok);
    if (output.json) {
      ObjectNode json = Json.object().put("ok", ok);
      ArrayNode list = json.putArray("findings");
      for (Finding finding : findings) {
        list.addObject()
            .put("name", finding.name())
            .put("ok", finding.ok())
            .put("value", finding.value())
            .put("advice", finding.advice());
      }
      console.out().print(Json.pretty(json));
    } else {
      for (Finding finding : findings) {
        console
            .out()
            .printf(
                "%-4s %-18s %s%n", finding.ok() ? "ok" : "FAIL", finding.name(), finding.value());
        if (!finding.ok()) {
          console.out().println("     -> " + finding.advice());
        }
      }
      console.out().println(ok ? "All is well." : "Something is wrong; see the advice above.");
    }
    return ok ? Promptgrad.OK : Promptgrad.MISMATCH;
  }
}
