package io.promptgrad.lm.program;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.training.ParameterStore;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The transformer program ({@code transformer.py}), or another script, loaded on one device: the
 * only class that talks to TorchScript.
 *
 * <p>A call is one native call whatever the depth of the model. Arguments are borrowed; results
 * belong to the manager given. The script checks nothing: a failing call would leak its arguments,
 * and a bad index aborts a CUDA context, so callers validate shapes and ids first. Calls from
 * several threads may overlap, except those that change the program's state.
 */
public final class Program implements AutoCloseable {

  private static final String SOURCE = "transformer.py";

  private static final String SOFT_PROMPT = "soft_prompt.py";

  /** The lists of that script. */
  private static final List<String> SOFT_PROMPT_STATE =
      List.of("leaves", "gradients", "first", "second", "keep");

  /** The script's lists of tensors, which it fills itself. */
  private static final List<String> STATE =
      List.of("leaves", "constants", "gradients", "first_moments", "second_moments", "counts");

  private static final String METHOD = "module_method:";

  private final NDManager manager;
  private final Block block;
  private final Map<String, NDArray> methods = new ConcurrentHashMap<>();
  private final NDArray nothing;

  private Program(NDManager manager, Block block) {
    this.manager = manager;
    this.block = block;
    this.nothing = manager.create(new float[0], new Shape(0));
  }

  /**
   * Loads the program with its switches.
   *
   * @param device where its weights will live
   * @param switches values of the script's attributes, by name
   */
  public static Program load(Device device, Map<String, Object> switches) {
    Map<String, Object> attributes = new LinkedHashMap<>();
    attributes.put("training", Boolean.FALSE);
    attributes.putAll(switches);
    for (String list : STATE) {
      attributes.put(list, new ScriptArchive.EmptyList("List[Tensor]"));
    }
    attributes.put("w", new ScriptArchive.EmptyList("List[Dict[str, Tensor]]"));
    return load(device, source(SOURCE), "Transformer", attributes);
  }

  /**
   * Loads the program of soft prompts' parameters ({@code soft_prompt.py}).
   *
   * @param owner gets the program, which is closed with it at the latest
   * @param form how a prompt is made of its parameters, by the script's numbers
   * @param layers of an LSTM
   */
  public static Program loadSoftPrompt(NDManager owner, int form, int layers) {
    Map<String, Object> attributes = new LinkedHashMap<>();
    attributes.put("training", Boolean.FALSE);
    attributes.put("form", form);
    attributes.put("layers", layers);
    for (String list : SOFT_PROMPT_STATE) {
      attributes.put(list, new ScriptArchive.EmptyList("List[Tensor]"));
    }
    return load(owner.newSubManager(), source(SOFT_PROMPT), "SoftPrompt", attributes);
  }

  /**
   * Loads another script, for measurements.
   *
   * @param source TorchScript in the form of {@code transformer.py}
   * @param className its class
   * @param attributes values of all its attributes, {@code training} (false) among them
   */
  public static Program load(
      Device device, String source, String className, Map<String, Object> attributes) {
    return load(NDManager.newBaseManager(device, LibTorch.ENGINE), source, className, attributes);
  }

  private static Program load(
      NDManager manager, String source, String className, Map<String, Object> attributes) {
    LibTorch.prepareThread();
    byte[] archive = ScriptArchive.pack(source, className, attributes);
    try {
      Block block =
          JniUtils.loadModule(
              (PtNDManager) manager, new ByteArrayInputStream(archive), true, false);
      return new Program(manager, block);
    } catch (IOException e) {
      manager.close();
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      manager.close();
      throw e;
    }
  }

  /**
   * Loads another script that keeps tensors of its own.
   *
   * @param attributes values of its attributes but for {@code training} and the lists
   * @param lists its attributes that are lists of tensors, which it fills itself
   */
  public static Program load(
      Device device,
      String source,
      String className,
      Map<String, Object> attributes,
      List<String> lists) {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("training", Boolean.FALSE);
    all.putAll(attributes);
    for (String list : lists) {
      all.put(list, new ScriptArchive.EmptyList("List[Tensor]"));
    }
    return load(device, source, className, all);
  }

  /** The device that holds the weights. */
  public Device device() {
    return manager.getDevice();
  }

  /** A manager for the arrays of one step or one call, on the program's device. */
  public NDManager newScope() {
    return manager.newSubManager();
  }

  /** Stands for an argument that is not given. */
  public NDArray nothing() {
    return nothing;
  }

  /**
   * Calls an entry point of the script.
   *
   * @param scope gets the results
   * @param method the entry point's name
   * @param arguments in the order of the script; their names are cleared, because names have a
   *     meaning in a call
   */
  public NDList call(NDManager scope, String method, NDArray... arguments) {
    if (!(scope instanceof PtNDManager) || !scope.isOpen()) {
      throw new IllegalStateException("results need an open scope of the PyTorch engine");
    }
    LibTorch.prepareThread();
    NDList inputs = new NDList(arguments.length + 1);
    for (NDArray argument : arguments) {
      argument.setName(null);
      inputs.add(argument);
    }
    inputs.add(methods.computeIfAbsent(method, this::methodName));
    NDList results = block.forward(new ParameterStore(scope, false), inputs, true);
    // DJL registers results with the manager of the first argument, which may live for ever.
    results.attach(scope);
    return results;
  }

  private NDArray methodName(String method) {
    NDArray name = manager.create(0f);
    name.setName(METHOD + method);
    return name;
  }

  private static String source(String file) {
    try (InputStream in = Program.class.getResourceAsStream(file)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    manager.close();
  }
}
