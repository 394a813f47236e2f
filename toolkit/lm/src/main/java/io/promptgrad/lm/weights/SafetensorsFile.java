package io.promptgrad.lm.weights;

import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.io.Reader;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One safetensors file, checked when it is opened and mapped tensor by tensor when asked.
 *
 * <p>Opening reads and checks the header only. The format's rules are enforced as its reference
 * implementation does: a header of at most 100 MB, unique names, tensors that fill the data section
 * without gap or overlap. Nothing stays open: a map outlives the channel that made it, so there is
 * nothing to close. Changing or cutting the file while views of it are in use is not detected and
 * may end the process. Safe for use by several threads.
 */
public final class SafetensorsFile {

  private static final long MOST_HEADER_BYTES = 100_000_000;

  private final Path path;
  private final long dataStart;
  private final SafetensorsHeader header;

  private SafetensorsFile(Path path, long dataStart, SafetensorsHeader header) {
    this.path = path;
    this.dataStart = dataStart;
    this.header = header;
  }

  /**
   * Reads and checks the header.
   *
   * @throws InvalidInputException if the file is missing, unreadable, another format (a pickle, for
   *     instance), truncated or inconsistent
   */
  public static SafetensorsFile open(Path path) {
    if (Files.isDirectory(path)) {
      throw new InvalidInputException(
          path + " is a directory; name the .safetensors file in it instead.");
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long fileLength = channel.size();
      byte[] start = firstBytes(channel, 16);
      long headerLength = headerLength(path, start, fileLength);
      Reader json = headerText(channel, headerLength);
      SafetensorsHeader header = SafetensorsHeader.read(json, fileLength - 8 - headerLength, path);
      return new SafetensorsFile(path, 8 + headerLength, header);
    } catch (NoSuchFileException e) {
      throw new InvalidInputException("There is no file " + path + "; check the path.", e);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** The names of all tensors, in the order of their bytes. */
  public Set<String> names() {
    return Collections.unmodifiableSet(header.entries().keySet());
  }

  /** The texts of the header's {@code __metadata__}; often {@code format = pt}. */
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(header.metadata());
  }

  /**
   * Maps one tensor.
   *
   * @return empty if the file has no tensor of that name
   * @throws InvalidInputException if the tensor is larger than 2^31 - 1 bytes, which one buffer
   *     cannot hold, or if the file can no longer be read
   */
  public Optional<TensorView> find(String name) {
    SafetensorsHeader.Entry entry = header.entries().get(name);
    if (entry == null) {
      return Optional.empty();
    }
    long length = entry.end() - entry.start();
    if (length > Integer.MAX_VALUE) {
      throw new InvalidInputException(
          ("%s: tensor %s has %d bytes, more than the 2147483647 of one buffer; store it in a"
                  + " 16-bit type or split it.")
              .formatted(path, name, length));
    }
    ByteBuffer bytes = aligned(map(dataStart + entry.start(), length), entry.type());
    return Optional.of(new TensorView(name, entry.type(), entry.shape(), bytes));
  }

  /**
   * Reads the bytes of one tensor into a buffer, from its position on, as a map would show them.
   *
   * @throws InvalidInputException if the file has no tensor of that name or can no longer be read
   * @throws java.nio.BufferOverflowException if the buffer has less room than the tensor
   */
  public void read(String name, ByteBuffer into) {
    SafetensorsHeader.Entry entry = header.entries().get(name);
    if (entry == null) {
      throw Missing.tensor(path, name, names());
    }
    if (entry.end() - entry.start() > into.remaining()) {
      throw new BufferOverflowException();
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      requireLength(channel, dataStart + entry.end());
      int end = into.position() + (int) (entry.end() - entry.start());
      long at = dataStart + entry.start();
      while (into.position() < end) {
        ByteBuffer rest = into.slice(into.position(), end - into.position());
        int count = channel.read(rest, at);
        if (count < 0) {
          throw SafetensorsHeader.corrupt(path, "it became shorter after it was opened");
        }
        into.position(into.position() + count);
        at += count;
      }
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /**
   * Maps one tensor that must be there.
   *
   * @throws InvalidInputException if the file has no tensor of that name, or as {@link #find}
   */
  public TensorView get(String name) {
    return find(name).orElseThrow(() -> Missing.tensor(path, name, names()));
  }

  /**
   * A copy-on-write map, so that a write can neither reach the file nor fault. The JDK asks for
   * write access even for that; without it the map is read-only.
   */
  private MappedByteBuffer map(long position, long length) {
    try (FileChannel channel =
        FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      requireLength(channel, position + length); // else the map would lengthen the file
      return channel.map(MapMode.PRIVATE, position, length);
    } catch (NoSuchFileException e) {
      throw unreadable(path, e);
    } catch (FileSystemException e) { // access denied, or a file system mounted read-only
      return mapReadOnly(position, length);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private MappedByteBuffer mapReadOnly(long position, long length) {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      requireLength(channel, position + length);
      return channel.map(MapMode.READ_ONLY, position, length);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private void requireLength(FileChannel channel, long length) throws IOException {
    if (channel.size() < length) {
      throw SafetensorsHeader.corrupt(path, "it became shorter after it was opened");
    }
  }

  /** Old writers did not pad the header; natives want elements at multiples of their size. */
  private static ByteBuffer aligned(MappedByteBuffer mapped, WeightType type) {
    if (type.bytes() == 1
        || mapped.remaining() == 0
        || mapped.alignmentOffset(0, type.bytes()) == 0) {
      return mapped;
    }
    ByteBuffer copy =
        ByteBuffer.allocateDirect(mapped.remaining() + type.bytes()).alignedSlice(type.bytes());
    copy.limit(mapped.remaining()).put(mapped).flip();
    return copy;
  }

  private static long headerLength(Path path, byte[] start, long fileLength) {
    boolean opensHeader = start.length > 8 && start[8] == '{';
    long length =
        opensHeader ? ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN).getLong() : -1;
    if (opensHeader && length >= 2 && length <= MOST_HEADER_BYTES && length <= fileLength - 8) {
      return length;
    }
    // Only now: a header length may well begin with the bytes of another format's signature.
    ForeignFormat.refuseIfKnown(path, start);
    if (!opensHeader) {
      throw SafetensorsHeader.corrupt(path, "it does not begin with a safetensors header");
    }
    throw SafetensorsHeader.corrupt(
        path,
        "its header should have %s bytes, where the file has %d in all and %d are allowed"
            .formatted(Long.toUnsignedString(length), fileLength, MOST_HEADER_BYTES));
  }

  private static byte[] firstBytes(FileChannel channel, int most) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(most, channel.size()));
    int read = 0;
    while (buffer.hasRemaining() && read >= 0) {
      read = channel.read(buffer, buffer.position());
    }
    byte[] bytes = new byte[buffer.position()];
    buffer.flip().get(bytes);
    return bytes;
  }

  /** The header's characters, decoded strictly, never a byte beyond the header. */
  private static Reader headerText(FileChannel channel, long length) throws IOException {
    channel.position(8);
    ReadableByteChannel bounded =
        new ReadableByteChannel() {
          private long left = length;

          @Override
          public int read(ByteBuffer target) throws IOException {
            if (left == 0) {
              return -1;
            }
            int limit = target.limit();
            target.limit((int) Math.min(limit, target.position() + left));
            int count = channel.read(target);
            target.limit(limit);
            left -= Math.max(count, 0);
            return count;
          }

          @Override
          public boolean isOpen() {
            return channel.isOpen();
          }

          @Override
          public void close() {
            // the caller closes the file
          }
        };
    return Channels.newReader(bounded, StandardCharsets.UTF_8.newDecoder(), 1 << 16);
  }

  private static InvalidInputException unreadable(Path path, IOException cause) {
    String why =
        cause instanceof AccessDeniedException ? "access is denied" : String.valueOf(cause);
    return new InvalidInputException(
        "%s cannot be read (%s); check the file and its permissions.".formatted(path, why), cause);
  }
}
