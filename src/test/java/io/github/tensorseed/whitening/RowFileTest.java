package io.github.tensorseed.whitening;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.TensorSpec;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RowFileTest {
  @TempDir Path dir;

  private static float[] all(RowFile file, int batch) throws IOException {
    float[] values = new float[Math.toIntExact(file.rows() * file.features())];
    long bytes = batch * file.features() * Float.BYTES;
    long at = 0;
    while (true) {
      MemorySegment host = MemorySegment.ofArray(new byte[(int) bytes]);
      long count = file.read(host) * file.features();
      if (count == 0) {
        return values;
      }
      MemorySegment.copy(host, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values, (int) at, (int) count);
      at += count;
    }
  }

  @Test
  void npyAndSafetensorsOfOurOwn() throws IOException {
    try (CpuDevice cpu = CpuDevice.open(1)) {
      CheckpointWriter writer = new CheckpointWriter(cpu, 1);
      for (DType dtype : DType.values()) {
        TensorSpec spec = new TensorSpec("x", dtype, Shape.of(5, 2, 3), new Distribution.Normal(0, 1));
        double[] expected;
        try (Tensor tensor = cpu.allocate(dtype, Shape.of(5, 2, 3))) {
          new Distribution.Normal(0, 1).fill(tensor, RandomStream.of(1).named("x"));
          expected = tensor.toDoubles();
        }
        Path file = dir.resolve(dtype + ".safetensors");
        writer.writeSafetensors(List.of(spec, new TensorSpec("y", DType.F32, Shape.of(3), new Distribution.Constant(0))), 1, file, false);
        if (dtype != DType.F64) {
          try (RowFile rows = RowFile.open(file + ":x")) {
            assertThat(rows.rows()).isEqualTo(5);
            assertThat(rows.features()).isEqualTo(6);
            assertThat(all(rows, 2)).isEqualTo(floats(expected));
          }
          assertThatThrownBy(() -> RowFile.open(file.toString())).hasMessageContaining("has 2 tensors; say which");
        } else {
          try (RowFile rows = RowFile.open(file + ":x")) {
            assertThat(rows.dtype()).isEqualTo(DType.F64);
            MemorySegment read = Arena.ofAuto().allocate(30 * Double.BYTES, Double.BYTES);
            assertThat(rows.read(read)).isEqualTo(5);
            assertThat(read.toArray(ValueLayout.JAVA_DOUBLE)).isEqualTo(expected);
          }
        }
        if (dtype == DType.F32 || dtype == DType.F16) {
          Path npy = dir.resolve(dtype + ".npy");
          writer.writeNpy(spec, 1, npy);
          try (RowFile rows = RowFile.open(npy.toString())) {
            assertThat(all(rows, 3)).isEqualTo(floats(expected));
          }
          try (RowFile rows = RowFile.open(npy.toString()).only(1, 4)) {
            assertThat(rows.rows()).isEqualTo(3);
            assertThat(all(rows, 2)).isEqualTo(Arrays.copyOfRange(floats(expected), 6, 24));
          }
          try (RowFile rows = RowFile.open(npy.toString())) {
            assertThatThrownBy(() -> rows.only(4, 6)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("rows 4 to 6 of 5");
          }
        }
      }
    }
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  /// Written by hand: 1, -2.5 and 3 in two orders of bytes, and 0 and 255 as bytes.
  @Test
  void otherValues() throws IOException {
    byte[] singles = {0, 0, 13, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0x3f, (byte) 0x80, 0, 0, (byte) 0xc0, 0x20, 0, 0, 0x40, 0x40, 0, 0};
    try (RowFile rows = RowFile.open(Files.write(dir.resolve("f4"), singles).toString())) {
      assertThat(all(rows, 1)).containsExactly(1, -2.5f, 3);
    }
    byte[] doubles = {0, 0, 14, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x3f, (byte) 0xf0, 0, 0, 0, 0, 0, 0, (byte) 0xc0, 4, 0, 0, 0, 0, 0, 0};
    try (RowFile rows = RowFile.open(Files.write(dir.resolve("f8"), doubles).toString()); Arena arena = Arena.ofConfined()) {
      MemorySegment read = arena.allocate(ValueLayout.JAVA_DOUBLE, 2);
      assertThat(rows.read(read)).isEqualTo(1);
      assertThat(read.toArray(ValueLayout.JAVA_DOUBLE)).containsExactly(1, -2.5);
    }
    byte[] many = new byte[4 + 8 + 300_000]; // several buffers
    System.arraycopy(new byte[] {0, 0, 8, 2, 0, 0, 3, (byte) 0xe8, 0, 0, 1, 44}, 0, many, 0, 12); // 1000 x 300
    for (int i = 12; i < many.length; i++) {
      many[i] = (byte) (i * i);
    }
    try (RowFile rows = RowFile.open(Files.write(dir.resolve("u1"), many).toString())) {
      float[] values = all(rows, 999);
      for (int i = 0; i < values.length; i++) {
        assertThat(values[i]).isEqualTo((many[i + 12] & 0xff) / 255f);
      }
    }
  }

  @Test
  void idxGzippedAndRaw() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.write(new byte[] {0, 0, 8, 3});
      for (int extent : new int[] {4, 2, 2}) {
        out.writeInt(extent);
      }
      for (int i = 0; i < 16; i++) {
        out.write(i * 17);
      }
    }
    float[] expected = new float[16];
    for (int i = 0; i < 16; i++) {
      expected[i] = i * 17 / 255f;
    }
    Path plain = Files.write(dir.resolve("images-idx3-ubyte"), bytes.toByteArray());
    Path packed = dir.resolve("images-idx3-ubyte.gz");
    try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
      out.write(bytes.toByteArray());
    }
    for (Path file : List.of(plain, packed)) {
      try (RowFile rows = RowFile.open(file.toString())) {
        assertThat(rows.features()).isEqualTo(4);
        assertThat(all(rows, 3)).isEqualTo(expected);
      }
    }
    ByteBuffer values = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    values.asFloatBuffer().put(new float[] {1, 2, 3, 4, 5, 6});
    Path raw = Files.write(dir.resolve("rows.f32"), values.array());
    try (RowFile rows = RowFile.open(raw + ":3")) {
      assertThat(all(rows, 9)).containsExactly(1, 2, 3, 4, 5, 6);
    }
    assertThatThrownBy(() -> RowFile.open(raw + ":4")).hasMessageContaining("no whole rows of 4 f32");
    assertThatThrownBy(() -> RowFile.open(raw.toString())).hasMessageContaining("say FILE:D");
    Path cut = Files.write(dir.resolve("cut"), Arrays.copyOf(bytes.toByteArray(), 31));
    assertThatThrownBy(() -> RowFile.open(cut.toString())).isInstanceOf(IOException.class)
        .hasMessageContaining("ends before the 4 rows of 4 features");
    Path cutPacked = dir.resolve("cut.gz");
    try (GZIPOutputStream out = new GZIPOutputStream(Files.newOutputStream(cutPacked))) {
      out.write(bytes.toByteArray(), 0, 31);
    }
    try (RowFile rows = RowFile.open(cutPacked.toString())) {
      assertThatThrownBy(() -> all(rows, 4)).isInstanceOf(IOException.class).hasMessageContaining("ends too early");
    }
    assertThatThrownBy(() -> RowFile.open(dir.resolve("none").toString())).hasMessageContaining("no such file");
  }
}
