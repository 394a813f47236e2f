package io.promptgrad.lm.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.ParameterStore;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;

/** Archives of a small program of our own: what Java packs is what the script sees. */
class ScriptArchiveTest {

  private static final String SOURCE =
      """
      class Echo(Module):
        __parameters__ = []
        __buffers__ = []
        training : bool
        yes : bool
        no : bool
        small : int
        large : int
        third : float
        tiny : float
        text : str
        floats : List[float]
        words : List[str]
        table : List[List[int]]
        tensors : List[Tensor]
        def numbers(self: __torch__.Echo,
          x: Tensor) -> Tensor:
          values = annotate(List[float], [])
          torch.append(values, self.floats[0])
          for i in range(torch.len(self.table)):
            for k in range(torch.len(self.table[i])):
              torch.append(values, float(self.table[i][k]))
          torch.append(values, float(torch.len(self.tensors)))
          return torch.tensor(values)
        def flags(self: __torch__.Echo,
          x: Tensor) -> Tensor:
          values = annotate(List[bool], [self.training, self.yes, self.no])
          torch.append(values, torch.eq(self.text, "naïve \u2603 \\"quote\\" \\\\"))
          torch.append(values, torch.eq(self.small, -2147483648))
          torch.append(values, torch.eq(self.large, 2147483647))
          torch.append(values, torch.eq(self.third, 0.3333333333333333))
          torch.append(values, torch.eq(self.tiny, 5e-324))
          torch.append(values, torch.eq(self.floats[1], 1e300))
          torch.append(values, torch.eq(self.words[0], ""))
          torch.append(values, torch.eq(self.words[1], "a.b"))
          return torch.tensor(values)
        def fill(self: __torch__.Echo,
          x: Tensor) -> Tensor:
          torch.append(self.tensors, torch.clone(x))
          return torch.tensor(torch.len(self.tensors))
      """;

  @Test
  void pack_attributesOfEveryKind_arriveAsTheyAre() throws IOException {
    Map<String, Object> attributes = new LinkedHashMap<>();
    attributes.put("training", false);
    attributes.put("yes", true);
    attributes.put("no", false);
    attributes.put("small", Integer.MIN_VALUE);
    attributes.put("large", Integer.MAX_VALUE);
    attributes.put("third", 1 / 3.0);
    attributes.put("tiny", Double.MIN_VALUE);
    attributes.put("text", "naïve \u2603 \"quote\" \\");
    attributes.put("floats", List.of(-0.5, 1e300));
    attributes.put("words", List.of("", "a.b"));
    attributes.put("table", List.of(List.of(1, -2, 3), List.of(4)));
    attributes.put("tensors", new ScriptArchive.EmptyList("List[Tensor]"));
    byte[] archive = ScriptArchive.pack(SOURCE, "Echo", attributes);
    LibTorch.prepareThread();
    try (NDManager manager = NDManager.newBaseManager(Device.cpu(), LibTorch.ENGINE)) {
      Block block =
          JniUtils.loadModule(
              (PtNDManager) manager, new ByteArrayInputStream(archive), true, false);
      assertThat(call(manager, block, "numbers").toFloatArray())
          .containsExactly(-0.5f, 1, -2, 3, 4, 0);
      assertThat(call(manager, block, "flags").toBooleanArray())
          .containsExactly(false, true, false, true, true, true, true, true, true, true, true);
      assertThat(call(manager, block, "fill").getLong()).isEqualTo(1);
      assertThat(call(manager, block, "fill").getLong()).isEqualTo(2);
    }
  }

  private static NDArray call(NDManager manager, Block block, String method) {
    NDArray name = manager.create(0f);
    name.setName("module_method:" + method);
    NDList inputs = new NDList(manager.create(0.0), name);
    return block.forward(new ParameterStore(manager, false), inputs, true).singletonOrThrow();
  }

  @Test
  void pack_sameContent_isAZipWithOneRootAndTheSource() throws IOException {
    byte[] archive = ScriptArchive.pack(SOURCE, "Echo", Map.of("training", false));
    Map<String, byte[]> entries = new TreeMap<>();
    try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(archive))) {
      for (var entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        entries.put(entry.getName(), zip.readAllBytes());
      }
    }
    assertThat(entries.keySet())
        .containsExactly(
            "program/code/__torch__.py",
            "program/constants.pkl",
            "program/data.pkl",
            "program/version");
    assertThat(entries.get("program/version")).asString().isEqualTo("10\n");
    assertThat(new String(entries.get("program/code/__torch__.py"), StandardCharsets.UTF_8))
        .isEqualTo(SOURCE);
    // protocol 2, __torch__.Echo, (), new object, {, mark, "training", false, set items, build, end
    assertThat(entries.get("program/data.pkl"))
        .asString(StandardCharsets.ISO_8859_1)
        .isEqualTo("\u0080\u0002c__torch__\nEcho\n)\u0081}(X\b\0\0\0training\u0089ub.");
  }

  @Test
  void pack_valueThatTheFormatHasNoPlaceFor_isRefused() {
    for (Object value :
        List.of(1L, 1f, 'c', Map.of(), new int[1], List.of(), List.of(1L), List.of(List.of()))) {
      assertThatThrownBy(() -> ScriptArchive.pack(SOURCE, "Echo", Map.of("x", value)))
          .as("%s", value)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("cannot pickle");
    }
  }
}
