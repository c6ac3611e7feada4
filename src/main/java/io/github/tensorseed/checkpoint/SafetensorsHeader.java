package io.github.tensorseed.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import io.github.tensorseed.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Collectors;

/// What a safetensors file says before its values: a length of 8 bytes, little-endian, and as many bytes of JSON.
///
/// The values follow at once, each tensor behind the other without holes, to the end of the file.
///
/// @param metadata what is there under the keys `format` and `tensorseed.*`; other keys are read past, whatever they hold
/// @param tensors in the order of their values
/// @param bytes of the header, with the 8 of its length
public record SafetensorsHeader(Map<String, String> metadata, List<StoredTensor> tensors, long bytes) {
  static final String METADATA = "__metadata__";

  /// The largest length that readers of the format accept.
  static final long MAX_LENGTH = 100_000_000;

  private static final int MAX_RANK = 64;

  /// 0x93 and "NUMPY", with which .npy files begin.
  private static final long NPY_MAGIC = 0x59504d554e93L;

  /// Reads and checks the header of `file`, which may be hostile: nothing is allocated because it claims to be large.
  ///
  /// @throws IOException naming the offset and the rule that is broken
  static SafetensorsHeader read(Path file, FileChannel channel, Json.Budget budget) throws IOException {
    long size = channel.size();
    ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    if (size < Long.BYTES || channel.read(prefix, 0) < Long.BYTES) {
      throw new IOException(file + ": " + size + " bytes are no safetensors file, which begins with 8 bytes of length");
    }
    long length = prefix.getLong(0);
    if ((length & (1L << 48) - 1) == NPY_MAGIC) {
      throw new IOException(file + " is an .npy file, which has one tensor and no record of its law; give a safetensors file");
    }
    if (length < 0 || length > MAX_LENGTH || length > size - Long.BYTES) {
      throw new IOException(file + ", offset 0: the header claims " + Long.toUnsignedString(length) + " bytes; a file of " + size
          + " bytes has at most " + Math.min(MAX_LENGTH, size - Long.BYTES));
    }
    long data = Long.BYTES + length;
    Map<String, String> metadata = new LinkedHashMap<>();
    List<StoredTensor> tensors = new ArrayList<>();
    Set<String> names = new HashSet<>();
    Set<String> keys = new HashSet<>();
    try (Json json = new Json(file + ": header", new Range(channel, Long.BYTES, length), budget)) {
      json.object("the header", name -> {
        if (!names.add(name)) {
          throw json.malformed("'" + name + "' is there twice");
        }
        if (name.equals(METADATA)) {
          json.object(METADATA, key -> {
            String value = json.string("'" + key + "' of " + METADATA);
            json.keep(key, 0);
            json.keep(value, 0);
            if (!keys.add(key)) {
              throw json.malformed("'" + key + "' of " + METADATA + " is there twice");
            }
            if (Provenance.isKey(key)) {
              metadata.put(key, value);
            }
          });
        } else {
          tensors.add(tensor(json, name, file, data));
        }
      });
      json.end();
    }
    tensors.sort(Comparator.comparingLong(StoredTensor::offset).thenComparingLong(StoredTensor::bytes));
    long end = data;
    for (StoredTensor tensor : tensors) {
      if (tensor.offset() != end) {
        throw new IOException(file + ": tensor '" + Printable.of(tensor.name()) + "' begins at offset "
            + (tensor.offset() - data) + " of the data; "
            + (tensor.offset() < end ? "the one before reaches to " : "there is a hole from ") + (end - data));
      }
      end += tensor.bytes(); // both are at most the offset's end, which was a long
    }
    if (end != size) {
      throw new IOException(file + ": the tensors take " + (end - data) + " bytes, and the file has " + (size - data) + " for them");
    }
    return new SafetensorsHeader(Collections.unmodifiableMap(metadata), Collections.unmodifiableList(tensors), data);
  }

  private static StoredTensor tensor(Json json, String name, Path file, long data) throws IOException {
    var entry = new Object() {
      String dtype = "";
      long[] shape = {-1};
      long[] offsets = {};
    };
    Set<String> keys = new HashSet<>();
    String tensor = "tensor '" + name + "': ";
    json.object("tensor '" + name + "'", key -> {
      if (!keys.add(key)) {
        throw json.malformed(tensor + "'" + key + "' is there twice");
      }
      switch (key) {
        case "dtype" -> entry.dtype = json.string(tensor + "dtype");
        case "shape" -> entry.shape = json.numbers(tensor + "shape", MAX_RANK);
        case "data_offsets" -> entry.offsets = json.numbers(tensor + "data_offsets", 2);
        default -> throw json.malformed(tensor + "'" + key + "' is none of dtype, shape and data_offsets");
      }
    });
    if (keys.size() != 3 || entry.offsets.length != 2) {
      throw json.malformed(tensor + "a dtype, a shape and two data_offsets are needed");
    }
    StoredType type = Arrays.stream(StoredType.values()).filter(known -> known.name().equals(entry.dtype)).findAny()
        .orElseThrow(() -> json.malformed(tensor + "unknown dtype '" + entry.dtype + "'; known: " + Arrays.toString(StoredType.values())));
    long begin = entry.offsets[0];
    long end = entry.offsets[1];
    Shape shape;
    long bits;
    try {
      shape = Shape.of(entry.shape);
      bits = Math.multiplyExact(shape.elements(), (long) type.bits());
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw json.malformed(tensor + "shape " + Arrays.toString(entry.shape) + " of " + type + " has more than 2^63 - 1 bits");
    }
    if (begin > end || bits % 8 != 0 || bits / 8 != end - begin || end > Long.MAX_VALUE - data) {
      throw json.malformed(tensor + type + " " + shape + " takes " + bits + " bits, in whole bytes, and data_offsets are ["
          + begin + ", " + end + "]");
    }
    json.keep(name, (long) shape.rank() * Long.BYTES);
    return new StoredTensor(name, type, shape, file, data + begin, end - begin);
  }

  /// The bytes of the header of a file whose values are these tensors' in this order.
  ///
  /// @throws IllegalArgumentException if it would be longer than readers accept
  static byte[] encode(SortedMap<String, String> metadata, SequencedMap<String, TensorFile.Entry> tensors) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[Long.BYTES]);
    try (JsonGenerator json = Json.FACTORY.createGenerator(out)) {
      json.writeStartObject();
      json.writeObjectFieldStart(METADATA);
      for (Map.Entry<String, String> entry : metadata.entrySet()) {
        json.writeStringField(entry.getKey(), entry.getValue());
      }
      json.writeEndObject();
      long offset = 0;
      for (Map.Entry<String, TensorFile.Entry> named : tensors.entrySet()) {
        TensorFile.Entry tensor = named.getValue();
        json.writeObjectFieldStart(named.getKey());
        json.writeStringField("dtype", tensor.type().name());
        json.writeFieldName("shape");
        json.writeArray(tensor.shape().extents(), 0, tensor.shape().rank());
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {offset, offset += tensor.bytes()}, 0, 2);
        json.writeEndObject();
      }
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("memory cannot fail", e);
    }
    while (out.size() % 8 != 0) {
      out.write(' ');
    }
    int length = out.size() - Long.BYTES;
    for (Map.Entry<String, String> entry : metadata.entrySet()) {
      if (entry.getValue().length() > Json.MAX_STRING) {
        throw new IllegalArgumentException("a file of " + tensors.size() + " tensors needs " + entry.getValue().length()
            + " characters under '" + entry.getKey() + "' of its metadata, and " + Json.MAX_STRING
            + " are read again; choose a smaller shard size");
      }
    }
    if (length > MAX_LENGTH) {
      throw new IllegalArgumentException("a file of " + tensors.size() + " tensors needs a header of " + length
          + " bytes, which is more than readers accept; choose a smaller shard size");
    }
    byte[] header = out.toByteArray();
    ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
    return header;
  }

  /// Bytes `position` to `position + left` of a file.
  private static final class Range extends InputStream {
    private final FileChannel channel;
    private long position;
    private long left;

    Range(FileChannel channel, long position, long left) {
      this.channel = channel;
      this.position = position;
      this.left = left;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      if (length == 0) {
        return 0;
      }
      int count = left == 0 ? -1 : channel.read(ByteBuffer.wrap(bytes, offset, (int) Math.min(length, left)), position);
      if (count > 0) {
        position += count;
        left -= count;
      }
      return count;
    }
  }
}
