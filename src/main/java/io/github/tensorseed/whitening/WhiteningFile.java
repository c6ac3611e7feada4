package io.github.tensorseed.whitening;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE_UNALIGNED;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.checkpoint.StoredType;
import io.github.tensorseed.checkpoint.TensorFile;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Origin;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.function.Function;

/// A whitening as a safetensors file: `mean` and `eigenvalues` in F64, and `matrix`, or `vectors` if it is in two parts, as they were
/// computed. The weights follow from the eigenvalues and epsilon.
final class WhiteningFile {
  private static final String PREFIX = "tensorseed.";
  private static final String MEAN = "mean";
  private static final String EIGENVALUES = "eigenvalues";
  private static final String MATRIX = "matrix";
  private static final String VECTORS = "vectors";
  private static final long PIECE = 1 << 20;
  private static final int LONGEST = 200;

  private final Path file;
  private final Checkpoint checkpoint;
  private final Map<String, String> metadata;
  private final Map<String, StoredTensor> tensors = new HashMap<>();

  private WhiteningFile(Path file, Checkpoint checkpoint) {
    this.file = file;
    this.checkpoint = checkpoint;
    metadata = checkpoint.shards().getFirst().header().metadata();
    checkpoint.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor));
  }

  static void save(Whitening whitening, Path file, Map<String, String> more, boolean force) throws IOException {
    Tensor matrix = whitening.form().matrix();
    Origin origin = whitening.origin();
    boolean implicit = whitening.form() instanceof Whitening.Implicit;
    Map<String, String> metadata = new TreeMap<>(more);
    Map<String, String> ours = new TreeMap<>();
    ours.put("kind", text(origin.kind()));
    ours.put("epsilon", text(origin.epsilon()));
    ours.put("rank", Integer.toString(whitening.rank()));
    ours.put("ddof", Integer.toString(origin.ddof()));
    ours.put("rows", Long.toString(origin.rows()));
    ours.put("side", text(origin.side()));
    ours.put("precision", text(origin.precision()));
    ours.put("shrinkage", Double.toString(origin.shrinkage()));
    ours.put("error_bound", Double.toString(origin.errorBound()));
    ours.put("device", origin.device());
    ours.put("library", origin.library());
    if (whitening.form() instanceof Whitening.Implicit(_, double other)) {
      ours.put("other_weight", Double.toString(other));
    }
    ours.forEach((key, value) -> {
      if (metadata.put(PREFIX + key, value) != null) {
        throw new IllegalArgumentException(
            "metadata under '" + PREFIX + key + "': that says how the whitening was fitted; take another key");
      }
    });
    SequencedMap<String, TensorFile.Entry> entries = new LinkedHashMap<>();
    entries.put(MEAN, new TensorFile.Entry(DType.F64, Shape.of(whitening.mean().length)));
    entries.put(EIGENVALUES, new TensorFile.Entry(DType.F64, Shape.of(whitening.mean().length)));
    entries.put(implicit ? VECTORS : MATRIX, new TensorFile.Entry(matrix.dtype(), matrix.shape()));
    try (TensorFile out = TensorFile.create(file, entries, metadata, force); Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(PIECE, Double.BYTES);
      write(out, whitening.mean(), piece);
      write(out, whitening.eigenvalues(), piece);
      for (long at = 0; at < matrix.bytes(); at += PIECE) {
        MemorySegment some = piece.asSlice(0, Math.min(PIECE, matrix.bytes() - at));
        matrix.device().read(matrix, at, some);
        out.write(some);
      }
      out.finish();
    }
  }

  private static void write(TensorFile out, double[] values, MemorySegment piece) throws IOException {
    int most = (int) (PIECE / Double.BYTES);
    for (int at = 0; at < values.length; at += most) {
      int count = Math.min(most, values.length - at);
      MemorySegment.copy(values, at, piece, JAVA_DOUBLE_UNALIGNED, 0, count);
      out.write(piece.asSlice(0, (long) count * Double.BYTES));
    }
  }

  private static String text(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static String text(Epsilon epsilon) {
    return switch (epsilon) {
      case Epsilon.Absolute(double value) -> "absolute " + value;
      case Epsilon.Relative(double share) -> "relative " + share;
      case Epsilon.SingularValue(double value) -> "singular_value " + value;
      case Epsilon.OfSums(double value) -> "of_sums " + value;
    };
  }

  private static Epsilon epsilon(String text) {
    String[] words = text.split(" ", 2);
    double value = Double.parseDouble(words[words.length - 1]);
    return switch (words[0]) {
      case "absolute" -> new Epsilon.Absolute(value);
      case "relative" -> new Epsilon.Relative(value);
      case "singular_value" -> new Epsilon.SingularValue(value);
      case "of_sums" -> new Epsilon.OfSums(value);
      default -> throw new IllegalArgumentException("no such form");
    };
  }

  static Whitening load(Path file, Device device) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      return new WhiteningFile(file, checkpoint).load(device);
    }
  }

  private Whitening load(Device device) throws IOException {
    if (!metadata.containsKey(PREFIX + "kind")) {
      throw new IOException(file + ": its metadata has no " + PREFIX + "kind; a whitening that tensorseed has written is wanted");
    }
    Kind kind = value("kind", named(Kind.values()));
    Epsilon epsilon = value("epsilon", WhiteningFile::epsilon);
    int rank = (int) number("rank", 0, Integer.MAX_VALUE);
    long rows = number("rows", 1, Long.MAX_VALUE);
    Origin origin = new Origin(kind, epsilon, (int) number("ddof", 0, 1), rows,
        value("side", named(new Scatter.Side[] {Scatter.Side.COVARIANCE, Scatter.Side.GRAM})),
        value("precision", named(Covariance.Precision.values())), real("shrinkage", 1), real("error_bound", Double.POSITIVE_INFINITY),
        value("device", WhiteningFile::plain), value("library", WhiteningFile::plain));
    double[] mean = vector(MEAN);
    double[] eigenvalues = vector(EIGENVALUES);
    int d = mean.length;
    boolean falling = eigenvalues.length == d && d > 0 && eigenvalues[d - 1] >= 0;
    for (int i = 1; falling && i < d; i++) {
      falling = eigenvalues[i - 1] >= eigenvalues[i];
    }
    require(falling, "'" + EIGENVALUES + "' are not as many as '" + MEAN + "' has values, falling, none below 0");
    boolean implicit = kind == Kind.ZCA && origin.side() == Scatter.Side.GRAM;
    require(rank <= d && (rank > 0 || implicit), PREFIX + "rank is " + rank + " of " + d);
    double[] all = epsilon.weights(eigenvalues, rows);
    double[] weights = Arrays.copyOf(all, rank);
    double other = implicit ? real("other_weight", Double.MAX_VALUE) : 0;
    require(Arrays.stream(weights).allMatch(weight -> weight > 0 && weight < Double.POSITIVE_INFINITY), PREFIX + "rank and " + PREFIX
        + "epsilon give weights that are not finite");
    require(other == 0 && rank > 0 || other == all[d - 1], PREFIX + "other_weight = " + other
        + " is neither 0 nor that of the last eigenvalue, " + all[d - 1]);
    String name = implicit ? VECTORS : MATRIX;
    require(tensors.size() == 3, "it has " + tensors.size() + " tensors, and '" + MEAN + "', '" + EIGENVALUES + "' and '" + name
        + "' are wanted");
    Tensor matrix = matrix(name, Shape.of(kind == Kind.ZCA && !implicit ? d : rank, d), device);
    return new Whitening(origin, mean, eigenvalues, weights, implicit ? new Whitening.Implicit(matrix, other)
        : kind == Kind.ZCA ? new Whitening.Dense(matrix) : new Whitening.Components(matrix), matrix);
  }

  private void require(boolean holds, String otherwise) throws IOException {
    if (!holds) {
      throw new IOException(file + ": " + otherwise);
    }
  }

  private <T> T value(String key, Function<String, T> parse) throws IOException {
    String text = metadata.get(PREFIX + key);
    require(text != null, "its metadata has no " + PREFIX + key);
    try {
      return parse.apply(plain(String.valueOf(text)));
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": metadata " + PREFIX + key + " cannot be read: " + e.getMessage(), e);
    }
  }

  /// What may be shown as it is.
  private static String plain(String text) {
    if (text.length() > LONGEST || !text.chars().allMatch(c -> c >= ' ' && c < 0x7f)) {
      throw new IllegalArgumentException("it is no line of at most " + LONGEST + " characters of ASCII");
    }
    return text;
  }

  private static <E extends Enum<E>> Function<String, E> named(E[] values) {
    return name -> Arrays.stream(values).filter(value -> text(value).equals(name)).findAny()
        .orElseThrow(() -> new IllegalArgumentException(
            "'" + name + "' is none of " + List.of(values).toString().toLowerCase(Locale.ROOT)));
  }

  private long number(String key, long least, long most) throws IOException {
    long number = value(key, Long::parseLong);
    require(number >= least && number <= most, "metadata " + PREFIX + key + " = " + number + " is not " + least + " to " + most);
    return number;
  }

  private double real(String key, double most) throws IOException {
    double number = value(key, Double::parseDouble);
    require(number >= 0 && number <= most, "metadata " + PREFIX + key + " = " + number + " is not 0 to " + most);
    return number;
  }

  private StoredTensor tensor(String name) throws IOException {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IOException(file + " has no tensor '" + name + "'");
    }
    return tensor;
  }

  private interface Values {
    void take(long offset, MemorySegment bytes);
  }

  /// @throws IOException if a value is not finite, with the offset
  private void read(StoredTensor tensor, DType dtype, Values values) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(PIECE, Double.BYTES);
      for (long at = 0; at < tensor.bytes(); at += PIECE) {
        MemorySegment some = piece.asSlice(0, Math.min(PIECE, tensor.bytes() - at));
        checkpoint.read(tensor, at, some);
        for (long i = 0; i < some.byteSize() / dtype.bytes(); i++) {
          double value = dtype.get(some, i);
          if (!Double.isFinite(value)) { // the text costs far more than the check
            throw new IOException(file + ": tensor '" + tensor.name() + "' has " + value + " at offset "
                + (tensor.offset() + at + i * dtype.bytes()));
          }
        }
        values.take(at, some);
      }
    }
  }

  private double[] vector(String name) throws IOException {
    StoredTensor tensor = tensor(name);
    require(tensor.type() == StoredType.F64 && tensor.shape().rank() == 1 && tensor.shape().extent(0) < Integer.MAX_VALUE,
        "tensor '" + name + "' is " + tensor.type() + " " + tensor.shape() + "; a vector in F64 is wanted");
    double[] vector = new double[(int) tensor.shape().extent(0)];
    read(tensor, DType.F64, (offset, bytes) -> MemorySegment.copy(
        bytes, JAVA_DOUBLE_UNALIGNED, 0, vector, (int) (offset / Double.BYTES), (int) (bytes.byteSize() / Double.BYTES)));
    return vector;
  }

  private Tensor matrix(String name, Shape shape, Device device) throws IOException {
    StoredTensor stored = tensor(name);
    DType dtype = stored.type() == StoredType.F32 ? DType.F32 : DType.F64;
    require(stored.type() == StoredType.of(dtype) && stored.shape().equals(shape),
        "tensor '" + name + "' is " + stored.type() + " " + stored.shape() + "; " + shape + " in F32 or F64 is wanted");
    Tensor matrix = device.allocate(dtype, shape);
    try {
      read(stored, dtype, (offset, bytes) -> device.write(matrix, offset, bytes));
      return matrix;
    } catch (IOException | RuntimeException e) {
      matrix.close();
      throw e;
    }
  }
}
