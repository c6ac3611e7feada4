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
    Path cut = Files.write(dir.resolve("cut"), Arrays.copyOf(bytes.toByteArray(), 30));
    try (RowFile rows = RowFile.open(cut.toString())) {
      assertThatThrownBy(() -> all(rows, 4)).isInstanceOf(IOException.class).hasMessageContaining("ends too early");
    }
    assertThatThrownBy(() -> RowFile.open(dir.resolve("none").toString())).hasMessageContaining("no such file");
  }
}
