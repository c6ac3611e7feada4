package io.github.tensorseed.checkpoint;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class CheckpointWriterTest {
  private final Path folder;
  private final Device device = CpuDevice.open(2);
  private final CheckpointWriter writer = new CheckpointWriter(device, 2);

  CheckpointWriterTest(@TempDir Path folder) {
    this.folder = folder;
  }

  @AfterEach
  void closeDevice() {
    device.close();
  }

  @Test
  void filesHoldWhatWholeTensorsHold() throws IOException {
    List<TensorSpec> tensors = new ArrayList<>(List.of(
        Plans.normal("rows of more than a chunk", DType.F32, 3, 70_001),
        Plans.normal("three axes", DType.BF16, 7, 301, 211),
        Plans.normal("one row", DType.F64, 1, 1, 100_003),
        Plans.normal("bytes", DType.F8_E4M3, 1_000_001),
        Plans.normal("empty", DType.F16, 5, 0),
        Plans.normal("scalar", DType.F16),
        Plans.normal("\u00e4\ud83d\ude00", DType.F8_E5M2, 3)));
    for (int i = 0; i < 1000; i++) {
      tensors.add(Plans.normal("small." + i, List.of(DType.values()).get(i % 6), i % 7, 3));
    }
    AtomicLong told = new AtomicLong();
    ShardLayout layout = ShardLayout.of(tensors, -5, 1_000_000);
    Path target = folder.resolve("a/b");
    var result = new CheckpointWriter(device, 3, told::addAndGet).write(layout, target, Plans.CONFIG, Existing.REFUSE, Part.WHOLE);
    assertThat(result.written()).hasSameSizeAs(layout.shards()).hasSizeGreaterThan(2);
    assertThat(told).hasValue(layout.bytes());
    assertThat(layout.bytes()).isEqualTo(tensors.stream().mapToLong(TensorSpec::bytes).sum());
    assertThat(Plans.contents(target)).hasSize(layout.shards().size() + 2).containsEntry("config.json", Plans.CONFIG.getBytes(UTF_8));
    requireValues(target, tensors, -5);

    // And so do streams, in which a pack has to wait for those before it.
    for (ShardLayout.Shard shard : layout.shards()) {
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      new CheckpointWriter(device, 3).write(shard, stream);
      byte[] file = Files.readAllBytes(target.resolve(shard.file()));
      assertThat(stream.toByteArray()).as(shard.file()).isEqualTo(file);
      assertThat(shard.isWhole(new ByteArrayInputStream(file), file.length)).isTrue();
      assertThat(shard.isWhole(new ByteArrayInputStream(file), file.length - 1)).isFalse();
      file[100] ^= 1;
      assertThat(shard.isWhole(new ByteArrayInputStream(file), file.length)).isFalse();
    }
  }

  @Test
  @Timeout(60)
  void aSlowPackOfAStreamIsWaitedFor() throws IOException {
    CountDownLatch others = new CountDownLatch(4); // of the five packs of three threads
    Initializer slow = Initializer.named("slow()", (tensor, stream) -> {
      long start = tensor.slice().start();
      if (start == 0) {
        try {
          others.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      new Distribution.Constant(start).fill(tensor, stream);
      others.countDown();
    });
    int elements = 1 << 20;
    ByteArrayOutputStream stream = new ByteArrayOutputStream();
    new CheckpointWriter(device, 3).write(
        ShardLayout.of(List.of(new TensorSpec("w", DType.F32, Shape.of(elements), slow)), 1, 1 << 30).shards().getFirst(), stream);
    MemorySegment values = MemorySegment.ofArray(stream.toByteArray()).asSlice(stream.size() - 4L * elements);
    for (int i = 0; i < elements; i += 1000) {
      assertThat(DType.F32.get(values, i)).as("" + i).isEqualTo(i / 65_536 * 65_536);
    }
  }

  @Test
  @Timeout(60)
  void streamsThatFailAndTensorsThatCannotBeFilled() {
    Initializer faulty = Initializer.named("faulty()", (tensor, stream) -> {
      if (tensor.slice().start() > 0) {
        throw new IllegalArgumentException("no such values");
      }
      new Distribution.Constant(1).fill(tensor, stream);
    });
    TensorSpec spec = new TensorSpec("w", DType.F32, Shape.of(1_000_000), faulty);
    assertThatThrownBy(() -> writer.write(ShardLayout.of(List.of(spec), 1, 1 << 30).shards().getFirst(), OutputStream.nullOutputStream()))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("tensor 'w': no such values");
    OutputStream full = new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException("full");
      }
    };
    assertThatThrownBy(() -> writer.write(Plans.layout(1).shards().getFirst(), full)).isInstanceOf(IOException.class).hasMessage("full");
  }

  private void requireValues(Path path, List<TensorSpec> tensors, long seed) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      assertThat(checkpoint.tensors()).hasSameSizeAs(tensors);
      for (TensorSpec spec : tensors) {
        StoredTensor stored = checkpoint.tensors().stream().filter(tensor -> tensor.name().equals(spec.name())).findAny().orElseThrow();
        assertThat(stored.type()).isEqualTo(spec.type());
        assertThat(stored.shape()).isEqualTo(spec.shape());
        assertThat(stored.offset() % spec.width()).isZero();
        byte[] bytes = new byte[(int) stored.bytes()];
        checkpoint.read(stored, 0, MemorySegment.ofArray(bytes));
        assertThat(bytes).as(spec.name()).isEqualTo(Plans.values(device, spec, seed));
      }
      for (Checkpoint.Shard shard : checkpoint.shards()) {
        var metadata = shard.header().metadata();
        assertThat(metadata).containsEntry("format", "pt").containsEntry("tensorseed.seed", Long.toString(seed))
            .containsEntry("tensorseed.stream", "1");
        assertThat(Provenance.of(shard)).isPresent();
        var expressions = Provenance.expressions(shard);
        assertThat(expressions).hasSameSizeAs(shard.header().tensors());
        assertThat(shard.header().tensors()).allMatch(tensor -> "normal(0, 0.02)".equals(expressions.get(tensor.name())));
      }
    }
  }

  /// Of a device that has memory of its own.
  @Test
  void devicesThatTakeNoHostMemory() throws IOException {
    Device other = new Device() {
      @Override
      public String name() {
        return "other";
      }

      @Override
      public Tensor allocate(DType dtype, Slice slice) {
        Tensor inner = device.allocate(dtype, slice);
        return new Tensor(this, dtype, slice, inner.memory(), inner::close);
      }

      @Override
      public Tensor wrap(MemorySegment memory, DType dtype, Slice slice) {
        throw new IllegalArgumentException("no host memory");
      }

      @Override
      public void fill(Tensor tensor, Distribution law, RandomStream stream) {
        device.fill(tensor, law, stream);
      }

      @Override
      public void read(Tensor tensor, long offset, MemorySegment host) {
        device.read(tensor, offset, host);
      }

      @Override
      public void write(Tensor tensor, long offset, MemorySegment host) {
        device.write(tensor, offset, host);
      }

      @Override
      public long allocatedBytes() {
        return device.allocatedBytes();
      }

      @Override
      public void close() {}
    };
    List<TensorSpec> tensors = List.of(Plans.normal("a", DType.F32, 300, 301), Plans.normal("b", DType.BF16, 5));
    new CheckpointWriter(other, 2).writeSafetensors(tensors, 3, folder.resolve("x.safetensors"), false);
    requireValues(folder.resolve("x.safetensors"), tensors, 3);
    assertThat(device.allocatedBytes()).isZero();
  }

  @Test
  void partsMakeWhatOneRunMakes() throws Exception {
    ShardLayout layout = Plans.layout(42);
    assertThat(layout.shards()).hasSize(4);
    writer.write(layout, folder.resolve("one"), Plans.CONFIG, Existing.REFUSE, Part.WHOLE);
    Path parts = folder.resolve("parts");
    List<Throwable> failures = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int number = 1; number <= 5; number++) { // one more than there are files
      Part part = new Part(number, 5);
      threads.add(Thread.ofPlatform().start(() -> {
        try {
          writer.write(layout, parts, Plans.CONFIG, Existing.REFUSE, part);
        } catch (Throwable e) {
          synchronized (failures) {
            failures.add(e);
          }
        }
      }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(failures).isEmpty();
    requireSame(parts, folder.resolve("one"));

    Path later = folder.resolve("later");
    writer.write(layout, later, Plans.CONFIG, Existing.REFUSE, new Part(2, 3));
    assertThat(Plans.contents(later)).containsOnlyKeys("model-00002-of-00004.safetensors", "model.safetensors.index.json", "config.json");
    assertThatThrownBy(() -> writer.write(Plans.layout(1), later, Plans.CONFIG, Existing.REFUSE, new Part(1, 3)))
        .hasMessageContaining("model-00002-of-00004.safetensors is in the way: seed 42 there, 1 here");
    assertThatThrownBy(() -> writer.write(layout, later, Plans.CONFIG, Existing.REFUSE, new Part(2, 3)))
        .hasMessageContaining("is in the way");
    String second = Plans.identity(later.resolve("model-00002-of-00004.safetensors"));
    writer.write(layout, later, Plans.CONFIG, Existing.FORCE, new Part(1, 3));
    writer.write(layout, later, Plans.CONFIG, Existing.REFUSE, new Part(3, 3));
    requireSame(later, folder.resolve("one"));
    assertThat(Plans.identity(later.resolve("model-00002-of-00004.safetensors"))).isEqualTo(second);
  }

  private static void requireSame(Path left, Path right) throws IOException {
    assertThat(Plans.contents(left)).containsExactlyEntriesOf(Plans.contents(right));
  }

  @Test
  void resumeKeepsWholeFilesAndMakesTheOthers() throws IOException {
    ShardLayout layout = Plans.layout(42);
    writer.write(layout, folder.resolve("one"), Plans.CONFIG, Existing.REFUSE, Part.WHOLE);
    Path target = folder.resolve("two");
    writer.write(layout, target, Plans.CONFIG, Existing.RESUME, Part.WHOLE);
    Path kept = target.resolve("model-00003-of-00004.safetensors");
    String identity = Plans.identity(kept);
    Files.delete(target.resolve("model-00001-of-00004.safetensors"));
    Files.delete(target.resolve("model.safetensors.index.json"));
    Files.write(target.resolve(".tensorseed-model-00001-of-00004.safetensors.tmp"), new byte[9]);
    Files.write(target.resolve(".tensorseed-model-00009-of-00014.safetensors.tmp"), new byte[9]);
    AtomicLong told = new AtomicLong();
    var result = new CheckpointWriter(device, 2, told::addAndGet).write(layout, target, Plans.CONFIG, Existing.RESUME, Part.WHOLE);
    assertThat(result.written()).containsExactly("model-00001-of-00004.safetensors");
    assertThat(result.kept()).hasSize(3);
    assertThat(told).hasValue(layout.bytes());
    assertThat(Plans.identity(kept)).isEqualTo(identity);
    requireSame(target, folder.resolve("one"));
  }

  @Test
  void resumeNamesWhatDiffers() throws IOException {
    Path target = folder.resolve("t");
    writer.write(Plans.layout(42), target, Plans.CONFIG, Existing.REFUSE, Part.WHOLE);
    var before = Plans.contents(target);
    List<TensorSpec> otherLaw = new ArrayList<>(Plans.layers(DType.F32));
    otherLaw.set(15, new TensorSpec("layers.7.bias", DType.F32, Shape.of(100), new Distribution.Constant(0)));
    List<TensorSpec> otherShape = new ArrayList<>(Plans.layers(DType.F32));
    otherShape.set(1, Plans.normal("layers.0.bias", DType.F32, 10, 10));
    requireRefused(target, Plans.layout(1), "model-00001-of-00004.safetensors", "seed 42 there, 1 here");
    requireRefused(target, ShardLayout.of(Plans.layers(DType.BF16), 42, 100_000), "has dtype F32 there, BF16 here");
    requireRefused(target, ShardLayout.of(Plans.layers(DType.F32), 42, 100_001), "shard size 100000 there, 100001 here");
    requireRefused(target, ShardLayout.of(Plans.layers(DType.F32), 42, 50_000), "shard size 100000 there, 50000 here");
    requireRefused(target, ShardLayout.of(otherLaw, 42, 100_000), "other tensors of the plan differ");
    requireRefused(target, ShardLayout.of(otherShape, 42, 100_000), "'layers.0.bias' has shape [100] there, [10, 10] here");
    otherLaw.set(1, new TensorSpec("layers.0.bias", DType.F32, Shape.of(100), new Distribution.Constant(0)));
    requireRefused(target, ShardLayout.of(otherLaw, 42, 100_000), "'layers.0.bias' is uniform(-0.5, 0.5) there, zeros() here");
    requireRefused(target, ShardLayout.of(Plans.layers(DType.F32).subList(4, 16), 42, 100_000), "'layers.0.bias' is not in this plan");
    assertThat(Plans.contents(target)).containsExactlyEntriesOf(before);
    assertThatThrownBy(() -> writer.write(Plans.layout(42), target, Plans.CONFIG.replace("test", "other"), Existing.RESUME, Part.WHOLE))
        .hasMessageContaining("config.json").hasMessageContaining("another text");
    Files.delete(target.resolve("model-00001-of-00004.safetensors"));
    requireRefused(target, ShardLayout.of(otherLaw, 42, 100_000), "model-00002-of-00004.safetensors", "other tensors of the plan differ");
  }

  private void requireRefused(Path target, ShardLayout layout, String... parts) {
    assertThatThrownBy(() -> writer.write(layout, target, Plans.CONFIG, Existing.RESUME, Part.WHOLE))
        .isExactlyInstanceOf(IOException.class).hasMessageContainingAll(parts).hasMessageContaining("repeat that run's arguments");
  }

  @Test
  void whatIsThereIsNotOverwritten() throws IOException {
    for (String name : List.of("model.safetensors", "other.safetensors", "model.safetensors.index.json", "config.json")) {
      Path target = Files.createDirectories(folder.resolve(name));
      Path mine = Files.writeString(target.resolve(name), "{}");
      for (Existing existing : Existing.values()) {
        assertThatThrownBy(() -> writer.write(Plans.layout(42), target, Plans.CONFIG, existing, Part.WHOLE))
            .isExactlyInstanceOf(IOException.class).hasMessageContaining(mine.toString());
      }
      assertThat(Plans.contents(target)).containsOnlyKeys(name);
      assertThat(mine).hasContent("{}");
    }
    Path target = Files.createDirectories(folder.resolve("others"));
    Files.writeString(target.resolve("tokenizer.json"), "{}");
    writer.write(Plans.layout(42), target, null, Existing.REFUSE, Part.WHOLE);
    assertThatThrownBy(() -> writer.write(Plans.layout(42), target, null, Existing.REFUSE, Part.WHOLE))
        .hasMessageContaining("is in the way: an earlier run wrote it; --resume goes on with an interrupted run, --force begins anew");
  }

  @Test
  void forceReplacesOnlyOurs() throws IOException {
    Path one = folder.resolve("one");
    writer.write(Plans.layout(42), one, Plans.CONFIG, Existing.REFUSE, Part.WHOLE);
    Path target = folder.resolve("t");
    ShardLayout old = ShardLayout.of(Plans.layers(DType.F32), 1, 50_000);
    writer.write(old, target, Plans.CONFIG.replace("test", "old"), Existing.REFUSE, Part.WHOLE);
    Path precious = Files.writeString(folder.resolve("precious"), "mine");

    // A link where one of our files was: neither it nor what it leads to is touched, nor is anything else.
    Path shard = target.resolve("model-00002-of-00008.safetensors");
    Path moved = Files.move(shard, folder.resolve("moved.safetensors"));
    Files.createSymbolicLink(shard, moved);
    var before = Plans.contents(target);
    requireInTheWay(target, shard, "not a plain file");
    assertThat(Plans.contents(target)).containsExactlyEntriesOf(before);
    Files.delete(shard);
    Files.createSymbolicLink(shard, precious);
    requireInTheWay(target, shard, "not a plain file");
    Files.delete(shard);

    // A directory, and a file of ours under a name that no run gives.
    Files.createDirectory(shard);
    requireInTheWay(target, shard, "not a plain file");
    Files.delete(shard);
    Path named = Files.move(moved, target.resolve("named.safetensors"));
    requireInTheWay(target, named, "seed 1 there, 42 here");
    Files.move(named, shard);

    // A foreign file at the name of a shard.
    byte[] bytes = Files.readAllBytes(shard);
    Files.write(shard, new String(bytes, ISO_8859_1).replace("tensorseed.version", "tensorfeed.version").getBytes(ISO_8859_1));
    requireInTheWay(target, shard, "tensorseed did not write it");
    Files.write(shard, bytes);

    Files.writeString(target.resolve("tokenizer.json"), "{}");
    writer.write(Plans.layout(42), target, Plans.CONFIG, Existing.FORCE, Part.WHOLE);
    Files.delete(target.resolve("tokenizer.json"));
    requireSame(target, one);
    assertThat(precious).hasContent("mine");
  }

  private void requireInTheWay(Path target, Path file, String reason) {
    assertThatThrownBy(() -> writer.write(Plans.layout(42), target, Plans.CONFIG, Existing.FORCE, Part.WHOLE))
        .isExactlyInstanceOf(IOException.class).hasMessageStartingWith(file + " is in the way").hasMessageContaining(reason);
  }

  @Test
  void forceReplacesWhatAnIndexOfOursNames() throws IOException {
    Path target = folder.resolve("t");
    writer.write(Plans.layout(1), target, null, Existing.REFUSE, Part.WHOLE);
    Path index = target.resolve("model.safetensors.index.json");
    Files.writeString(index, Files.readString(index).replace("model-00002-of-00004", "second"));
    Files.move(target.resolve("model-00002-of-00004.safetensors"), target.resolve("second.safetensors"));
    writer.write(Plans.layout(42), target, null, Existing.FORCE, Part.WHOLE);
    assertThat(Plans.contents(target)).hasSize(5).doesNotContainKey("second.safetensors");
  }

  @Test
  @Timeout(60) // a second writer that is let in would wait for the first
  void twoWritersOfTheSameFiles() throws Exception {
    Path target = folder.resolve("t");
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    Initializer slow = Initializer.named("slow()", (tensor, stream) -> {
      started.countDown();
      try {
        go.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      new Distribution.Constant(1).fill(tensor, stream);
    });
    List<TensorSpec> tensors = Stream.of("a", "b").map(name -> new TensorSpec(name, DType.F32, Shape.of(10), slow)).toList();
    ShardLayout layout = ShardLayout.of(tensors, 0, 40);
    Thread first = Thread.ofPlatform().start(() -> {
      try {
        writer.write(layout, target, null, Existing.REFUSE, new Part(1, 2));
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    });
    started.await();
    for (Part part : List.of(Part.WHOLE, new Part(1, 2), new Part(1, 3))) {
      assertThatThrownBy(() -> writer.write(layout, target, null, Existing.RESUME, part))
          .hasMessageContaining("another run is writing to " + target).hasMessageContaining(".tensorseed.lock");
    }
    go.countDown();
    first.join();
    writer.write(layout, target, null, Existing.REFUSE, new Part(2, 2));
    assertThat(Plans.contents(target)).hasSize(3).doesNotContainKey(".tensorseed.lock");
  }

  @Test
  void aLinkInPlaceOfTheLockOrOfATemporaryFile() throws IOException {
    Path precious = Files.writeString(folder.resolve("precious"), "mine");
    for (String name : List.of(".tensorseed.lock", ".tensorseed-model-00002-of-00004.safetensors.tmp")) {
      Path target = Files.createDirectories(folder.resolve("t" + name));
      Files.createSymbolicLink(target.resolve(name), precious);
      assertThatThrownBy(() -> writer.write(Plans.layout(42), target, null, Existing.FORCE, Part.WHOLE))
          .isExactlyInstanceOf(IOException.class).hasMessageContaining(name);
      assertThat(precious).hasContent("mine");
      assertThat(target.resolve("model-00002-of-00004.safetensors")).doesNotExist();
    }
  }

  @Test
  void placesThatCannotBeWritten() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> writer.write(Plans.layout(42), file, null, Existing.REFUSE, Part.WHOLE))
        .isExactlyInstanceOf(IOException.class).hasMessageContaining("cannot write " + file).hasMessageContaining("is in the way");
    assertThatThrownBy(() -> writer.write(Plans.layout(42), file.resolve("below"), null, Existing.REFUSE, Part.WHOLE))
        .isExactlyInstanceOf(IOException.class).hasMessageContainingAll("cannot write " + file.resolve("below"), "ot a directory");
    Path nowhere = folder.resolve("nowhere/x.safetensors");
    assertThatThrownBy(() -> writer.writeSafetensors(Plans.layers(DType.F32), 0, nowhere, false))
        .isExactlyInstanceOf(IOException.class).hasMessageContaining("cannot write").hasMessageContaining("there is no");
    assertThatThrownBy(() -> writer.writeSafetensors(Plans.layers(DType.F32), 0, Path.of("/"), false))
        .isExactlyInstanceOf(IllegalArgumentException.class).hasMessageContaining("names no file");
  }

  @Test
  void aFailureLeavesNothingHalfMade() throws IOException {
    Path target = folder.resolve("t");
    AtomicLong chunks = new AtomicLong();
    Initializer failing = Initializer.named("failing()", (tensor, stream) -> {
      if (chunks.incrementAndGet() > 3) {
        throw new IllegalArgumentException("no more");
      }
    });
    List<TensorSpec> tensors = List.of(Plans.normal("a", DType.F32, 10), new TensorSpec("b", DType.F32, Shape.of(1_000_000), failing));
    assertThatThrownBy(() -> writer.write(ShardLayout.of(tensors, 0, 4_000_000), target, Plans.CONFIG, Existing.REFUSE, Part.WHOLE))
        .isExactlyInstanceOf(IllegalArgumentException.class).hasMessage("tensor 'b': no more");
    assertThat(Plans.contents(target)).containsOnlyKeys("model-00001-of-00002.safetensors");
  }

  @Test
  void configurationsWithoutTheMark() {
    for (String config : List.of("{}", "{\"a\":{\"tensorseed_version\":\"0.1.0\"}}", "[", "")) {
      assertThatThrownBy(() -> writer.write(Plans.layout(42), folder.resolve("t"), config, Existing.REFUSE, Part.WHOLE))
          .isExactlyInstanceOf(IllegalArgumentException.class).hasMessageContaining("config.json");
    }
    assertThat(folder.resolve("t")).doesNotExist();
  }

  @Test
  void singleFiles() throws IOException {
    Path file = folder.resolve("x.safetensors");
    List<TensorSpec> tensors = List.of(Plans.normal("a", DType.F16, 5), Plans.normal("b", DType.F64, 2, 2));
    Files.write(folder.resolve(".tensorseed-x.safetensors.new"), new byte[3]);
    writer.writeSafetensors(tensors, 7, file, false);
    requireValues(file, tensors, 7);
    assertThatThrownBy(() -> writer.writeSafetensors(tensors, 7, file, false)).hasMessageContaining("x.safetensors is there already");
    writer.writeSafetensors(tensors.subList(0, 1), 8, file, true);
    requireValues(file, tensors.subList(0, 1), 8);
    assertThat(Plans.contents(folder)).containsOnlyKeys("x.safetensors");
    HostileFiles.write(file, "{}".getBytes(UTF_8), 2, 0);
    assertThatThrownBy(() -> writer.writeSafetensors(tensors, 7, file, true)).hasMessageContaining("tensorseed did not write it");
  }

  /// The first bytes that are written let someone else's file appear.
  @Test
  void filesThatAppearMeanwhileStay() throws IOException {
    Path shard = folder.resolve("t/model-00001-of-00004.safetensors");
    Path single = folder.resolve("x.safetensors");
    List<TensorSpec> tensors = Plans.layers(DType.F32);
    for (Existing existing : Existing.values()) {
      assertThatThrownBy(() -> meanwhile(shard).write(Plans.layout(42), folder.resolve("t"), Plans.CONFIG, existing, Part.WHOLE))
          .isExactlyInstanceOf(IOException.class).hasMessageContaining(shard + " is in the way");
      assertThat(Plans.contents(folder.resolve("t"))).containsOnlyKeys(shard.getFileName().toString());
      assertThat(shard).hasContent("mine");
      Files.delete(shard);
    }
    for (boolean force : new boolean[] {false, true}) {
      assertThatThrownBy(() -> meanwhile(single).writeSafetensors(tensors, 42, single, force))
          .isExactlyInstanceOf(IOException.class).hasMessageContaining(single + " is in the way");
      assertThat(single).hasContent("mine");
      Files.delete(single);
    }
  }

  private CheckpointWriter meanwhile(Path file) {
    return new CheckpointWriter(device, 1, _ -> {
      try {
        Files.writeString(file, "mine");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
  }

  @Test
  void npyFiles() throws IOException {
    Path file = folder.resolve("x.npy");
    TensorSpec tensor = Plans.normal("a", DType.F16, 200, 1001);
    writer.writeNpy(tensor, 7, file);
    assertThat(Files.readAllBytes(file)).hasSize(128 + 2 * 200 * 1001).startsWith(Npy.header(StoredType.F16, tensor.shape()))
        .endsWith(Plans.values(device, tensor, 7));
    assertThatThrownBy(() -> writer.writeNpy(tensor, 7, file)).hasMessageContaining("x.npy is there already");
    assertThatThrownBy(() -> writer.writeNpy(Plans.normal("a", DType.BF16, 2), 7, folder.resolve("y.npy")))
        .hasMessageContaining("npy has no BF16");
    assertThat(Plans.contents(folder)).containsOnlyKeys("x.npy");
  }

  @Test
  void parts() {
    assertThatThrownBy(() -> new Part(0, 3)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("part 0/3");
    assertThatThrownBy(() -> new Part(4, 3)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("part 4/3");
    assertThatThrownBy(() -> new CheckpointWriter(device, 0))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("threads = 0");
  }
}
