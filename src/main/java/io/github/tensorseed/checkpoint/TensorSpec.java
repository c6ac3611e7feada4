package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution.Constant;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Orthogonal;
import io.github.tensorseed.OrthogonalPanels;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.WithRow;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.Consumer;
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
      throw inTensor(name, e);
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

  static IllegalArgumentException inTensor(String name, IllegalArgumentException e) {
    return new IllegalArgumentException("tensor '" + name + "': " + e.getMessage(), e);
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

  /// Makes use of a source of a part of the tensor.
  interface Use {
    void of(Source source) throws IOException;
  }

  /// Gives the sources of the tensor's values, one after the other: one for all of it or, of a large orthogonal matrix, one for each panel of
  /// rows.
  ///
  /// @param seed the stream of the checkpoint
  void forEachSource(Device device, RandomStream seed, Use use) throws IOException {
    RandomStream stream = seed.named(name);
    if (!byLinearAlgebra()) {
      use.of(new Source(this, device, stream, Slice.of(shape), null));
      return;
    }
    Device own = device.linearAlgebra().device();
    DType dtype = type.dtype().orElseThrow();
    if (initializer instanceof Orthogonal orthogonal) {
      OrthogonalPanels panels = new OrthogonalPanels(orthogonal, dtype, shape, stream);
      if (panels.count() > 1 && panels.alongRows()) {
        try (OrthogonalPanels.Triangle all = panels.triangle(own)) {
          for (int i = 0; i < panels.count(); i++) {
            held(own, dtype, panels.slice(i), stream, panel -> panels.fill(panel, all), use);
          }
        }
        return;
      }
    }
    held(own, dtype, Slice.of(shape), stream, whole -> initializer.fill(whole, seed, name), use);
  }

  private void held(Device device, DType dtype, Slice slice, RandomStream stream, Consumer<Tensor> fill, Use use) throws IOException {
    try (Tensor tensor = device.allocate(dtype, slice)) {
      try {
        fill.accept(tensor);
      } catch (IllegalArgumentException e) {
        throw inTensor(name, e);
      }
      use.of(new Source(this, device, stream, slice, tensor));
    }
  }

  /// What makes the values of slices in host memory.
  ///
  /// @param slice what there are values of
  /// @param held has these values already, if they come through linear algebra
  record Source(TensorSpec spec, Device device, RandomStream stream, Slice slice, @Nullable Tensor held) {
    void fill(Slice chunk, MemorySegment host) {
      if (held != null) {
        held.device().read(held, (chunk.start() - slice.start()) * spec.width(), host.asSlice(0, chunk.elements() * spec.width()));
      } else if (spec.type.dtype().isPresent()) {
        device.fill(host, spec.type.dtype().get(), chunk, spec.initializer, stream);
      } else if (spec.initializer instanceof Constant(double value)) {
        long bits = spec.type.integer(value).orElseThrow();
        for (long at = 0; at < chunk.elements() * spec.width(); at++) {
          host.set(ValueLayout.JAVA_BYTE, at, (byte) (bits >>> at % spec.width() * Byte.SIZE));
        }
      }
    }
  }

  /// The text that makes the values again.
  public String expression() {
    return initializer.toString();
  }
}
