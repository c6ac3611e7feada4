package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;

/// One tensor that is to be written: its values are those of `initializer` on the stream of its name.
///
/// @param initializer is resolved for the shape here; its text form goes into the file, from which the values can be made again
public record TensorSpec(String name, DType dtype, Shape shape, Initializer initializer) {

  /// @throws IllegalArgumentException if the initializer has no values for the shape or dtype or no text form of its own, or if the name
  ///     cannot be one in a file
  public TensorSpec {
    if (name.equals(SafetensorsHeader.METADATA)) {
      throw new IllegalArgumentException("a tensor cannot be named '" + name + "': that is the place of a file's metadata");
    }
    RandomStream.of(0).named(name); // names that UTF-8 cannot express have no stream
    shape.bytes(dtype);
    try {
      initializer = initializer.resolve(shape);
      if (initializer instanceof Distribution law) {
        law.check(dtype);
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor '" + name + "': " + e.getMessage(), e);
    }
    String text = initializer.toString();
    if (text.startsWith(initializer.getClass().getName() + "@")) {
      throw new IllegalArgumentException("the initializer of tensor '" + name + "' has no text form, so its file could not be verified;"
          + " give it one with Initializer.named");
    }
    requireLength("name", name);
    requireLength("expression", text);
  }

  private static void requireLength(String what, String text) {
    if (text.length() > Json.MAX_NAME) {
      throw new IllegalArgumentException("the " + what + " '" + text.substring(0, 60) + "...' of a tensor has " + text.length()
          + " characters; at most " + Json.MAX_NAME + " are read back");
    }
  }

  /// Bytes of its values.
  public long bytes() {
    return shape.bytes(dtype);
  }

  /// The text that makes the values again.
  public String expression() {
    return initializer.toString();
  }
}
