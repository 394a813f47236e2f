package io.promptgrad.lm.program;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgramTest {

  @Test
  void load_scriptSource_compiles() {
    Map<String, Object> switches =
        new java.util.LinkedHashMap<>();
    switches.put("layers", 1);
    switches.put("heads", 2);
    switches.put("kv_heads", 2);
    switches.put("head_dim", 4);
    switches.put("causal", false);
    switches.put("rotary", false);
    switches.put("rms_norm", false);
    switches.put("pre_norm", false);
    switches.put("embedding_norm", true);
    switches.put("final_norm", false);
    switches.put("norm_eps", 1e-5);
    switches.put("activation", "gelu");
    switches.put("gated", false);
    switches.put("head_transform", true);
    switches.put("head_activation", "gelu");
    switches.put("tied_head", true);
    switches.put("attention_scales", List.of(0.5));
    switches.put("compute", 6);
    switches.put("names", List.of("a"));
    switches.put("plan", List.of(List.of(0, 0, 0, 0, 0)));
    switches.put("keys", List.of("q.weight"));
    try (Program program = Program.load(Device.cpu(), switches)) {
      assertThat(program.device()).isEqualTo(Device.cpu());
    }
  }
}
