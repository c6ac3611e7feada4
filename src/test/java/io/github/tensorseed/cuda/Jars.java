package io.github.tensorseed.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/// Jars that are like the one with NVIDIA's libraries, and small.
final class Jars {
  private Jars() {}

  /// A jar with these libraries, by their names; stored, so that their bytes are found in it.
  static Path of(Path jar, Map<String, byte[]> libraries) throws IOException {
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
      for (Map.Entry<String, byte[]> library : libraries.entrySet()) {
        ZipEntry entry = new ZipEntry("org/bytedeco/cuda/linux-x86_64/" + library.getKey());
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(library.getValue().length);
        CRC32 crc = new CRC32();
        crc.update(library.getValue());
        entry.setCrc(crc.getValue());
        out.putNextEntry(entry);
        out.write(library.getValue());
      }
    }
    return jar;
  }
}
