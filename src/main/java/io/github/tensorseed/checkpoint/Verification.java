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

/// Whether a checkpoint has the bits that its own metadata promises; of tensors that come through linear algebra, whose last bits nothing
/// promises, whether it has values within [#BOUND].
///
/// @param tensors how many were compared
/// @param bytes how many were compared
/// @param within those that come through linear algebra, and are within the bound
/// @param faults those that are not as promised
/// @param conflicts which files are not of one run, and why
public record Verification(int tensors, long bytes, List<Within> within, List<Fault> faults, List<String> conflicts) {

  /// How far a value of a tensor that comes through linear algebra may be from the one that is made here, as a share of the largest
  /// magnitude in the tensor; a step of the stored dtype at the value is allowed besides, by which two numbers may come apart that round
  /// otherwise.
  public static final double BOUND = 1e-5;

  /// A tensor that comes through linear algebra and is as it should be.
  ///
  /// @param deviation the largest that was found, as a share of the largest magnitude in the tensor, rounding included
  public record Within(String tensor, String file, double deviation) {}

  /// A tensor that is not what the metadata says.
  ///
  /// @param element index of the first element that differs
  /// @param differing how many elements differ
  /// @param expected the value that belongs there
  /// @param found the value that is there
  /// @param allowed how far it may be from that; 0 where its bits must be the same
  public record Fault(String tensor, String file, long element, long differing, double expected, double found, double allowed) {}

  /// Makes all values again and compares their bits.
  ///
  /// @param own definitions of the caller's own initializers, see [Expression#parse(String, Map)]
  /// @param device computes the values
  /// @param progress is told of bytes as they are compared
  /// @throws IOException if a file cannot be read, was not made by this library, or by a version of the stream that is unknown here,
  ///     or with another generator than the device's
  public static Verification of(Checkpoint checkpoint, Map<String, Expression.Definition> own, Device device, int threads,
      LongConsumer progress) throws IOException {
    List<Within> within = new ArrayList<>();
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
            Comparing comparing = new Comparing(checkpoint, tensor, spec, workers);
            spec.forEachSource(device, RandomStream.of(provenance.seed()), source -> comparing.run(source, progress));
            comparing.fault().ifPresentOrElse(faults::add, () -> comparing.within().ifPresent(within::add));
          } catch (IllegalArgumentException e) {
            throw new IOException(shard.file() + ": the expression of tensor '" + Printable.of(tensor.name()) + "' cannot be: "
                + Printable.of(String.valueOf(e.getMessage())), e);
          }
          tensors++;
          bytes += tensor.bytes();
        }
      }
    }
    return new Verification(tensors, bytes, List.copyOf(within), List.copyOf(faults), List.copyOf(conflicts));
  }

  private static Provenance provenance(Checkpoint.Shard shard) throws IOException {
    return Provenance.of(shard).orElseThrow(() -> new IOException(
        shard.file() + " has no record in its metadata of how a seed made it; only files of tensorseed init can be verified"));
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

  /// One tensor of the file beside the same tensor made again.
  private static final class Comparing {
    private final Checkpoint checkpoint;
    private final StoredTensor tensor;
    private final Workers workers;
    private final boolean exact;
    private final int width;
    /// Of what the source gives that is being compared.
    private double largest;
    /// The greatest there was, relative to the largest magnitude beside it.
    private double deviation;
    private long element = Long.MAX_VALUE;
    private long differing;
    private double expected;
    private double found;
    private double allowed;

    Comparing(Checkpoint checkpoint, StoredTensor tensor, TensorSpec spec, Workers workers) {
      this.checkpoint = checkpoint;
      this.tensor = tensor;
      this.workers = workers;
      exact = !spec.byLinearAlgebra();
      width = spec.width();
    }

    void run(TensorSpec.Source source, LongConsumer progress) throws IOException {
      largest = 0;
      if (!exact) {
        forEachChunk(source, (slice, stored, made) -> {
          source.fill(slice, made);
          double most = 0;
          for (long i = 0; i < slice.elements(); i++) {
            double magnitude = Math.abs(Values.decode(tensor.type(), made, i));
            most = Double.isFinite(magnitude) ? Math.max(most, magnitude) : most;
          }
          synchronized (this) {
            largest = Math.max(largest, most);
          }
        });
      }
      forEachChunk(source, (slice, stored, made) -> {
        checkpoint.read(tensor, slice.start() * width, stored);
        source.fill(slice, made);
        if (stored.mismatch(made) >= 0) {
          compare(slice, stored, made);
        }
        progress.accept(stored.byteSize());
      });
    }

    private interface Chunk {
      void take(Slice slice, MemorySegment stored, MemorySegment made) throws IOException;
    }

    private void forEachChunk(TensorSpec.Source source, Chunk action) throws IOException {
      for (Slice slice : source.slice().chunks(ChunkWriter.CHUNK / width)) {
        long bytes = slice.elements() * width;
        workers.submit((_, first, second) -> action.take(slice, first.asSlice(0, bytes), second.asSlice(0, bytes)));
      }
      workers.await();
    }

    private void compare(Slice slice, MemorySegment stored, MemorySegment made) {
      long first = -1;
      long count = 0;
      double most = 0;
      for (long i = 0; i < slice.elements(); i++) {
        if (!Values.differ(stored, made, i, width)) {
          continue;
        }
        if (!exact) {
          double here = Values.decode(tensor.type(), made, i);
          double there = Values.decode(tensor.type(), stored, i);
          most = Math.max(most, Math.abs(there - here));
          if (Math.abs(there - here) <= allowed(here, there)) {
            continue;
          }
        }
        first = first < 0 ? i : first;
        count++;
      }
      synchronized (this) {
        deviation = Math.max(deviation, largest == 0 ? 0 : most / largest);
        differing += count;
        if (count > 0 && slice.start() + first < element) {
          element = slice.start() + first;
          expected = Values.decode(tensor.type(), made, first);
          found = Values.decode(tensor.type(), stored, first);
          allowed = exact ? 0 : allowed(expected, expected);
        }
      }
    }

    private double allowed(double here, double there) {
      return BOUND * largest
          + Values.spacing(tensor.type().dtype().orElseThrow(), Math.max(Math.abs(here), Math.abs(there)));
    }

    private String file() {
      return String.valueOf(tensor.file().getFileName());
    }

    Optional<Fault> fault() {
      return differing == 0 ? Optional.empty() : Optional.of(new Fault(
          tensor.name(), file(), element, differing, expected, found, allowed));
    }

    Optional<Within> within() {
      return exact ? Optional.empty()
          : Optional.of(new Within(tensor.name(), file(), deviation));
    }
  }
}
