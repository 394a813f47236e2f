package io.promptgrad.lm.program;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Packs TorchScript source and the attribute values of one module into the archive that {@code
 * torch.jit.load} reads: a zip with the source, a pickle (protocol 2) of the module object, and a
 * format version.
 *
 * <p>Attribute values may be Boolean, Integer, Double, String, lists of these, and {@link
 * EmptyList} for lists that the script fills itself.
 */
final class ScriptArchive {

  /** A list that starts empty; {@code type} is its TorchScript type, e.g. {@code List[Tensor]}. */
  record EmptyList(String type) {}

  private static final String ROOT = "program/";

  private final ByteArrayOutputStream pickle = new ByteArrayOutputStream();

  private ScriptArchive() {}

  static byte[] pack(String source, String className, Map<String, Object> attributes) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      entry(zip, "data.pkl", new ScriptArchive().module(className, attributes));
      entry(zip, "code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
      // protocol 2, empty tuple, stop: there are no constants
      entry(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, 0x29, 0x2E});
      entry(zip, "version", "10\n".getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e); // cannot happen: the stream is in memory
    }
    return bytes.toByteArray();
  }

  private static void entry(ZipOutputStream zip, String name, byte[] content) throws IOException {
    zip.putNextEntry(new ZipEntry(ROOT + name));
    zip.write(content);
    zip.closeEntry();
  }

  private byte[] module(String className, Map<String, Object> attributes) {
    raw(0x80, 2); // PROTO 2
    global("__torch__", className);
    raw(')', 0x81); // EMPTY_TUPLE, NEWOBJ
    raw('}', '('); // EMPTY_DICT, MARK
    attributes.forEach(
        (name, value) -> {
          value(name);
          value(value);
        });
    raw('u', 'b', '.'); // SETITEMS, BUILD, STOP
    return pickle.toByteArray();
  }

  private void value(Object value) {
    if (value instanceof Boolean b) {
      raw(b ? 0x88 : 0x89); // NEWTRUE, NEWFALSE
    } else if (value instanceof Integer i) {
      raw('J');
      bytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(i).array());
    } else if (value instanceof Double d) {
      raw('G');
      bytes(ByteBuffer.allocate(8).order(ByteOrder.BIG_ENDIAN).putDouble(d).array());
    } else if (value instanceof String s) {
      byte[] utf8 = s.getBytes(StandardCharsets.UTF_8);
      raw('X');
      bytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(utf8.length).array());
      bytes(utf8);
    } else if (value instanceof List<?> list) {
      list(list, "List[" + elementType(list) + "]");
    } else if (value instanceof EmptyList empty) {
      list(List.of(), empty.type());
    } else {
      throw new IllegalArgumentException("cannot pickle a " + value.getClass().getName());
    }
  }

  /** {@code restore_type_tag((items, type))}: TorchScript needs to know what a list holds. */
  private void list(List<?> items, String type) {
    global("torch.jit._pickle", "restore_type_tag");
    items(items);
    value(type);
    raw(0x86, 'R'); // TUPLE2, REDUCE
  }

  private void items(List<?> items) {
    raw(']', '('); // EMPTY_LIST, MARK
    for (Object item : items) {
      if (item instanceof List<?> inner) {
        items(inner);
      } else {
        value(item);
      }
    }
    raw('e'); // APPENDS
  }

  private static String elementType(List<?> list) {
    if (list.isEmpty()) {
      throw new IllegalArgumentException("cannot pickle an empty list, whose type is not known");
    }
    Object first = list.get(0);
    if (first instanceof List<?> inner) {
      return "List[" + elementType(inner) + "]";
    }
    if (first instanceof Integer) {
      return "int";
    }
    if (first instanceof Double) {
      return "float";
    }
    if (first instanceof String) {
      return "str";
    }
    throw new IllegalArgumentException("cannot pickle a list of " + first.getClass().getName());
  }

  private void global(String module, String name) {
    raw('c');
    bytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  private void raw(int... opcodes) {
    for (int opcode : opcodes) {
      pickle.write(opcode);
    }
  }

  private void bytes(byte[] bytes) {
    pickle.writeBytes(bytes);
  }
}
