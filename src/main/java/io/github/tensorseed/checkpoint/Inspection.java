package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Moments;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// What is in a checkpoint, tensor by tensor, and what looks wrong there.
///
/// @param tensors in the order of the files
public record Inspection(List<Finding> tensors) {
  /// Deviations beyond this many standard errors are flagged: a false alarm in 500 million moments.
  private static final double SIGMAS = 6;

  /// One tensor.
  ///
  /// @param expression the law that the file records; null if it records none
  /// @param summary of the values; empty for types that have none as doubles
  /// @param flags what looks wrong
  public record Finding(StoredTensor tensor, @Nullable String expression, Optional<Summary> summary, List<String> flags) {}

  /// Reads all values once.
  ///
  /// @param progress is told of bytes as they are read
  public static Inspection of(Checkpoint checkpoint, int threads, LongConsumer progress) throws IOException {
    List<Finding> findings = new ArrayList<>();
    Map<Long, String> contents = new HashMap<>();
    try (Workers workers = new Workers(threads)) {
      for (Checkpoint.Shard shard : checkpoint.shards()) {
        Map<String, String> metadata = shard.header().metadata();
        Map<String, String> expressions = Provenance.of(metadata).isPresent() ? Provenance.expressions(metadata) : Map.of();
        for (StoredTensor tensor : shard.header().tensors()) {
          if (!Values.known(tensor.type())) {
            findings.add(new Finding(tensor, null, Optional.empty(), List.of()));
            continue;
          }
          @Nullable Accumulator[] parts = new Accumulator[threads];
          long checksum = read(checkpoint, tensor, parts, workers, progress);
          Summary summary = merged(parts);
          String expression = expressions.get(tensor.name());
          List<String> flags = flags(tensor, expression, summary);
          if (!summary.isConstant() && summary.count() > 0) {
            String twin = contents.putIfAbsent(checksum, tensor.name());
            if (twin != null) {
              flags.add("the same values as " + twin);
            }
          }
          findings.add(new Finding(tensor, expression, Optional.of(summary), List.copyOf(flags)));
        }
      }
    }
    return new Inspection(List.copyOf(findings));
  }

  /// Sums up the values, and gives a checksum of the bytes that does not depend on the order in which chunks are read.
  ///
  /// @param parts receives what each worker found, null where one had nothing to do
  private static long read(Checkpoint checkpoint, StoredTensor tensor, @Nullable Accumulator[] parts, Workers workers, LongConsumer progress)
      throws IOException {
    int width = tensor.type().bits() / 8;
    var sum = new Object() {
      long checksum = 0x9E3779B97F4A7C15L * (31 * tensor.type().name().hashCode() + tensor.shape().hashCode());
    };
    for (Slice chunk : Slice.of(Shape.of(tensor.shape().elements())).chunks(Workers.CHUNK_BYTES / width)) {
      workers.submit((worker, memory, _) -> {
        int count = (int) chunk.elements();
        MemorySegment bytes = memory.asSlice(0, (long) count * width);
        checkpoint.read(tensor, chunk.start() * width, bytes);
        double[] values = new double[count];
        Values.decode(tensor.type(), bytes, count, values);
        CRC32C crc = new CRC32C();
        crc.update(bytes.asByteBuffer());
        long mixed = (crc.getValue() + chunk.start() * 0x9E3779B97F4A7C15L + 1) * 0xBF58476D1CE4E5B9L;
        Accumulator part = parts[worker];
        if (part == null) {
          part = new Accumulator();
          parts[worker] = part;
        }
        part.add(values, count, chunk.start());
        synchronized (sum) {
          sum.checksum += mixed ^ mixed >>> 29;
        }
        progress.accept(bytes.byteSize());
      });
    }
    workers.await();
    return sum.checksum;
  }

  private static Summary merged(@Nullable Accumulator[] parts) {
    Accumulator all = new Accumulator();
    for (Accumulator part : parts) {
      if (part != null) {
        all.add(part);
      }
    }
    return all.summary();
  }

  private static List<String> flags(StoredTensor tensor, @Nullable String expression, Summary summary) {
    List<String> flags = new ArrayList<>();
    if (summary.nans() > 0) {
      flags.add(summary.nans() + " NaN");
    }
    if (summary.infinities() > 0) {
      flags.add(summary.infinities() + " infinite");
    }
    if (!summary.isConstant() && summary.repeated() > 0) {
      flags.add(summary.repeated() + " elements in runs of one value, from element " + summary.firstRepeated() + " on: untouched?");
    }
    if (expression != null && tensor.type().dtype().isPresent() && summary.count() > 0) {
      law(expression, tensor.shape()).ifPresent(law -> departures(law, tensor.type().dtype().get(), summary, flags));
    }
    return flags;
  }

  /// The law that an expression stands for; empty if it stands for another kind of initializer, or for the caller's own.
  private static Optional<Distribution> law(String expression, Shape shape) {
    try {
      return Expression.parse(expression).resolve(shape) instanceof Distribution law ? Optional.of(law) : Optional.empty();
    } catch (IllegalArgumentException _) {
      return Optional.empty();
    }
  }

  /// Flags moments that the law would hardly give, and values outside its bounds.
  private static void departures(Distribution law, DType dtype, Summary summary, List<String> flags) {
    Moments moments = law.moments();
    double n = summary.count();
    double unit = roundingUnit(dtype);
    double step = dtype == DType.F64 ? Double.MIN_VALUE : dtype.widen(1);
    double mean = Math.abs(summary.mean() - moments.mean());
    // Rounding moves every value by at most `slack`, and adds at most its square to the variance.
    double slack = unit * Math.max(Math.abs(summary.min()), Math.abs(summary.max())) + step;
    if (mean > SIGMAS * moments.std() / Math.sqrt(n) + slack * (law instanceof Distribution.Constant ? 1 : 1 / Math.sqrt(n))) {
      flags.add(departure("mean", summary.mean(), moments.mean(), law));
    }
    double relative = Math.sqrt(Math.max(summary.excessKurtosis() + 2, 1) / (4 * n));
    double noise = unit * unit + step * step / Math.max(moments.std() * moments.std(), Double.MIN_NORMAL);
    if (n > 1 && Math.abs(summary.std() - moments.std()) > moments.std() * (SIGMAS * (relative + 1 / n) + noise) + step * 0x1p-20) {
      flags.add(departure("std", summary.std(), moments.std(), law));
    }
    double low = switch (law) {
      case Distribution.Uniform(double least, _) -> least;
      case Distribution.TruncatedNormal truncated -> truncated.low();
      default -> Double.NEGATIVE_INFINITY;
    };
    double high = switch (law) {
      case Distribution.Uniform(_, double greatest) -> greatest;
      case Distribution.TruncatedNormal truncated -> truncated.high();
      default -> Double.POSITIVE_INFINITY;
    };
    if (summary.min() < low - slack) {
      flags.add(departure("least value", summary.min(), low, law));
    }
    if (summary.max() > high + slack) {
      flags.add(departure("greatest value", summary.max(), high, law));
    }
  }

  private static String departure(String what, double found, double expected, Distribution law) {
    return String.format(Locale.ROOT, "departs from %s: %s %.6g, expected %.6g", law, what, found, expected);
  }

  /// The largest relative error of rounding to nearest.
  private static double roundingUnit(DType dtype) {
    return switch (dtype) {
      case F64 -> 0x1p-53;
      case F32 -> 0x1p-24;
      case F16 -> 0x1p-11;
      case BF16 -> 0x1p-8;
      case F8_E4M3 -> 0x1p-4;
      case F8_E5M2 -> 0x1p-3;
    };
  }
}
