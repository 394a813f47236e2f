package io.promptgrad.lm;

import ai.djl.Device;
import io.promptgrad.lm.program.LibTorch;
import java.util.List;

/**
 * Where and in which number format a model is loaded.
 *
 * @param devices of one kind, at least one; with several, each gets a replica of the model and
 *     batches of work are divided among them (see {@link MicroBatches})
 * @param precision what the model computes in
 */
public record LoadOptions(List<Device> devices, Precision precision) {

  /** Copies the list and checks it. */
  public LoadOptions {
    devices = List.copyOf(devices);
    if (devices.stream().map(Device::getDeviceType).distinct().count() != 1) {
      throw new IllegalArgumentException("devices " + devices + " are none or of several kinds");
    }
  }

  /** One device. */
  public LoadOptions(Device device, Precision precision) {
    this(List.of(device), precision);
  }

  /** The first GPU in bfloat16 if there is one, else the CPU in float32. */
  public static LoadOptions defaults() {
    return on(LibTorch.defaultDevice());
  }

  /** A device with its default precision. */
  public static LoadOptions on(Device device) {
    return new LoadOptions(device, Precision.defaultFor(device));
  }

  /**
   * Devices by name, such as {@code cuda:0,cuda:1}, with their default precision.
   *
   * @see Devices
   */
  public static LoadOptions on(String names) {
    List<Device> devices = Devices.find(names);
    return new LoadOptions(devices, Precision.defaultFor(devices.get(0)));
  }

  /** The first device. */
  public Device device() {
    return devices.get(0);
  }

  /** The same devices with another precision. */
  public LoadOptions withPrecision(Precision other) {
    return new LoadOptions(devices, other);
  }
}
