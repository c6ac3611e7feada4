package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Expression;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Tensors outside the promise of one seed: what files say of them, and how they are verified.
class ByLinearAlgebraTest {
  private final CpuDevice one = CpuDevice.open(1);
  private final CpuDevice two = CpuDevice.open(2);
  @TempDir Path dir;

  @AfterEach
  void close() {
    one.close();
    two.close();
  }

  private static TensorSpec orthogonal(String name, DType dtype) {
    return new TensorSpec(name, dtype, Shape.of(40, 50), Expression.parse("orthogonal(2) with row(1) = 0"));
  }

  /// Two files with orthogonal tensors, and one without.
  private static ShardLayout layout() {
    List<TensorSpec> tensors = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      tensors.add(i == 1 ? Plans.normal("o.1", DType.F32, 40, 50) : orthogonal("o." + i, DType.F32));
      tensors.add(Plans.normal("n." + i, DType.F32, 40, 50));
    }
    return ShardLayout.of(tensors, 1, 2 * 8000);
  }

  private static String mark(Path file) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      return String.valueOf(checkpoint.shards().getFirst().header().metadata().get("tensorseed.linear_algebra"));
    }
  }

  private Verification verify(Path path) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      return Verification.of(checkpoint, Map.of(), two, 2, _ -> {});
    }
  }

  @Test
  void filesSayWhatMadeWhich() throws IOException {
    new CheckpointWriter(two, 2).write(layout(), dir, null, Existing.REFUSE, Part.WHOLE);
    JsonNode mark = new ObjectMapper().readTree(mark(dir.resolve("model-00001-of-00003.safetensors")));
    assertThat(mark.fieldNames()).toIterable().singleElement().asString().matches("cpu: OpenBLAS \\d+\\.\\d+\\.\\d+.*, 2 threads");
    assertThat(mark.toString()).endsWith(":[\"o.0\"]}");
    assertThat(mark(dir.resolve("model-00002-of-00003.safetensors"))).isEqualTo("null");
    assertThat(mark(dir.resolve("model-00003-of-00003.safetensors"))).contains("o.2").doesNotContain("n.");
    Verification verification = verify(dir);
    assertThat(verification.faults()).isEmpty();
    assertThat(verification.conflicts()).isEmpty();
    assertThat(verification.within()).extracting(Verification.Within::tensor).containsExactly("o.0", "o.2");
  }

  /// In one piece this one would take 805 MB: twice in F64, and in F32 as drawn and as written.
  @Test
  void aLargeOneIsWrittenAndVerifiedInPanels() throws Exception {
    Path file = dir.resolve("large.safetensors");
    TensorSpec large = new TensorSpec("w", DType.F32, Shape.of(1 << 19, 64), Expression.parse("orthogonal()"));
    AtomicLong most = new AtomicLong();
    AtomicBoolean done = new AtomicBoolean();
    Thread watch = Thread.ofPlatform().start(() -> {
      while (!done.get()) {
        most.accumulateAndGet(two.allocatedBytes(), Math::max);
        Thread.onSpinWait();
      }
    });
    new CheckpointWriter(two, 2).writeSafetensors(List.of(large), 1, file, false);
    Verification verification = verify(file);
    done.set(true);
    watch.join();
    assertThat(verification.faults()).isEmpty();
    assertThat(verification.within()).hasSize(1);
    assertThat(most.get()).isBetween(200_000_000L, 410_000_000L);
    assertThat(two.allocatedBytes()).isZero();
    // The last value of the file, by the law alone.
    try (Tensor last = two.allocate(DType.F32, Slice.of(large.shape()).along(0, (1 << 19) - 1, 1)); Checkpoint checkpoint = Checkpoint.open(file);
         Arena arena = Arena.ofConfined()) {
      large.initializer().fill(last, RandomStream.of(1).named("w"));
      MemorySegment row = arena.allocate(64 * 4);
      checkpoint.read(checkpoint.shards().getFirst().header().tensors().getFirst(), ((1L << 19) - 1) * 64 * 4, row);
      assertThat(row.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(last.toFloats());
    }
  }

  /// Machines of one run may have other libraries and other numbers of threads.
  @Test
  void partsAndFinishedFilesOfOtherLibrariesStay() throws IOException {
    ShardLayout layout = layout();
    new CheckpointWriter(one, 1).write(layout, dir, null, Existing.REFUSE, new Part(1, 2));
    new CheckpointWriter(two, 2).write(layout, dir, null, Existing.REFUSE, new Part(2, 2));
    Path last = dir.resolve("model-00003-of-00003.safetensors");
    assertThat(mark(last)).contains("1 thread\"");
    assertThat(verify(dir).conflicts()).isEmpty();

    Files.delete(last);
    CheckpointWriter.Result resumed = new CheckpointWriter(two, 2).write(layout, dir, null, Existing.RESUME, Part.WHOLE);
    assertThat(resumed.written()).containsExactly("model-00003-of-00003.safetensors");
    assertThat(mark(dir.resolve("model-00001-of-00003.safetensors"))).contains("1 thread\"");
    assertThat(mark(last)).contains("2 threads");
    assertThat(verify(dir).faults()).isEmpty();

    // Another plan is another run, whatever made it.
    ShardLayout other = ShardLayout.of(List.of(orthogonal("o.0", DType.F64), Plans.normal("n.0", DType.F64, 40, 50),
        orthogonal("o.1", DType.F64), Plans.normal("n.1", DType.F64, 40, 50), orthogonal("o.2", DType.F64)), 1, 32_000);
    assertThatThrownBy(() -> new CheckpointWriter(two, 2).write(other, dir, null, Existing.RESUME, Part.WHOLE))
        .hasMessageContaining("has dtype F32 there, F64 here");
  }

  private static void put(Path file, DType dtype, long index, double value) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(file); FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      MemorySegment bytes = MemorySegment.ofArray(new byte[dtype.bytes()]);
      dtype.set(bytes, 0, value);
      channel.write(bytes.asByteBuffer(), checkpoint.tensors().getFirst().offset() + index * dtype.bytes());
    }
  }

  private double get(Path file, DType dtype, long index) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      MemorySegment bytes = MemorySegment.ofArray(new byte[dtype.bytes()]);
      checkpoint.read(checkpoint.tensors().getFirst(), index * dtype.bytes(), bytes);
      return dtype.get(bytes, 0);
    }
  }

  @Test
  void aDeviationIsMeasuredAgainstTheLargestValue() throws IOException {
    Path file = dir.resolve("w.safetensors");
    new CheckpointWriter(two, 2).writeSafetensors(List.of(orthogonal("w", DType.F32)), 1, file, false);
    double largest = 0;
    for (int i = 0; i < 2000; i++) {
      largest = Math.max(largest, Math.abs(get(file, DType.F32, i)));
    }
    double value = get(file, DType.F32, 777);
    put(file, DType.F32, 777, value + 0.99e-5 * largest);
    Verification near = verify(file);
    assertThat(near.faults()).isEmpty();
    assertThat(near.within().getFirst().deviation()).isCloseTo(0.99e-5, within(1e-7));

    put(file, DType.F32, 777, value - 1.1e-5 * largest);
    put(file, DType.F32, 1999, Double.NaN);
    Verification far = verify(file);
    assertThat(far.within()).isEmpty();
    Verification.Fault fault = far.faults().getFirst();
    assertThat(fault.element()).isEqualTo(777);
    assertThat(fault.differing()).isEqualTo(2);
    assertThat(fault.expected()).isEqualTo(value);
    assertThat(fault.allowed()).isCloseTo(1e-5 * largest, within(1e-7 * largest));
  }

  /// Two numbers next to each other may round to neighbours.
  @Test
  void oneStepOfTheDtypeIsAllowed() throws IOException {
    for (DType dtype : new DType[] {DType.BF16, DType.F16, DType.F8_E4M3, DType.F8_E5M2}) {
      Path file = dir.resolve(dtype + ".safetensors");
      new CheckpointWriter(two, 2).writeSafetensors(List.of(orthogonal("w", dtype)), 1, file, false);
      int index = 100;
      while (!(get(file, dtype, index) > 0.25)) {
        index++;
      }
      double value = get(file, dtype, index);
      int bits = dtype.round((float) value);
      put(file, dtype, index, dtype.widen(bits - 1));
      assertThat(verify(file).faults()).as(dtype + " a step from " + value).isEmpty();
      put(file, dtype, index, dtype.widen(bits - 3));
      assertThat(verify(file).faults()).as(dtype + " three steps from " + value).hasSize(1);
    }
  }

  /// A device whose libraries cannot be loaded.
  private Device without() {
    return (Device) Proxy.newProxyInstance(Device.class.getClassLoader(), new Class<?>[] {Device.class}, (_, method, arguments) -> {
      if (method.getName().equals("linearAlgebra")) {
        throw new IllegalStateException("asked for");
      }
      try {
        return method.invoke(one, arguments);
      } catch (InvocationTargetException e) {
        throw e.getCause();
      }
    });
  }

  @Test
  void librariesAreLoadedWhereTheyAreNeededAndBeforeAnythingIsWritten() throws IOException {
    CheckpointWriter writer = new CheckpointWriter(without(), 1);
    writer.write(Plans.layout(1), dir.resolve("plain"), null, Existing.REFUSE, Part.WHOLE);
    Path target = dir.resolve("target");
    assertThatThrownBy(() -> writer.write(layout(), target, null, Existing.REFUSE, Part.WHOLE)).hasMessage("asked for");
    assertThat(target).doesNotExist();
    // The second of three files has none.
    writer.write(layout(), target, null, Existing.REFUSE, new Part(2, 3));
  }
}
