package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.program.LibTorch;
import java.util.List;
import org.junit.jupiter.api.Test;

class DevicesTest {

  @Test
  void parse_goodNames_areTakenWithoutBlanks() {
    for (String name :
        List.of("auto", "cpu", "cpu,cpu", "cuda:0", "cuda:17", "cuda:all", "cuda:1,cuda:0")) {
      assertThat(Devices.parse(name)).isEqualTo(name);
    }
    assertThat(Devices.parse("cuda:0, cuda:1")).isEqualTo("cuda:0,cuda:1");
  }

  @Test
  void parse_anythingElse_isRefusedWithWhatThereIs() {
    for (String name :
        List.of(
            "",
            "gpu",
            "cuda",
            "cuda:",
            "cuda:x",
            "cpu:0",
            "cpu,",
            ",cpu",
            "auto,cpu",
            "cuda:all,cuda:0",
            "cuda:-1",
            "cuda:1234")) {
      assertThatThrownBy(() -> Devices.parse(name))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("'" + name + "'")
          .hasMessageContaining("cuda:N");
    }
    assertThatThrownBy(() -> Devices.parse("cpu,cuda:0"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("one kind");
  }

  @Test
  void find_cpus_areFoundAndNamed() {
    assertThat(Devices.find("cpu")).containsExactly(Device.cpu());
    List<Device> three = Devices.find("cpu,cpu,cpu");
    assertThat(three).hasSize(3);
    assertThat(Devices.name(three)).isEqualTo("cpu,cpu,cpu");
    assertThat(Devices.name(List.of(Device.gpu(0), Device.gpu(3)))).isEqualTo("cuda:0,cuda:3");
    assertThat(LoadOptions.on("cpu, cpu").precision()).isEqualTo(Precision.FLOAT32);
  }

  @Test
  void options_noneOrMixedDevices_areRefused() {
    for (List<Device> devices : List.of(List.<Device>of(), List.of(Device.cpu(), Device.gpu(0)))) {
      assertThatThrownBy(() -> new LoadOptions(devices, Precision.FLOAT32))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  /** On a machine without GPU, or with a CPU build of libtorch, this says so. */
  @Test
  void find_gpuBeyondTheLast_isRefusedWithWhatThereIs() {
    int gpus = LibTorch.gpuCount();
    assertThatThrownBy(() -> Devices.find("cuda:" + gpus))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("There is no device cuda:" + gpus)
        .hasMessageContaining(gpus == 0 ? "promptgrad doctor" : "the GPUs are");
    assertThat(Devices.find("auto")).containsExactly(gpus == 0 ? Device.cpu() : Device.gpu(0));
    if (gpus == 0) {
      assertThatThrownBy(() -> Devices.find("cuda:all"))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("cuda:all");
    } else {
      assertThat(Devices.find("cuda:all")).hasSize(gpus);
    }
  }
}
