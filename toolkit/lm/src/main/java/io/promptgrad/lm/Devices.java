package io.promptgrad.lm;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.program.LibTorch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Names of devices: {@code auto} (the first GPU if there is one, else the CPU), {@code cpu}, {@code
 * cuda:N}, {@code cuda:all}, or several of one kind with commas, such as {@code cuda:0,cuda:1}. A
 * name that occurs twice stands for two replicas there: {@code cpu,cpu}.
 */
public final class Devices {

  private static final Pattern NAMES =
      Pattern.compile("auto|cuda:all|cpu(,cpu){0,63}|cuda:\\d{1,3}(,cuda:\\d{1,3}){0,63}");
  private static final Pattern MIXED =
      Pattern.compile("(cpu|cuda:\\d{1,3})(,(cpu|cuda:\\d{1,3}))+");

  private Devices() {}

  /**
   * Checks the form of a name, without looking at the machine.
   *
   * @return the name without blanks
   * @throws InvalidInputException if nothing is called so
   */
  public static String parse(String names) {
    String compact = names.replace(" ", "");
    if (NAMES.matcher(compact).matches()) {
      return compact;
    }
    throw new InvalidInputException(
        MIXED.matcher(compact).matches()
            ? "'%s' mixes CPU and GPU, whose results differ in the last digits; name devices of one kind."
                .formatted(names)
            : "There is no device '%s'; use auto, cpu, cuda:N, cuda:all, or several with commas such as cuda:0,cuda:1."
                .formatted(names));
  }

  /**
   * Finds the devices of that name.
   *
   * @throws InvalidInputException if this machine does not have them
   */
  public static List<Device> find(String names) {
    String compact = parse(names);
    if (compact.equals("auto")) {
      return List.of(LibTorch.defaultDevice());
    }
    if (compact.startsWith("cpu")) { // before the engine is asked for GPUs
      return Collections.nCopies(compact.split(",").length, Device.cpu());
    }
    int gpus = LibTorch.gpuCount();
    List<Device> found = new ArrayList<>();
    if (compact.equals("cuda:all") && gpus > 0) {
      for (int i = 0; i < gpus; i++) {
        found.add(Device.gpu(i));
      }
      return found;
    }
    for (String name : compact.split(",")) {
      String number = name.substring("cuda:".length());
      if (gpus == 0 || Integer.parseInt(number) >= gpus) {
        throw new InvalidInputException(
            gpus == 0
                ? "There is no device %s: no GPU can be used here; run promptgrad doctor, or use the device cpu."
                    .formatted(name)
                : "There is no device %s: the GPUs are cuda:0 to cuda:%d."
                    .formatted(name, gpus - 1));
      }
      found.add(Device.gpu(Integer.parseInt(number)));
    }
    return found;
  }

  /** The name of a device. */
  public static String name(Device device) {
    return device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu";
  }

  /** The name of several devices, as {@link #find} reads it. */
  public static String name(List<Device> devices) {
    return devices.stream().map(Devices::name).collect(Collectors.joining(","));
  }
}
