package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Moments;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.WithRow;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
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

  /// Fewer bytes than this may be the same in two tensors by chance.
  private static final long TWIN_BYTES = 16;

  /// Reads all values once.
  ///
  /// @param progress is told of bytes as they are read
  public static Inspection of(Checkpoint checkpoint, int threads, LongConsumer progress) throws IOException {
    List<Finding> findings = new ArrayList<>();
    Map<Contents, String> contents = new HashMap<>();
    try (Workers workers = new Workers(threads)) {
      @Nullable Accumulator[] parts = new Accumulator[threads];
      for (Checkpoint.Shard shard : checkpoint.shards()) {
        Map<String, String> expressions = Provenance.of(shard).isPresent() ? Provenance.expressions(shard) : Map.of();
        for (StoredTensor tensor : shard.header().tensors()) {
          if (!Values.known(tensor.type())) {
            findings.add(new Finding(tensor, null, Optional.empty(), List.of()));
            continue;
          }
          long checksum = read(checkpoint, tensor, parts, workers, progress);
          Summary summary = summary(parts);
          String expression = expressions.get(tensor.name());
          Optional<Law> law = expression == null ? Optional.empty() : Law.of(expression, tensor);
          boolean mayRepeat = expression != null && (law.isEmpty() || !law.get().isContinuous());
          List<String> flags = flags(summary, law, mayRepeat);
          if (!mayRepeat && !summary.isConstant() && tensor.bytes() >= TWIN_BYTES) {
            String twin = contents.putIfAbsent(new Contents(tensor.type(), tensor.shape(), checksum), tensor.name());
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

  /// What two tensors of the same values have in common; 64 bits that differ by chance for others.
  private record Contents(StoredType type, Shape shape, long checksum) {}

  /// Sums up the values, and gives a checksum of the bytes that does not depend on the order in which chunks are read.
  ///
  /// @param parts takes what each worker finds; made for a worker that has none
  private static long read(Checkpoint checkpoint, StoredTensor tensor, @Nullable Accumulator[] parts, Workers workers, LongConsumer progress)
      throws IOException {
    int width = tensor.type().bits() / 8;
    AtomicLong checksum = new AtomicLong();
    for (Slice chunk : Slice.of(Shape.of(tensor.shape().elements())).chunks(ChunkWriter.CHUNK / width)) {
      workers.submit((worker, memory, _) -> {
        int count = (int) chunk.elements();
        MemorySegment bytes = memory.asSlice(0, (long) count * width);
        checkpoint.read(tensor, chunk.start() * width, bytes);
        double[] values = new double[count];
        Values.decode(tensor.type(), bytes, count, values);
        Accumulator part = parts[worker];
        if (part == null) {
          part = new Accumulator();
          parts[worker] = part;
        }
        part.add(values, count, chunk.start());
        checksum.addAndGet(Values.checksum(bytes, chunk.start()));
        progress.accept(bytes.byteSize());
      });
    }
    workers.await();
    return checksum.get();
  }

  /// Sums up what the workers found, and clears it.
  private static Summary summary(@Nullable Accumulator[] parts) {
    Accumulator all = null;
    for (Accumulator part : parts) {
      if (part == null || part.isEmpty()) {
        continue;
      }
      if (all == null) {
        all = part;
      } else {
        all.add(part);
        part.clear();
      }
    }
    if (all == null) {
      return Summary.EMPTY;
    }
    Summary summary = all.summary();
    all.clear();
    return summary;
  }

  /// @param mayRepeat whether the record explains runs of one value
  private static List<String> flags(Summary summary, Optional<Law> law, boolean mayRepeat) {
    List<String> flags = new ArrayList<>();
    if (summary.nans() > 0) {
      flags.add(summary.nans() + " NaN");
    }
    if (summary.infinities() > 0) {
      flags.add(summary.infinities() + " infinite");
    }
    if (!mayRepeat && !summary.isConstant() && summary.repeated() > law.map(Law::repeated).orElse(0L)) {
      flags.add(summary.repeated() + " elements in runs of one value, from element " + summary.firstRepeated() + " on: untouched?");
    }
    if (summary.count() > 0) {
      law.ifPresent(recorded -> recorded.departures(summary, flags));
    }
    return flags;
  }

  /// What a file records of a tensor: a distribution, and rows that it does not reach.
  ///
  /// @param rows the values of rows that have one value each, by their indices
  private record Law(Distribution rest, Map<Long, Double> rows, Shape shape, DType dtype) {

    /// Empty for other kinds of initializers, and for the caller's own.
    static Optional<Law> of(String expression, StoredTensor tensor) {
      Map<Long, Double> rows = new HashMap<>();
      Initializer initializer;
      try {
        initializer = Expression.parse(expression).resolve(tensor.shape());
      } catch (IllegalArgumentException _) {
        return Optional.empty();
      }
      while (initializer instanceof WithRow(Initializer inner, long row, double value)) {
        rows.putIfAbsent(row, value); // the last one that is written is the outermost
        initializer = inner;
      }
      return initializer instanceof Distribution rest && tensor.type().dtype().isPresent()
          ? Optional.of(new Law(rest, rows, tensor.shape(), tensor.type().dtype().get()))
          : Optional.empty();
    }

    /// Whether neighbours, or two tensors, have the same values by a rare accident only: not so if the dtype has few for the law.
    boolean isContinuous() {
      Moments moments = rest.moments();
      return !(rest instanceof Distribution.Constant) && !(rest instanceof Distribution.Signs)
          && moments.std() > 2 * roundingUnit(dtype) * Math.abs(moments.mean()) + step();
    }

    /// How many elements the rows put into runs of one value, at most: a row's own, and fewer than make a run beside it.
    long repeated() {
      return rows.isEmpty() ? 0 : rows.size() * (shape.elements() / shape.extent(0) + Accumulator.RUN - 1);
    }

    private double step() {
      return Values.spacing(dtype, 0);
    }

    /// The share of the elements that one row has.
    private double share() {
      return rows.isEmpty() ? 0 : 1.0 / shape.extent(0);
    }

    /// Of the whole tensor: the law's, mixed with the rows.
    private Moments moments() {
      Moments inner = rest.moments();
      if (rows.isEmpty()) {
        return inner;
      }
      double left = 1 - rows.size() * share();
      double mean = left * inner.mean() + share() * rows.values().stream().mapToDouble(Double::doubleValue).sum();
      double variance = left * (inner.std() * inner.std() + (inner.mean() - mean) * (inner.mean() - mean))
          + share() * rows.values().stream().mapToDouble(value -> (value - mean) * (value - mean)).sum();
      return new Moments(mean, Math.sqrt(variance));
    }

    /// Flags moments that the law would hardly give, and values outside its bounds.
    void departures(Summary summary, List<String> flags) {
      Moments moments = moments();
      double n = summary.count();
      double unit = roundingUnit(dtype);
      double step = step();
      double fixed = rows.size() * share();
      double mean = Math.abs(summary.mean() - moments.mean());
      // Rounding moves every value by at most `slack`, and adds at most its square to the variance. It does so at random, but for
      // constants.
      double slack = unit * Math.max(Math.abs(summary.min()), Math.abs(summary.max())) + step;
      double rounding = slack * (rest instanceof Distribution.Constant ? 1 : 1 / Math.sqrt(n) + fixed);
      if (mean > SIGMAS * rest.moments().std() / Math.sqrt(n) + rounding) {
        flags.add(departure("mean", summary.mean(), moments.mean()));
      }
      double relative = Math.sqrt(Math.max(summary.excessKurtosis() + 2, 1) / (4 * n));
      double noise = unit * unit + step * step / Math.max(moments.std() * moments.std(), Double.MIN_NORMAL);
      double tolerance = moments.std() * (SIGMAS * (relative + 1 / n) + noise) + step * 0x1p-20 + 2 * slack * Math.sqrt(fixed);
      if (n > 1 && Math.abs(summary.std() - moments.std()) > tolerance) {
        flags.add(departure("std", summary.std(), moments.std()));
      }
      double low = switch (rest) {
        case Distribution.Uniform(double least, _) -> least;
        case Distribution.TruncatedNormal truncated -> truncated.low();
        default -> Double.NEGATIVE_INFINITY;
      };
      double high = switch (rest) {
        case Distribution.Uniform(_, double greatest) -> greatest;
        case Distribution.TruncatedNormal truncated -> truncated.high();
        default -> Double.POSITIVE_INFINITY;
      };
      for (double value : rows.values()) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
      if (summary.min() < low - slack) {
        flags.add(departure("least value", summary.min(), low));
      }
      if (summary.max() > high + slack) {
        flags.add(departure("greatest value", summary.max(), high));
      }
    }

    private String departure(String what, double found, double expected) {
      return String.format(Locale.ROOT, "departs from %s: %s %.6g, expected %.6g", rest, what, found, expected);
    }
  }

  /// The largest relative error of rounding to nearest.
  private static double roundingUnit(DType dtype) {
    return Values.spacing(dtype, 1) / 2;
  }
}
