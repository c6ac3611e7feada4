package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.WithRow;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// One tensor that is to be written: its values are those of `initializer` on the stream of its name.
///
/// @param type what can be computed, or integers or booleans, which take a constant
/// @param initializer is resolved for the shape here; its text form goes into the file, from which the values can be made again
public record TensorSpec(String name, StoredType type, Shape shape, Initializer initializer) {

  /// @throws IllegalArgumentException if the initializer has no values for the shape or dtype or no text form of its own, or if the name
  ///     cannot be one in a file
  public TensorSpec {
    if (name.equals(SafetensorsHeader.METADATA)) {
      throw new IllegalArgumentException("a tensor cannot be named '" + name + "': that is the place of a file's metadata");
    }
    RandomStream.of(0).named(name); // names that UTF-8 cannot express have no stream
    try {
      bytes(type, shape);
      initializer = initializer.resolve(shape);
      check(type, initializer);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor '" + name + "': " + e.getMessage(), e);
    }
    if (!hasText(initializer)) {
      throw new IllegalArgumentException("the initializer of tensor '" + name + "' has no text form, so its file could not be verified;"
          + " give it one with Initializer.named");
    }
    requireLength("name", name);
    requireLength("expression", initializer.toString());
  }

  /// A tensor of a type that can be computed.
  public TensorSpec(String name, DType dtype, Shape shape, Initializer initializer) {
    this(name, StoredType.of(dtype), shape, initializer);
  }

  /// Whether the text form is more than what every object has.
  private static boolean hasText(Initializer initializer) {
    return initializer instanceof WithRow(Initializer inner, _, _)
        ? hasText(inner)
        : !initializer.toString().startsWith(initializer.getClass().getName() + "@");
  }

  private static void check(StoredType type, Initializer initializer) {
    if (type.dtype().isEmpty()) {
      if (!(initializer instanceof Constant(double value) && type.integer(value).isPresent())) {
        throw new IllegalArgumentException(initializer + " is no value of " + type
            + "; integers and booleans need a constant that they can hold, as in 'constant(1)'");
      }
    } else {
      initializer.check(type.dtype().get());
    }
  }

  static long bytes(StoredType type, Shape shape) {
    try {
      return Math.multiplyExact(shape.elements(), (long) (type.bits() / 8));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("shape " + shape + " of " + type + " has more than 2^63 - 1 bytes", e);
    }
  }

  private static void requireLength(String what, String text) {
    if (text.length() > Json.MAX_NAME) {
      throw new IllegalArgumentException("the " + what + " '" + text.substring(0, 60) + "...' of a tensor has " + text.length()
          + " characters; at most " + Json.MAX_NAME + " are read back");
    }
  }

  /// Bytes of its values.
  public long bytes() {
    return bytes(type, shape);
  }

  /// Whether its values are outside the promise of one seed, see [Initializer#byLinearAlgebra].
  public boolean byLinearAlgebra() {
    return initializer.byLinearAlgebra();
  }

  /// Bytes of one value.
  int width() {
    return type.bits() / 8;
  }

  /// What makes the values of slices in host memory, on the stream of this tensor.
  ///
  /// @param seed the stream of the checkpoint
  Source source(Device device, RandomStream seed) {
    RandomStream stream = seed.named(name);
    if (!byLinearAlgebra()) {
      return new Source(this, device, stream, null);
    }
    Tensor whole = device.linearAlgebra().device().allocate(type.dtype().orElseThrow(), shape);
    try {
      initializer.fill(whole, seed, name);
    } catch (RuntimeException e) {
      whole.close();
      throw e;
    }
    return new Source(this, device, stream, whole);
  }

  /// @param whole has been filled already, if its values come through linear algebra
  record Source(TensorSpec spec, Device device, RandomStream stream, @Nullable Tensor whole) implements AutoCloseable {
    void fill(Slice slice, MemorySegment host) {
      if (whole != null) {
        whole.device().read(whole, slice.start() * spec.width(), host.asSlice(0, slice.elements() * spec.width()));
      } else if (spec.type.dtype().isPresent()) {
        device.fill(host, spec.type.dtype().get(), slice, spec.initializer, stream);
      } else if (spec.initializer instanceof Constant(double value)) {
        long bits = spec.type.integer(value).orElseThrow();
        for (long at = 0; at < slice.elements() * spec.width(); at++) {
          host.set(ValueLayout.JAVA_BYTE, at, (byte) (bits >>> at % spec.width() * Byte.SIZE));
        }
      }
    }

    @Override
    public void close() {
      if (whole != null) {
        whole.close();
      }
    }
  }

  /// The text that makes the values again.
  public String expression() {
    return initializer.toString();
  }
}
