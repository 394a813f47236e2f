package io.promptgrad.experiments.execution;

import ai.djl.Device;
import ai.djl.util.Utils;
import ai.djl.util.cuda.CudaUtils;
import io.promptgrad.lm.Devices;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.lm.program.Natives;
import io.promptgrad.models.BundledModel;
import java.io.IOException;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Looks at everything that a run needs, and says what to do about what is missing. */
public final class Doctor {

  private static final double GIB = 1L << 30;
  private static final Pattern AVAILABLE = Pattern.compile("MemAvailable:\\s*(\\d+) kB");

  private final List<Finding> findings = new ArrayList<>();
  private final Consumer<Finding> listener;
  private SelfTest exact; // float32 on the CPU, which the others are compared with

  private Doctor(Consumer<Finding> listener) {
    this.listener = listener;
  }

  /**
   * One thing that was looked at.
   *
   * @param value what was seen
   * @param advice what to do if it is not well, or what may be better; else ""
   */
  public record Finding(String name, boolean ok, String value, String advice) {}

  /**
   * Looks at everything; what fails does not keep it from looking further.
   *
   * @param listener hears of each finding at once: should native code end the process, it is clear
   *     where
   */
  public static List<Finding> examine(Consumer<Finding> listener) {
    Doctor doctor = new Doctor(listener);
    doctor.machine();
    doctor.cache();
    if (doctor.natives()) {
      List<Device> devices = doctor.devices();
      for (Device device : devices) {
        doctor.selfTest(device, Precision.FLOAT32);
        doctor.selfTest(device, Precision.BFLOAT16);
      }
    }
    return List.copyOf(doctor.findings);
  }

  private void add(String name, boolean ok, String value, String advice) {
    Finding finding = new Finding(name, ok, value, advice);
    findings.add(finding);
    listener.accept(finding);
  }

  private void well(String name, String value) {
    add(name, true, value, "");
  }

  /** Notes what is seen; anything thrown is a failure with this advice. */
  private boolean look(String name, String advice, Supplier<String> examination) {
    String value;
    try {
      value = examination.get();
    } catch (Exception | LinkageError e) {
      add(name, false, e.toString().lines().findFirst().orElse(""), advice);
      return false;
    }
    well(name, value);
    return true;
  }

  private void machine() {
    int feature = Runtime.version().feature();
    add(
        "java",
        feature >= 17,
        System.getProperty("java.vm.name") + " " + Runtime.version(),
        feature >= 17 ? "" : "Install a JDK 17 or later and set JAVA_HOME to it.");
    well(
        "system",
        "%s %s, %s, %d processors"
            .formatted(
                System.getProperty("os.name"),
                System.getProperty("os.version"),
                System.getProperty("os.arch"),
                Runtime.getRuntime().availableProcessors()));
    well(
        "heap",
        "%,d MiB at most; models lie outside of it (PROMPTGRAD_OPTS=-Xmx4g for more)"
            .formatted(Runtime.getRuntime().maxMemory() >> 20));
  }

  private void cache() {
    Path cache = BundledModel.cache();
    look(
        "cache",
        "Set PROMPTGRAD_CACHE to a folder that can be written.",
        () -> {
          try {
            Files.createDirectories(cache);
            Files.delete(Files.createTempFile(cache, "doctor", ".tmp"));
            return cache + ", can be written";
          } catch (IOException e) {
            throw new IllegalStateException(cache + " cannot be written: " + e, e);
          }
        });
  }

  // ------------------------------------------------------------------ native libraries

  private boolean natives() {
    boolean loaded =
        look(
            "versions",
            "Check that the machine is Linux (x86-64, aarch64), macOS (aarch64) or Windows (x86-64)"
                + " with glibc 2.28 or later, that DJL_CACHE_DIR or ~/.djl.ai can be written, and"
                + " what PYTORCH_LIBRARY_PATH names, if it is set.",
            () ->
                "promptgrad %s, DJL %s, libtorch %s"
                    .formatted(Environment.own(), LibTorch.djlVersion(), LibTorch.version()));
    if (!loaded) {
      return false;
    }
    Natives natives = Natives.found();
    add(
        "libtorch",
        natives.wrong().isEmpty(),
        "%s, built for %s, because %s"
            .formatted(
                natives.folder(),
                LibTorch.isBuiltForCuda() ? "CUDA and CPU" : "the CPU",
                natives.reason()),
        natives.wrong().orElse(""));
    well("bindings", natives.bindings().map(Path::toString).orElse("not found in its two places"));
    boolean quiet = Boolean.parseBoolean(Utils.getEnvOrSystemProperty("OPT_OUT_TRACKING"));
    add(
        "telemetry",
        true,
        quiet || Utils.isOfflineMode() ? "DJL's is off" : "DJL's is on",
        quiet || Utils.isOfflineMode() ? "" : "Unset OPT_OUT_TRACKING to have it off again.");
    String flavor = Utils.getEnvOrSystemProperty("RUST_FLAVOR");
    add(
        "tokenizers",
        true,
        "flavor " + flavor,
        "cpu".equals(flavor) ? "" : "Unset RUST_FLAVOR: a CUDA build gains nothing here.");
    return true;
  }

  // ------------------------------------------------------------------ devices

  private List<Device> devices() {
    Optional<NvidiaDriver> driver = NvidiaDriver.find();
    driver.ifPresent(this::driver);
    List<Device> devices = new ArrayList<>(List.of(Device.cpu()));
    for (int i = 0; i < LibTorch.gpuCount(); i++) {
      devices.add(Device.gpu(i));
    }
    for (Device device : devices) {
      look(
          Devices.name(device),
          "Check with nvidia-smi that the driver answers and no other program holds the GPU.",
          () -> Environment.describe(device) + memory(device));
    }
    return devices;
  }

  private void driver(NvidiaDriver driver) {
    Advice advice =
        advice(LibTorch.isBuiltForCuda(), LibTorch.gpuCount(), Natives.found().origin());
    add(
        "driver",
        advice.ok,
        "NVIDIA %s; %s"
            .formatted(
                driver.version(),
                driver.gpus().isEmpty() ? "no GPU is listed" : String.join(", ", driver.gpus())),
        advice.text);
  }

  /** What to say to the owner of a GPU. */
  record Advice(boolean ok, String text) {}

  static Advice advice(boolean builtForCuda, int gpus, Natives.Origin origin) {
    if (gpus > 0) {
      return new Advice(true, "");
    }
    String visible =
        "put the folder of libcudart.so on LD_LIBRARY_PATH (pip's torch has it in"
            + " nvidia/cuda_runtime/lib), and check CUDA_VISIBLE_DEVICES and nvidia-smi.";
    if (builtForCuda) {
      return new Advice(false, "DJL sees no GPU: " + visible);
    }
    return switch (origin) {
      case JAR ->
          new Advice(
              true,
              "The CPU build is on the class path and wins; to use the GPU, set"
                  + " PROMPTGRAD_PROFILE=gpu (Maven: -Pgpu), which leaves it out.");
      case NAMED ->
          new Advice(
              false,
              "PYTORCH_LIBRARY_PATH names a libtorch for the CPU; let it name one for CUDA, or"
                  + " unset it.");
      case DOWNLOADED ->
          new Advice(
              false,
              "DJL saw no GPU and so took the CPU build: delete it from the cache folder above, "
                  + visible);
    };
  }

  private static String memory(Device device) {
    if (device.isGpu()) {
      MemoryUsage memory = CudaUtils.getGpuMemory(device);
      return String.format(
          Locale.ROOT,
          ", %.1f of %.1f GiB free",
          (memory.getMax() - memory.getUsed()) / GIB,
          memory.getMax() / GIB);
    }
    try {
      Matcher available = AVAILABLE.matcher(Files.readString(Path.of("/proc/meminfo")));
      return available.find()
          ? String.format(
              Locale.ROOT, ", %.1f GiB free", Long.parseLong(available.group(1)) * 1024 / GIB)
          : "";
    } catch (IOException e) {
      return ""; // not Linux
    }
  }

  // ------------------------------------------------------------------ a small computation

  private void selfTest(Device device, Precision precision) {
    boolean reference = device.equals(Device.cpu()) && precision == Precision.FLOAT32;
    if (!reference && exact == null) {
      return; // nothing to compare with, and that failure is told already
    }
    look(
        Devices.name(device) + " " + precision,
        advice(device, precision),
        () -> {
          SelfTest test = SelfTest.run(device, precision);
          if (!reference) {
            return test.describe(exact, precision);
          }
          String seen = test.describe();
          exact = test;
          return seen;
        });
  }

  static String advice(Device device, Precision precision) {
    if (precision == Precision.BFLOAT16) {
      return device.isGpu()
          ? "Use --precision float32; a GPU of compute capability below 8.0 has no bfloat16."
          : "Use --precision float32, which is the default on the CPU.";
    }
    return device.isGpu()
        ? "Use --device cpu meanwhile, and check that the driver is 525 or later, as CUDA 12 asks,"
            + " and that no other program fills the GPU."
        : "Delete the folder of libtorch named above, so that it is unpacked again; if that does"
            + " not help, report it.";
  }
}
