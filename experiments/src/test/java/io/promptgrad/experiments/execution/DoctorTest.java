package io.promptgrad.experiments.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.program.Natives.Origin;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said on machines that this one is not. */
class DoctorTest {

  @TempDir private Path proc;

  @Test
  void driver_asLinuxShowsIt_isRead() throws IOException {
    assertThat(NvidiaDriver.find(proc)).isEmpty();
    Files.writeString(
        proc.resolve("version"),
        """
        NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (x)
        GCC version:  gcc version 12.3.0 (Ubuntu 12.3.0-1ubuntu1~22.04)
        """);
    assertThat(NvidiaDriver.find(proc)).contains(new NvidiaDriver("580.65.06", List.of()));
    for (String bus : List.of("0000:40:00.0", "0000:2d:00.0")) {
      Path folder = Files.createDirectories(proc.resolve("gpus").resolve(bus));
      Files.writeString(
          folder.resolve("information"),
          "Model: \t\t NVIDIA H200\nIRQ:   \t\t 46\nGPU UUID: \t GPU-1\n");
    }
    NvidiaDriver two = NvidiaDriver.find(proc).orElseThrow();
    assertThat(two.gpus()).containsExactly("NVIDIA H200", "NVIDIA H200");
    assertThat(two.model()).contains("NVIDIA H200");
    Files.writeString(proc.resolve("gpus/0000:40:00.0/information"), "Model: NVIDIA L4\n");
    assertThat(NvidiaDriver.find(proc).orElseThrow().model()).isEmpty(); // which one is cuda:0?
    Files.writeString(
        proc.resolve("version"),
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104  Sat Aug 19 01:15:15 UTC 2023\n");
    assertThat(NvidiaDriver.find(proc).orElseThrow().version()).isEqualTo("535.104");
  }

  /** A GPU that is not used is a failure only if CUDA was asked for. */
  @Test
  void advice_gpuThatIsNotUsed_namesTheCause() {
    assertThat(Doctor.advice(true, 1, Origin.DOWNLOADED)).isEqualTo(new Doctor.Advice(true, ""));
    assertThat(Doctor.advice(false, 0, Origin.JAR).ok()).isTrue();
    assertThat(Doctor.advice(false, 0, Origin.JAR).text()).contains("PROMPTGRAD_PROFILE=gpu");
    assertThat(Doctor.advice(false, 0, Origin.NAMED).ok()).isFalse();
    assertThat(Doctor.advice(false, 0, Origin.NAMED).text()).contains("PYTORCH_LIBRARY_PATH");
    for (Doctor.Advice advice :
        List.of(Doctor.advice(false, 0, Origin.DOWNLOADED), Doctor.advice(true, 0, Origin.NAMED))) {
      assertThat(advice.ok()).isFalse();
      assertThat(advice.text()).contains("libcudart.so", "LD_LIBRARY_PATH");
    }
  }

  @Test
  void advice_failedSelfTest_isOneSentenceForEachDeviceAndPrecision() {
    assertThat(Doctor.advice(Device.gpu(0), Precision.BFLOAT16)).contains("--precision float32");
    assertThat(Doctor.advice(Device.gpu(0), Precision.FLOAT32)).contains("--device cpu", "driver");
    assertThat(Doctor.advice(Device.cpu(), Precision.BFLOAT16)).contains("--precision float32");
    assertThat(Doctor.advice(Device.cpu(), Precision.FLOAT32)).contains("unpacked again");
  }

  @Test
  void selfTest_numbersThatAreOff_fail() {
    SelfTest exact = new SelfTest(new float[] {3, 4}, new float[] {0, 1}, 1, 2);
    SelfTest near = new SelfTest(new float[] {3.1f, 4}, new float[] {0, 1.05f}, 1, 2);
    SelfTest away = new SelfTest(new float[] {3, 4}, new float[] {1, 0}, 1, 2);
    SelfTest nothing = new SelfTest(new float[] {3, 4}, new float[] {0, 0}, 1, 2);
    SelfTest broken = new SelfTest(new float[] {3, 4}, new float[] {0, Float.NaN}, 1, 2);
    // logits 0.1 / 5, gradient 0.05 / 1
    assertThat(near.describe(exact, Precision.BFLOAT16))
        .contains("logits 2.0e-02, gradient 5.0e-02");
    assertThat(exact.describe(exact, Precision.FLOAT32)).contains("logits 0.0e+00");
    for (Runnable failing :
        List.<Runnable>of(
            () -> near.describe(exact, Precision.FLOAT32),
            () -> away.describe(exact, Precision.BFLOAT16),
            nothing::describe,
            broken::describe)) {
      assertThatThrownBy(failing::run).isInstanceOf(IllegalStateException.class);
    }
  }
}
