package io.github.tensorseed.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/// A picture in Portable Network Graphics, 8 bits each of red, green and blue.
///
/// Source: W3C, Portable Network Graphics (PNG) Specification.
final class Png {
  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  private static final byte[] TRUE_COLOUR = {8, 2, 0, 0, 0};

  private final int width;
  private final int height;
  /// Rows, each behind a byte that says that it is not filtered.
  private final byte[] rows;

  /// A white one.
  Png(int width, int height) {
    this.width = width;
    this.height = height;
    rows = new byte[height * (1 + 3 * width)];
    Arrays.fill(rows, (byte) 0xff);
    for (int y = 0; y < height; y++) {
      rows[y * (1 + 3 * width)] = 0;
    }
  }

  int width() {
    return width;
  }

  /// Colours a pixel, in parts that are brought into 0 to 1.
  void set(int x, int y, double red, double green, double blue) {
    int at = y * (1 + 3 * width) + 1 + 3 * x;
    rows[at] = level(red);
    rows[at + 1] = level(green);
    rows[at + 2] = level(blue);
  }

  private static byte level(double part) {
    return (byte) Math.round(Math.clamp(part, 0.0, 1.0) * 255);
  }

  /// The file.
  byte[] bytes() {
    Deflater deflater = new Deflater(Deflater.BEST_COMPRESSION);
    deflater.setInput(rows);
    deflater.finish();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    byte[] buffer = new byte[1 << 12];
    while (!deflater.finished()) {
      data.write(buffer, 0, deflater.deflate(buffer));
    }
    deflater.end();
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    file.writeBytes(SIGNATURE);
    chunk(file, "IHDR", ByteBuffer.allocate(13).putInt(width).putInt(height).put(TRUE_COLOUR).array());
    chunk(file, "IDAT", data.toByteArray());
    chunk(file, "IEND", new byte[0]);
    return file.toByteArray();
  }

  private static void chunk(ByteArrayOutputStream file, String name, byte[] data) {
    byte[] named = ByteBuffer.allocate(4 + data.length).put(name.getBytes(US_ASCII)).put(data).array();
    CRC32 crc = new CRC32();
    crc.update(named);
    file.writeBytes(ByteBuffer.allocate(4).putInt(data.length).array());
    file.writeBytes(named);
    file.writeBytes(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array());
  }

  /// For the source of an image on a page.
  String dataUri() {
    return "data:image/png;base64," + Base64.getEncoder().encodeToString(bytes());
  }
}
