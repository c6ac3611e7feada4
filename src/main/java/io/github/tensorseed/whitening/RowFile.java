package io.github.tensorseed.whitening;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static java.nio.charset.StandardCharsets.US_ASCII;

import io.github.tensorseed.DType;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.StoredTensor;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;

/// The rows of a matrix in a file, read from the first to the last, batch by batch. All axes but the first are taken as one.
///
/// | file | values |
/// |---|---|
/// | `.npy` | little-endian f8, f4, f2, u1, in C order |
/// | `.safetensors`, `FILE:NAME` where it has several tensors | every dtype, and U8 |
/// | IDX, as MNIST comes, gzipped or not | u1, f4, f8 |
/// | anything else, `FILE:D` with D the features of a row | little-endian f4 |
///
/// Values that are stored as they are read go from the file to the caller's memory at once.
///
/// - Precision: f8 is read as F64, everything else as F32; bytes are divided by 255.
public final class RowFile implements AutoCloseable {
  /// Bytes that are read at a time: of values that are as they should be, and of others, which a core's cache then holds.
  private static final int PLAIN = 1 << 23;
  private static final int BUFFER = 1 << 16;
  private static final Pattern NPY = Pattern.compile(
      "\\{\\s*'descr':\\s*'([^']*)',\\s*'fortran_order':\\s*(True|False),\\s*'shape':\\s*\\(([\\d, ]*)\\),?\\s*}\\s*");

  /// How a value is stored.
  private enum Stored {
    U1(1), E4M3(1), E5M2(1), F2(2), BF16(2), F4(4), F8(8), F4_BIG(4), F8_BIG(8);

    final int bytes;

    Stored(int bytes) {
      this.bytes = bytes;
    }

    DType read() {
      return this == F8 || this == F8_BIG ? DType.F64 : DType.F32;
    }

    /// Whether the bytes are those of what is read.
    boolean plain() {
      return this == F4 || this == F8;
    }

    /// What each byte stands for, where values have one.
    float[] table() {
      float[] table = new float[bytes == 1 ? 256 : 0];
      for (int i = 0; i < table.length; i++) {
        table[i] = switch (this) {
          case E4M3 -> DType.F8_E4M3.widen(i);
          case E5M2 -> DType.F8_E5M2.widen(i);
          default -> i / 255f;
        };
      }
      return table;
    }
  }

  private final String source;
  private final ReadableByteChannel channel;
  private final Stored stored;
  private final float[] table;
  private final Shape shape;
  private final long rows;
  private final long features;
  private long next;

  private RowFile(String source, ReadableByteChannel channel, Stored stored, Shape shape, long features) throws IOException {
    this.source = source;
    this.channel = channel;
    this.stored = stored;
    table = stored.table();
    this.shape = shape;
    rows = shape.extent(0);
    this.features = features;
    if (features < 1 || features > Integer.MAX_VALUE) {
      throw new IOException(source + ": rows have " + features + " features; 1 to 2^31 - 1 are wanted");
    }
    if (channel instanceof FileChannel file && (file.size() - file.position()) / stored.bytes / features < rows) {
      throw new EOFException(source + ": the file ends before the " + rows + " rows of " + features + " features that it should have: it is"
          + " damaged, or was not written to its end");
    }
  }

  /// Opens `FILE` or `FILE:NAME`.
  ///
  /// @throws IOException if it is malformed, with the rule
  public static RowFile open(String source) throws IOException {
    int colon = source.lastIndexOf(':');
    boolean named = colon > 0 && !Files.exists(Path.of(source));
    Path file = Path.of(named ? source.substring(0, colon) : source);
    String name = named ? source.substring(colon + 1) : "";
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + (Files.exists(file) ? " is not a plain file" : ": no such file"));
    }
    if (file.toString().endsWith(".safetensors")) {
      return safetensors(source, file, name);
    }
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    try {
      byte[] magic = new byte[(int) Math.min(8, channel.size())];
      channel.read(ByteBuffer.wrap(magic), 0);
      if (magic.length == 8 && magic[0] == (byte) 0x93 && new String(magic, 1, 5, US_ASCII).equals("NUMPY")) {
        return npy(source, channel, magic[6]);
      }
      if (magic.length >= 4 && magic[0] == 0x1f && magic[1] == (byte) 0x8b) {
        return idx(source, Channels.newChannel(new GZIPInputStream(Channels.newInputStream(channel), BUFFER)));
      }
      if (magic.length >= 4 && magic[0] == 0 && magic[1] == 0 && (magic[2] == 8 || magic[2] == 13 || magic[2] == 14) && magic[3] > 0) {
        return idx(source, channel);
      }
      return raw(source, channel, name);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  private static RowFile npy(String source, FileChannel channel, int version) throws IOException {
    int lengthBytes = version == 1 ? 2 : 4;
    channel.position(8);
    ByteBuffer length = read(source, channel, lengthBytes).order(ByteOrder.LITTLE_ENDIAN);
    int header = lengthBytes == 2 ? length.getShort() & 0xffff : length.getInt();
    if (header < 0 || header > 1 << 20) {
      throw new IOException(source + ": an npy header of " + header + " bytes");
    }
    Matcher matcher = NPY.matcher(US_ASCII.decode(read(source, channel, header)));
    if (!matcher.matches()) {
      throw new IOException(source + ": its npy header is not one of a plain array");
    }
    if (matcher.group(2).equals("True")) {
      throw new IOException(source + ": the array is in Fortran order; save numpy.ascontiguousarray of it");
    }
    Stored stored = switch (matcher.group(1)) {
      case "<f8" -> Stored.F8;
      case "<f4" -> Stored.F4;
      case "<f2" -> Stored.F2;
      case "|u1" -> Stored.U1;
      default -> throw new IOException(source + ": values of type " + matcher.group(1) + "; <f8, <f4, <f2 and |u1 are read");
    };
    List<Long> extents = Pattern.compile("\\d+").matcher(matcher.group(3)).results().map(digits -> Long.valueOf(digits.group())).toList();
    return of(source, channel, stored, extents);
  }

  private static RowFile idx(String source, ReadableByteChannel channel) throws IOException {
    ByteBuffer magic = read(source, channel, 4);
    int type = magic.get(2);
    Stored stored = switch (type) {
      case 8 -> Stored.U1;
      case 13 -> Stored.F4_BIG;
      case 14 -> Stored.F8_BIG;
      default -> throw new IOException(source + ": IDX values of type " + type + "; 8, 13 and 14 are read");
    };
    ByteBuffer extents = read(source, channel, 4 * magic.get(3));
    List<Long> list = new ArrayList<>();
    while (extents.hasRemaining()) {
      list.add(Integer.toUnsignedLong(extents.getInt()));
    }
    return of(source, channel, stored, list);
  }

  private static RowFile raw(String source, FileChannel channel, String features) throws IOException {
    if (!features.matches("\\d{1,10}")) {
      throw new IOException(source + " is no npy, safetensors or IDX file; for bare little-endian f32 say FILE:D, D the features of a row");
    }
    long width = Long.parseLong(features);
    long bytes = width * Float.BYTES;
    if (bytes == 0 || channel.size() % bytes != 0) {
      throw new IOException(source + ": " + channel.size() + " bytes are no whole rows of " + width + " f32");
    }
    return new RowFile(source, channel, Stored.F4, Shape.of(channel.size() / bytes, width), width);
  }

  private static RowFile safetensors(String source, Path file, String name) throws IOException {
    StoredTensor tensor;
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      List<StoredTensor> tensors = checkpoint.tensors().stream().filter(each -> name.isEmpty() || each.name().equals(name)).toList();
      if (tensors.size() != 1) {
        throw new IOException(source + (tensors.isEmpty() ? ": no tensor of that name" : " has " + tensors.size() + " tensors; say which, as in "
            + file + ":NAME"));
      }
      tensor = tensors.getFirst();
    }
    Stored stored = switch (tensor.type()) {
      case F64 -> Stored.F8;
      case F32 -> Stored.F4;
      case F16 -> Stored.F2;
      case BF16 -> Stored.BF16;
      case F8_E4M3 -> Stored.E4M3;
      case F8_E5M2 -> Stored.E5M2;
      case U8 -> Stored.U1;
      default -> throw new IOException(source + ": values of type " + tensor.type() + " are not read as rows");
    };
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    channel.position(tensor.offset());
    return of(source, channel, stored, Arrays.stream(tensor.shape().extents()).boxed().toList());
  }

  private static RowFile of(String source, ReadableByteChannel channel, Stored stored, List<Long> extents) throws IOException {
    if (extents.size() < 2) {
      throw new IOException(source + ": an array of shape " + extents + " has no rows of features; two axes or more are wanted");
    }
    long features = 1;
    try {
      for (long extent : extents.subList(1, extents.size())) {
        features = Math.multiplyExact(features, extent);
      }
    } catch (ArithmeticException e) {
      throw new IOException(source + ": shape " + extents + " has more than 2^63 - 1 features", e);
    }
    return new RowFile(source, channel, stored, Shape.of(extents.stream().mapToLong(Long::longValue).toArray()), features);
  }

  private static ByteBuffer read(String source, ReadableByteChannel channel, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    readFully(source, channel, buffer);
    return buffer.flip();
  }

  private static void readFully(String source, ReadableByteChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer) < 0) {
        throw new EOFException(source + " ends too early: it is damaged, or was not written to its end");
      }
    }
  }

  /// Rows `from` to `to` of a file of which nothing was read yet, as the file that this object stands for from now on.
  ///
  /// @throws IllegalArgumentException if there are no such rows
  public RowFile only(long from, long to) throws IOException {
    if (from < 0 || from > to || to > rows) {
      throw new IllegalArgumentException(source + ": rows " + from + " to " + to + " of " + rows);
    }
    long before = from * features * stored.bytes;
    if (channel instanceof FileChannel file) {
      file.position(file.position() + before);
    } else {
      for (long left = before; left > 0; left -= Math.min(left, BUFFER)) {
        read(source, channel, (int) Math.min(left, BUFFER));
      }
    }
    long[] extents = shape.extents();
    extents[0] = to - from;
    return new RowFile(source, channel, stored, Shape.of(extents), features);
  }

  /// All axes, as of images.
  public Shape shape() {
    return shape;
  }

  /// How many rows there are.
  public long rows() {
    return rows;
  }

  /// The features of each.
  public long features() {
    return features;
  }

  /// What rows are read as: F32 or F64.
  public DType dtype() {
    return stored.read();
  }

  /// Reads the next rows, as many as `host` has room for, or all that are left.
  ///
  /// @return how many; 0 at the end
  public long read(MemorySegment host) throws IOException {
    long count = Math.min(rows - next, host.byteSize() / (features * dtype().bytes()));
    long values = count * features;
    if (stored.plain()) {
      for (long at = 0; at < values * stored.bytes; at += PLAIN) {
        readFully(source, channel, host.asSlice(at, Math.min(PLAIN, values * stored.bytes - at)).asByteBuffer());
      }
    } else {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment buffer = arena.allocate(BUFFER, Double.BYTES);
        for (long done = 0; done < values; ) {
          int some = (int) Math.min(values - done, BUFFER / stored.bytes);
          readFully(source, channel, buffer.asSlice(0, (long) some * stored.bytes).asByteBuffer());
          convert(buffer, host, done * dtype().bytes(), some);
          done += some;
        }
      }
    }
    next += count;
    return count;
  }

  /// Reads values of one byte or two, or of another byte order. Goes through arrays, for which C2 has vectors.
  private void convert(MemorySegment from, MemorySegment to, long offset, int count) {
    switch (stored) {
      case U1, E4M3, E5M2 -> {
        byte[] bytes = from.asSlice(0, count).toArray(JAVA_BYTE);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
          values[i] = table[bytes[i] & 0xff];
        }
        MemorySegment.copy(values, 0, to, JAVA_FLOAT_UNALIGNED, offset, count);
      }
      case F2, BF16 -> {
        short[] halves = new short[count];
        MemorySegment.copy(from, JAVA_SHORT_UNALIGNED, 0, halves, 0, count);
        float[] values = new float[count];
        if (stored == Stored.F2) {
          for (int i = 0; i < count; i++) {
            values[i] = Float.float16ToFloat(halves[i]);
          }
        } else {
          for (int i = 0; i < count; i++) {
            values[i] = Float.intBitsToFloat(halves[i] << 16);
          }
        }
        MemorySegment.copy(values, 0, to, JAVA_FLOAT_UNALIGNED, offset, count);
      }
      case F4_BIG -> MemorySegment.copy(
          from, JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 0, to, JAVA_FLOAT_UNALIGNED, offset, count);
      case F8_BIG -> MemorySegment.copy(
          from, JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), 0, to, JAVA_DOUBLE_UNALIGNED, offset, count);
      case F4, F8 -> MemorySegment.copy(from, 0, to, offset, (long) count * stored.bytes);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
