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
    List<Finding> findings =
        Doctor.examine(output.json ? finding -> {} : finding -> print(finding, console));
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
      console.out().println(ok ? "All is well." : "Something is wrong; see the advice above.");
    }
    return ok ? Promptgrad.OK : Promptgrad.MISMATCH;
  }

  private static void print(Finding finding, Console console) {
    String mark = finding.ok() ? "ok" : "FAIL";
    console.out().printf("%-4s %-16s %s%n", mark, finding.name(), finding.value());
    if (!finding.advice().isEmpty()) {
      console.out().println("     -> " + finding.advice());
    }
    console.out().flush(); // native code may end the process in the next line
  }
}
