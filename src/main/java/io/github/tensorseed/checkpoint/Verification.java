package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Device;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Generator;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Slice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;

/// Whether a checkpoint has the bits that its own metadata promises.
///
/// @param tensors how many were compared
/// @param bytes how many were compared
/// @param faults those that are not as promised
/// @param conflicts which files are not of one run, and why
public record Verification(int tensors, long bytes, List<Fault> faults, List<String> conflicts) {

  /// A tensor that is not what the metadata says.
  ///
  /// @param element index of the first element that differs
  /// @param differing how many elements differ
  /// @param expected the value that belongs there
  /// @param found the value that is there
  public record Fault(String tensor, String file, long element, long differing, double expected, double found) {}

  /// Makes all values again and compares their bits.
  ///
  /// @param own definitions of the caller's own initializers, see [Expression#parse(String, Map)]
  /// @param device computes the values
  /// @param progress is told of bytes as they are compared
  /// @throws IOException if a file cannot be read, was not made by this library, or by a version of the stream that is unknown here,
  ///     or with another generator than the device's
  public static Verification of(Checkpoint checkpoint, Map<String, Expression.Definition> own, Device device, int threads,
      LongConsumer progress) throws IOException {
    List<Fault> faults = new ArrayList<>();
    List<String> conflicts = new ArrayList<>();
    int tensors = 0;
    long bytes = 0;
    try (Workers workers = new Workers(threads)) {
      for (Checkpoint.Shard shard : checkpoint.shards()) {
        Provenance provenance = provenance(shard);
        if (provenance.stream() != RandomStream.STREAM_VERSION) {
          throw new IOException(shard.file() + " was made with version " + provenance.stream() + " of the stream, and this is version "
              + RandomStream.STREAM_VERSION + "; verify it with the tensorseed that made it (" + Printable.of(provenance.version()) + ")");
        }
        if (provenance.generator() != device.generator()) {
          throw new IOException(shard.file() + " was made with the generator " + provenance.generator() + ", and " + device.name() + " has "
              + device.generator() + "; verify it with " + (provenance.generator() == Generator.TENSORSEED ? "" : "--device cuda:0 ")
              + "--generator " + provenance.generator());
        }
        conflict(checkpoint.shards().getFirst(), shard, provenance).ifPresent(conflicts::add);
        Map<String, String> expressions = Provenance.expressions(shard);
        for (StoredTensor tensor : shard.header().tensors()) {
          String expression = expressions.get(tensor.name());
          if (expression == null) {
            throw new IOException(shard.file() + ": the metadata has no expression for tensor '" + Printable.of(tensor.name()) + "'");
          }
          try {
            TensorSpec spec = new TensorSpec(tensor.name(), tensor.type(), tensor.shape(), Expression.parse(expression, own));
            compare(checkpoint, tensor, spec, provenance.seed(), device, workers, progress).ifPresent(faults::add);
          } catch (IllegalArgumentException e) {
            throw new IOException(shard.file() + ": the expression of tensor '" + Printable.of(tensor.name()) + "' cannot be: "
                + Printable.of(String.valueOf(e.getMessage())), e);
          }
          tensors++;
          bytes += tensor.bytes();
        }
      }
    }
    return new Verification(tensors, bytes, List.copyOf(faults), List.copyOf(conflicts));
  }

  private static Provenance provenance(Checkpoint.Shard shard) throws IOException {
    return Provenance.of(shard).orElseThrow(() -> new IOException(
        shard.file() + " has no record of how it was made in its metadata; only files that tensorseed wrote can be verified"));
  }

  /// Why `shard` is of another run than the first file.
  private static Optional<String> conflict(Checkpoint.Shard first, Checkpoint.Shard shard, Provenance made) throws IOException {
    Provenance other = provenance(first);
    String here = "in " + shard.file().getFileName();
    String there = "in " + first.file().getFileName();
    return made.difference(here, other, there)
        .or(() -> made.shardSize() == other.shardSize()
            ? Optional.empty()
            : Optional.of("shard size " + made.shardSize() + " " + here + ", " + other.shardSize() + " " + there))
        .or(() -> made.plan().equals(other.plan())
            ? Optional.empty()
            : Optional.of("plan " + Printable.of(made.plan()) + " " + here + ", " + Printable.of(other.plan()) + " " + there));
  }

  private static Optional<Fault> compare(Checkpoint checkpoint, StoredTensor tensor, TensorSpec spec, long seed, Device device,
      Workers workers, LongConsumer progress) throws IOException {
    int width = spec.width();
    var fault = new Object() {
      long element = Long.MAX_VALUE;
      long differing;
      double expected;
      double found;
    };
    try (TensorSpec.Source source = spec.source(device, RandomStream.of(seed))) {
      for (Slice slice : Slice.of(tensor.shape()).chunks(ChunkWriter.CHUNK / width)) {
        workers.submit((_, first, second) -> {
          MemorySegment stored = first.asSlice(0, slice.elements() * width);
          MemorySegment made = second.asSlice(0, slice.elements() * width);
          checkpoint.read(tensor, slice.start() * width, stored);
          source.fill(slice, made);
          long mismatch = stored.mismatch(made);
          if (mismatch >= 0) {
            long at = mismatch / width;
            long differing = 0;
            for (long i = at; i < slice.elements(); i++) {
              differing += Values.differ(stored, made, i, width) ? 1 : 0;
            }
            synchronized (fault) {
              fault.differing += differing;
              if (slice.start() + at < fault.element) {
                fault.element = slice.start() + at;
                fault.expected = Values.decode(tensor.type(), made, at);
                fault.found = Values.decode(tensor.type(), stored, at);
              }
            }
          }
          progress.accept(stored.byteSize());
        });
      }
      workers.await();
    }
    return fault.differing == 0 ? Optional.empty() : Optional.of(new Fault(
        tensor.name(), String.valueOf(tensor.file().getFileName()), fault.element, fault.differing, fault.expected, fault.found));
  }
}
