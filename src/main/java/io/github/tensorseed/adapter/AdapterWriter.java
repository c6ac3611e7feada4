package io.github.tensorseed.adapter;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.adapter.Method.Lora;
import io.github.tensorseed.adapter.Method.Olora;
import io.github.tensorseed.adapter.Method.Pissa;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.DurableFolder;
import io.github.tensorseed.checkpoint.Printable;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.checkpoint.TensorFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.LongConsumer;

/// Makes an adapter and, where its method changes them, the weights of the checkpoint that go with it.
///
/// One tensor is in memory at a time: as F32 (F64 for an exact decomposition, and if it is stored so), with its factors and what the
/// decomposition takes. The folder appears under its name only when all of it is on the disk.
public final class AdapterWriter {
  /// Bytes that are read and written at once: few, since malloc gives what is large and aligned a place of its own each time.
  private static final long PIECE = 1 << 19;

  private final Device device;
  private final int threads;
  private final LongConsumer progress;

  /// @param progress is told of bytes of the checkpoint as they are dealt with
  public AdapterWriter(Device device, int threads, LongConsumer progress) {
    this.device = device;
    this.threads = threads;
    this.progress = progress;
  }

  /// Writes a folder: of LoRA the adapter, else the changed checkpoint (files of the same names, all other tensors and `config.json` byte
  /// for byte) with the adapter in [Adapter#subfolder].
  ///
  /// @param source the folder that `checkpoint` was opened from
  /// @param force replaces a folder that has nothing but what we wrote
  /// @throws IllegalArgumentException if the rank is larger than a matrix allows, or if a weight is not of floating point
  /// @throws IOException if something is in the way or cannot be read or written, or if a weight is not finite
  public void write(Adapter adapter, Checkpoint checkpoint, Path source, List<Target> targets, Path out, boolean force) throws IOException {
    for (Target target : targets) {
      require(adapter, target);
    }
    if (Files.exists(out) && source.toRealPath().startsWith(out.toRealPath())) {
      throw new IllegalArgumentException("--out " + out + " has the checkpoint itself; choose another folder");
    }
    List<String> modules = Target.names(targets, checkpoint);
    boolean transposed = targets.stream().anyMatch(Target::transposed);
    long bytes = adapter.entries(targets).values().stream().mapToLong(TensorFile.Entry::bytes).sum()
        + (adapter.changesWeights() ? checkpoint.tensors().stream().mapToLong(StoredTensor::bytes).sum() : 0);
    try (DurableFolder folder = DurableFolder.create(out, bytes, force)) {
      switch (adapter.method()) {
        case Lora lora -> {
          new CheckpointWriter(device, threads, progress)
              .writeSafetensors(adapter.specs(lora, targets), adapter.seed(), folder.path().resolve(Adapter.WEIGHTS), false);
          folder.write(Adapter.CONFIG, adapter.config(source.toString(), modules, transposed));
        }
        case Pissa _, Olora _ -> {
          Files.createDirectory(folder.path().resolve(adapter.subfolder()));
          split(adapter, checkpoint, targets, folder.path());
          for (String text : List.of("config.json", "model.safetensors.index.json")) {
            Path file = source.resolve(text);
            if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
              folder.write(text, Files.readAllBytes(file));
            }
          }
          folder.write(adapter.subfolder() + "/" + Adapter.CONFIG, adapter.config(out.toString(), modules, transposed));
        }
      }
      folder.finish();
    }
  }

  private static void require(Adapter adapter, Target target) {
    StoredTensor weight = target.weight();
    if (adapter.rank() > Math.min(target.in(), target.out())) {
      throw new IllegalArgumentException("rank " + adapter.rank() + " is more than " + Printable.of(target.module())
          + " has, whose weight is " + weight.shape() + "; give a smaller --rank or leave it out with --target");
    }
    if (adapter.changesWeights() && weight.type().dtype().filter(dtype -> dtype.bytes() > 1).isEmpty()) {
      throw new IllegalArgumentException("tensor '" + Printable.of(weight.name()) + "' is " + weight.type()
          + ", and only F64, F32, BF16 and F16 are decomposed; take --method lora, or leave it out with --target");
    }
  }

  private void split(Adapter adapter, Checkpoint checkpoint, List<Target> targets, Path folder) throws IOException {
    Map<String, Target> byName = new HashMap<>();
    targets.forEach(target -> byName.put(target.weight().name(), target));
    try (TensorFile factors = TensorFile.create(
        folder.resolve(adapter.subfolder()).resolve(Adapter.WEIGHTS), adapter.entries(targets), Map.of(), false)) {
      for (Checkpoint.Shard shard : checkpoint.shards()) {
        LinkedHashMap<String, TensorFile.Entry> entries = new LinkedHashMap<>();
        for (StoredTensor tensor : shard.header().tensors()) {
          TensorFile.Entry entry = new TensorFile.Entry(tensor.type(), tensor.shape());
          if (entry.bytes() != tensor.bytes()) {
            throw new IOException("tensor '" + Printable.of(tensor.name()) + "' of " + tensor.file() + " is " + tensor.type()
                + ", of less than a byte, which is not copied");
          }
          entries.put(tensor.name(), entry);
        }
        try (TensorFile rest = TensorFile.create(folder.resolve(shard.file().getFileName()), entries, Map.of(), false)) {
          for (StoredTensor tensor : shard.header().tensors()) {
            Target target = byName.get(tensor.name());
            if (target == null) {
              copy(checkpoint, tensor, rest);
            } else {
              split(adapter, checkpoint, target, factors, rest);
            }
          }
          rest.finish();
        }
      }
      factors.finish();
    }
  }

  /// What takes the bytes of a tensor, in pieces.
  private interface Pieces {
    void take(long offset, MemorySegment piece) throws IOException;
  }

  private static void inPieces(long bytes, Pieces pieces) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment buffer = arena.allocate(Math.min(bytes, PIECE), Long.BYTES);
      for (long at = 0; at < bytes; at += PIECE) {
        pieces.take(at, buffer.asSlice(0, Math.min(PIECE, bytes - at)));
      }
    }
  }

  private void copy(Checkpoint checkpoint, StoredTensor tensor, TensorFile to) throws IOException {
    inPieces(tensor.bytes(), (at, piece) -> {
      checkpoint.read(tensor, at, piece);
      to.write(piece);
      progress.accept(piece.byteSize());
    });
  }

  private void split(Adapter adapter, Checkpoint checkpoint, Target target, TensorFile factors, TensorFile rest) throws IOException {
    StoredTensor weight = target.weight();
    DType stored = weight.type().dtype().orElseThrow();
    LinearAlgebra algebra = device.linearAlgebra();
    Op op = target.transposed() ? Op.T : Op.N;
    int rank = adapter.rank();
    OptionalInt iterations = adapter.method() instanceof Pissa pissa
        ? pissa.iterations(Math.min(target.in(), target.out()), rank) : OptionalInt.empty();
    boolean exact = adapter.method() instanceof Pissa && iterations.isEmpty();
    DType work = exact || stored == DType.F64 ? DType.F64 : DType.F32;
    try (Tensor w = device.allocate(work, weight.shape())) {
      read(checkpoint, weight, stored, w);
      try (Factors made = switch (adapter.method()) {
        case Olora _ -> Factors.olora(algebra, op, w, rank);
        case Pissa _ when exact -> Factors.pissa(algebra, op, w, rank, adapter.scale());
        default -> Factors.pissa(algebra, op, w, rank, adapter.scale(), iterations.orElseThrow(),
            RandomStream.of(adapter.seed()).named(weight.name()));
      }) {
        round(made.a(), adapter.dtype());
        round(made.bt(), adapter.dtype());
        write(made.a(), adapter.dtype(), factors);
        try (Tensor b = device.allocate(work, Shape.of(target.out(), rank))) {
          algebra.transpose(made.bt(), b);
          write(b, adapter.dtype(), factors);
        }
        made.subtractFrom(algebra, op, w, adapter.scale());
      }
      write(w, stored, rest);
    }
    progress.accept(weight.bytes());
  }

  private void read(Checkpoint checkpoint, StoredTensor weight, DType stored, Tensor w) throws IOException {
    inPieces(weight.bytes(), (at, piece) -> {
      checkpoint.read(weight, at, piece);
      Shape shape = Shape.of(piece.byteSize() / stored.bytes());
      try (Tensor part = device.allocate(stored, shape)) {
        device.write(part, 0, piece);
        device.convert(part, 1, w.view(at / stored.bytes() * w.dtype().bytes(), shape));
      }
    });
    if (!Double.isFinite(w.moments().std())) {
      throw new IOException("tensor '" + Printable.of(weight.name()) + "' of " + weight.file()
          + " has values that are not finite, and cannot be decomposed; leave it out with --target");
    }
  }

  /// To what the file will hold: the weight loses just what the stored factors give back.
  private void round(Tensor tensor, DType dtype) {
    try (Tensor rounded = device.allocate(dtype, tensor.shape())) {
      device.convert(tensor, 1, rounded);
      device.convert(rounded, 1, tensor);
    }
  }

  private void write(Tensor tensor, DType dtype, TensorFile file) throws IOException {
    inPieces(tensor.shape().bytes(dtype), (at, piece) -> {
      Shape shape = Shape.of(piece.byteSize() / dtype.bytes());
      try (Tensor part = device.allocate(dtype, shape)) {
        device.convert(tensor.view(at / dtype.bytes() * tensor.dtype().bytes(), shape), 1, part);
        device.read(part, 0, piece);
      }
      file.write(piece);
    });
  }
}
