package io.promptgrad.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.util.cuda.CudaUtils;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.lm.LanguageModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a search holds while it runs for long: after a tenth of its steps nothing may grow any more.
 *
 * @param points after a tenth, two tenths ... of the steps
 */
record MemoryCourse(List<Point> points) {

  /** Resident memory is judged only after as many steps as Java's compiler is busy. */
  private static final int JUDGED = 1000;

  private static final double MAY_GROW = 0.05;
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s*(\\d+) kB");
  private static final Pattern PEAK = Pattern.compile("VmHWM:\\s*(\\d+) kB");

  /**
   * One look.
   *
   * @param resident bytes of the process in memory; -1 where the system does not say
   * @param device bytes in use on the GPU, by whomever; -1 on a CPU
   * @param arrays that live in native memory
   * @param arrayBytes what they hold
   */
  record Point(int step, long resident, long device, int arrays, long arrayBytes) {}

  /** Takes the steps of the workload in turns. */
  static MemoryCourse run(LanguageModel model, StepWorkload workload, int steps) {
    AutoPromptStep search = new AutoPromptStep(model, workload, StepVariant.PRUNING);
    return run(
        model, step -> search.run(workload.steps().get(step % workload.steps().size())), steps);
  }

  /** Takes steps from 1 on. */
  static MemoryCourse run(LanguageModel model, IntConsumer search, int steps) {
    List<Point> points = new ArrayList<>();
    for (int step = 1; step <= steps; step++) {
      search.accept(step);
      if (step % Math.max(1, steps / 10) == 0) {
        points.add(look(model, step));
      }
    }
    return new MemoryCourse(points);
  }

  private static Point look(LanguageModel model, int step) {
    int arrays = 0;
    long bytes = 0;
    try (NDManager scope = model.newScope()) {
      for (NDArray array : scope.getParentManager().getManagedArrays()) {
        arrays++;
        bytes += array.getShape().size() * array.getDataType().getNumOfBytes();
      }
    }
    long device = model.device().isGpu() ? CudaUtils.getGpuMemory(model.device()).getUsed() : -1;
    return new Point(step, resident(), device, arrays, bytes);
  }

  /** Bytes of this process in memory; -1 where the system does not say. */
  static long resident() {
    return status(RESIDENT);
  }

  /** The most that it ever had. */
  static long peak() {
    return status(PEAK);
  }

  private static long status(Pattern line) {
    try {
      Matcher kilobytes = line.matcher(Files.readString(Path.of("/proc/self/status")));
      return kilobytes.find() ? Long.parseLong(kilobytes.group(1)) * 1024 : -1;
    } catch (IOException e) {
      return -1; // not Linux
    }
  }

  Point first() {
    return points.get(0);
  }

  Point last() {
    return points.get(points.size() - 1);
  }

  /** Whether nothing grew from the first look to the last. */
  boolean ok() {
    return ok(JUDGED);
  }

  /**
   * The same for steps that are heavier.
   *
   * @param judged steps after which resident memory is judged
   */
  boolean ok(int judged) {
    return last().arrays == first().arrays
        && last().arrayBytes == first().arrayBytes
        && grewLittle(first().device, last().device)
        && (last().step < judged || grewLittle(first().resident, last().resident));
  }

  private static boolean grewLittle(long before, long after) {
    return before < 0 || after <= before * (1 + MAY_GROW);
  }

  ObjectNode toJson() {
    ObjectNode json = Json.object().put("ok", ok());
    ArrayNode list = json.putArray("points");
    for (Point point : points) {
      list.addObject()
          .put("step", point.step)
          .put("resident_bytes", point.resident)
          .put("device_bytes", point.device)
          .put("native_arrays", point.arrays)
          .put("native_array_bytes", point.arrayBytes);
    }
    return json;
  }
}
