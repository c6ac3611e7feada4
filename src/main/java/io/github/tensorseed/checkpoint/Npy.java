package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Shape;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.Collectors;

/// The header of NumPy's npy format, version 1.0: magic, version, a length of 2 bytes, and a Python dictionary, padded with spaces so
/// that the values begin at a multiple of 64.
///
/// Source: numpy/lib/format.py.
final class Npy {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  private static final int ALIGNMENT = 64;

  private Npy() {}

  /// @throws IllegalArgumentException for a dtype that the format has not, or more axes than its header can name
  static byte[] header(StoredType stored, Shape shape) {
    String type = switch (stored) {
      case F64 -> "<f8";
      case F32 -> "<f4";
      case F16 -> "<f2";
      default -> throw new IllegalArgumentException(
          "npy has no " + stored + "; here it holds f64, f32 and f16, and a .safetensors file holds every dtype");
    };
    String extents = Arrays.stream(shape.extents()).mapToObj(Long::toString).collect(Collectors.joining(", "));
    String dictionary = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + extents + (shape.rank() == 1 ? "," : "") + "), }";
    int prefix = MAGIC.length + Short.BYTES;
    int length = (prefix + dictionary.length() + ALIGNMENT) / ALIGNMENT * ALIGNMENT - prefix;
    if (length > 0xffff) {
      throw new IllegalArgumentException("a tensor of " + shape.rank() + " axes does not fit an npy header of 65535 bytes");
    }
    byte[] header = Arrays.copyOf(MAGIC, prefix + length);
    header[MAGIC.length] = (byte) length;
    header[MAGIC.length + 1] = (byte) (length >>> 8);
    Arrays.fill(header, prefix, header.length, (byte) ' ');
    System.arraycopy(dictionary.getBytes(StandardCharsets.US_ASCII), 0, header, prefix, dictionary.length());
    header[header.length - 1] = '\n';
    return header;
  }
}
